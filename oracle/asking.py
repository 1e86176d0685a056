"""Asking on the chain for data that nobody has published, and answering such questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from deploy.chain import Chain
from deploy.contracts import artifact
from offchain.audit.history import ReadBundle
from offchain.audit.published import Asked, PublishedMarket, Question
from offchain.errors import InputError
from offchain.proofs import Claim, bare_claim, published_claim
from offchain.proofs.requests import (
    MOST_DOUBLINGS,
    Ask,
    answer,
    answer_gas,
    everything_hidden,
    leaf_question,
    unanswered,
)
from offchain.records import KIND_STATE
from oracle.challenge import Court, plain

#: Beyond the price, should the chain's price of gas rise meanwhile; what is too much comes back.
_MARGIN_PERCENT: Final = 25


@dataclass(frozen=True)
class Desk:
    """Where questions about a market's data are asked and answered."""

    chain: Chain
    requests: Contract

    @classmethod
    def of(cls, court: Court) -> Desk:
        """The desk of a market's court."""
        address = court.faults.functions.requests().call()
        abi = artifact("DataRequests").abi
        return cls(court.chain, court.chain.web3.eth.contract(address, abi=abi))

    def price(self, ask: Ask) -> int:
        """What a question costs now, in wei."""
        return int(self.requests.functions.price(ask.size).call())

    def price_of(self, asks: Sequence[Ask]) -> int:
        """What questions cost one after the other, in wei: each full step of what was asked doubles the price."""
        load, step = (
            int(getattr(self.requests.functions, name)().call()) for name in ("load", "step")
        )
        steps = min(load // step, MOST_DOUBLINGS)
        total = 0
        for ask in asks:
            total += self.price(ask) >> steps << min(load // step, MOST_DOUBLINGS)
            load += answer_gas(ask.size)
        return total

    def ask(self, ask: Ask, account: LocalAccount | None = None) -> int:
        """Ask; returns until when it can be answered."""
        function = getattr(self.requests.functions, ask.function)(*map(plain, ask.arguments))
        fee = self.price(ask) * (100 + _MARGIN_PERCENT) // 100
        self.chain.transact(function, account, fee)
        return self.answer_by(ask.question)

    def answer_by(self, question: Question) -> int:
        """Until when a question can be answered; 0 if it was not asked, 1 if it was answered."""
        return int(self.requests.functions.answerBy(plain(question)).call())

    def answer(self, claim: Claim, question: Question, account: LocalAccount | None = None) -> Any:  # noqa: ANN401 - web3's receipt
        """Answer a question from what is known of its header, and be paid for it.

        Raises:
            UndisclosedError: What it asks for is not known.
        """
        name, arguments = answer(claim, question)
        function = getattr(self.requests.functions, name)(*map(plain, arguments))
        return self.chain.transact(function, account)

    def refund(self, question: Question, account: LocalAccount | None = None) -> None:
        """Take the fee of an unanswered question back; somebody else's is its asker's to collect."""
        self.chain.transact(self.requests.functions.refund(plain(question)), account)
        address = account.address if account else self.chain.payer
        if self.requests.functions.credit(address).call():
            self.chain.transact(self.requests.functions.collect(address), account)


def hidden_leaf(market: PublishedMarket, read: ReadBundle, interval: int, index: int) -> Ask:
    """The question for a participant's state after an interval whose bundle is missing.

    Raises:
        InputError: There is no such interval or participant.
    """
    claim = bare_claim(market, read, interval)
    if not 0 <= index < 1 << claim.depth:
        raise InputError(f"index: {index} is out of range; give 0 to {(1 << claim.depth) - 1}")
    return leaf_question(claim, KIND_STATE, index)


def missing_data(
    market: PublishedMarket, read: ReadBundle, interval: int, index: int
) -> Ask | None:
    """The question for what nobody has published of an interval; None where nothing is missing.

    Args:
        market: What its chain says.
        read: Where bundles come from.
        interval: Which one.
        index: Of the participant whose state is asked for, where the whole bundle is missing.
    """
    try:
        claim = published_claim(market, read, interval)
    except InputError:
        return hidden_leaf(market, read, interval, index)
    return next(unanswered(claim), None)


def all_missing(market: PublishedMarket, read: ReadBundle, interval: int) -> tuple[Ask, ...]:
    """The questions for all that nobody has shown of an interval, 32 leaves to each.

    Lines can be asked for once the buses are known: where nothing is, once more after these are answered.
    """
    try:
        claim = published_claim(market, read, interval)
    except InputError:
        claim = bare_claim(market, read, interval)
    return tuple(everything_hidden(claim))


def asked_about(market: PublishedMarket, interval: int) -> tuple[Asked, ...]:
    """The questions about an interval that nobody has answered."""
    posted = market.headers[interval - 1].header_hash
    return tuple(asked for asked in market.asked if asked.question.header_hash == posted)
