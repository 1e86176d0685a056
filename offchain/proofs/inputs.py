"""Evidence about seeds, received orders and withheld data; the judges are those of InputFaults.sol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from offchain.orders.receipts import Receipt, joint_signatures
from offchain.orders.signing import digests, recover
from offchain.proofs.claim import Claim
from offchain.proofs.lines import Shown, order_of
from offchain.proofs.preimages import UndisclosedError
from offchain.proofs.requests import questions
from offchain.randomness.drand import is_signed
from offchain.randomness.drand import seed as seed_of
from offchain.records import ORDER, wire


def seed(claim: Claim) -> Iterator[Shown]:
    """The seed is made of a signature that is not that of its drand round."""
    facts, header = claim.facts, claim.header
    if facts.draw is None:
        return
    round_, signature = facts.draw.round, facts.draw.signature
    if seed_of(facts.domain_hash, header.interval, round_, signature) == header.seed:
        yield (round_, signature), not is_signed(facts.public_key, round_, signature)


def omitted(claim: Claim) -> Iterator[Shown]:
    """An order with receipts of as many signers as a header needs is not in its tree, nor one that is not older."""
    facts, header = claim.facts, claim.header
    given: dict[bytes, list[Receipt]] = {}
    for receipt in facts.receipts:
        if receipt.interval == header.interval and len(receipt.order) == ORDER.itemsize:
            given.setdefault(receipt.order, []).append(receipt)
    for record, receipts in given.items():
        order = order_of(record)
        row = np.frombuffer(record, dtype=wire(ORDER)).astype(ORDER)
        (digest,) = digests(facts.separator, row)
        owner = facts.owners.get(order["index"])
        if owner is None or recover(digest, record[-65:-33], record[-33:-1], record[-1]) != owner:
            continue
        signatures = joint_signatures(facts.separator, receipts, facts.signers, facts.signatures)
        if signatures is None:
            continue
        with suppress(UndisclosedError):
            leaf = claim.leaf(header.orders_root, order["index"])
            taken = False
            if len(leaf.record) == ORDER.itemsize:
                taken = order_of(leaf.record)["seq"] >= order["seq"]
            yield (record, signatures, leaf), not taken


def withheld(claim: Claim) -> Iterator[Shown]:
    """Data were asked for on the chain and not shown in time."""
    overdue = set(claim.facts.overdue)
    for question in claim.facts.overdue:
        if question.header_hash == claim.header_hash:
            yield (question,), True
    for ask in questions(claim):
        if ask.question not in overdue:
            yield (ask.question,), False
