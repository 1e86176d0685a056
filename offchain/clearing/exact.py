"""How orders answer to prices, to the last digit: an integer price and a small fraction beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.rounding import FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
#: start, supply, q, bottom and width of a `Table`.
Orders = tuple[Int64Array, BoolArray, Int64Array, Int64Array, Int64Array]


@compiled
def respond(
    orders: Orders, price: Int64Array, offset: FloatArray, injection: FloatArray, slope: FloatArray
) -> int:
    """Injections at ``price + offset``, to the last digit where the offset is small.

    Args:
        orders: start, supply, q, bottom and width of a `Table`.
        price: int64[n], 2^-16 tick.
        offset: float64[n], 2^-16 tick.
        injection: float64[n], written: Wh.
        slope: float64[n], written: Wh per 2^-16 tick.

    Returns:
        A number that tells which piece of its ramp every order is on.
    """
    start, supply, q, bottom, width = orders
    pieces = 0
    for bus in range(len(price)):
        whole = 0
        rest = 0.0
        growth = 0.0
        for i in range(start[bus], start[bus + 1]):
            # A demand refuses what a supply on the same ramp would give.
            distance = price[bus] - bottom[i]
            here = distance + offset[bus]
            if not supply[i]:
                whole -= q[i]
            if here >= width[i]:
                whole += q[i]
                pieces += 2 * i + 1
            elif here > 0.0:
                if 0 <= distance <= width[i]:
                    product = q[i] * distance
                    whole += product // width[i]
                    rest += (product % width[i]) / width[i]
                else:
                    # Far from the integer price the product might not fit.
                    rest += q[i] * (distance / width[i])
                growth += q[i] / width[i]
                pieces += (2 * i + 1) << 20
        injection[bus] = whole + (rest + growth * offset[bus])
        slope[bus] = growth
    return pieces


@compiled
def energies(orders: Orders, price: Int64Array, offset: FloatArray) -> Int64Array:
    """The response of every order at ``price + offset`` in 2^-20 Wh."""
    start, supply, q, bottom, width = orders
    out = np.empty(len(q), dtype=np.int64)
    for bus in range(len(price)):
        for i in range(start[bus], start[bus + 1]):
            distance = price[bus] - bottom[i]
            here = distance + offset[bus]
            most = q[i] << FRACTION_BITS
            if here >= width[i]:
                value = most
            elif here <= 0.0:
                value = 0
            else:
                # The offset is below one unit, so the distance is within one of the ramp.
                product = q[i] * distance
                fraction = (product % width[i] + q[i] * offset[bus]) / width[i]
                value = (product // width[i] << FRACTION_BITS) + np.int64(
                    np.rint(fraction * 2.0**FRACTION_BITS)
                )
                value = min(max(value, 0), most)
            out[i] = value if supply[i] else most - value
    return out


@compiled
def to_ramp(orders: Orders, price: Int64Array, direction: FloatArray) -> float:
    """How far prices can move together until the nearest order in their way is half way up its ramp.

    Args:
        orders: see `respond`.
        price: int64[n], 2^-16 tick.
        direction: float64[n], by how much each moves for one unit of the way.

    Returns:
        The way; infinite if there is no such order.
    """
    start, _, q, bottom, width = orders
    nearest = np.inf
    for bus in range(len(price)):
        if direction[bus] == 0.0:
            continue
        for i in range(start[bus], start[bus + 1]):
            if q[i] > 0:
                up = direction[bus] > 0.0
                away = bottom[i] - price[bus] if up else price[bus] - bottom[i] - width[i]
                if away >= -1:
                    nearest = min(nearest, (away + 0.5 * width[i]) / abs(direction[bus]))
    return nearest


@compiled
def at_an_end(orders: Orders, price: Int64Array) -> BoolArray:
    """Buses whose price is where an order enters or leaves its ramp, to one unit; bool[n]."""
    start, _, q, bottom, width = orders
    out = np.zeros(len(price), dtype=np.bool_)
    for bus in range(len(price)):
        for i in range(start[bus], start[bus + 1]):
            distance = price[bus] - bottom[i]
            if q[i] > 0 and (abs(distance) <= 1 or abs(distance - width[i]) <= 1):
                out[bus] = True
    return out


@compiled
def level(
    orders: Orders,
    island: Int64Array,
    n_island: int,
    line_from: Int64Array,
    full: Int64Array,
    slope: FloatArray,
    price: Int64Array,
) -> None:
    """Choose the price of islands where any of a range would do: no order on its ramp, no full line.

    It is the lowest at which everything that moved has moved, or where nothing did, the highest at
    which nothing does; zero without orders.
    """
    start, _, q, bottom, width = orders
    free = np.ones(n_island, dtype=np.bool_)
    for bus in range(len(island)):
        if slope[bus] > 0.0:
            free[island[bus]] = False
    for line in full:
        free[island[line_from[line]]] = False
    if not free.any():
        return
    none = np.int64(1) << 62
    moved = np.full(n_island, -none)
    unmoved = np.full(n_island, none)
    for bus in range(len(island)):
        i = island[bus]
        for at in range(start[bus], start[bus + 1]):
            if free[i] and q[at] > 0:
                if price[bus] >= bottom[at] + width[at]:
                    moved[i] = max(moved[i], bottom[at] + width[at])
                else:
                    unmoved[i] = min(unmoved[i], bottom[at])
    for bus in range(len(island)):
        i = island[bus]
        if free[i]:
            if moved[i] > -none:
                price[bus] = moved[i]
            elif unmoved[i] < none:
                price[bus] = unmoved[i]
            else:
                price[bus] = 0
