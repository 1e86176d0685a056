"""`clearwatt bench clearing`: how fast an interval is cleared and certified, beside other tools."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing
from offchain.errors import InputError
from offchain.grid.case import CaseGrid
from offchain.grid.load import load_grid
from oracle.clearing_hashing import Hashing, hash_all
from oracle.clearing_peers import PEERS, per_bus, seconds_per_interval
from oracle.clearing_workload import Workload

PARTICIPANTS = 1_000
#: The IEEE cases have no line limits; at this part of the base flows some fifteen lines bind.
CONGESTED = "headroom-0.7"
STRESS, SUPPLY = 1.3, 1.05
#: How often ours clears the few intervals that peers are given.
_REPEATS = 5
RADIAL = "1-MVLV-rural-all-0-sw"


@dataclass(frozen=True)
class Row:
    """One measured kind of interval.

    Attributes:
        case: the network.
        buses: of it.
        participants: at it.
        intervals: measured.
        binding_lines: lines with a price, on average.
        milliseconds: median processor time to clear and certify an interval.
        slowest_milliseconds: of all.
        engines: which found the clearings, and how many.
    """

    case: str
    buses: int
    participants: int
    intervals: int
    binding_lines: float
    milliseconds: float
    slowest_milliseconds: float
    engines: dict[str, int]


@dataclass(frozen=True)
class Peer:
    """Another tool on the same network.

    Attributes:
        name: of the tool.
        orders: that it was given in an interval.
        milliseconds: median of an interval.
        ours_milliseconds: median of ours on the very same orders, certified.
        ratio: theirs over ours.
        remark: why it was not measured, if it was not.
    """

    name: str
    orders: int
    milliseconds: float | None = None
    ours_milliseconds: float | None = None
    ratio: float | None = None
    remark: str = ""


@dataclass
class Report:
    """Everything measured.

    Attributes:
        cases: networks, 1,000 participants.
        growth: participants, on IEEE-118.
        chain_intervals: Fair Play intervals run one after the other on IEEE-118.
        chain_seconds: their clearings, certified.
        peers: other tools.
        hashing: of all trees of an interval of IEEE-118, which no clearing above contains.
    """

    cases: list[Row] = field(default_factory=list)
    growth: list[Row] = field(default_factory=list)
    chain_intervals: int = 0
    chain_seconds: float = 0.0
    peers: list[Peer] = field(default_factory=list)
    hashing: Hashing | None = None


@click.command("clearing")
@click.option("--quick", is_flag=True, help="Fewer intervals and networks; under 50 seconds.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the orders.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def clearing_bench(quick: bool, seed: int, as_json: bool) -> None:
    """Clear and certify intervals on networks of all sizes, beside other tools.

    Every figure is the median processor time of whole clearings: sorting the orders, solving, rounding
    to whole Wh and the integer checker. The peers run in the same process, one after the other.
    """
    with Progress(console=Console(stderr=True), transient=True) as progress:
        report = measure(quick, seed, progress)
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    _print(report)


def measure(quick: bool, seed: int, progress: Progress) -> Report:
    """Run the benchmark.

    Args:
        quick: leave out the networks that take long to load, and repeat less.
        seed: of the orders.
        progress: told what is being measured.
    """
    task = progress.add_task("preparing", total=None)

    def now(what: str) -> None:
        progress.update(task, description=what)

    report = Report()
    ieee = _case("ieee118", CONGESTED)
    now("other tools")
    report.peers = list(_peers(ieee, 2 if quick else 20, seed, now))
    now("ieee118, chained")
    chain = Workload(ieee, PARTICIPANTS, STRESS, SUPPLY, seed)
    report.chain_intervals = 300 if quick else 5000
    row, report.chain_seconds = _chain(chain, ieee, report.chain_intervals)
    report.cases.append(row)
    for name, rule, stress, intervals in _networks(quick):
        now(name)
        try:
            case = _case(name, rule)
        except InputError as missing:
            progress.console.print(f"{name}: left out, {missing}")
            continue
        work = Workload(case, PARTICIPANTS, stress, SUPPLY, seed)
        report.cases.append(_drawn(work, case, name, PARTICIPANTS, intervals))
    for participants in (1_000, 10_000, 100_000, 1_000_000):
        now(f"ieee118, {participants:,} participants")
        work = Workload(ieee, participants, STRESS, SUPPLY, seed)
        intervals = max(3, (30 if quick else 100) // (participants // 1_000))
        report.growth.append(_drawn(work, ieee, "ieee118", participants, intervals))
    now("hashing")
    hash_all(ieee, 10)
    report.hashing = hash_all(ieee, 100_000 if quick else 1_000_000)
    return report


def _networks(quick: bool) -> Iterator[tuple[str, str, float, int]]:
    """Name, limit rule, stress and intervals of the networks beside IEEE-118."""
    yield "ieee14", "headroom-0.9", STRESS, 30
    yield "ieee57", "headroom-0.9", STRESS, 30
    yield "case1354pegase", "as-given", 1.0, 10
    yield "case2869pegase", "as-given", 1.0, 5
    if not quick:
        yield "case9241pegase", "as-given", 1.0, 10
        yield "case9241pegase", "as-given", 2.5, 10
        yield RADIAL, "as-given", 4.0, 20


def _case(name: str, rule: str) -> CaseGrid:
    return load_grid(name, limit_rule=rule)


def _chain(work: Workload, case: CaseGrid, intervals: int) -> tuple[Row, float]:
    """Chained intervals; only the clearings are timed."""
    clearer = _Timed(case)
    for _ in islice(work.chained(clearer), intervals + 1):
        pass
    row = clearer.row("ieee118, chained", PARTICIPANTS)
    return row, float(sum(clearer.seconds[1:]))


def _drawn(work: Workload, case: CaseGrid, name: str, participants: int, intervals: int) -> Row:
    clearer = _Timed(case)
    for ramps in islice(work.drawn(), intervals + 1):
        clearer.clear(ramps)
    return clearer.row(name, participants)


class _Timed(Clearer):
    """A clearer with a stop-watch."""

    def __init__(self, case: CaseGrid) -> None:
        super().__init__(case.grid)
        self.seconds: list[float] = []
        self._binding: list[int] = []
        self._found_by: dict[str, int] = {}

    def clear(self, ramps: Ramps) -> Clearing:
        """Clear one interval and note how long it took."""
        begun = time.process_time()
        clearing = super().clear(ramps)
        self.seconds.append(time.process_time() - begun)
        self._binding.append(len(clearing.report.binding_lines))
        engine = clearing.report.engine
        self._found_by[engine] = self._found_by.get(engine, 0) + 1
        return clearing

    def row(self, name: str, participants: int) -> Row:
        """What was measured; the first interval, which may compile, does not count."""
        spent = 1000 * np.array(self.seconds[1:])
        return Row(
            case=name,
            buses=self.grid.n_bus,
            participants=participants,
            intervals=len(spent),
            binding_lines=float(np.mean(self._binding[1:])),
            milliseconds=float(np.median(spent)),
            slowest_milliseconds=float(spent.max()),
            engines=self._found_by,
        )


def _peers(case: CaseGrid, intervals: int, seed: int, now: Callable[[str], None]) -> Iterator[Peer]:
    """Every installed peer on intervals of IEEE-118, one order per bus and side.

    cvxpy is given the orders of all participants besides; the tables of the others are not made for
    thousands of them.
    """
    clearer = _Timed(case)
    work = Workload(case, PARTICIPANTS, STRESS, SUPPLY, seed)
    everybody = [ramps for ramps, _ in islice(work.chained(clearer), intervals + 1)]
    buses = [per_bus(case.grid, ramps) for ramps in everybody]
    for peer, orders in ((PEERS[0], everybody), *((peer, buses) for peer in PEERS)):
        now(peer.name)
        ours = _Timed(case)
        for ramps in orders * _REPEATS:
            ours.clear(ramps)
        mine = float(np.median(1000 * np.array(ours.seconds[1:])))
        try:
            spent = seconds_per_interval(peer, case.grid, orders)
        except ImportError as missing:
            yield Peer(peer.name, len(orders[0]), remark=f"{missing}; install clearwatt[bench]")
            continue
        theirs = float(np.median(1000 * np.array(spent)))
        yield Peer(peer.name, len(orders[0]), theirs, mine, theirs / mine)


def _print(report: Report) -> None:
    """Tables for a person."""
    console = Console()
    table = Table(box=None, pad_edge=False, title="to clear and certify an interval, one core")
    table.add_column("network")
    for heading in ("buses", "participants", "binding lines", "ms (median)", "ms (slowest)"):
        table.add_column(heading, justify="right")
    for row in (*report.cases, *report.growth):
        table.add_row(
            row.case,
            f"{row.buses:,}",
            f"{row.participants:,}",
            f"{row.binding_lines:.1f}",
            f"{row.milliseconds:.2f}",
            f"{row.slowest_milliseconds:.2f}",
        )
    console.print(table)
    each = 1000 * report.chain_seconds / report.chain_intervals
    click.echo(
        f"{report.chain_intervals:,} chained intervals cleared and certified in "
        f"{report.chain_seconds:.1f} s ({each:.2f} ms each)"
    )
    if report.hashing is not None:
        click.echo(
            f"all trees of {report.hashing.participants:,} participants hashed in "
            f"{report.hashing.seconds:.1f} s besides"
        )
    click.echo()
    table = Table(box=None, pad_edge=False, title="other tools on ieee118")
    table.add_column("tool")
    for heading in ("orders", "ms", "ours, ms", "ratio"):
        table.add_column(heading, justify="right")
    for peer in report.peers:
        if peer.milliseconds is None or peer.ratio is None:
            table.add_row(peer.name, str(peer.orders), peer.remark)
        else:
            table.add_row(
                peer.name,
                str(peer.orders),
                f"{peer.milliseconds:.1f}",
                f"{peer.ours_milliseconds:.2f}",
                f"{peer.ratio:.0f}",
            )
    console.print(table)
