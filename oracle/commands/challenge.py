"""`clearwatt challenge`: turn a failed audit into a proof that voids the false interval."""

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
from oracle.challenge import Court, challenge_json, first_proof, print_challenge
from oracle.reader import read_market
from oracle.terminal import Reporter


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
@click.option("--dry-run", is_flag=True, help="Show cost and reward, and send nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def challenge(
    context: click.Context,
    rpc: str,
    ledger: str,
    directory: Path,
    dry_run: bool,
    json_wanted: bool,
) -> None:
    r"""Audit a market and prove the first fault on its chain.

    The evidence is packed from the bundles and tried by a call that costs nothing. Then the proof is reserved, so that
    nobody who sees it can take its reward, and sent: the false interval and all after it are void, the operator's bond
    is slashed, and the sender is paid from it. The node's first unlocked account pays the gas, or the key in
    CLEARWATT_PRIVATE_KEY.

    \b
    Exit codes:
      0  every interval was cleared by the rules; there is nothing to prove
      1  a rule was broken, and its proof was accepted
      2  the data are missing, or no proof is accepted: the interval is final, void, or was not published

    \b
    Examples:
      clearwatt challenge --rpc http://127.0.0.1:8545 --ledger 0x... --bundles bundles --dry-run
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --json
    """
    bundles = BundleDirectory.open(directory)
    chain = connect(rpc)
    reporter = Reporter()
    market = read_market(chain, ledger)
    verdict = Verdict()
    with reporter.phase("Auditing", len(market.headers) + 1) as phase:
        for verdict in audit_market(market, bundles.read):
            phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults")
    if not verdict.faults:
        _nothing_to_prove(verdict, json_wanted)
        return
    court = Court.of(chain, ledger)
    faulty = sorted({fault.interval for fault in verdict.faults})
    interval, proof = first_proof(court, market, bundles.read, faulty, chain.payer)
    done = (
        court.estimate(interval, proof, chain.payer) if dry_run else court.submit(interval, proof)
    )
    named = [f.rule for f in verdict.faults if f.interval == interval and f.rule in done.rules]
    if json_wanted:
        click.echo(json.dumps(challenge_json(done, (named or list(done.rules))[0]), indent=1))
    else:
        print_challenge(done, Console(highlight=False))
    context.exit(1)


def _nothing_to_prove(verdict: Verdict, json_wanted: bool) -> None:
    for interval, reason in verdict.unjudged.items():
        raise InputError(f"challenge: interval {interval} cannot be judged: {reason}")
    if json_wanted:
        click.echo(json.dumps({"fault": None, "voided": False}))
    else:
        click.echo(
            f"{verdict.intervals} intervals: every rule was kept; there is nothing to prove."
        )
