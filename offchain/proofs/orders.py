"""Evidence about orders and collateral; the judges are those of OrderFaults.sol and CoverFaults.sol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from offchain.metering.cover import worst_cost
from offchain.orders.signing import digests, recover
from offchain.policy import Policy
from offchain.proofs.claim import Claim, LeafEvidence
from offchain.proofs.lines import Shown, demand, ints, order_of, silent, state_of
from offchain.proofs.preimages import UndisclosedError
from offchain.records import ORDER, STATE, wire


def _orders(claim: Claim) -> Iterator[tuple[LeafEvidence, dict[str, int]]]:
    """The orders that lie at their index."""
    for index, leaf in claim.leaves(claim.header.orders_root).items():
        if len(leaf.record) == ORDER.itemsize:
            order = order_of(leaf.record)
            if order["index"] == index:
                yield leaf, order


def admissible(order: dict[str, int], state: dict[str, int], policy: Policy, interval: int) -> bool:
    """Whether an order is valid in an interval, within its contract and the highest bid."""
    return (
        order["valid_from"] <= interval <= order["valid_to"]
        and demand(order) <= state["demand_cap_wh"]
        and order["supply_wh"] <= state["supply_cap_wh"]
        and order["bid_ticks"] <= policy.max_bid_ticks
    )


def order_terms(claim: Claim) -> Iterator[Shown]:
    """An order is not valid in the interval, above its contract or the highest bid, or of nobody."""
    for leaf, order in _orders(claim):
        with suppress(UndisclosedError):
            pre = claim.leaf(claim.header.pre_state_root, order["index"])
            wrong = not pre.record or not admissible(
                order, state_of(pre.record), claim.policy, claim.header.interval
            )
            yield (leaf, pre, claim.policy.packed()), wrong


def order_signature(claim: Claim) -> Iterator[Shown]:
    """An order is not signed by the registered owner."""
    for leaf, order in _orders(claim):
        owner = claim.facts.owners.get(order["index"])
        row = np.frombuffer(leaf.record, dtype=wire(ORDER)).astype(ORDER)
        (digest,) = digests(claim.facts.separator, row)
        r, s, v = leaf.record[-65:-33], leaf.record[-33:-1], leaf.record[-1]
        signer = recover(digest, r, s, v)
        yield (leaf,), owner is None or signer != owner


def forced_cursor(claim: Claim) -> Iterator[Shown]:
    """The header's cursor is not the number of forced orders that are due."""
    due = sum(filed.due <= claim.header.interval for filed in claim.facts.forced)
    yield (), claim.header.forced_cursor != due


def owed(state: dict[str, int]) -> int:
    """What a participant owes at most, if it was paid all that it was ever ahead by; micro."""
    return state["peak"] + state["debit"] - state["credit"]


def room(claim: Claim, index: int, state: dict[str, int]) -> int:
    """How much more a participant may owe, from its state before the interval; micro."""
    return max(0, claim.facts.collateral.get(index, 0) - owed(state))


def overdrawn(claim: Claim) -> Iterator[Shown]:
    """A participant owes more than its collateral for the interval, and more than before."""
    header = claim.header
    for index, leaf in claim.leaves(header.state_root).items():
        if len(leaf.record) != STATE.itemsize:
            continue
        after = state_of(leaf.record)
        if after["index"] != index:
            continue
        with suppress(UndisclosedError):
            pre = claim.leaf(header.pre_state_root, index)
            if len(pre.record) == STATE.itemsize:
                before = owed(state_of(pre.record))
                collateral = claim.facts.collateral.get(index, 0)
                yield (pre, leaf), owed(after) > max(collateral, before)


def uncovered(claim: Claim) -> Iterator[Shown]:
    """An order counts that its owner's room does not cover, or one that it covers counts as none."""
    header, policy = claim.header, claim.policy
    for line in claim.lines:
        with suppress(UndisclosedError):
            order = claim.leaf(header.orders_root, line.index)
            pre = claim.leaf(header.pre_state_root, line.index)
            if len(order.record) != ORDER.itemsize or len(pre.record) != STATE.itemsize:
                continue
            asked = demand(order_of(order.record))
            fits = worst_cost(policy, asked) <= room(claim, line.index, state_of(pre.record))
            wrong = asked > 0 and silent(ints(line.row)) == fits
            yield (line.evidence, order, pre, policy.packed()), wrong
