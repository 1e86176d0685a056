"""`clearwatt challenge`: turn a failed audit into a proof that voids the false interval."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.history import ReadBundle
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from offchain.orders.receipts import Receipt, read_receipts
from offchain.proofs.requests import Ask
from oracle.asking import Desk, all_missing, asked_about, missing_data
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
@click.option(
    "--ask-all",
    is_flag=True,
    help="Where data are missing, ask for all of them, 32 records to a question; show the fees first.",
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
    ask_all: bool,
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
    back, and who asked is rewarded. --ask-all asks for everything that is missing: an operator that hides its bundle
    must then show it on the chain, whence the next challenge reads it and proves with it. Where nothing is known it
    takes two rounds, first the buses and then the lines below them.

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
      clearwatt challenge --rpc URL --ledger 0x... --bundles bundles --ask-all
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
        wanted = None if ask_all else ask
        asks = Inquiry(verdict, error, wanted, ask_all, dry_run, yes, json_wanted)
        asks.make(court, market, source.read)
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


@dataclass(frozen=True)
class Inquiry:
    """Asking on the chain for what nobody has published of the first interval that is open.

    Attributes:
        verdict: The audit's.
        unproven: Why nothing was proven.
        index: Of the participant whose state is asked for; None for nobody.
        everything: Whether all that is missing is asked for.
        dry_run: Whether nothing is sent.
        yes: Whether nobody is asked before.
        json_wanted: Whether the outcome is told as JSON.
    """

    verdict: Verdict
    unproven: InputError
    index: int | None
    everything: bool
    dry_run: bool
    yes: bool
    json_wanted: bool

    def make(self, court: Court, market: PublishedMarket, read: ReadBundle) -> None:
        """Ask.

        Raises:
            InputError: When nothing was asked, nothing is missing, or a question can still be answered.
        """
        interval, said = self._interval(court, market)
        waiting = [asked.answer_by for asked in asked_about(market, interval)]
        if waiting:
            left = max(0, min(waiting) - market.now + 1)
            raise InputError(f"{said}; its data were asked for, come again in {left} seconds")
        if self.index is None and not self.everything:
            raise InputError(
                f"{said}; ask for its data on the chain with --ask INDEX, or for all with --ask-all"
            )
        questions: tuple[Ask, ...]
        if self.everything:
            questions = all_missing(market, read, interval)
        else:
            question = missing_data(market, read, interval, self.index or 0)
            questions = (question,) if question else ()
        if not questions:
            raise self.unproven
        self._send(Desk.of(court), market, interval, questions)

    def _interval(self, court: Court, market: PublishedMarket) -> tuple[int, str]:
        """The first open interval with something to ask about, and why."""
        final = int(court.ledger.functions.finalHead().call())
        unjudged = self.verdict.unjudged
        candidates = {*unjudged, *(fault.interval for fault in self.verdict.faults)}
        interval = min((t for t in candidates if final < t <= len(market.headers)), default=None)
        if interval is None:
            if unjudged:
                raise InputError(f"challenge: {why_unjudged(self.verdict, askable=False)}")
            raise self.unproven
        reason = unjudged.get(interval)
        if not reason:
            return interval, str(self.unproven)
        return interval, f"challenge: interval {interval} cannot be judged: {reason}"

    def _send(
        self, desk: Desk, market: PublishedMarket, interval: int, questions: tuple[Ask, ...]
    ) -> None:
        fee = desk.price_of(questions)
        told: dict[str, object] = {"interval": interval, "fee_wei": fee, "asked": not self.dry_run}
        if self.everything:
            told["questions"] = len(questions)
        count = f" by {len(questions)} questions" if self.everything else ""
        words = f"Data of interval {interval}, for {fee / 1e18:.6f} of the chain's coin"
        if self.dry_run:
            words = f"{words}, can be asked for{count}."
        elif not self.yes and not click.confirm(
            f"{words}: ask for them on the chain{count}?", err=True
        ):
            raise InputError("challenge: nothing was asked, as you said")
        else:
            told["answer_by"] = answer_by = [desk.ask(question) for question in questions][-1]
            left = answer_by - market.now
            words = f"{words}, were asked for{count}. Challenge again in {left} seconds."
        click.echo(json.dumps(told, indent=1) if self.json_wanted else words)


def _nothing_to_prove(verdict: Verdict, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(json.dumps({"fault": None, "voided": False}))
    else:
        click.echo(
            f"{verdict.intervals} intervals: every rule was kept; there is nothing to prove."
        )
