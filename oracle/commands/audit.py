"""`clearwatt audit`: every rule again, from a chain and published bundles alone."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.history import audit_market
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from oracle.bundles import BundleDirectory
from oracle.reader import read_market
from oracle.report.write import write_report
from oracle.terminal import Reporter
from oracle.verdict import verdict_json


@click.command()
@click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
@click.option("--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger.")
@click.option(
    "--bundles",
    "directory",
    type=click.Path(path_type=Path),
    required=True,
    help="Directory with genesis.bundle, 00001.bundle and so on.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdict as one HTML page that needs no network.",
)
@click.pass_context
def audit(
    context: click.Context,
    rpc: str,
    ledger: str,
    directory: Path,
    json_wanted: bool,
    report: Path | None,
) -> None:
    r"""Check every interval of a market again, trusting nobody.

    Headers, certificates, orders roots and seeds come from the chain, everything behind them from the bundles; both are
    compared, and every rule is computed again. Nothing is sent, and no account is needed.

    \b
    Exit codes:
      0  every interval was cleared by the rules
      1  a rule was broken: the first leaf that breaks it is named with both numbers
      2  it cannot be told, because data are missing or are not what the chain names

    \b
    Examples:
      clearwatt audit --rpc http://127.0.0.1:8545 --ledger 0x... --bundles bundles
      clearwatt audit --rpc URL --ledger 0x... --bundles bundles --json
      clearwatt audit --rpc URL --ledger 0x... --bundles bundles --report report.html
    """
    bundles = BundleDirectory.open(directory)
    chain = connect(rpc)
    reporter = Reporter()
    with reporter.phase("Reading the chain", 1) as phase:
        market = read_market(chain, ledger)
        phase.step(f"{len(market.headers)} headers")
    verdict = Verdict()
    with reporter.phase("Auditing", len(market.headers) + 1) as phase:
        for verdict in audit_market(market, bundles.read):
            phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults")
    if report is not None:
        write_report(report, market, verdict, bundles.read, reporter)
    if json_wanted:
        click.echo(json.dumps(verdict_json(verdict), indent=1))
    else:
        _print(verdict)
    if verdict.faults:
        context.exit(1)
    for interval, reason in verdict.unjudged.items():
        where = f"interval {interval}" if interval else "the genesis"
        raise InputError(f"audit: {where} cannot be judged: {reason}")


def _print(verdict: Verdict) -> None:
    console = Console(highlight=False)
    for fault in verdict.faults:
        console.print(str(fault), soft_wrap=True)
    if verdict.ok:
        console.print(
            f"{verdict.intervals} intervals, {verdict.checks:,} checks: every rule was kept.",
            soft_wrap=True,
        )
