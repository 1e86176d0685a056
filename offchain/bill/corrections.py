"""The lines of a bill that are settled with the community reserve: subscription and imbalance.

Every amount is recomputed here from the numbers that the words show (docs/mechanism.md, section 5).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.bill.page import Line, energy, money, percent, price
from offchain.errors import InputError
from offchain.metering.cover import charged
from offchain.metering.imbalance import Deviations, correct, deviations, imbalance
from offchain.policy import Policy
from offchain.pricing import excess_ticks, surplus_ticks
from offchain.records import RESERVE
from offchain.units import PPB, Int64Array

Table = npt.NDArray[np.void]
Row = np.void


def settled_amount(line: Row, name: str, expected: int) -> int:
    """The recomputed amount of an allocation's field, if it is the settled one.

    Raises:
        InputError: something else was settled.
    """
    if int(line[name]) != expected:
        raise InputError(
            f"interval {line['interval']}: {name} of participant {line['index']} is {line[name]}, "
            f"the rules give {expected}; audit the interval"
        )
    return expected


def correction_lines(
    policy: Policy,
    allocation: Table,
    before: Table,
    measured: Table | None,
    readings: Table,
    participant: int,
) -> tuple[Line, Line, Line]:
    """Subscription, what is owed and what is paid for an earlier interval's deviation.

    Args:
        policy: of the market.
        allocation: records.ALLOCATION[N] of the billed interval.
        before: records.STATE[N] before it.
        measured: records.ALLOCATION[N] of the interval whose readings it settles; None if none.
        readings: records.READING of that interval.
        participant: whose lines.

    Raises:
        InputError: an amount was not settled by the rules.
    """
    fees = _column(before, "subscription")
    debit = credit = np.zeros_like(fees)
    deviation = None
    if measured is not None:
        caps = _column(before, "demand_cap_wh"), _column(before, "supply_cap_wh")
        deviation = deviations(measured, readings, *caps)
        debit, credit = imbalance(policy, measured, deviation)
    # A bill has no escrow at hand: what was charged is taken for what the deposit covered.
    due_fee, due_debit = int(fees[participant]), int(debit[participant])
    left = _column(allocation, "subscription") + np.minimum(
        debit, _column(allocation, "imbalance_debit")
    )
    fees, debit = charged(fees, debit, left)
    reserve, own = before[RESERVE], allocation[RESERVE]
    held = (int(reserve["credit"]), int(reserve["debit"]), int(reserve["peak"]))
    other = sum(int(own[name]) for name in ("supply_pay", "pot_share"))
    other -= sum(int(own[name]) for name in ("energy_cost", "shortfall"))
    result = correct(policy, fees, debit, credit, held, other)
    line = allocation[participant]
    fee, owed, paid = (
        settled_amount(line, name, int(getattr(result, name)[participant]))
        for name in ("subscription", "imbalance_debit", "imbalance_credit")
    )
    if participant == RESERVE:
        due, back = _reserve_words(fees, debit, result.scale_ppb)
    elif measured is None or deviation is None:
        due = back = "No readings are settled in this interval."
    else:
        read = participant in readings["index"]
        due, back = _words(policy, measured[participant], deviation, participant, read)
        if result.scale_ppb < PPB and paid:
            back += f" {percent(result.scale_ppb)} of it, which is what the reserve can pay."
    fee_words = (
        "The fee of your contract, to the community reserve." if due_fee else "No fee is due."
    )
    if fee < due_fee:
        fee_words += f" Of {money(due_fee)} no more was covered by your deposit."
    if owed < due_debit:
        due += f" Of {money(due_debit)} no more was covered by your deposit."
    return (
        Line("Subscription", -fee, fee_words),
        Line("Imbalance", -owed, due),
        Line("Returned", paid, back),
    )


def _words(
    policy: Policy, earlier: Row, deviation: Deviations, who: int, read: bool
) -> tuple[str, str]:
    """Why a participant owes and is owed, from its line of the measured interval."""
    ticks, bid = int(earlier["price_ticks"]), int(earlier["supply_pa_ticks"])
    excess, unused, missing, surplus = (
        int(getattr(deviation, name)[who])
        for name in ("excess_wh", "unused_wh", "missing_wh", "surplus_wh")
    )
    asked, worth = (
        int(ends[0])
        for ends in (
            excess_ticks(policy, np.array([max(ticks, bid)])),
            surplus_ticks(policy, np.array([ticks])),
        )
    )
    dear = int(excess_ticks(policy, np.array([ticks]))[0])
    number = int(earlier["interval"])
    source = f"Interval {number} by your meter" if read else f"Interval {number} was not read"
    used = int(earlier["essential_x_wh"]) + int(earlier["flexible_x_wh"])
    against = f" against {energy(used)} allocated and {energy(int(earlier['supply_x_wh']))} sold"
    due = [
        f"{energy(wh)} {what} x {price(rate)}"
        for wh, what, rate in ((excess, "more used", dear), (missing, "not delivered", asked))
        if wh
    ]
    back = [
        f"{energy(wh)} {what} x {price(rate)}"
        for wh, what, rate in (
            (unused, "not used", worth),
            (surplus, "more delivered", min(worth, bid)),
        )
        if wh
    ]
    nothing = f"{source}{against}: nothing."
    return (
        f"{source}{against}: {', '.join(due)}, rounded up." if due else nothing,
        f"{source}{against}: {', '.join(back)}, rounded down." if back else nothing,
    )


def _reserve_words(fees: Int64Array, debit: Int64Array, scale_ppb: int) -> tuple[str, str]:
    paid = f"All that others are returned, {percent(scale_ppb)} of what they are owed."
    received = f"Fees {money(int(fees.sum()))} and imbalance {money(int(debit.sum()))} of others."
    return paid, received


def _column(table: Table, name: str) -> Int64Array:
    column: Int64Array = table[name].astype(np.int64)
    return column
