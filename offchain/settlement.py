"""Who pays and is paid what for an interval; the sum of all payments is exactly zero.

Consumers pay the price of their bus, suppliers are paid their bid; what is collected beyond the
bids is shared as the pot, what is short of them among consumers by headroom (our formulation,
docs/mechanism.md, section 5). Money is in micro (1e-6 currency).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.errors import InputError
from offchain.units import PPB, WH_TICKS_PER_MICRO, Int64Array

#: Bounds within which a float proposes a quotient that is off by one at most, and int64 decides.
_FAST_AMOUNT: Final = 2**50
_FAST_TOTAL: Final = 2**60


@dataclass(frozen=True, eq=False)
class Payments:
    """The payments of an interval, micro; columns are int64[n].

    Attributes:
        energy_cost: what each consumer pays at the price of its bus.
        supply_pay: what each supplier is paid at its bid.
        pot_share: what each receives of the pot.
        shortfall_part: what each consumer pays of the shortfall.
        pot: collected beyond the bids; zero if there is a shortfall.
        shortfall: what the bids cost beyond what was collected.
    """

    energy_cost: Int64Array
    supply_pay: Int64Array
    pot_share: Int64Array
    shortfall_part: Int64Array
    pot: int
    shortfall: int

    @property
    def credit(self) -> Int64Array:
        """What each is paid: supply and pot share."""
        return self.supply_pay + self.pot_share

    @property
    def debit(self) -> Int64Array:
        """What each pays: energy and shortfall."""
        return self.energy_cost + self.shortfall_part


def settle(
    price_ticks: Int64Array,
    served_wh: Int64Array,
    bid_ticks: Int64Array,
    dispatched_wh: Int64Array,
    share_ppb: Int64Array,
    p_hi_ticks: int,
) -> Payments:
    """The payments of an interval.

    Args:
        price_ticks: int64[n], price of each participant's bus.
        served_wh: int64[n], essential and flexible energy served.
        bid_ticks: int64[n], what each supplier asks; at most ``p_hi_ticks - 1000``.
        dispatched_wh: int64[n], supply; its sum is the sum of ``served_wh``.
        share_ppb: int64[n], shares of the pot; they sum to 1e9.
        p_hi_ticks: the highest price; a multiple of 1,000.

    Raises:
        InputError: the bids cost more than consumers pay at the highest price, which balanced
            energy and admissible bids exclude; or the shares do not sum to 1e9.
    """
    if int(share_ppb.sum()) != PPB:
        raise InputError(f"shares: they sum to {int(share_ppb.sum())} ppb; they must sum to {PPB}")
    energy_cost = price_ticks * served_wh // WH_TICKS_PER_MICRO
    supply_pay = -(-(bid_ticks * dispatched_wh) // WH_TICKS_PER_MICRO)
    balance = exact_sum(energy_cost) - exact_sum(supply_pay)
    nothing = np.zeros_like(energy_cost)
    if balance >= 0:
        pot_share = apportion(balance, share_ppb)
        return Payments(energy_cost, supply_pay, pot_share, nothing, balance, 0)
    headroom = p_hi_ticks * served_wh // WH_TICKS_PER_MICRO - energy_cost
    if exact_sum(headroom) < -balance:
        raise InputError(
            f"settlement: bids cost {-balance} micro more than was collected, above the consumers' "
            "headroom; balance served and dispatched energy and keep bids below p_hi"
        )
    shortfall_part = apportion(-balance, headroom)
    return Payments(energy_cost, supply_pay, nothing, shortfall_part, 0, -balance)


def apportion(amount: int, weights: Int64Array) -> Int64Array:
    """Divide whole units in proportion to weights: largest remainders, ties to the lower row.

    Every part is the floor of the exact quota or one more, never more than its weight as long as
    the amount is not more than the weights' sum. Exact at any size.

    Args:
        amount: units to divide, not negative; below 2^63.
        weights: int64[n], none negative; not all zero unless the amount is zero.

    Returns:
        int64[n] that sums to ``amount``.
    """
    if amount == 0:
        return np.zeros_like(weights)
    total = exact_sum(weights)
    if amount < _FAST_AMOUNT and total < _FAST_TOTAL:
        parts, remainders = _quotas(amount, weights, total)
    else:
        exact = [divmod(amount * weight, total) for weight in weights.tolist()]
        parts = np.array([part for part, _ in exact], dtype=np.int64)
        remainders = np.array([rest for _, rest in exact], dtype=object)
    left = amount - exact_sum(parts)
    parts[np.argsort(-remainders, kind="stable")[:left]] += 1
    return parts


def _quotas(amount: int, weights: Int64Array, total: int) -> tuple[Int64Array, Int64Array]:
    """Floors and remainders of ``amount * weight / total``: floats propose, integers decide.

    The proposal is off by at most one: it is below 2^50, three roundings of 2^-53 each. The true
    remainder of a quotient off by one is between -total and 2 total, so int64 arithmetic modulo
    2^64 gives it exactly although the products overflow.
    """
    parts = (weights * (amount / total)).astype(np.int64)
    remainders = weights * np.int64(amount) - parts * np.int64(total)
    for _ in range(2):
        step = (remainders >= total).astype(np.int64) - (remainders < 0).astype(np.int64)
        parts += step
        remainders -= step * total
    return parts, remainders


def exact_sum(column: Int64Array) -> int:
    """The exact sum of a column that is not negative, also beyond int64."""
    if len(column) == 0:
        return 0
    if int(column.max()) * len(column) < 2**63:
        return int(column.sum())
    return sum(column.tolist())
