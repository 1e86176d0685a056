"""Evidence about one participant's line; the judges are those of AllocationFaults.sol, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np

from offchain.clearing.ramps import bracket as bracket_of
from offchain.commitment.allocation import SUM_NAMES
from offchain.commitment.hashing import EMPTY_ROOTS
from offchain.fairness.draw import gumbel, uniform
from offchain.fairness.key import key_ticks
from offchain.fairness.state import join, next_deficit, next_memory
from offchain.keccak import keccak
from offchain.policy import Policy
from offchain.proofs.claim import AllocationEvidence, Claim, LeafEvidence, Row, slot_evidence
from offchain.proofs.opening import opening
from offchain.proofs.preimages import UndisclosedError
from offchain.records import CONTRACT, ORDER, SHARE, SIDES, STATE, wire
from offchain.units import PPB, WH_TICKS_PER_MICRO

Arguments = tuple[object, ...]
#: Arguments of a proof after its header, and whether they show the fault.
Shown = tuple[Arguments, bool]

_CONTRACT_FIELDS: Final = (
    "index",
    "rank",
    "fstar_ppb",
    "rate_wh",
    "demand_cap_wh",
    "supply_cap_wh",
    "subscription",
)
_ORDER: Final = wire(ORDER)
_STATE: Final = wire(STATE)
_SHARE: Final = wire(SHARE)
_CONTRACT: Final = wire(CONTRACT)


def ints(row: Row) -> dict[str, int]:
    """The numbers of a record, by name."""
    values = zip(row.dtype.names or (), row.item(), strict=True)
    return {name: value for name, value in values if isinstance(value, int)}


def order_of(record: bytes) -> dict[str, int]:
    """An order's numbers; all zero without one."""
    return ints(np.frombuffer(record or bytes(ORDER.itemsize), dtype=_ORDER)[0])


def state_of(record: bytes) -> dict[str, int]:
    """A state's numbers."""
    return ints(np.frombuffer(record, dtype=_STATE)[0])


def bracket(claim: Claim) -> Iterator[Shown]:
    """Outside the bracket at the bus's price, or above the order."""
    for line in claim.lines:
        a, pi = ints(line.row), int(line.bus["pi"])
        outside = False
        for side in SIDES:
            q, x = a[f"{side}_q_wh"], a[f"{side}_x_wh"]
            low, high = 0, 0
            if q:
                ends = a[f"{side}_pa_ticks"], a[f"{side}_pb_ticks"]
                low, high = bracket_of(side == "supply", q, *ends, pi)
            outside |= not low <= x <= high
        yield (line.evidence,), outside


def payment(claim: Claim) -> Iterator[Shown]:
    """Energy cost or supply pay is not what quantities, price and bid give."""
    for line in claim.lines:
        a = ints(line.row)
        used = a["essential_x_wh"] + a["flexible_x_wh"]
        cost = a["price_ticks"] * used // WH_TICKS_PER_MICRO
        pay = -(-a["supply_pa_ticks"] * a["supply_x_wh"] // WH_TICKS_PER_MICRO)
        yield (line.evidence,), a["energy_cost"] != cost or a["supply_pay"] != pay


def misplaced(claim: Claim) -> Iterator[Shown]:
    """A line repeats another interval, bus, slot or price than those it lies under."""
    for line in claim.lines:
        a = ints(line.row)
        wrong = (
            a["index"] >> claim.depth != 0
            or a["interval"] != claim.header.interval
            or a["bus"] != int(line.bus["bus"])
            or a["slot"] != line.evidence.slot
            or a["price_ticks"] != int(line.bus["price_ticks"])
        )
        yield (line.evidence,), wrong


def silent(a: dict[str, int]) -> bool:
    """Whether a line carries nothing, as one without an order does."""
    return not (a["supply_pa_ticks"] or any(a[f"{side}_q_wh"] for side in SIDES))


def demand(order: dict[str, int]) -> int:
    """What an order asks for, Wh."""
    return order["essential_wh"] + order["flexible_wh"]


def copied(claim: Claim) -> Iterator[Shown]:
    """Quantities or bid are not those of the order, nor zero where it may count as none, or not zero without one."""
    for line in claim.lines:
        with suppress(UndisclosedError):
            leaf = claim.leaf(claim.header.orders_root, line.index)
            if leaf.record and len(leaf.record) != ORDER.itemsize:
                continue
            a, o = ints(line.row), order_of(leaf.record)
            wrong = a["supply_pa_ticks"] != o["bid_ticks"] or any(
                a[f"{side}_q_wh"] != o[f"{side}_wh"] for side in SIDES
            )
            yield (line.evidence, leaf), wrong and not (demand(o) and silent(a))


def key(claim: Claim) -> Iterator[Shown]:
    """The key or a ramp is not that of the rule."""
    policy, seed = claim.policy, claim.header.seed
    for line in claim.lines:
        with suppress(UndisclosedError):
            leaf = claim.leaf(claim.header.pre_state_root, line.index)
            if len(leaf.record) != STATE.itemsize:
                continue
            a, s = ints(line.row), state_of(leaf.record)
            expected = key_ticks(
                policy,
                s["memory_ppb"],
                join(s["deficit_hi"], s["deficit_lo"]),
                s["rate_wh"],
                gumbel(uniform(seed, s["index"])),
            )
            wrong = a["key_ticks"] != expected or not _ramps_by_rule(policy, s, a)
            yield (line.evidence, leaf, policy.packed()), wrong


def _ramps_by_rule(policy: Policy, s: dict[str, int], a: dict[str, int]) -> bool:
    flexible = policy.p_cap_ticks + s["rank"] * policy.rank_ticks + a["key_ticks"]
    starts = {"essential": policy.essential_pa_ticks, "flexible": flexible}
    starts["supply"] = a["supply_pa_ticks"]
    width = {"supply": policy.w_s_ticks}
    return all(
        a[f"{side}_pa_ticks"] == start
        and a[f"{side}_pb_ticks"] == start + width.get(side, policy.demand_width_ticks)
        for side, start in starts.items()
    )


def pot(claim: Claim) -> Iterator[Shown]:
    """A part of the pot is not the committed share of it, rounded down or up."""
    for line in claim.lines:
        with suppress(UndisclosedError):
            leaf = claim.leaf(claim.header.shares_root, line.index)
            share = 0
            if leaf.record:
                if len(leaf.record) != SHARE.itemsize:
                    continue
                share = int(np.frombuffer(leaf.record, dtype=_SHARE)[0]["share_ppb"])
            part = int(line.row["pot_share"])
            yield (line.evidence, leaf), not is_part(part, claim.header.pot, share, PPB)


def shortfall(claim: Claim) -> Iterator[Shown]:
    """A part of the shortfall is not in proportion to the headroom."""
    header, policy = claim.header, claim.policy
    missing = header.shortfall
    try:
        root, sums = opening(claim, header.allocation_root)
    except UndisclosedError:
        return
    costs = max(sums[SUM_NAMES.index("energy_debit")] - missing, 0)
    all_headroom = policy.p_hi_ticks * header.served // WH_TICKS_PER_MICRO - costs
    for line in claim.lines:
        a = ints(line.row)
        used = a["essential_x_wh"] + a["flexible_x_wh"]
        headroom = max(policy.p_hi_ticks * used // WH_TICKS_PER_MICRO - a["energy_cost"], 0)
        if missing == 0:
            wrong = a["shortfall"] != 0
        else:
            wrong = (
                a["shortfall"] > headroom
                or all_headroom <= 0
                or not is_part(a["shortfall"], missing, headroom, all_headroom)
            )
        yield (line.evidence, root, policy.packed()), wrong


def is_part(part: int, amount: int, weight: int, total: int) -> bool:
    """Whether a part is the exact quota rounded down, or up if it is not whole."""
    return abs(part * total - amount * weight) < total


def transition(claim: Claim) -> Iterator[Shown]:
    """A state after the interval does not follow from the one before it and the line."""
    header, policy = claim.header, claim.policy
    for line in claim.lines:
        with suppress(UndisclosedError):
            pre = claim.leaf(header.pre_state_root, line.index)
            post = claim.leaf(header.state_root, line.index)
            if any(leaf.record and len(leaf.record) != STATE.itemsize for leaf in (pre, post)):
                continue
            wrong = not (pre.record and post.record) or not _follows(
                policy, state_of(pre.record), state_of(post.record), ints(line.row)
            )
            yield (line.evidence, _both(pre, post), policy.packed()), wrong


def _both(pre: LeafEvidence, post: LeafEvidence) -> bytes:
    """States before and after an interval in one piece, as Committed.sol reads them."""
    which = bool(pre.record) + 2 * bool(post.record)
    return bytes([which]) + pre.record + post.record + pre.path + post.path


def _follows(
    policy: Policy, before: dict[str, int], after: dict[str, int], a: dict[str, int]
) -> bool:
    wanted = {name: before[name] for name in _CONTRACT_FIELDS}
    q, x, fstar = a["flexible_q_wh"], a["flexible_x_wh"], before["fstar_ppb"]
    wanted["memory_ppb"] = next_memory(before["memory_ppb"], fstar, policy.beta_ppb, q, x)
    deficit = next_deficit(join(before["deficit_hi"], before["deficit_lo"]), fstar, q, x)
    wanted["deficit_hi"], wanted["deficit_lo"] = divmod(deficit, 2**64)
    gained = ("supply_pay", "pot_share", "imbalance_credit")
    spent = ("energy_cost", "shortfall", "subscription", "imbalance_debit")
    wanted["credit"] = before["credit"] + sum(a[name] for name in gained)
    wanted["debit"] = before["debit"] + sum(a[name] for name in spent)
    wanted["peak"] = max(before["peak"], wanted["credit"] - wanted["debit"])
    return wanted == after


def placement(claim: Claim) -> Iterator[Shown]:
    """A line lies elsewhere than its contract says, something else lies in its place, or its bus has no such place."""
    contracts = claim.leaves(claim.header.contracts_root)
    places = {
        (int(row["bus"]), int(row["slot"])): index
        for index, leaf in contracts.items()
        if leaf.record
        for row in np.frombuffer(leaf.record, dtype=_CONTRACT)
    }
    for line in claim.lines:
        here = (int(line.bus["bus"]), line.evidence.slot)
        named = places.get(here)
        for index in {line.index, line.index if named is None else named}:
            if index in contracts:
                wrong = (index == line.index) != (index == named)
                yield (line.evidence, index, contracts[index]), wrong
    for evidence, bus in _empty_slots(claim, list(places)):
        index = places[bus, evidence.slot]
        yield (evidence, index, contracts[index]), True
    for evidence, place in _beyond(claim, list(places)):
        index = places[place]
        yield (evidence, index, contracts[index]), True


def _beyond(
    claim: Claim, wanted: list[tuple[int, int]]
) -> Iterator[tuple[AllocationEvidence, tuple[int, int]]]:
    """Of some (bus, slot), those that the tree of their bus does not have, each beside something that lies in it."""
    slots: dict[int, list[int]] = {}
    for bus, slot in wanted:
        slots.setdefault(bus, []).append(slot)
    shown = [(line.evidence, line.bus) for line in claim.lines]
    shown += [
        (slot_evidence(at.evidence, b"", at.evidence.slot << at.height), at.bus)
        for at in claim.nodes
        if at.bus is not None and keccak(at.evidence.preimage) == EMPTY_ROOTS[min(at.height, 32)]
    ]
    for evidence, row in shown:
        bus, depth = int(row["bus"]), int(row["depth"])
        for slot in slots.pop(bus, ()):
            if slot >> depth:
                yield evidence, (bus, slot)


def _empty_slots(
    claim: Claim, wanted: list[tuple[int, int]]
) -> Iterator[tuple[AllocationEvidence, int]]:
    """Of some (bus, slot), those that are empty, or lie in an empty subtree."""
    for at in claim.nodes:
        if at.bus is None or keccak(at.evidence.preimage) != EMPTY_ROOTS[min(at.height, 32)]:
            continue
        bus = int(at.bus["bus"])
        for slot in (slot for place, slot in wanted if place == bus):
            if slot >> at.height == at.evidence.slot:
                yield slot_evidence(at.evidence, b"", slot), bus


def orphan(claim: Claim) -> Iterator[Shown]:
    """A state exists for a number that has no contract."""
    states = claim.leaves(claim.header.state_root)
    for index, contract in claim.leaves(claim.header.contracts_root).items():
        state = states.get(index)
        if state is not None and int.from_bytes(state.record[:4], "big") in (0, index):
            yield (index, contract, state), not contract.record and bool(state.record)
