"""The orders of an interval in the order in which the engines and the rounding walk them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.clearing.compiled import compiled
from offchain.units import PRICE_FRACTION_BITS

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Table:
    """Ramps by bus and side, demands first; rows of a side keep their order.

    Attributes:
        row: int64[k], the row of `Ramps` each order came from.
        group_start: int64[2n + 1]; group 2b holds the demands of bus b, 2b + 1 its supplies.
        start: int64[n + 1], where each bus begins.
        supply: bool[k].
        q: int64[k], Wh.
        bottom: int64[k], lower ramp ends in 2^-16 tick.
        width: int64[k], ramp widths in 2^-16 tick.
    """

    row: Int64Array
    group_start: Int64Array
    start: Int64Array
    supply: BoolArray
    q: Int64Array
    bottom: Int64Array
    width: Int64Array


def table_of(ramps: Ramps, n_bus: int) -> Table:
    """Sort validated ramps."""
    return Table(
        *_sorted(ramps.bus, ramps.supply, ramps.q_wh, ramps.pa_ticks, ramps.pb_ticks, n_bus)
    )


@compiled
def _sorted(
    bus: npt.NDArray[np.int32],
    supply: BoolArray,
    q: Int64Array,
    pa: Int64Array,
    pb: Int64Array,
    n_bus: int,
) -> tuple[Int64Array, Int64Array, Int64Array, BoolArray, Int64Array, Int64Array, Int64Array]:
    k = len(q)
    group_start = np.zeros(2 * n_bus + 1, dtype=np.int64)
    for i in range(k):
        group_start[2 * bus[i] + supply[i] + 1] += 1
    for group in range(2 * n_bus):
        group_start[group + 1] += group_start[group]
    place = group_start[: 2 * n_bus].copy()
    row = np.empty(k, dtype=np.int64)
    sides = np.empty(k, dtype=np.bool_)
    quantity = np.empty(k, dtype=np.int64)
    bottom = np.empty(k, dtype=np.int64)
    width = np.empty(k, dtype=np.int64)
    for i in range(k):
        group = 2 * bus[i] + supply[i]
        at = place[group]
        place[group] += 1
        row[at] = i
        sides[at] = supply[i]
        quantity[at] = q[i]
        bottom[at] = pa[i] << PRICE_FRACTION_BITS
        # Rows without energy may have no width; it must not be divided by.
        width[at] = max(pb[i] - pa[i], 1) << PRICE_FRACTION_BITS
    return row, group_start, group_start[::2].copy(), sides, quantity, bottom, width
