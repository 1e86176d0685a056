"""`clearwatt simulate`: many intervals without a chain, mechanisms and tariffs side by side."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict
from functools import partial
from typing import Final

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from offchain.grid.pandapower_case import IEEE_CASES
from offchain.mechanisms.registry import MECHANISM_NAMES, mechanism
from offchain.mechanisms.tally import BillTally
from offchain.mechanisms.tariffs import TARIFF_NAMES, tariff
from offchain.policy import DEFAULT_POLICY
from offchain.units import MICRO_PER_CURRENCY, TICKS_PER_PRICE, WH_TICKS_PER_MICRO
from oracle.plain import plain
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.simulate import Market, Run
from oracle.simulate import simulate as run_market
from oracle.study import StudyConfig, draw_study

_ALL: Final = "all"
_MARKETS: Final = ("study", "households")
_HOUSEHOLDS: Final = 100
_LABEL_WIDTH: Final = 30
_COLUMN_WIDTH: Final = 16


@click.command()
@click.option("--case", type=click.Choice(list(IEEE_CASES)), default="ieee57", help="The network.")
@click.option("--intervals", type=int, default=500, show_default=True, help="Half-hours to clear.")
@click.option("--participants", type=int, help="Consumers; by default one at each load bus.")
@click.option(
    "--mechanism",
    "mechanisms",
    type=click.Choice([*MECHANISM_NAMES, _ALL]),
    multiple=True,
    default=("fair-play",),
    help="Repeat it to compare; 'all' for all of them.",
)
@click.option(
    "--tariff",
    "tariffs",
    type=click.Choice([*TARIFF_NAMES, _ALL]),
    multiple=True,
    help="Bill the same clearings at this tariff too; may be repeated.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Names everything drawn.")
@click.option(
    "--market",
    type=click.Choice(_MARKETS),
    default="study",
    show_default=True,
    help="Noisy load at the load buses, or households with published load profiles.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate(
    case: str,
    intervals: int,
    participants: int | None,
    mechanisms: tuple[str, ...],
    tariffs: tuple[str, ...],
    seed: int,
    market: str,
    as_json: bool,
) -> None:
    """Clear many intervals without a chain and report who was served what, and at what price."""
    names = list(MECHANISM_NAMES) if _ALL in mechanisms else list(dict.fromkeys(mechanisms))
    extra = [
        tariff(name, DEFAULT_POLICY) for name in (TARIFF_NAMES if _ALL in tariffs else tariffs)
    ]
    inputs, assumptions = _draw(market, case, participants, intervals, seed)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json,
    ) as progress:
        runs = []
        for name in names:
            task = progress.add_task(name, total=intervals)
            runs.append(
                run_market(
                    inputs,
                    mechanism(name),
                    DEFAULT_POLICY,
                    seed,
                    tariffs=extra,
                    advance=partial(progress.advance, task),
                )
            )
    if as_json:
        click.echo(json.dumps(_json(runs, assumptions), indent=2))
    else:
        _print(runs, f"{case}, {intervals} intervals, seed {seed}")


def _draw(
    market: str, case: str, participants: int | None, intervals: int, seed: int
) -> tuple[Market, dict[str, object]]:
    """The market and the assumptions behind it."""
    if market == "study":
        study = StudyConfig(case=case, participants=participants, intervals=intervals, seed=seed)
        return draw_study(study, max_bid_ticks=DEFAULT_POLICY.max_bid_ticks), asdict(study)
    households = ScenarioConfig(
        case=case,
        participants=_HOUSEHOLDS if participants is None else participants,
        intervals=intervals,
        seed=seed,
    )
    return draw_scenario(households), asdict(households)


def _json(runs: list[Run], assumptions: dict[str, object]) -> dict[str, object]:
    return {
        "dc_violations": sum(run.tally.dc_violations for run in runs),
        "certified": sum(run.tally.certified for run in runs),
        "intervals": sum(run.tally.intervals for run in runs),
        "scenario": json.loads(json.dumps(assumptions, default=str)),
        "policy": plain(DEFAULT_POLICY),
        "runs": [run.report() for run in runs],
    }


def _print(runs: list[Run], title: str) -> None:
    """As many mechanisms beside each other as fit; then the bills, where there are several."""
    console = Console()
    abreast = max(1, (console.width - _LABEL_WIDTH) // _COLUMN_WIDTH)
    for first in range(0, len(runs), abreast):
        console.print(_mechanism_table(runs[first : first + abreast], title))
        title = ""
    for run in runs:
        if len(run.tally.bills) > 1:
            console.print(_tariff_table(run))


def _mechanism_table(runs: list[Run], title: str) -> Table:
    """One column per mechanism."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    table.add_column("", width=_LABEL_WIDTH - 2)
    for run in runs:
        # Long names break at their hyphens.
        heading = "\n".join(textwrap.wrap(run.mechanism.name, _COLUMN_WIDTH - 2))
        table.add_column(heading, justify="right", width=_COLUMN_WIDTH - 2)
    fair = [run.tally.fairness() for run in runs]
    share = [100 * run.tally.served_wh / max(run.tally.requested_wh, 1) for run in runs]
    rows: list[tuple[str, list[str]]] = [
        ("served, % of requested", [f"{value:.2f}" for value in share]),
        ("flexible delivered, worst", [f"{f.delivered_min:.4f}" for f in fair]),
        ("  worst-served tenth", [f"{f.worst_decile:.4f}" for f in fair]),
        ("  mean", [f"{f.delivered_mean:.4f}" for f in fair]),
        ("counted towards F*, worst", [f"{f.counted_min:.4f}" for f in fair]),
        ("  furthest below F*", [f"{f.target_gap_max:.4f}" for f in fair]),
        ("Jain index", [f"{f.jain:.4f}" for f in fair]),
        ("Gini coefficient", [f"{f.gini:.4f}" for f in fair]),
        ("price per kWh, mean", [_mean_price(run) for run in runs]),
        ("  lowest interval", [_per_kwh(_own_bill(run).price_low_ticks) for run in runs]),
        ("  highest interval", [_per_kwh(_own_bill(run).price_high_ticks) for run in runs]),
        ("supply at its bids, per kWh", [_supply_cost(run) for run in runs]),
        ("sum of all payments", [str(_own_bill(run).payments_sum) for run in runs]),
        ("binding lines, mean", [f"{np.mean(run.tally.binding):.1f}" for run in runs]),
        ("intervals certified", [str(run.tally.certified) for run in runs]),
        ("grid violations", [str(run.tally.dc_violations) for run in runs]),
        ("ms per interval, median", [f"{1e3 * np.median(run.seconds):.2f}" for run in runs]),
    ]
    for label, cells in rows:
        table.add_row(label, *cells)
    return table


def _tariff_table(run: Run) -> Table:
    """One row per tariff: the same energy, billed differently; money in currency units."""
    title = f"Bills of {run.mechanism.name}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("tariff")
    for heading in ("energy", "shortfall", "suppliers", "pot", "per kWh", "sum"):
        table.add_column(heading, justify="right")
    for name, bill in run.tally.bills.items():
        money = (bill.energy_cost, bill.shortfall, bill.supply_pay, bill.pot)
        price = bill.energy_cost * WH_TICKS_PER_MICRO / max(run.tally.served_wh, 1)
        table.add_row(
            name,
            *(f"{amount / MICRO_PER_CURRENCY:,.0f}" for amount in money),
            _per_kwh(price),
            str(bill.payments_sum),
        )
    return table


def _own_bill(run: Run) -> BillTally:
    return run.tally.bills[run.billing]


def _mean_price(run: Run) -> str:
    cost = _own_bill(run).energy_cost
    return _per_kwh(cost * WH_TICKS_PER_MICRO / max(run.tally.served_wh, 1))


def _supply_cost(run: Run) -> str:
    return _per_kwh(run.tally.supply_cost * WH_TICKS_PER_MICRO / max(run.tally.served_wh, 1))


def _per_kwh(ticks: float) -> str:
    return f"{ticks / TICKS_PER_PRICE:.3f}"
