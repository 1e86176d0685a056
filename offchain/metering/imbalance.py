"""What meters said against what was allocated, settled against the community reserve.

Our formulation (docs/mechanism.md, section 5). Interval t settles the readings of t - L; the
reserve, registration number 0, is everybody's counterparty, so the lines of an interval sum to
exactly zero. Debits are rounded up and credits down, both in micro.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.metering.readings import ReadingTable
from offchain.policy import Policy
from offchain.pricing import excess_ticks, surplus_ticks
from offchain.records import RESERVE
from offchain.settlement import exact_sum
from offchain.units import PPB, WH_TICKS_PER_MICRO, Int64Array

Table = npt.NDArray[np.void]
#: Amounts below this times 1e9 stay below 2^63.
_FAST_AMOUNT = 2**33


@dataclass(frozen=True, eq=False)
class Deviations:
    """By how much each participant missed its allocation, int64[n] Wh, none negative.

    Attributes:
        excess_wh: consumed beyond the allocation.
        unused_wh: allocated and not consumed.
        missing_wh: supply that was allocated and not delivered.
        surplus_wh: delivered beyond the allocation.
    """

    excess_wh: Int64Array
    unused_wh: Int64Array
    missing_wh: Int64Array
    surplus_wh: Int64Array


@dataclass(frozen=True, eq=False)
class Corrections:
    """The lines that correct an earlier interval, and the fees of this one; int64[n] micro.

    In the reserve's line the credit is all that it receives, fees included, and the debit all
    that it pays.

    Attributes:
        subscription: fee of the interval.
        imbalance_debit: what each pays for its deviation.
        imbalance_credit: what each is paid for it, scaled.
        scale_ppb: part of the imbalance credits that the reserve can pay.
    """

    subscription: Int64Array
    imbalance_debit: Int64Array
    imbalance_credit: Int64Array
    scale_ppb: int

    @property
    def credit(self) -> Int64Array:
        """What each is paid."""
        return self.imbalance_credit

    @property
    def debit(self) -> Int64Array:
        """What each pays."""
        return self.subscription + self.imbalance_debit


def deviations(
    allocation: Table,
    readings: ReadingTable,
    demand_cap_wh: Int64Array,
    supply_cap_wh: Int64Array,
) -> Deviations:
    """What was measured less what was allocated.

    A reading counts up to the contract's caps, which the connection enforces. Without a reading a
    demand counts as allocated and a supply as nothing, so that a station never gains by it. The
    reserve has no deviation.

    Args:
        allocation: records.ALLOCATION[n] of the measured interval.
        readings: records.READING of it, at most one row each.
        demand_cap_wh: int64[n], contract caps.
        supply_cap_wh: int64[n].
    """
    allowed = _column(allocation, "essential_x_wh") + _column(allocation, "flexible_x_wh")
    sold = _column(allocation, "supply_x_wh")
    consumed, produced = allowed.copy(), np.zeros_like(sold)
    index = readings["index"]
    consumed[index] = np.minimum(_column(readings, "consumed_wh"), demand_cap_wh[index])
    produced[index] = np.minimum(_column(readings, "produced_wh"), supply_cap_wh[index])
    consumed[RESERVE], produced[RESERVE] = allowed[RESERVE], sold[RESERVE]
    return Deviations(
        excess_wh=np.maximum(consumed - allowed, 0),
        unused_wh=np.maximum(allowed - consumed, 0),
        missing_wh=np.maximum(sold - produced, 0),
        surplus_wh=np.maximum(produced - sold, 0),
    )


def imbalance(
    policy: Policy, allocation: Table, deviation: Deviations
) -> tuple[Int64Array, Int64Array]:
    """What deviations cost and earn before scaling.

    Args:
        policy: of the market.
        allocation: records.ALLOCATION[n] of the measured interval.
        deviation: n rows.

    Returns:
        Debit and credit, int64[n] micro. Excess costs the price plus the spread; missing supply the
        higher of price and bid plus the spread, more than its pay; both at most p_hi. Unused energy
        is worth the price less the spread, surplus the same but at most the bid.
    """
    price, bid = _column(allocation, "price_ticks"), _column(allocation, "supply_pa_ticks")
    worth = surplus_ticks(policy, price)
    debit = _up(excess_ticks(policy, price) * deviation.excess_wh) + _up(
        excess_ticks(policy, np.maximum(price, bid)) * deviation.missing_wh
    )
    credit = (
        worth * deviation.unused_wh // WH_TICKS_PER_MICRO
        + np.minimum(worth, bid) * deviation.surplus_wh // WH_TICKS_PER_MICRO
    )
    return debit, credit


def reserve_funds(policy: Policy, credit: int, debit: int, peak: int, income: int) -> int:
    """What the reserve may spend in an interval, micro.

    What it was once ahead by may have been paid out to it, so only the policy's part of its
    deposit, less by how far it is behind its peak, and what comes in now can be spent.

    Args:
        policy: of the market.
        credit: the reserve's, before the interval.
        debit: the same.
        peak: the same.
        income: what else this interval brings it: fees, imbalance debits, its share of the pot.
    """
    return max(0, policy.reserve_micro - (peak - (credit - debit)) + income)


def correct(
    policy: Policy,
    subscription: Int64Array,
    debit: Int64Array,
    credit: Int64Array,
    reserve: tuple[int, int, int],
    other: int,
) -> Corrections:
    """The lines of everybody and of the reserve; they sum to exactly zero.

    Args:
        policy: of the market.
        subscription: int64[n], fees of the interval.
        debit: int64[n], of `imbalance`.
        credit: int64[n], of `imbalance`.
        reserve: the reserve's credit, debit and peak before the interval.
        other: what the interval's payments bring the reserve: mostly its part of the pot.
    """
    received = exact_sum(subscription) + exact_sum(debit)
    income = received - int(subscription[RESERVE]) + other
    funds = reserve_funds(policy, *reserve, income)
    wanted = exact_sum(credit)
    scale = PPB if wanted <= funds else funds * PPB // wanted
    paid = _scaled(credit, scale)
    debit, paid = debit.copy(), paid.copy()
    debit[RESERVE], paid[RESERVE] = exact_sum(paid), received
    return Corrections(subscription, debit, paid, scale)


def _scaled(amounts: Int64Array, scale_ppb: int) -> Int64Array:
    if scale_ppb == PPB:
        return amounts
    if amounts.max(initial=0) < _FAST_AMOUNT:
        return amounts * scale_ppb // PPB
    return np.array([amount * scale_ppb // PPB for amount in amounts.tolist()], dtype=np.int64)


def _up(wh_ticks: Int64Array) -> Int64Array:
    """Money in micro from Wh times ticks, rounded up."""
    return -(-wh_ticks // WH_TICKS_PER_MICRO)


def _column(table: Table, name: str) -> Int64Array:
    column: Int64Array = table[name].astype(np.int64)
    return column
