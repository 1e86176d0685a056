"""`clearwatt challenge`: turn a failed audit into a proof that voids the false interval."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.history import ReadBundle
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from offchain.orders.receipts import Receipt, read_receipts
from oracle.asking import Desk, asked_about, missing_data
from oracle.bundles import bundle_source
from oracle.challenge import Challenge, Court, challenge_json, first_proof, print_challenge
from oracle.commands.audit import audited
from oracle.commands.market import bundles_option, chain_options
from oracle.reader import read_market
from oracle.terminal import Reporter
from oracle.unjudged import why_unjudged


@click.command()
@chain_options
@bundles_option
@click.option(
    "--receipts",
    "receipts_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Receipts for orders, as JSON: an order that has one and was left out is proven as well.",
)
@click.option(
    "--ask",
    metavar="INDEX",
    type=click.IntRange(0),
    help="Where data are missing, ask on the chain for this participant's state, for a fee.",
)
@click.option("--dry-run", is_flag=True, help="Show cost and reward, and send nothing.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def challenge(
    context: click.Context,
    rpc: str,
    ledger: str,
    bundles: str,
    receipts_file: Path | None,
    ask: int | None,
    dry_run: bool,
    yes: bool,
    json_wanted: bool,
) -> None:
    r"""Audit a market and prove the first fault on its chain.

    The evidence is packed from the bundles and tried by a call that costs nothing. Cost and reward are shown,
    and you are asked. Then the proof is reserved, so that nobody who sees it can take its reward, and sent: the false
    interval and all after it are void, the operator's bond is slashed, and the sender is paid from it. The node's first
    unlocked account pays the gas, or the key in CLEARWATT_PRIVATE_KEY.

    Where a bundle is missing, or nothing can be proven because a node of a tree is in no bundle, --ask puts a question
    on the chain. Should nobody have answered it in time, the next challenge voids the interval for that, the fee comes
    back, and who asked is rewarded.

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
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --yes --ask 17
    """
    if not (dry_run or yes or sys.stdin.isatty()):
        raise InputError("challenge: nobody can be asked here; give --yes to send, or --dry-run")
    source = bundle_source(bundles)
    receipts = _receipts(receipts_file)
    chain = connect(rpc)
    market = read_market(chain, ledger)
    verdict = audited(Reporter(), market, source)
    court = Court.of(chain, ledger)
    promised = any(1 <= receipt.interval <= len(market.headers) for receipt in receipts)
    if not (verdict.faults or verdict.unjudged or promised):
        _nothing_to_prove(verdict, json_wanted)
        return
    try:
        interval, proof = first_proof(
            court, market, source.read, verdict.faults, chain.payer, receipts
        )
    except InputError as error:
        _inquire(court, market, source.read, verdict, error, ask, dry_run, yes, json_wanted)
        return
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


def _receipts(file: Path | None) -> tuple[Receipt, ...]:
    if file is None:
        return ()
    try:
        return read_receipts(json.loads(file.read_text()))
    except (OSError, ValueError):
        raise InputError(f"receipts: {file} is not a readable JSON file") from None


def _inquire(
    court: Court,
    market: PublishedMarket,
    read: ReadBundle,
    verdict: Verdict,
    unproven: InputError,
    index: int | None,
    dry_run: bool,
    yes: bool,
    json_wanted: bool,
) -> None:
    """Ask on the chain for what nobody has published of the first interval that is open.

    Raises:
        InputError: When nothing was asked, nothing is missing, or a question can still be answered.
    """
    final = int(court.ledger.functions.finalHead().call())
    candidates = {*verdict.unjudged, *(fault.interval for fault in verdict.faults)}
    interval = min((t for t in candidates if final < t <= len(market.headers)), default=None)
    if interval is None:
        if verdict.unjudged:
            raise InputError(f"challenge: {why_unjudged(verdict, askable=False)}")
        raise unproven
    reason = verdict.unjudged.get(interval)
    said = f"challenge: interval {interval} cannot be judged: {reason}" if reason else str(unproven)
    waiting = [asked.answer_by for asked in asked_about(market, interval)]
    if waiting:
        left = max(0, min(waiting) - market.now + 1)
        raise InputError(f"{said}; its data were asked for, come again in {left} seconds")
    if index is None:
        raise InputError(f"{said}; ask for its data on the chain with --ask INDEX")
    question = missing_data(market, read, interval, index)
    if question is None:
        raise unproven
    desk = Desk.of(court)
    fee = desk.price(question)
    told: dict[str, object] = {"interval": interval, "fee_wei": fee, "asked": not dry_run}
    words = f"Data of interval {interval}, for {fee / 1e18:.6f} of the chain's coin"
    if dry_run:
        words = f"{words}, can be asked for."
    elif not yes and not click.confirm(f"{words}: ask for them on the chain?", err=True):
        raise InputError("challenge: nothing was asked, as you said")
    else:
        told["answer_by"] = answer_by = desk.ask(question)
        words = f"{words}, were asked for. Challenge again in {answer_by - market.now} seconds."
    click.echo(json.dumps(told, indent=1) if json_wanted else words)


def _nothing_to_prove(verdict: Verdict, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(json.dumps({"fault": None, "voided": False}))
    else:
        click.echo(
            f"{verdict.intervals} intervals: every rule was kept; there is nothing to prove."
        )
