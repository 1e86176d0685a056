"""From an approximate dual solution to prices and energies that are right to the last digit used.

Prices are held as an integer in 2^-16 tick plus a small floating-point part. Stationarity and the
responses are evaluated at the integers without error, so the floats only ever carry corrections, and
the result hardly depends on where the approximation came from: start, solver or processor.
Integers wrap modulo 2^64 on purpose where a sum is known to be small. Our formulation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.newton import curvature, solve_positive
from offchain.clearing.rounding import FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@compiled
def stationarity(
    line_from: Int64Array, line_to: Int64Array, b: Int64Array, price: Int64Array, mu: Int64Array
) -> Int64Array:
    """Rule 4's residual r_n of integer prices, int64[n], exact while it is below 2^63."""
    out = np.zeros(len(price), dtype=np.int64)
    for line in range(len(b)):
        i = line_from[line]
        j = line_to[line]
        value = b[line] * (price[i] - price[j] + mu[line])
        out[i] += value
        out[j] -= value
    return out


@compiled
def imbalance(
    line_from: Int64Array,
    line_to: Int64Array,
    b: Int64Array,
    theta: Int64Array,
    injection_wh: Int64Array,
    scale_bits: int,
) -> Int64Array:
    """What integer angles miss of integer injections, in 2^-scale_bits Wh; exact below 2^63."""
    out = np.zeros(len(theta), dtype=np.int64)
    if scale_bits < 64:
        for bus in range(len(theta)):
            out[bus] = injection_wh[bus] << scale_bits
    for line in range(len(b)):
        i = line_from[line]
        j = line_to[line]
        value = b[line] * (theta[i] - theta[j])
        out[i] -= value
        out[j] += value
    return out


@compiled
def respond_exactly(
    start: Int64Array,
    supply: npt.NDArray[np.bool_],
    q: Int64Array,
    bottom: Int64Array,
    width: Int64Array,
    price: Int64Array,
    offset: FloatArray,
    whole: Int64Array,
    rest: FloatArray,
    slope: FloatArray,
) -> None:
    """Injections at ``price + offset``, split so that no digit is lost.

    Args:
        start: int64[n + 1], the orders of bus b are ``start[b] ... start[b + 1] - 1``.
        supply: bool, one per order, as the three after it.
        q: Wh.
        bottom: lower ramp ends in 2^-16 tick.
        width: ramp widths in 2^-16 tick.
        price: int64[n], 2^-16 tick.
        offset: float64[n], 2^-16 tick, small.
        whole: int64[n], written: whole Wh at ``price`` of the pieces chosen at ``price + offset``.
        rest: float64[n], written: the fractions of a Wh beside ``whole``, still at ``price``.
        slope: float64[n], written: Wh per 2^-16 tick.
    """
    for bus in range(len(price)):
        w = 0
        r = 0.0
        d = 0.0
        for i in range(start[bus], start[bus + 1]):
            distance = price[bus] - bottom[i]
            here = distance + offset[bus]
            if not supply[i]:
                w -= q[i]
            if here >= width[i]:
                w += q[i]
            elif here > 0.0:
                product = q[i] * distance
                w += product // width[i]
                r += (product % width[i]) / width[i]
                d += q[i] / width[i]
        whole[bus] = w
        rest[bus] = r
        slope[bus] = d


@compiled
def energies(
    start: Int64Array,
    supply: npt.NDArray[np.bool_],
    q: Int64Array,
    bottom: Int64Array,
    width: Int64Array,
    price: Int64Array,
    offset: FloatArray,
) -> Int64Array:
    """The response of every order at ``price + offset`` in 2^-20 Wh; arguments as above."""
    out = np.empty(len(q), dtype=np.int64)
    one = 1 << FRACTION_BITS
    for bus in range(len(price)):
        for i in range(start[bus], start[bus + 1]):
            distance = price[bus] - bottom[i]
            here = distance + offset[bus]
            if here >= width[i]:
                value = q[i] << FRACTION_BITS
            elif here <= 0.0:
                value = 0
            else:
                product = q[i] * distance
                fraction = (product % width[i] + q[i] * offset[bus]) / width[i]
                value = (product // width[i] << FRACTION_BITS) + np.int64(np.rint(fraction * one))
                value = min(max(value, 0), q[i] << FRACTION_BITS)
            out[i] = value if supply[i] else (q[i] << FRACTION_BITS) - value
    return out


@compiled
def correction(
    slope: FloatArray,
    rest: FloatArray,
    whole: Int64Array,
    shift: FloatArray,
    island: Int64Array,
    n_island: int,
    rows: FloatArray,
    capacity: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Newton's correction of the system and line prices, in 2^-16 tick.

    Args:
        slope: with ``rest``, ``whole`` as `respond_exactly` left them.
        rest: see there.
        whole: see there.
        shift: float64[n], how far the consistent prices lie from the integers, before correcting.
        island: int64[n].
        n_island: number of islands.
        rows: float64[w, n], signed distribution factors of the lines that bind.
        capacity: float64[w], Wh.

    Returns:
        The change of every nodal price, float64[n], and of every line price, float64[w].
    """
    n_bus = len(slope)
    n_line = len(capacity)
    right = np.zeros(n_island + n_line)
    balance = np.zeros(n_island, dtype=np.int64)
    for bus in range(n_bus):
        balance[island[bus]] += whole[bus]
        right[island[bus]] -= rest[bus] + slope[bus] * shift[bus]
    for i in range(n_island):
        right[i] -= balance[i]
    for line in range(n_line):
        flow = 0.0
        for bus in range(n_bus):
            injection = whole[bus] + (rest[bus] + slope[bus] * shift[bus])
            flow += rows[line, bus] * injection
        right[n_island + line] = flow - capacity[line]
    matrix = curvature(slope, island, rows, n_island)
    step, _ = solve_positive(matrix, right, np.ones(len(right), dtype=np.bool_))
    change = np.empty(n_bus)
    for bus in range(n_bus):
        change[bus] = step[island[bus]]
        for line in range(n_line):
            change[bus] -= rows[line, bus] * step[n_island + line]
    return change, step[n_island:]
