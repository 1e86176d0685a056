"""`clearwatt drill`: freeze a market in full run and take everybody's money out."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from deploy.devnet import open_chain
from offchain.errors import InputError
from oracle.bundles import BundleDirectory
from oracle.drill import LEAST_INTERVALS, DrillResult, run_drill
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

_MICRO = 10**6


@click.command()
@click.option("--case", default="ieee14", show_default=True, metavar="NAME", help="Network.")
@click.option("--intervals", default=8, show_default=True, metavar="N", help="Half-hours before.")
@click.option("--participants", default=24, show_default=True, metavar="N")
@click.option("--seed", default=1, show_default=True, metavar="S")
@click.option(
    "--chain",
    "engine",
    type=click.Choice(["embedded", "anvil"]),
    default="embedded",
    show_default=True,
    help="A chain inside this process, or Foundry's anvil.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def drill(
    context: click.Context,
    case: str,
    intervals: int,
    participants: int,
    seed: int,
    engine: str,
    json_wanted: bool,
) -> None:
    r"""See that nobody's money depends on the operator.

    A market runs for some hours; then its operator falls silent, with headers still open to dispute, earnings
    partly collected, a withdrawal announced and somebody registered too late. A stranger freezes the ledger once
    the deadline has passed, and takes everybody out with nothing but the chain and the last published bundle.
    Exit code 0 only if everybody received all they were owed and the escrow is empty.

    \b
    Examples:
      clearwatt drill
      clearwatt drill --participants 60 --chain anvil
    """
    if intervals < LEAST_INTERVALS:
        raise InputError(
            f"intervals: {intervals}; give at least {LEAST_INTERVALS}, so that some are final"
        )
    config = ScenarioConfig(case=case, participants=participants, intervals=intervals, seed=seed)
    with tempfile.TemporaryDirectory(prefix="clearwatt-") as folder:
        bundles = BundleDirectory.create(Path(folder))
        with open_chain(engine) as chain:
            result = run_drill(draw_scenario(config), chain, bundles, Reporter())
    if json_wanted:
        click.echo(json.dumps(asdict(result) | {"ok": result.ok}, indent=1))
    else:
        _print(result)
    context.exit(0 if result.ok else 1)


def _print(result: DrillResult) -> None:
    console = Console(highlight=False)
    table = Table(
        "participant", "deposit", "+ earned", "- used", "- collected", "= left with", box=None
    )
    for column in table.columns:
        column.justify = "right"
    for way in result.exits:
        money = (way.deposit, way.credit, way.debit, way.paid, way.received)
        table.add_row(str(way.index), *map(_money, money))
    table.add_section()
    sums = [
        sum(getattr(way, name) for way in result.exits)
        for name in ("deposit", "credit", "debit", "paid", "received")
    ]
    table.add_row("all", *map(_money, sums))
    console.print(table)
    facts = (
        ("too early", f"the ledger refused to be frozen ({result.refused})"),
        ("frozen", f"by a stranger, {result.late_s / 3600:.1f} h after header {result.head}"),
        ("in the escrow then", _money(result.held_micro)),
        ("in the escrow now", _money(result.left_micro)),
        ("an exit", f"{result.gas:,} gas"),
        ("in all", f"{result.seconds:.0f} s"),
    )
    console.print()
    for name, value in facts:
        console.print(f"{name:<20}{value}", soft_wrap=True, markup=False)
    if result.ok:
        console.print("\nEverybody left with all they were owed, and nothing is left.")
    else:
        console.print("\nSomebody did not receive what was owed, or money is left behind.")


def _money(micro: int) -> str:
    return f"{micro / _MICRO:,.6f}"
