"""From approximate prices to prices and energies that are right to the last digit used.

Newton's method on the conditions themselves, full steps from a start that is nearly right. Prices
are an integer in 2^-16 tick plus a small floating-point part: stationarity and responses are
evaluated at the integers without error, so floats only ever carry corrections, and the result
hardly depends on the start, the engine that gave it or the processor. Integers wrap modulo 2^64 on
purpose where a sum is known to be small. Our formulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.network import Network
from offchain.clearing.rounding import FRACTION_BITS
from offchain.clearing.sparse import back_solve
from offchain.clearing.table import Table
from offchain.units import PRICE_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Factor = tuple[Int64Array, Int64Array, Int64Array, FloatArray, FloatArray]
Orders = tuple[Int64Array, BoolArray, Int64Array, Int64Array, Int64Array]
Lines = tuple[Int64Array, Int64Array, Int64Array, FloatArray, FloatArray]

_MAX_STEPS: Final = 40
#: 2^-16 tick by which two corrections may differ when the last one is exact.
_SETTLED: Final = 1e-6
#: 2^-16 tick beyond which a price is no price.
_FAR: Final = 2.0**52
#: A pivot this much smaller than its diagonal belongs to a line that depends on others.
_DEPENDENT: Final = 1e-9


@dataclass(frozen=True)
class Polished:
    """Prices and energies on one set of full lines.

    Attributes:
        price: int64[n], nodal prices in 2^-16 tick.
        mu: int64[m], line prices in 2^-16 tick.
        energy: int64[k], allocations in 2^-20 Wh, in the order of the table.
        overload_wh: float64[m], flow beyond capacity, Wh.
        dependent: bool[w], the full lines whose price the others can take over.
        lean_mu: float64[m], line prices in ticks after they did; the same as ``mu`` without any.
    """

    price: Int64Array
    mu: Int64Array
    energy: Int64Array
    overload_wh: FloatArray
    dependent: BoolArray
    lean_mu: FloatArray


def polish(
    network: Network, table: Table, lines: list[int], pi: FloatArray, mu: FloatArray
) -> Polished | None:
    """Solve the conditions of optimality with exactly the given lines full.

    Args:
        network: the grid.
        table: the orders.
        lines: ascending, full in the direction of their price.
        pi: float64[n], approximate nodal prices, ticks.
        mu: float64[m], approximate line prices, ticks.

    Returns:
        The solution, or None if the start was too far off.
    """
    full = np.array(lines, dtype=np.int64)
    price, line_price, energy, overload, dependent, lean, settled = _polish(
        (table.start, table.supply, table.q, table.bottom, table.width),
        (network.line_from, network.line_to, network.b, network.weight, network.capacity),
        network.factor,
        network.scale_bits,
        network.island,
        network.n_island,
        full,
        network.rows(lines),
        pi,
        mu,
    )
    if not settled:
        return None
    return Polished(price, line_price, energy, overload, dependent, lean)


@compiled
def _polish(
    orders: Orders,
    lines: Lines,
    factor: Factor,
    scale_bits: int,
    island: Int64Array,
    n_island: int,
    full: Int64Array,
    rows: FloatArray,
    pi: FloatArray,
    approximate: FloatArray,
) -> tuple[Int64Array, Int64Array, Int64Array, FloatArray, BoolArray, FloatArray, bool]:
    order, column_start, column, value, diagonal = factor
    line_from, line_to, b, weight, capacity = lines
    n = len(pi)
    m = len(b)
    w = len(full)
    unit = 2.0**PRICE_FRACTION_BITS
    mu = np.zeros(m, dtype=np.int64)
    sign = np.ones(w)
    for i in range(w):
        line = full[i]
        mu[line] = np.int64(np.rint(approximate[line] * unit))
        if approximate[line] < 0.0:
            sign[i] = -1.0
    price, start_ok = _consistent_prices(lines, factor, island, n_island, mu, pi)
    offset = np.zeros(n)
    step = np.zeros(n_island + w)
    whole = np.empty(n, dtype=np.int64)
    rest = np.empty(n)
    slope = np.empty(n)
    dependent = np.zeros(w, dtype=np.bool_)
    overload = np.zeros(m)
    settled = False
    for _ in range(_MAX_STEPS if start_ok else 0):
        # Where stationarity puts the prices, exactly, for these line prices.
        residual = _stationarity(lines, price, mu)
        scaled = residual.astype(np.float64) * -(2.0**-scale_bits)
        shift = back_solve(order, column_start, column, value, diagonal, scaled)
        _respond(orders, price, offset, whole, rest, slope)
        right = np.zeros(n_island + w)
        total = np.zeros(n_island, dtype=np.int64)
        for bus in range(n):
            total[island[bus]] += whole[bus]
            right[island[bus]] -= rest[bus] + slope[bus] * shift[bus]
        for i in range(n_island):
            right[i] -= total[i]
        for i in range(w):
            flow = 0.0
            for bus in range(n):
                flow += rows[i, bus] * (whole[bus] + (rest[bus] + slope[bus] * shift[bus]))
            right[n_island + i] = sign[i] * flow - capacity[full[i]]
        matrix = _curvature(slope, island, n_island, rows, sign)
        step, dropped = _solve(matrix, right)
        furthest = 0.0
        largest = 0.0
        for bus in range(n):
            new = shift[bus] + step[island[bus]]
            for i in range(w):
                new -= sign[i] * rows[i, bus] * step[n_island + i]
            furthest = max(furthest, abs(new - offset[bus]))
            largest = max(largest, abs(new))
            offset[bus] = new
        if not largest < _FAR:
            break
        dependent[:] = dropped[n_island:]
        if furthest < _SETTLED and largest < 1.0:
            settled = True
            break
        for bus in range(n):
            moved = np.rint(offset[bus])
            price[bus] += np.int64(moved)
            offset[bus] -= moved
        for i in range(w):
            mu[full[i]] += np.int64(np.rint(sign[i] * step[n_island + i]))
    energy = _energies(orders, price, offset)
    if settled:
        injection = np.empty(n)
        for bus in range(n):
            injection[bus] = whole[bus] + (rest[bus] + slope[bus] * offset[bus])
        theta = back_solve(order, column_start, column, value, diagonal, injection)
        for line in range(m):
            flow = weight[line] * (theta[line_from[line]] - theta[line_to[line]])
            overload[line] = abs(flow) - capacity[line]
        for bus in range(n):
            price[bus] += np.int64(np.rint(offset[bus]))
        for i in range(w):
            mu[full[i]] += np.int64(np.rint(sign[i] * step[n_island + i]))
        _level(orders, island, n_island, line_from, full, slope, price)
    lean = mu / unit
    if settled and dependent.any():
        # What the others take over leaves every price at which an order is on its ramp unchanged.
        matrix = _curvature(slope, island, n_island, rows, sign)
        right = np.zeros(n_island + w)
        for i in range(w):
            if dependent[i]:
                for j in range(n_island + w):
                    entry = matrix[max(j, n_island + i), min(j, n_island + i)]
                    right[j] += entry * abs(lean[full[i]])
        step, _ = _solve(matrix, right)
        for i in range(w):
            lean[full[i]] += sign[i] * step[n_island + i]
            if dependent[i]:
                lean[full[i]] = 0.0
    return price, mu, energy, overload, dependent, lean, settled


@compiled
def _level(
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


@compiled
def _consistent_prices(
    lines: Lines,
    factor: Factor,
    island: Int64Array,
    n_island: int,
    mu: Int64Array,
    pi: FloatArray,
) -> tuple[Int64Array, bool]:
    """Nodal prices that follow from line prices, each island at its level of ``pi`` (ticks)."""
    order, column_start, column, value, diagonal = factor
    line_from, line_to, _, weight, _ = lines
    n = len(pi)
    right = np.zeros(n)
    for line in range(len(mu)):
        if mu[line] != 0:
            right[line_from[line]] -= weight[line] * mu[line]
            right[line_to[line]] += weight[line] * mu[line]
    relative = back_solve(order, column_start, column, value, diagonal, right)
    level = np.zeros(n_island)
    size = np.zeros(n_island)
    for bus in range(n):
        level[island[bus]] += pi[bus] * 2.0**PRICE_FRACTION_BITS - relative[bus]
        size[island[bus]] += 1.0
    price = np.zeros(n, dtype=np.int64)
    for bus in range(n):
        here = relative[bus] + level[island[bus]] / size[island[bus]]
        if not abs(here) < _FAR:
            return price, False
        price[bus] = np.int64(np.rint(here))
    return price, True


@compiled
def _stationarity(lines: Lines, price: Int64Array, mu: Int64Array) -> Int64Array:
    """Rule 4's residual r_n of integer prices, int64[n], exact while it is below 2^63."""
    line_from, line_to, b, _, _ = lines
    out = np.zeros(len(price), dtype=np.int64)
    for line in range(len(b)):
        value = b[line] * (price[line_from[line]] - price[line_to[line]] + mu[line])
        out[line_from[line]] += value
        out[line_to[line]] -= value
    return out


@compiled
def _respond(
    orders: Orders,
    price: Int64Array,
    offset: FloatArray,
    whole: Int64Array,
    rest: FloatArray,
    slope: FloatArray,
) -> None:
    """Injections at ``price``, on the pieces that ``price + offset`` selects.

    Args:
        orders: start, supply, q, bottom and width of a `Table`.
        price: int64[n], 2^-16 tick.
        offset: float64[n], 2^-16 tick, small.
        whole: int64[n], written: whole Wh.
        rest: float64[n], written: the fractions of a Wh beside them.
        slope: float64[n], written: Wh per 2^-16 tick.
    """
    start, supply, q, bottom, width = orders
    for bus in range(len(price)):
        wh = 0
        fraction = 0.0
        growth = 0.0
        for i in range(start[bus], start[bus + 1]):
            # A demand refuses what a supply on the same ramp would give.
            distance = price[bus] - bottom[i]
            here = distance + offset[bus]
            if not supply[i]:
                wh -= q[i]
            if here >= width[i]:
                wh += q[i]
            elif here > 0.0:
                product = q[i] * distance
                wh += product // width[i]
                fraction += (product % width[i]) / width[i]
                growth += q[i] / width[i]
        whole[bus] = wh
        rest[bus] = fraction
        slope[bus] = growth


@compiled
def _energies(orders: Orders, price: Int64Array, offset: FloatArray) -> Int64Array:
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
                product = q[i] * distance
                fraction = (product % width[i] + q[i] * offset[bus]) / width[i]
                value = (product // width[i] << FRACTION_BITS) + np.int64(
                    np.rint(fraction * 2.0**FRACTION_BITS)
                )
                value = min(max(value, 0), most)
            out[i] = value if supply[i] else most - value
    return out


@compiled
def _curvature(
    slope: FloatArray, island: Int64Array, n_island: int, rows: FloatArray, sign: FloatArray
) -> FloatArray:
    """How balances and flows answer to island and line prices; the lower triangle."""
    w = len(sign)
    out = np.zeros((n_island + w, n_island + w))
    # Only buses with an order on its ramp answer at all, so they are gathered first.
    marginal = np.flatnonzero(slope)
    for i in marginal:
        out[island[i], island[i]] += slope[i]
    near = np.empty((w, len(marginal)))
    for a in range(w):
        for p in range(len(marginal)):
            near[a, p] = sign[a] * rows[a, marginal[p]]
    for a in range(w):
        scaled = np.empty(len(marginal))
        for p in range(len(marginal)):
            scaled[p] = slope[marginal[p]] * near[a, p]
            out[n_island + a, island[marginal[p]]] -= scaled[p]
        for c in range(a + 1):
            total = 0.0
            for p in range(len(marginal)):
                total += scaled[p] * near[c, p]
            out[n_island + a, n_island + c] = total
    return out


@compiled
def _solve(matrix: FloatArray, right: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Solve a positive semidefinite system by Cholesky in index order.

    A variable that depends on earlier ones stays zero: of dependent lines the highest indices are
    left out. Plain loops in a fixed order, hence the same bits on every machine.

    Args:
        matrix: float64[s, s], its lower triangle; overwritten.
        right: float64[s].

    Returns:
        The solution, and which variables were left out.
    """
    size = len(right)
    out = np.zeros(size)
    dropped = np.zeros(size, dtype=np.bool_)
    for i in range(size):
        scale = matrix[i, i]
        for j in range(i):
            total = matrix[i, j]
            for c in range(j):
                total -= matrix[i, c] * matrix[j, c]
            matrix[i, j] = 0.0 if dropped[j] else total * matrix[j, j]
        pivot = scale
        for c in range(i):
            pivot -= matrix[i, c] * matrix[i, c]
        if pivot > _DEPENDENT * scale and pivot > 0.0:
            # The diagonal holds the reciprocal.
            matrix[i, i] = 1.0 / np.sqrt(pivot)
        else:
            dropped[i] = True
            matrix[i, : i + 1] = 0.0
        total = right[i]
        for c in range(i):
            total -= matrix[i, c] * out[c]
        out[i] = total * matrix[i, i]
    for i in range(size - 1, -1, -1):
        total = out[i]
        for c in range(i + 1, size):
            total -= matrix[c, i] * out[c]
        out[i] = total * matrix[i, i]
    return out, dropped
