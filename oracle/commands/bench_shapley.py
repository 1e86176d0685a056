"""`clearwatt bench shapley`: how fast an exact Shapley value is, against enumeration with cvxpy."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from offchain.errors import ClearwattError, InputError
from offchain.shapley.exact import MAX_PLAYERS, monotone_cover, shapley_shares
from offchain.shapley.parallel import available_cores, game_table

if TYPE_CHECKING:
    from offchain.shapley.value import SupplyGame

#: Nominal load of the case, Wh per interval; what of it is asked, and what each supplier offers.
_LOAD_WH = 1_000_000
_ASKED = (0.7, 1.3)
_OFFER_WH = (40_000, 300_000)
#: A coalition's worth and a linear program's optimum may differ by the rounding of allocations.
_TOLERANCE_WH = 2.0
#: Coalitions that the naive enumeration is timed on with --quick.
_SAMPLE = 32


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
        case: the network.
        players: suppliers; there are 2^players coalitions.
        intervals: of the period.
        interval_seconds: all coalitions in one interval, on one core.
        seconds: all coalitions in all intervals, by number of processes, the workers' start
            included.
        naive_coalitions: how many coalitions the naive enumeration was run on.
        naive_seconds: all coalitions in one interval by naive enumeration; where it was run on a
            sample, from its mean.
        ratio: naive seconds over ours, one interval on one core.
        scaling: seconds on one core over processes times seconds, for the most processes.
        worst_difference_wh: between a coalition's worth and the naive optimum.
        share_ppb: the shares of the suppliers.
    """

    case: str
    players: int
    intervals: int
    interval_seconds: float
    seconds: dict[int, float]
    naive_coalitions: int
    naive_seconds: float
    ratio: float
    scaling: float
    worst_difference_wh: float
    share_ppb: tuple[int, ...]


@click.command("shapley")
@click.option("--case", default="ieee14", show_default=True, help="The network.")
@click.option(
    "--players",
    default=MAX_PLAYERS,
    show_default=True,
    type=click.IntRange(2, MAX_PLAYERS),
    help="How many suppliers.",
)
@click.option(
    "--intervals",
    default=24,
    show_default=True,
    type=click.IntRange(1),
    help="Intervals of the period whose table is timed on all cores.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the offers.")
@click.option("--quick", is_flag=True, help="Time the naive enumeration on a sample only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def shapley_bench(
    case: str, players: int, intervals: int, seed: int, quick: bool, as_json: bool
) -> None:
    """Exact Shapley value of suppliers, against naive enumeration.

    Every coalition of suppliers is cleared under the network's limits: one interval on one core,
    then a period on one core and on all. The naive way builds and solves one cvxpy model for each
    coalition of the first interval; its values must agree.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        result = measure(case, players, intervals, seed, quick, progress)
    if as_json:
        click.echo(json.dumps(asdict(result)))
        return
    coalitions = 2**result.players
    click.echo(f"{result.case}: {result.players} suppliers, {coalitions} coalitions")
    table = Table(box=None, pad_edge=False)
    table.add_column("way")
    for heading in ("intervals", "seconds", "ms each"):
        table.add_column(heading, justify="right")
    naive = "cvxpy, every coalition"
    if result.naive_coalitions < coalitions - 1:
        naive = f"cvxpy, from {result.naive_coalitions} coalitions"
    rows = [(naive, 1, result.naive_seconds), ("clearwatt, one core", 1, result.interval_seconds)]
    rows += [
        (f"clearwatt, {_cores(processes)}", result.intervals, seconds)
        for processes, seconds in result.seconds.items()
    ]
    for way, count, seconds in rows:
        each = 1000 * seconds / (coalitions - 1) / count
        table.add_row(way, str(count), f"{seconds:.2f}", f"{each:.3f}")
    Console().print(table)
    click.echo(
        f"ratio {result.ratio:.0f} on one core; per-core scaling {result.scaling:.2f}; "
        f"values agree to {result.worst_difference_wh:.1f} Wh"
    )


def measure(
    case: str, players: int, intervals: int, seed: int, quick: bool, progress: Progress
) -> Result:
    """Run the benchmark.

    Args:
        case: a network of pandapower.
        players: suppliers, at most one per bus.
        intervals: of the period.
        seed: of buses, demand and offers.
        quick: whether the naive enumeration is timed on a sample.
        progress: where bars are drawn.

    Raises:
        InputError: an unknown case, more suppliers than buses, or cvxpy is not installed.
        ClearwattError: a value differs from the naive optimum.
    """
    every = np.arange(1, 1 << players)
    sample = every
    if quick and len(every) > _SAMPLE:
        sample = np.sort(np.random.default_rng(seed).choice(every, _SAMPLE, replace=False))
    single = build_game(case, players, 1, seed)
    # what is compiled and loaded on first use is not timed
    single.evaluate([1])
    naive_served_wh(single, 1)
    worth, interval_seconds = _timed_table(single, 1, _bar(progress, "one interval, one core"))

    told = _bar(progress, "cvxpy")
    begun = time.perf_counter()
    naive = []
    for mask in sample.tolist():
        naive.append(naive_served_wh(single, mask))
        told(len(naive), len(sample))
    naive_seconds = (time.perf_counter() - begun) * len(every) / len(sample)
    worst = max(
        abs(value - worth[mask]) for mask, value in zip(sample.tolist(), naive, strict=True)
    )
    if worst > _TOLERANCE_WH:
        raise ClearwattError(f"bench: a coalition's worth is {worst:.1f} Wh off the naive optimum")

    game = build_game(case, players, intervals, seed)
    seconds = {}
    for processes in sorted({1, available_cores()}):
        told = _bar(progress, f"{intervals} intervals, {_cores(processes)}")
        worth, seconds[processes] = _timed_table(game, processes, told)
    most = max(seconds)
    return Result(
        case=case,
        players=players,
        intervals=intervals,
        interval_seconds=interval_seconds,
        seconds=seconds,
        naive_coalitions=len(sample),
        naive_seconds=naive_seconds,
        ratio=naive_seconds / interval_seconds,
        scaling=seconds[1] / (seconds[most] * most),
        worst_difference_wh=worst,
        share_ppb=shapley_shares(monotone_cover(worth)),
    )


def build_game(case: str, players: int, intervals: int, seed: int) -> SupplyGame:
    """Suppliers at the case's generators first, then at other buses in drawn order.

    Raises:
        InputError: an unknown case, or more suppliers than buses.
    """
    from offchain.grid.pandapower_case import IEEE_CASES, load_case
    from offchain.shapley.value import SupplyGame

    if case not in IEEE_CASES:
        raise InputError(f"case: {case} is unknown; give one of {', '.join(IEEE_CASES)}")
    network = load_case(case, load_wh=_LOAD_WH)
    draw = np.random.default_rng(seed)
    generators = dict.fromkeys(generator.bus for generator in network.generators)
    others = [bus for bus in draw.permutation(network.grid.n_bus).tolist() if bus not in generators]
    bus = np.array([*generators, *others][:players], dtype=np.int32)
    asked = draw.uniform(*_ASKED, (intervals, 1))
    demand = np.floor(network.load_wh * asked).astype(np.int64)
    offer = draw.integers(*_OFFER_WH, (intervals, players))
    return SupplyGame(network.grid, bus, demand, np.zeros_like(demand), offer)


def naive_served_wh(game: SupplyGame, mask: int) -> float:
    """One coalition the textbook way: a new model, a new solve.

    Args:
        game: of one interval.
        mask: the coalition.

    Returns:
        The most load served with every line within limit - margin, Wh.

    Raises:
        InputError: cvxpy is not installed.
    """
    try:
        cp: Any = importlib.import_module("cvxpy")
    except ImportError:
        raise InputError("cvxpy: not installed; pip install 'clearwatt[bench]'") from None
    grid = game.grid
    supply = game.base_wh[0].copy()
    np.add.at(supply, game.bus, game.offer_wh[0] * (mask >> np.arange(game.n_players) & 1))
    weight = np.ldexp(grid.b.astype(np.float64), -grid.shift)
    incidence = np.zeros((grid.n_line, grid.n_bus))
    incidence[np.arange(grid.n_line), grid.line_from] += 1
    incidence[np.arange(grid.n_line), grid.line_to] -= 1
    served, output, angle = (cp.Variable(grid.n_bus) for _ in range(3))
    flow = cp.Variable(grid.n_line)
    problem = cp.Problem(
        cp.Maximize(cp.sum(served)),
        [
            output - served == incidence.T @ flow,
            flow == cp.multiply(weight / weight.max(), incidence @ angle),
            cp.abs(flow) <= grid.limit_wh - grid.margin_wh,
            served >= 0,
            served <= game.demand_wh[0],
            output >= 0,
            output <= supply,
        ],
    )
    return float(problem.solve(solver=cp.HIGHS))


def _timed_table(
    game: SupplyGame, processes: int, told: Callable[[int, int], None]
) -> tuple[list[int], float]:
    """All coalition values, and the seconds they took."""
    begun = time.perf_counter()
    worth = game_table(game, processes, told).tolist()
    return worth, time.perf_counter() - begun


def _bar(progress: Progress, label: str) -> Callable[[int, int], None]:
    """A bar that is told coalitions done and all."""
    task = progress.add_task(label)
    return lambda done, of: progress.update(task, completed=done, total=of)


def _cores(processes: int) -> str:
    return "one core" if processes == 1 else f"{processes} cores"
