"""Evidence about seeds, orders that had to be taken, and withheld data; the judges are those of InputFaults.sol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from offchain.orders.receipts import Receipt, joint_signatures
from offchain.orders.signing import digests, recover
from offchain.proofs.claim import Claim, LeafEvidence
from offchain.proofs.lines import Shown, order_of, state_of
from offchain.proofs.orders import admissible
from offchain.proofs.preimages import UndisclosedError
from offchain.proofs.requests import questions
from offchain.randomness.drand import is_signed
from offchain.randomness.drand import seed as seed_of
from offchain.records import ORDER, STATE, wire


def seed(claim: Claim) -> Iterator[Shown]:
    """The seed is made of a signature that is not that of its drand round."""
    facts, header = claim.facts, claim.header
    if facts.draw is None:
        return
    round_, signature = facts.draw.round, facts.draw.signature
    if seed_of(facts.domain_hash, header.interval, round_, signature) == header.seed:
        yield (round_, signature), not is_signed(facts.public_key, round_, signature)


def _left_out(
    claim: Claim, order: dict[str, int]
) -> Iterator[tuple[LeafEvidence, LeafEvidence, bool]]:
    """What lies where an order had to be, its owner's state, and whether it was left out; nothing where hidden."""
    header = claim.header
    with suppress(UndisclosedError):
        leaf = claim.leaf(header.orders_root, order["index"])
        pre = claim.leaf(header.pre_state_root, order["index"])
        if len(pre.record) not in (0, STATE.itemsize):
            return
        taken = len(leaf.record) == ORDER.itemsize and order_of(leaf.record)["seq"] >= order["seq"]
        due = bool(pre.record) and admissible(
            order, state_of(pre.record), claim.policy, header.interval
        )
        yield leaf, pre, due and not taken


def forced_ignored(claim: Claim) -> Iterator[Shown]:
    """A forced order that is due and admissible is not in the tree, nor one that is not older."""
    for number, filed in enumerate(claim.facts.forced):
        if filed.due <= claim.header.interval:
            for leaf, pre, left_out in _left_out(claim, order_of(filed.record)):
                yield (number, filed.record, leaf, pre, claim.policy.packed()), left_out


def omitted(claim: Claim) -> Iterator[Shown]:
    """An admissible order with receipts of as many signers as a header needs is not in its tree, nor one not older."""
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
        for leaf, pre, left_out in _left_out(claim, order):
            yield (record, signatures, leaf, pre, claim.policy.packed()), left_out


def withheld(claim: Claim) -> Iterator[Shown]:
    """Data were asked for on the chain and not shown in time."""
    overdue = set(claim.facts.overdue)
    for question in claim.facts.overdue:
        if question.header_hash == claim.header_hash:
            yield (question,), True
    for ask in questions(claim):
        if ask.question not in overdue:
            yield (ask.question,), False
