"""Money out with a ticket alone: collecting what was earned, or leaving a market that is frozen."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD

from deploy.chain import Chain
from offchain.bill.page import money
from offchain.errors import InputError
from oracle.market_contracts import MarketContracts
from oracle.ticket import Ticket


@dataclass(frozen=True)
class Payout:
    """What a ticket brought.

    Attributes:
        index: Registration number.
        owner: Who was paid.
        interval: Of the header.
        micro: How much arrived, in micro.
        gas: What the transaction took.
    """

    index: int
    owner: str
    interval: int
    micro: int
    gas: int


class Counter:
    """Where a ticket is cashed: the contracts of its market, held to their published code."""

    def __init__(self, chain: Chain, ticket: Ticket) -> None:
        """Open the ticket's market.

        Raises:
            InputError: When the ticket is of another chain or escrow.
        """
        if chain.chain_id != ticket.chain_id:
            raise InputError(
                f"ticket: it is of chain {ticket.chain_id}, the node is on {chain.chain_id}; "
                "name a node of that chain"
            )
        contracts = MarketContracts.of(chain, ticket.ledger)
        ledger, escrow = contracts.at["ClearingLedger"], contracts.at["SettlementEscrow"]
        if escrow.address != ticket.escrow:
            raise InputError(
                f"ticket: the ledger's escrow is {escrow.address}, not {ticket.escrow}; "
                "the file was changed"
            )
        self._chain, self._ticket = chain, ticket
        self._ledger: Contract = ledger
        self._escrow: Contract = escrow

    def claim(self) -> Payout:
        """Collect what was earned beyond what is owed and was collected before; the owner is paid, whoever asks.

        Raises:
            InputError: When the header can still be disputed, or nothing is due.
            ChainError: When the chain refuses it.
        """
        self._require_final()
        credit, debit = (self._ticket.state[name] for name in ("credit", "debit"))
        paid = int(self._escrow.functions.account(self._ticket.index).call()[4])
        if credit <= debit + paid:
            raise InputError(
                f"claim: nothing is due: {money(credit)} were earned, {money(debit)} are owed and "
                f"{money(paid)} were collected"
            )
        (interval, header_hash, _), leaf = self._ticket.evidence
        return self._pay(self._escrow.functions.claim(interval, header_hash, leaf), "Claimed")

    def escape(self, *, freeze: bool = False) -> Payout:
        """Leave a frozen market with deposit and balance.

        Args:
            freeze: Whether to freeze the ledger first, if its operator is late enough.

        Raises:
            InputError: When the market is not frozen, its last header can still be disputed, or the ticket is of
                another header than the last.
            ChainError: When the chain refuses it.
        """
        calls = self._ledger.functions
        head = int(calls.head().call())
        if not calls.frozen().call():
            self._require_late(head, freeze=freeze)
            if self._ticket.interval == head:
                self._chain.transact(calls.freeze())
        if self._ticket.interval != head:
            raise InputError(
                f"escape: the ticket is of interval {self._ticket.interval}, the last header that stands of {head}; "
                "use the ticket of that interval"
            )
        self._require_final()
        (_, header_hash, _), leaf = self._ticket.evidence
        call = self._escrow.functions.escape(header_hash, self._ticket.index, leaf)
        return self._pay(call, "Escaped")

    def _require_late(self, head: int, *, freeze: bool) -> None:
        """See that the ledger can be frozen now, and that this is wished."""
        calls = self._ledger.functions
        if self._chain.refusal(calls.freeze()) is None:
            if freeze:
                return
            raise InputError(
                "escape: the market is not frozen yet, but its operator is late; give --freeze to freeze it first"
            )
        allowed_s = int(calls.deadlineSeconds().call())
        late = int(calls.postedAt(head).call()) + allowed_s
        until = f"until {moment(late)}"
        if late < self._chain.now():  # a header was voided since
            until = f"{allowed_s} s from when the last header was voided"
        raise InputError(
            "escape: the market is not frozen; its operator has time for the next header "
            f"{until}; anyone may freeze it then, with --freeze"
        )

    def _require_final(self) -> None:
        ticket, calls = self._ticket, self._ledger.functions
        state, _ = ticket.evidence
        why = self._chain.refusal(calls.requireFinal(*state))
        if why is None:
            return
        if why.startswith("Ledger_NotFinal"):
            window = int(calls.windowSeconds().call())
            until = moment(int(calls.postedAt(ticket.interval).call()) + window)
            raise InputError(
                f"ticket: the header of interval {ticket.interval} can be disputed until {until}; "
                "come back then"
            )
        raise InputError(
            f"ticket: the ledger does not hold its header of interval {ticket.interval}: it was voided, or is "
            f"older than the {calls.ringSize().call()} headers kept; use another ticket"
        )

    def _pay(self, call: ContractFunction, event: str) -> Payout:
        receipt: Any = self._chain.transact(call)
        (paid,) = getattr(self._escrow.events, event)().process_receipt(receipt, errors=DISCARD)
        return Payout(
            index=self._ticket.index,
            owner=str(self._escrow.functions.ownerOf(self._ticket.index).call()),
            interval=self._ticket.interval,
            micro=int(paid["args"]["amount"]),
            gas=int(receipt["gasUsed"]),
        )


def moment(seconds: int) -> str:
    """A block time for people."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
