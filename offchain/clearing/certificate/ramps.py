"""Orders as ramps: the integer response to a nodal price and the bracket it is held to.

Integers only, int64 arrays (docs/mechanism.md, section 1); one by one in `offchain.clearing.ramps`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.units import PRICE_FRACTION_BITS, Int64Array

#: Beyond every ramp end, and far enough from the ends of int64 to move by one unit.
_PRICE_BEYOND = 1 << 60


@dataclass(frozen=True)
class Ramps:
    """The orders of one interval; rows with ``q_wh`` = 0 are allowed.

    Attributes:
        bus: int32[k], the bus of each order.
        supply: bool[k], True where the order sells.
        q_wh: int64[k], Wh, 0 ... 2^30 - 1.
        pa_ticks: int64[k], the lower end of the ramp.
        pb_ticks: int64[k], the upper end, 1 ... 2^17 - 1 above the lower; a row without energy
            may have no width.
    """

    bus: npt.NDArray[np.int32]
    supply: npt.NDArray[np.bool_]
    q_wh: Int64Array
    pa_ticks: Int64Array
    pb_ticks: Int64Array

    def __len__(self) -> int:
        return len(self.q_wh)


def responses(ramps: Ramps, price: Int64Array) -> Int64Array:
    """The response of every order, as `offchain.clearing.ramps` gives it of one.

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
