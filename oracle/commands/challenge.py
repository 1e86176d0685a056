"""`clearwatt challenge`: turn a failed audit into a proof that voids the false interval."""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from oracle.bundles import bundle_source
from oracle.challenge import Challenge, Court, challenge_json, first_proof, print_challenge
from oracle.commands.audit import audited
from oracle.commands.market import bundles_option, chain_options
from oracle.reader import read_market
from oracle.terminal import Reporter


@click.command()
@chain_options
@bundles_option
@click.option("--dry-run", is_flag=True, help="Show cost and reward, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def challenge(
    context: click.Context,
    rpc: str,
    ledger: str,
    bundles: str,
    dry_run: bool,
    yes: bool,
    json_wanted: bool,
) -> None:
    r"""Audit a market and prove the first fault on its chain.

    The evidence is packed from the bundles and tried by a call that costs nothing. Cost and reward are shown,
    and you are asked. Then the proof is reserved, so that nobody who sees it can take its reward, and sent: the false
    interval and all after it are void, the operator's bond is slashed, and the sender is paid from it. The node's first
    unlocked account pays the gas, or the key in CLEARWATT_PRIVATE_KEY.

    \b
    Exit codes:
      0  every interval was cleared by the rules; there is nothing to prove
      1  a rule was broken: its proof was accepted, or with --dry-run would be
      2  the data are missing, no proof is accepted, or you said no

    \b
    Examples:
      clearwatt challenge --rpc http://127.0.0.1:8545 --ledger 0x... --bundles bundles --dry-run
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --yes --json
    """
    if not (dry_run or yes or sys.stdin.isatty()):
        raise InputError("challenge: nobody can be asked here; give --yes to send, or --dry-run")
    source = bundle_source(bundles)
    chain = connect(rpc)
    market = read_market(chain, ledger)
    verdict = audited(Reporter(), market, source)
    if not verdict.faults:
        _nothing_to_prove(verdict, json_wanted)
        return
    court = Court.of(chain, ledger)
    interval, proof = first_proof(court, market, source.read, verdict.faults, chain.payer)
    done = court.estimate(interval, proof, chain.payer)
    if not dry_run:
        if not yes:
            print_challenge(done, Console(stderr=True, highlight=False))
            _agree(done)
        done = court.submit(interval, proof)
    named = [f.rule for f in verdict.faults if f.interval == interval and f.rule in done.rules]
    if json_wanted:
        click.echo(json.dumps(challenge_json(done, (named or list(done.rules))[0]), indent=1))
    else:
        print_challenge(done, Console(highlight=False))
    context.exit(1)


def _agree(offered: Challenge) -> None:
    if not click.confirm(f"Send the proof and void interval {offered.interval}?", err=True):
        raise InputError("challenge: nothing was sent, as you said")


def _nothing_to_prove(verdict: Verdict, json_wanted: bool) -> None:
    for interval, reason in verdict.unjudged.items():
        raise InputError(f"challenge: interval {interval} cannot be judged: {reason}")
    if json_wanted:
        click.echo(json.dumps({"fault": None, "voided": False}))
    else:
        click.echo(
            f"{verdict.intervals} intervals: every rule was kept; there is nothing to prove."
        )
