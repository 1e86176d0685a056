"""The order table of an interval and the columns it becomes.

An order table is a ``records.ORDER`` array with at most one row per participant, by ascending
registration number. A participant without a row asks and offers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.policy import Policy
from offchain.records import ORDER
from offchain.units import U32_MAX, Int64Array, unsigned

OrderTable = npt.NDArray[np.void]

#: The last interval number; an order with it as ``valid_to`` stands until it is replaced.
FOREVER: Final = 2**32 - 1
#: Demands and offers per participant, in row order of the ramps.
ORDERS_PER_PARTICIPANT: Final = 3


@dataclass(frozen=True)
class Quantities:
    """What every participant asks and offers in one interval; each column is int64[n].

    Attributes:
        essential_wh: demand in the essential rank, Wh.
        flexible_wh: demand in the participant's own rank, Wh.
        supply_wh: offer, Wh.
        bid_ticks: what the offer asks, ticks.
    """

    essential_wh: Int64Array
    flexible_wh: Int64Array
    supply_wh: Int64Array
    bid_ticks: Int64Array


@dataclass(frozen=True)
class RampColumns:
    """The ramps of n participants: three rows each, essential, flexible, supply; int64[3 n].

    Attributes:
        q_wh: quantity, Wh.
        pa_ticks: lower end of the ramp, ticks.
        pb_ticks: upper end, ticks.
    """

    q_wh: Int64Array
    pa_ticks: Int64Array
    pb_ticks: Int64Array


def orders_from_columns(
    index: npt.ArrayLike,
    quantities: Quantities,
    *,
    seq: npt.ArrayLike = 0,
    valid_from: npt.ArrayLike = 0,
    valid_to: npt.ArrayLike = FOREVER,
) -> OrderTable:
    """Unsigned orders from columns of k rows.

    Args:
        index: registration numbers, k, ascending.
        quantities: columns of k rows.
        seq: sequence numbers, k or one for all.
        valid_from: first intervals, k or one for all.
        valid_to: last intervals, k or one for all.

    Returns:
        ``records.ORDER[k]`` with empty signatures.

    Raises:
        InputError: a value does not fit the field's four bytes.
    """
    columns = {"index": index, "seq": seq, "valid_from": valid_from, "valid_to": valid_to}
    for name in ("essential_wh", "flexible_wh", "supply_wh", "bid_ticks"):
        columns[name] = getattr(quantities, name)
    table = np.zeros(len(np.asarray(index)), dtype=ORDER)
    for name, column in columns.items():
        table[name] = unsigned(f"orders.{name}", column, U32_MAX)
    return table


def check_orders(
    orders: OrderTable,
    interval: int,
    demand_cap_wh: Int64Array,
    supply_cap_wh: Int64Array,
    policy: Policy,
) -> None:
    """Refuse a table that breaks a rule of the protocol; signatures are checked apart.

    Args:
        orders: the table of the interval.
        interval: its number.
        demand_cap_wh: int64[n], contract cap on essential + flexible, Wh.
        supply_cap_wh: int64[n], contract cap on supply, Wh.
        policy: for the highest admissible bid.

    Raises:
        InputError: names the participant, the field and the bound.
    """
    if orders.dtype != ORDER:
        raise InputError("orders: not a table of records.ORDER; make it with orders_from_columns")
    index = orders["index"].astype(np.int64)
    if np.any(np.diff(index) <= 0):
        raise InputError("orders.index: not ascending; give each participant one order, sorted")
    if len(index) and index[-1] >= len(demand_cap_wh):
        raise InputError(
            f"orders.index: {index[-1]} is not registered; "
            f"the last participant is {len(demand_cap_wh) - 1}"
        )
    demand = orders["essential_wh"].astype(np.int64) + orders["flexible_wh"]
    rules: Sequence[tuple[str, npt.NDArray[np.bool_], str]] = (
        ("valid_from", orders["valid_from"] > interval, f"after interval {interval}"),
        ("valid_to", orders["valid_to"] < interval, f"before interval {interval}"),
        (
            "essential_wh + flexible_wh",
            demand > demand_cap_wh[index],
            "above the contract's demand_cap_wh",
        ),
        (
            "supply_wh",
            orders["supply_wh"] > supply_cap_wh[index],
            "above the contract's supply_cap_wh",
        ),
        (
            "bid_ticks",
            orders["bid_ticks"] > policy.max_bid_ticks,
            f"above the highest admissible bid, {policy.max_bid_ticks}",
        ),
    )
    for name, wrong, fault in rules:
        if wrong.any():
            row = int(np.argmax(wrong))
            value = demand[row] if " + " in name else orders[name][row]
            raise InputError(f"orders.{name}: {value} of participant {index[row]} is {fault}")


def spread(orders: OrderTable, participants: int) -> Quantities:
    """The order table as columns over all registration numbers, zero where there is no order."""
    columns = []
    for name in ("essential_wh", "flexible_wh", "supply_wh", "bid_ticks"):
        column = np.zeros(participants, dtype=np.int64)
        column[orders["index"]] = orders[name]
        columns.append(column)
    return Quantities(*columns)


def ramps(
    quantities: Quantities, rank: Int64Array, key_ticks: Int64Array, policy: Policy
) -> RampColumns:
    """The three ramps of every participant (docs/mechanism.md, section 2; our formulation).

    Args:
        quantities: n rows.
        rank: int64[n], service level of flexible energy, below ``policy.essential_rank``.
        key_ticks: int64[n], what the participant is owed, ticks.
        policy: of the market.

    Returns:
        3 n rows; demands are ``policy.demand_width_ticks`` wide, supply ``policy.w_s_ticks``.
    """
    n = len(rank)
    q = np.empty((n, ORDERS_PER_PARTICIPANT), dtype=np.int64)
    pa = np.empty_like(q)
    q[:, 0], q[:, 1] = quantities.essential_wh, quantities.flexible_wh
    q[:, 2] = quantities.supply_wh
    pa[:, 0] = policy.essential_pa_ticks
    pa[:, 1] = policy.p_cap_ticks + rank * policy.rank_ticks + key_ticks
    pa[:, 2] = quantities.bid_ticks
    width = (policy.demand_width_ticks, policy.demand_width_ticks, policy.w_s_ticks)
    pb = pa + np.array(width, dtype=np.int64)
    return RampColumns(q.ravel(), pa.ravel(), pb.ravel())
