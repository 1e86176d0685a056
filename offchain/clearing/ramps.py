"""Orders as ramps, beyond what an auditor needs: their ranges, and the response of a single one.

The response to a nodal price and the bracket around it exist once for int64 arrays, in the certificate's checker, and
once for Python integers, here, as the contracts compute it (docs/mechanism.md, section 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps, brackets
from offchain.errors import InputError
from offchain.units import MAX_ORDER_WH, MAX_RAMP_TICKS, MAX_TICKS, PRICE_FRACTION_BITS, Int64Array


def validate(ramps: Ramps, n_bus: int) -> None:
    """Refuse what the integer response cannot carry.

    Args:
        ramps: orders of an interval.
        n_bus: the number of buses of the grid.

    Raises:
        InputError: a column has another length or a value is out of range.
    """
    k = len(ramps)
    for name in ("bus", "supply", "pa_ticks", "pb_ticks"):
        if len(getattr(ramps, name)) != k:
            raise InputError(f"ramps.{name}: give one value per order, {k} in all")
    if k == 0:
        return
    _within("bus", ramps.bus, 0, n_bus - 1)
    _within("q_wh", ramps.q_wh, 0, MAX_ORDER_WH)
    _within("pa_ticks", ramps.pa_ticks, -MAX_TICKS, MAX_TICKS - 1)
    width = ramps.pb_ticks - ramps.pa_ticks
    width = np.where(ramps.q_wh == 0, np.maximum(width, 1), width)
    _within("pb_ticks - pa_ticks", width, 1, MAX_RAMP_TICKS)


def _within(name: str, column: npt.NDArray[np.signedinteger], low: int, high: int) -> None:
    if column.min() < low or column.max() > high:
        row = int(np.argmax((column < low) | (column > high)))
        raise InputError(f"ramps.{name}: {column[row]} in row {row}; give {low} ... {high}")


def demand_response(q_wh: int, pa_ticks: int, pb_ticks: int, price: int) -> int:
    """Wh served to a demand at a price in 2^-16 tick."""
    if price <= pa_ticks << PRICE_FRACTION_BITS:
        return q_wh
    top = pb_ticks << PRICE_FRACTION_BITS
    if price >= top:
        return 0
    return q_wh * (top - price) // ((pb_ticks - pa_ticks) << PRICE_FRACTION_BITS)


def supply_response(q_wh: int, pa_ticks: int, pb_ticks: int, price: int) -> int:
    """Wh dispatched from a supply at a price in 2^-16 tick."""
    bottom = pa_ticks << PRICE_FRACTION_BITS
    if price <= bottom:
        return 0
    if price >= pb_ticks << PRICE_FRACTION_BITS:
        return q_wh
    return q_wh * (price - bottom) // ((pb_ticks - pa_ticks) << PRICE_FRACTION_BITS)


def bracket(supply: bool, q_wh: int, pa_ticks: int, pb_ticks: int, price: int) -> tuple[int, int]:
    """The least and the greatest allocation in Wh that a price in 2^-16 tick admits."""
    if supply:
        return (
            max(0, supply_response(q_wh, pa_ticks, pb_ticks, price - 1) - 1),
            min(q_wh, supply_response(q_wh, pa_ticks, pb_ticks, price + 1) + 1),
        )
    return (
        max(0, demand_response(q_wh, pa_ticks, pb_ticks, price + 1) - 1),
        min(q_wh, demand_response(q_wh, pa_ticks, pb_ticks, price - 1) + 1),
    )


def check_brackets(ramps: Ramps, x_wh: Int64Array, pi: Sequence[int] | Int64Array) -> Int64Array:
    """Rule 6: the rows whose allocation lies outside its bracket.

    Args:
        ramps: k orders.
        x_wh: int64[k], allocations in Wh.
        pi: one price per bus in 2^-16 tick.

    Returns:
        int64[v], the violating rows in order, empty if every allocation is inside.
    """
    price = np.asarray(pi, dtype=np.int64)[ramps.bus]
    low, high = brackets(ramps, price)
    return np.flatnonzero((x_wh < low) | (x_wh > high))
