"""`clearwatt demo`: a whole market from deployment to audit."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

from deploy.devnet import open_chain
from offchain.errors import InputError
from oracle.bundles import BundleDirectory
from oracle.challenge import Challenge, challenge_json, print_challenge
from oracle.demo import DemoRun, run_demo
from oracle.demo_report import as_json, print_summary
from oracle.derate import DeratedRun, read_derating
from oracle.inject import INJECTABLE, rule_of, run_injected
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
@click.option(
    "--inject",
    metavar="FAULT",
    help="Let the operator break a rule in the last interval, and be caught; `list` names them.",
)
@click.option(
    "--derate",
    metavar="LINE@T",
    help="Let a line lose half its limit from half-hour T on, and get it back after the long delay.",
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
    inject: str | None,
    derate: str | None,
) -> None:
    r"""Watch a market clear, commit, settle and be audited on a chain.

    Buildings, businesses and farms with published load profiles share a network for a day; in the morning supply is
    short. Every half-hour their signed orders are committed, a seed is drawn, the market is cleared within what the
    lines can carry, and the result is posted to real contracts with its certificate. At the end suppliers collect
    their money and an independent audit checks everything again. Exit code 0 only if the audit passes.

    With --inject the operator lies in the last interval. The audit names the rule, a challenge proves it on the chain,
    the interval is void and the operator's bond is slashed; the exit code is 1.

    With --derate a line fails in part: the grid operator's signature halves its limit for half-hour T. Back to the
    whole limit is announced at once, and comes only when everybody who dislikes it could have left.

    \b
    Examples:
      clearwatt demo
      clearwatt demo --case ieee57 --participants 300 --intervals 12
      clearwatt demo --chain anvil --out bundles
      clearwatt demo --inject payment --intervals 4
      clearwatt demo --derate 0@8
      clearwatt demo --json --intervals 8 | python -m json.tool
    """
    if inject == "list":
        click.echo("\n".join(INJECTABLE))
        return
    if rpc is not None and context.get_parameter_source("engine") is ParameterSource.COMMANDLINE:
        raise InputError("chain: --rpc names the chain already; give one of --rpc and --chain")
    if inject is not None and derate is not None:
        raise InputError("derate: goes with an honest operator; give one of --derate and --inject")
    fault = rule_of(inject) if inject is not None else None
    derating = read_derating(derate, intervals) if derate is not None else None
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
        challenge: Challenge | None = None
        if fault is None:
            setting = (scenario, chain, bundles, reporter)
            result = run_demo(DeratedRun(*setting, derating) if derating else DemoRun(*setting))
        else:
            result, challenge = run_injected(scenario, chain, bundles, reporter, fault)
    if json_wanted:
        told = as_json(result)
        if challenge is not None and fault is not None:
            told["challenge"] = challenge_json(challenge, fault)
        click.echo(json.dumps(told, indent=1))
    else:
        console = Console(highlight=False)
        print_summary(result, console, out, rpc)
        if challenge is not None:
            print_challenge(challenge, console)
    context.exit(0 if result.verdict.ok else 1)
