"""`clearwatt challenge`: turn a failed audit into a proof that voids the false interval."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.history import Verdict, audit_market
from offchain.audit.published import PublishedMarket
from offchain.errors import InputError
from offchain.orders.receipts import Receipt, read_receipts
from offchain.proofs import Proof
from oracle.asking import Desk, asked_about, hidden_leaf, withheld_proof
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
    help="Where a bundle is missing, ask on the chain for this participant's state in it, for a fee.",
)
@click.option("--dry-run", is_flag=True, help="Show cost and reward, and send nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def challenge(
    context: click.Context,
    rpc: str,
    ledger: str,
    directory: Path,
    receipts_file: Path | None,
    ask: int | None,
    dry_run: bool,
    json_wanted: bool,
) -> None:
    r"""Audit a market and prove the first fault on its chain.

    The evidence is packed from the bundles and tried by a call that costs nothing. Then the proof is reserved, so that
    nobody who sees it can take its reward, and sent: the false interval and all after it are void, the operator's bond
    is slashed, and the sender is paid from it. The node's first unlocked account pays the gas, or the key in
    CLEARWATT_PRIVATE_KEY.

    Where a bundle is missing, --ask puts a question on the chain. Should nobody have answered it in time, the next
    challenge voids the interval for that, the fee comes back, and who asked is rewarded.

    \b
    Exit codes:
      0  every interval was cleared by the rules; there is nothing to prove
      1  a rule was broken, and its proof was accepted
      2  the data are missing, or no proof is accepted: the interval is final, void, or was not published

    \b
    Examples:
      clearwatt challenge --rpc http://127.0.0.1:8545 --ledger 0x... --bundles bundles --dry-run
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --json
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --ask 17
    """
    bundles = BundleDirectory.open(directory)
    receipts = _receipts(receipts_file)
    chain = connect(rpc)
    reporter = Reporter()
    market = read_market(chain, ledger)
    verdict = Verdict()
    with reporter.phase("Auditing", len(market.headers) + 1) as phase:
        for verdict in audit_market(market, bundles.read):
            phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults")
    court = Court.of(chain, ledger)
    faulty = {fault.interval for fault in verdict.faults}
    promised = {r.interval for r in receipts} & set(range(1, len(market.headers) + 1))
    found: tuple[int, Proof] | None = None
    if faulty:
        wanted = sorted(faulty | promised)
        found = first_proof(court, market, bundles.read, wanted, chain.payer, receipts)
    elif verdict.unjudged:
        found = _withheld(court, market, bundles, verdict, ask, json_wanted)
        if found is None:
            return
    else:
        for t in sorted(promised):
            for candidate in court.find(market, bundles.read, t, chain.payer, receipts):
                found = found or (t, candidate)
    if found is None:
        _nothing_to_prove(verdict, json_wanted)
        return
    interval, proof = found
    done = (
        court.estimate(interval, proof, chain.payer) if dry_run else court.submit(interval, proof)
    )
    named = [f.rule for f in verdict.faults if f.interval == interval and f.rule in done.rules]
    if json_wanted:
        click.echo(json.dumps(challenge_json(done, (named or list(done.rules))[0]), indent=1))
    else:
        print_challenge(done, Console(highlight=False))
    context.exit(1)


def _receipts(file: Path | None) -> tuple[Receipt, ...]:
    if file is None:
        return ()
    try:
        return read_receipts(json.loads(file.read_text()))
    except (OSError, ValueError):
        raise InputError(f"receipts: {file} is not a readable JSON file") from None


def _withheld(
    court: Court,
    market: PublishedMarket,
    bundles: BundleDirectory,
    verdict: Verdict,
    index: int | None,
    json_wanted: bool,
) -> tuple[int, Proof] | None:
    """The proof that data of the first interval that cannot be judged were asked for in vain.

    None after asking for them.

    Raises:
        InputError: When nothing was asked, or the question can still be answered.
    """
    interval, reason = min(verdict.unjudged.items())
    if not 1 <= interval <= len(market.headers):
        raise InputError(f"challenge: interval {interval} cannot be judged: {reason}")
    proof = withheld_proof(market, bundles.read, interval)
    if proof is not None:
        return interval, proof
    waiting = asked_about(market, interval)
    if waiting:
        left = waiting[0].answer_by - market.now + 1
        raise InputError(
            f"challenge: the data of interval {interval} were asked for; come again in {left} seconds"
        )
    if index is None:
        raise InputError(
            f"challenge: interval {interval} cannot be judged: {reason}; "
            "ask for its data on the chain with --ask INDEX"
        )
    question = hidden_leaf(market, bundles.read, interval, index)
    desk = Desk.of(court)
    fee, answer_by = desk.price(question), desk.ask(question)
    if json_wanted:
        told = {"interval": interval, "asked": index, "fee_wei": fee, "answer_by": answer_by}
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo(
            f"Asked for the state of participant {index} in interval {interval}, for {fee / 1e18:.6f} of the chain's "
            f"coin. Challenge again after {answer_by - market.now} seconds."
        )
    return None


def _nothing_to_prove(verdict: Verdict, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(json.dumps({"fault": None, "voided": False}))
    else:
        click.echo(
            f"{verdict.intervals} intervals: every rule was kept; there is nothing to prove."
        )
