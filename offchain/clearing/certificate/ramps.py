"""Orders as ramps: the integer response to a nodal price and the bracket it is held to.

Integers only. Every function exists once for Python integers, as the contracts compute it, and once
for int64 arrays (docs/mechanism.md, section 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.units import MAX_ORDER_WH, MAX_RAMP_TICKS, MAX_TICKS, PRICE_FRACTION_BITS

Int64Array = npt.NDArray[np.int64]

#: Beyond every ramp end, and far enough from the ends of int64 to move by one unit.
_PRICE_BEYOND = 1 << 60


@dataclass(frozen=True)
class Ramps:
    """The orders of one interval; rows with ``q_wh`` = 0 are allowed.

    Attributes:
        bus: int32[k], the bus of each order.
        supply: bool[k], True where the order sells.
        q_wh: int64[k], Wh, 0 ... ``MAX_ORDER_WH``.
        pa_ticks: int64[k], the lower end of the ramp.
        pb_ticks: int64[k], the upper end, 1 ... ``MAX_RAMP_TICKS`` above the lower; a row without energy
            may have no width.
    """

    bus: npt.NDArray[np.int32]
    supply: npt.NDArray[np.bool_]
    q_wh: Int64Array
    pa_ticks: Int64Array
    pb_ticks: Int64Array

    def __len__(self) -> int:
        return len(self.q_wh)

    def validate(self, n_bus: int) -> None:
        """Refuse what the integer response cannot carry.

        Args:
            n_bus: the number of buses of the grid.

        Raises:
            InputError: a column has another length or a value is out of range.
        """
        k = len(self.q_wh)
        for name in ("bus", "supply", "pa_ticks", "pb_ticks"):
            if len(getattr(self, name)) != k:
                raise InputError(f"ramps.{name}: give one value per order, {k} in all")
        if k == 0:
            return
        _within("bus", self.bus, 0, n_bus - 1)
        _within("q_wh", self.q_wh, 0, MAX_ORDER_WH)
        _within("pa_ticks", self.pa_ticks, -MAX_TICKS, MAX_TICKS - 1)
        width = self.pb_ticks - self.pa_ticks
        width = np.where(self.q_wh == 0, np.maximum(width, 1), width)
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


def responses(ramps: Ramps, price: Int64Array) -> Int64Array:
    """The response of every order, as `demand_response` and `supply_response`.

    Args:
        ramps: k orders within the ranges of `Ramps`.
        price: int64[k], the nodal price each order sees, in 2^-16 tick.

    Returns:
        int64[k], Wh.
    """
    bottom = ramps.pa_ticks << PRICE_FRACTION_BITS
    top = ramps.pb_ticks << PRICE_FRACTION_BITS
    inside = np.clip(price, bottom, top)
    distance = np.where(ramps.supply, inside - bottom, top - inside)
    # q < 2^30 and distance <= top - bottom < 2^33: the product fits, and // floors a number
    # that is not negative, as the contracts do.
    return ramps.q_wh * distance // np.maximum(top - bottom, 1)


def brackets(ramps: Ramps, price: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The least and the greatest allocation of every order, as `bracket`; shapes as `responses`."""
    price = np.clip(price, -_PRICE_BEYOND, _PRICE_BEYOND)
    towards_less = np.where(ramps.supply, price - 1, price + 1)
    towards_more = np.where(ramps.supply, price + 1, price - 1)
    low = np.maximum(0, responses(ramps, towards_less) - 1)
    high = np.minimum(ramps.q_wh, responses(ramps, towards_more) + 1)
    return low, high


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
