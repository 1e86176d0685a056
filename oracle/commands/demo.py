"""`clearwatt demo`: a whole market from deployment to audit."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import open_chain
from oracle.bundles import BundleDirectory
from oracle.demo import run_demo
from oracle.demo_report import as_json, print_summary
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

_DEFAULTS = ScenarioConfig()


@click.command()
@click.option(
    "--case",
    default=_DEFAULTS.case,
    show_default=True,
    metavar="NAME",
    help="Network: ieee14, ieee57, ieee118.",
)
@click.option(
    "--intervals",
    default=_DEFAULTS.intervals,
    show_default=True,
    metavar="N",
    help="Half-hours to clear.",
)
@click.option(
    "--participants",
    default=_DEFAULTS.participants,
    show_default=True,
    metavar="N",
    help="Consumers and power stations together.",
)
@click.option(
    "--seed",
    default=_DEFAULTS.seed,
    show_default=True,
    metavar="S",
    help="Names everything that is drawn.",
)
@click.option(
    "--chain",
    "engine",
    type=click.Choice(["embedded", "anvil"]),
    default="embedded",
    show_default=True,
    help="A chain inside this process, or Foundry's anvil.",
)
@click.option(
    "--rpc",
    metavar="URL",
    help="Use a running node instead; its first unlocked account pays, or the key in CLEARWATT_PRIVATE_KEY.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the published bundles in this directory.",
)
@click.option(
    "--json", "json_wanted", is_flag=True, help="Print one JSON object instead of the summary."
)
@click.pass_context
def demo(
    context: click.Context,
    case: str,
    intervals: int,
    participants: int,
    seed: int,
    engine: str,
    rpc: str | None,
    out: Path | None,
    json_wanted: bool,
) -> None:
    r"""Watch a market clear, commit, settle and be audited on a chain.

    Buildings, businesses and farms with published load profiles share a network for a day; in the morning supply is
    short. Every half-hour their signed orders are committed, a seed is drawn, the market is cleared within what the
    lines can carry, and the result is posted to real contracts with its certificate. At the end suppliers collect
    their money and an independent audit checks everything again. Exit code 0 only if the audit passes.

    \b
    Examples:
      clearwatt demo
      clearwatt demo --case ieee57 --participants 300 --intervals 12
      clearwatt demo --chain anvil --out bundles
      clearwatt demo --json --intervals 8 | python -m json.tool
    """
    config = ScenarioConfig(case=case, participants=participants, intervals=intervals, seed=seed)
    reporter = Reporter()
    with ExitStack() as stack:
        with reporter.phase("Drawing people, network and weather", 1) as phase:
            scenario = draw_scenario(config)
            phase.step()
        directory = out or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="clearwatt-"))
        )
        bundles = BundleDirectory.create(directory)
        chain = stack.enter_context(open_chain(engine, rpc))
        result = run_demo(scenario, chain, bundles, reporter)
    if json_wanted:
        click.echo(json.dumps(as_json(result), indent=1))
    else:
        print_summary(result, Console(highlight=False), out)
    context.exit(0 if result.verdict.ok else 1)
