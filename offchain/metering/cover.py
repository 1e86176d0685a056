"""What a participant may owe: no more than its collateral and what the interval itself brings it.

Our formulation (docs/mechanism.md, section 5). An order that its owner could not pay for counts as
none, and what it cannot pay of fees and imbalance is not charged: the reserve does without it. So no
operator can be driven to a debt that nobody covers. All money is in micro.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from offchain.orders.table import OrderTable
from offchain.policy import Policy
from offchain.units import UNLIMITED, WH_TICKS_PER_MICRO, Int64Array

Table = npt.NDArray[np.void]
Amount = TypeVar("Amount", int, Int64Array)


def rooms(state: Table, collateral: Int64Array | None) -> Int64Array:
    """How much more everybody may owe.

    Args:
        state: records.STATE[n] before an interval.
        collateral: int64[n], what everybody has for it; without limit if not given.

    Returns:
        int64[n]: the collateral less peak + debit - credit, at least 0.
    """
    if collateral is None:
        return np.full(len(state), UNLIMITED, dtype=np.int64)
    peak, debit, credit = (state[name].astype(np.int64) for name in ("peak", "debit", "credit"))
    room: Int64Array = np.maximum(collateral - (peak - credit + debit), 0)
    return room


def affordable(policy: Policy, orders: OrderTable, room: Int64Array) -> npt.NDArray[np.bool_]:
    """Which orders fit their owners' room even if all they ask is served at the highest price.

    Args:
        policy: of the interval.
        orders: records.ORDER.
        room: int64[n], of `rooms`.

    Returns:
        One bool per order. An order that only offers always fits.
    """
    demand = orders["essential_wh"].astype(np.int64) + orders["flexible_wh"]
    fits: npt.NDArray[np.bool_] = worst_cost(policy, demand) <= room[orders["index"]]
    return fits


def worst_cost(policy: Policy, demand_wh: Amount) -> Amount:
    """What energy costs at the highest price: micro, rounded up; of one demand in Wh or of a column."""
    return -(-policy.p_hi_ticks * demand_wh // WH_TICKS_PER_MICRO)


def charged(
    subscription: Int64Array, debit: Int64Array, left: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """What is charged of what is due: first the subscription, then the imbalance.

    Args:
        subscription: int64[n], the contracts' fees.
        debit: int64[n], what everybody owes for its imbalance.
        left: int64[n], room and earnings of the interval less what its energy costs; below 0 is 0.
    """
    left = np.maximum(left, 0)
    fee = np.minimum(subscription, left)
    return fee, np.minimum(debit, left - fee)
