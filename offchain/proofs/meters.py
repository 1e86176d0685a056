"""Evidence about meters, fees and the reserve; the judges are those of MeterFaults.sol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np

from offchain.commitment.allocation import SUM_NAMES
from offchain.commitment.header import NO_READINGS_ROOT
from offchain.metering.imbalance import deviations, imbalance, reserve_funds
from offchain.metering.readings import unsigned_rows
from offchain.policy import Policy
from offchain.proofs.claim import (
    AllocationEvidence,
    Claim,
    HeaderEvidence,
    LeafEvidence,
    Line,
)
from offchain.proofs.lines import Shown, ints, state_of
from offchain.proofs.opening import opening
from offchain.proofs.orders import room
from offchain.proofs.preimages import UndisclosedError
from offchain.records import ALLOCATION, READING, RESERVE, STATE, wire
from offchain.units import MAX_ORDER_WH, PPB

_READING: Final = wire(READING)
_NO_LEAF: Final = LeafEvidence(b"", b"")
_NO_HEADER: Final = HeaderEvidence(bytes(32), b"")
_NO_LINE: Final = AllocationEvidence(b"", 0, b"", b"", 0, b"")


def measured_interval(claim: Claim) -> int:
    """The interval whose readings the claim's settles, 0 if none."""
    lag = claim.policy.meter_lag
    return max(0, claim.header.interval - lag) if lag else 0


def _states(claim: Claim) -> Iterator[tuple[Line, LeafEvidence]]:
    """Every line with the state before it."""
    for line in claim.lines:
        with suppress(UndisclosedError):
            pre = claim.leaf(claim.header.pre_state_root, line.index)
            if len(pre.record) == STATE.itemsize:
                yield line, pre


def _left(claim: Claim, line: Line, pre: LeafEvidence) -> int:
    """What can be charged of a participant once its energy is paid; micro."""
    a = ints(line.row)
    before = room(claim, line.index, state_of(pre.record))
    return max(0, before + a["supply_pay"] + a["pot_share"] - a["energy_cost"] - a["shortfall"])


def subscription(claim: Claim) -> Iterator[Shown]:
    """A line's subscription is not that of the contract, as far as it can be charged."""
    for line, pre in _states(claim):
        fee = min(state_of(pre.record)["subscription"], _left(claim, line, pre))
        yield (line.evidence, pre), int(line.row["subscription"]) != fee


def meter_reading(claim: Claim) -> Iterator[Shown]:
    """A reading that is not to be settled, not signed, or none where some must be settled."""
    measured, root = measured_interval(claim), claim.header.meter_root
    policy = claim.policy
    if not measured or (root == NO_READINGS_ROOT and claim.depth):
        yield (0, _NO_LEAF, policy.packed()), bool(measured) or root != NO_READINGS_ROOT
        return
    for index, leaf in claim.leaves(root).items():
        if len(leaf.record) != READING.itemsize:
            continue
        row = np.frombuffer(leaf.record, dtype=_READING).astype(READING)
        if int(row["index"][0]) != index:
            continue
        wrong = (
            int(row["interval"][0]) != measured
            or int(row["consumed_wh"][0]) > MAX_ORDER_WH
            or int(row["produced_wh"][0]) > MAX_ORDER_WH
            or bool(unsigned_rows(row, policy.meter_operator, claim.facts.separator))
        )
        yield (index, leaf, policy.packed()), wrong


def reading_ignored(claim: Claim) -> Iterator[Shown]:
    """A reading that was filed in time is to be settled, and nothing of its participant is."""
    header, policy = claim.header, claim.policy
    for filed in claim.facts.filed:
        if filed.due > header.interval:
            continue
        row = np.frombuffer(filed.record, dtype=_READING).astype(READING)
        index = int(row["index"][0])
        with suppress(UndisclosedError):
            leaf = claim.leaf(header.meter_root, index)
            pre = claim.leaf(header.pre_state_root, index)
            due = (
                bool(pre.record)
                and int(row["interval"][0]) == measured_interval(claim)
                and not unsigned_rows(row, policy.meter_operator, claim.facts.separator)
            )
            yield (filed.record, leaf, pre, policy.packed()), due and not leaf.record


def imbalance_lines(claim: Claim) -> Iterator[Shown]:
    """A line's imbalance is not what its earlier allocation and its reading give."""
    policy, past = claim.policy, claim.measured
    if not measured_interval(claim):
        for line in claim.lines:
            wrong = bool(line.row["imbalance_debit"] or line.row["imbalance_credit"])
            if line.index != RESERVE:
                nothing = (_NO_HEADER, _NO_LINE, _NO_LEAF, _NO_LEAF, policy.packed())
                yield (line.evidence, *nothing), wrong
        return
    if past is None:
        return
    earlier = {line.index: line for line in past.lines}
    for line, pre in _states(claim):
        if line.index == RESERVE or line.index not in earlier:
            continue
        with suppress(UndisclosedError):
            reading = claim.leaf(claim.header.meter_root, line.index)
            if reading.record and len(reading.record) != READING.itemsize:
                continue
            then = earlier[line.index]
            debit, credit = _due(past.policy, state_of(pre.record), then, reading)
            debit = min(debit, max(0, _left(claim, line, pre) - int(line.row["subscription"])))
            credit = credit * claim.header.imbalance_scale_ppb // PPB
            wrong = (debit, credit) != (
                int(line.row["imbalance_debit"]),
                int(line.row["imbalance_credit"]),
            )
            evidence = (past.evidence, then.evidence, pre, reading, past.policy.packed())
            yield (line.evidence, *evidence), wrong


def _due(
    policy: Policy, state: dict[str, int], then: Line, reading: LeafEvidence
) -> tuple[int, int]:
    """Debit and unscaled credit of one participant, put behind an empty reserve."""
    table = np.zeros(2, dtype=ALLOCATION)
    for name in ALLOCATION.names or ():
        table[name][1] = then.row[name]
    readings = np.frombuffer(reading.record, dtype=_READING).astype(READING)
    readings["index"] = 1
    caps = [np.array([0, state[name]], np.int64) for name in ("demand_cap_wh", "supply_cap_wh")]
    debit, credit = imbalance(policy, table, deviations(table, readings, *caps))
    return int(debit[1]), int(credit[1])


def reserve(claim: Claim) -> Iterator[Shown]:
    """The reserve is not the others' counterpart, overspends, or scales credits down too far."""
    scale, leaves = claim.header.imbalance_scale_ppb, 1 << claim.depth
    try:
        root, sums = opening(claim, claim.header.allocation_root)
    except UndisclosedError:
        return
    beside_energy = sums[SUM_NAMES.index("credit")] - sums[SUM_NAMES.index("energy_credit")]
    for line, pre in _states(claim):
        if line.index != RESERVE:
            continue
        a, s = ints(line.row), state_of(pre.record)
        gained = a["supply_pay"] + a["pot_share"] + a["imbalance_credit"]
        spent = a["energy_cost"] + a["shortfall"] + a["subscription"]
        held = (s["credit"], s["debit"], s["peak"])
        funds = reserve_funds(claim.policy, *held, gained - spent)
        paid = a["imbalance_debit"]
        wrong = paid + a["imbalance_credit"] != beside_energy or scale > PPB or paid > funds
        if not wrong and scale < PPB:
            ppb = leaves * claim.policy.p_hi_ticks * 2**31 // 10**12
            if scale:
                ppb = min(ppb, (paid + leaves) // scale)
            wrong = funds - paid > leaves + ppb
        yield (line.evidence, root, pre, claim.policy.packed()), wrong
