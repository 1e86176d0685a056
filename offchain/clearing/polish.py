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
from offchain.clearing.exact import Orders, at_an_end, energies, level, respond, to_ramp
from offchain.clearing.network import Network
from offchain.clearing.rounding import select
from offchain.clearing.sparse import back_solve
from offchain.clearing.table import Table
from offchain.units import PRICE_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Factor = tuple[Int64Array, Int64Array, Int64Array, FloatArray, FloatArray]
Lines = tuple[Int64Array, Int64Array, Int64Array, FloatArray, FloatArray]

_MAX_STEPS: Final = 100
_MAX_SEARCH: Final = 40
#: Steps on the same pieces of all ramps after which rounding is what is left.
_MAX_REPEATS: Final = 3
#: Wh that may be missing at the end, and Wh that count as nothing.
_UNMET_WH: Final = 1e-3
_EXACT_WH: Final = 1e-6
#: 2^-16 tick beyond which a price is no price.
_FAR: Final = 2.0**52
#: The part of all energy that sums of floating-point numbers may miss, and the least that they do, Wh.
_NOISE: Final = 1e-15
_TINY_WH: Final = 1e-11
#: Sums of integers are trusted below this, a quarter of what int64 holds.
_WRAPS: Final = 2.0**61
#: A pivot this much smaller than its diagonal belongs to a line that depends on others.
_DEPENDENT: Final = 1e-9


@dataclass(frozen=True)
class Polished:
    """Prices and energies on one set of lines.

    Attributes:
        price: int64[n], nodal prices in 2^-16 tick.
        mu: int64[m], line prices in 2^-16 tick.
        energy: int64[k], allocations in 2^-20 Wh, in the order of the table.
        flow_wh: float64[m], line flows, Wh.
        shared: bool[m], lines whose price might be another, because some that are full depend on each other or
            an order is just where its ramp ends.
    """

    price: Int64Array
    mu: Int64Array
    energy: Int64Array
    flow_wh: FloatArray
    shared: BoolArray


def polish(
    network: Network,
    table: Table,
    lines: list[int],
    pi: FloatArray,
    mu: FloatArray,
    capacity_wh: FloatArray,
) -> Polished | None:
    """Solve the conditions of optimality for a grid on which no line but the given ones has a limit.

    Args:
        network: the grid.
        table: the orders.
        lines: ascending, limited in the direction of their price.
        pi: float64[n], approximate nodal prices, ticks.
        mu: float64[m], approximate line prices, ticks.
        capacity_wh: float64[m], what the lines may carry, Wh.

    Returns:
        The solution, or None if the start was too far off.
    """
    price, line_price, energy, flow, shared, settled = _polish(
        (table.start, table.supply, table.q, table.bottom, table.width),
        (network.line_from, network.line_to, network.b, network.weight, capacity_wh),
        network.factor,
        network.scale_bits,
        network.island,
        network.n_island,
        network.reference,
        np.array(lines, dtype=np.int64),
        network.rows(lines),
        pi,
        mu,
    )
    if not settled:
        return None
    return Polished(price, line_price, energy, flow, shared)


@compiled
def _polish(
    orders: Orders,
    lines: Lines,
    factor: Factor,
    scale_bits: int,
    island: Int64Array,
    n_island: int,
    reference: BoolArray,
    full: Int64Array,
    rows: FloatArray,
    pi: FloatArray,
    approximate: FloatArray,
) -> tuple[Int64Array, Int64Array, Int64Array, FloatArray, BoolArray, bool]:
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
    # Beside the integers: island prices, then lines' prices, in 2^-16 tick.
    fraction = np.zeros(n_island + w)
    trial = np.zeros(n_island + w)
    offset = np.zeros(n)
    injection = np.empty(n)
    slope = np.empty(n)
    # A line's price is never below zero in its direction; lines without one are left alone unless too full.
    total = np.empty(w)
    dropped = np.zeros(n_island + w, dtype=np.bool_)
    shared = np.zeros(m, dtype=np.bool_)
    flow = np.zeros(m)
    settled = False
    repeats = 0
    for _ in range(_MAX_STEPS if start_ok else 0):
        # Where stationarity puts the prices, exactly, for these line prices.
        scaled = _stationarity(lines, price, mu)
        for bus in range(n):
            scaled[bus] *= -(2.0**-scale_bits)
        shift = back_solve(order, column_start, column, value, diagonal, scaled)
        _spread(fraction, island, n_island, rows, sign, shift, offset)
        pieces = respond(orders, price, offset, injection, slope)
        right = _missing(injection, island, n_island, rows, sign, full, capacity)
        exact = _EXACT_WH + 10.0 * _NOISE * _size(injection)
        for i in range(w):
            total[i] = sign[i] * mu[full[i]] + fraction[n_island + i]
        curvature = _curvature(slope, island, n_island, rows, sign)
        step, dropped, flat = _direction(curvature, right, total, n_island, exact)
        if flat >= 0:
            # Nothing bends this way: as far as it takes until something does.
            _spread(step, island, n_island, rows, sign, np.zeros(n), offset)
            far = min(to_ramp(orders, price, offset), _FAR)
            for i in range(n_island + w):
                step[i] *= far
        # The dual is convex: along the step its slope rises from -promised towards zero and beyond.
        promised = 0.0
        top = 1.0
        stops = -1
        for i in range(n_island + w):
            promised += right[i] * step[i]
            if i >= n_island and total[i - n_island] + top * step[i] < 0.0:
                top = total[i - n_island] / -step[i]
                stops = i - n_island
        t = top
        low = 0.0
        high = top
        at_low = -promised
        there = 0
        unmet = np.inf
        for _ in range(_MAX_SEARCH):
            for i in range(n_island + w):
                trial[i] = fraction[i] + t * step[i]
            _spread(trial, island, n_island, rows, sign, shift, offset)
            there = respond(orders, price, offset, injection, slope)
            right = _missing(injection, island, n_island, rows, sign, full, capacity)
            here = 0.0
            for i in range(n_island + w):
                here -= right[i] * step[i]
            # What nothing bends towards cannot be met.
            unmet = 0.0
            for i in range(n_island + w):
                if not dropped[i]:
                    unmet = max(unmet, abs(right[i]))
            if unmet <= _TINY_WH + _NOISE * _size(injection):
                break
            if here <= 0.1 * promised and (t == top or here >= -0.1 * promised):
                break
            if here > 0.0:
                high = t
                t = low + (high - low) * max(0.1, min(0.9, at_low / (at_low - here)))
            else:
                low = t
                at_low = here
                t = 0.5 * (low + high)
        for i in range(n_island + w):
            fraction[i] += t * step[i]
        largest = _peak(offset)
        if not largest < _FAR:
            break
        stopped = stops >= 0 and t == top
        if not stopped and flat < 0 and t == 1.0 and largest < 1.0 and there == pieces:
            repeats += 1
            settled = unmet <= (exact if repeats < _MAX_REPEATS else _UNMET_WH)
            for i in range(n_island):
                settled = settled and abs(right[i]) <= _UNMET_WH
            for i in range(w):
                miss = right[n_island + i]
                settled = settled and miss <= _UNMET_WH and (total[i] <= 0.0 or miss >= -_UNMET_WH)
            if settled:
                break
        for i in range(w):
            moved = np.rint(fraction[n_island + i])
            mu[full[i]] += np.int64(sign[i] * moved)
            fraction[n_island + i] -= moved
        if stopped:
            mu[full[stops]] = 0
            fraction[n_island + stops] = 0.0
        for bus in range(n):
            moved = np.rint(offset[bus])
            price[bus] += np.int64(moved)
            if reference[bus]:
                # Here stationarity leaves no room: all that lies beside the integer is the island's.
                fraction[island[bus]] = offset[bus] - moved
    energy = energies(orders, price, offset)
    if settled:
        theta = back_solve(order, column_start, column, value, diagonal, injection)
        for line in range(m):
            flow[line] = weight[line] * (theta[line_from[line]] - theta[line_to[line]])
        for bus in range(n):
            price[bus] += np.int64(np.rint(offset[bus]))
        for i in range(w):
            mu[full[i]] += np.int64(np.rint(sign[i] * fraction[n_island + i]))
            shared[full[i]] = dropped[n_island + i] and mu[full[i]] != 0
        ends = at_an_end(orders, price)
        for bus in range(n):
            if ends[bus]:
                for i in range(w):
                    if island[line_from[full[i]]] == island[bus] and mu[full[i]] != 0:
                        shared[full[i]] = True
        level(orders, island, n_island, line_from, np.flatnonzero(mu), slope, price)
    return price, mu, energy, flow, shared, settled


@compiled
def _direction(
    curvature: FloatArray, right: FloatArray, total: FloatArray, n_island: int, exact: float
) -> tuple[FloatArray, BoolArray, int]:
    """Where island and line prices go next.

    Newton's step, with lines left out that have no price and would not get one. Where the dual is flat
    but not level, along which nothing answers, the way down there instead.

    Args:
        curvature: float64[s, s], the lower triangle of `_curvature`.
        right: float64[s], Wh that are missing.
        total: float64[w], line prices in the direction of their line.
        n_island: the first rows.
        exact: Wh that count as nothing.

    Returns:
        The step, which variables nothing answers, and the variable that leads down where it is flat, -1
        for none.
    """
    size = len(right)
    w = len(total)
    out = np.zeros(w, dtype=np.bool_)
    for i in range(w):
        out[i] = total[i] <= 0.0 and right[n_island + i] <= exact
    step = np.zeros(size)
    dropped = np.zeros(size, dtype=np.bool_)
    flat = -1
    for _ in range(w + 1):
        matrix = curvature.copy()
        for i in range(w):
            if out[i]:
                matrix[n_island + i, n_island + i] = 0.0
        step, dropped = _solve(matrix, right)
        unmet = 0.0
        for i in range(size):
            if not dropped[i]:
                unmet = max(unmet, abs(right[i]))
        flat = -1
        if unmet <= _UNMET_WH:
            for i in range(size):
                if dropped[i] and flat < 0 and (i < n_island or not out[i - n_island]):
                    way, down = _flat_way(curvature, right, dropped, i)
                    priced = i < n_island or total[i - n_island] > 0.0
                    if down > exact or (priced and down < -exact):
                        flat = i
                        for j in range(size):
                            step[j] = np.copysign(1.0, down) * way[j]
        turned = False
        for i in range(w):
            if not out[i] and total[i] <= 0.0 and step[n_island + i] < 0.0:
                out[i] = True
                turned = True
        if not turned:
            break
    return step, dropped, flat


@compiled
def _flat_way(
    curvature: FloatArray, right: FloatArray, dropped: BoolArray, which: int
) -> tuple[FloatArray, float]:
    """One unit more of what nothing answers, and of the others what keeps every price at which anything would.

    Returns:
        The way, float64[s], and how fast the dual falls on it, Wh.
    """
    size = len(right)
    kept = curvature.copy()
    column = np.zeros(size)
    for j in range(size):
        column[j] = -curvature[max(which, j), min(which, j)]
        if dropped[j]:
            kept[j, j] = 0.0
    way, _ = _solve(kept, column)
    way[which] = 1.0
    down = 0.0
    for j in range(size):
        down += way[j] * right[j]
    return way, down


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
    price = np.zeros(n, dtype=np.int64)
    for i in range(n_island):
        # The median, because at a few buses prices may have been anything.
        levels = np.empty(n)
        count = 0
        for bus in range(n):
            if island[bus] == i:
                levels[count] = pi[bus] * 2.0**PRICE_FRACTION_BITS - relative[bus]
                count += 1
        if not _peak(levels[:count]) < np.inf:
            return price, False
        select(levels, count, count // 2)
        middle = levels[count // 2]
        for bus in range(n):
            if island[bus] != i:
                continue
            if not abs(relative[bus] + middle) < _FAR:
                return price, False
            price[bus] = np.int64(np.rint(relative[bus] + middle))
    return price, True


@compiled
def _stationarity(lines: Lines, price: Int64Array, mu: Int64Array) -> FloatArray:
    """Rule 4's residual r_n of integer prices, float64[n]; without error while it is small."""
    line_from, line_to, b, _, _ = lines
    exact = np.zeros(len(price), dtype=np.int64)
    rough = np.zeros(len(price))
    for line in range(len(b)):
        i = line_from[line]
        j = line_to[line]
        difference = price[i] - price[j] + mu[line]
        exact[i] += b[line] * difference
        exact[j] -= b[line] * difference
        rough[i] += float(b[line]) * difference
        rough[j] -= float(b[line]) * difference
    # Where the integers may have wrapped in earnest, the rough sum is good enough to come nearer.
    if _peak(rough) <= _WRAPS:
        for bus in range(len(price)):
            rough[bus] = exact[bus]
    return rough


@compiled
def _peak(values: FloatArray) -> float:
    """The largest size of some numbers; not a number if one is none."""
    out = 0.0
    for i in range(len(values)):
        out = abs(values[i]) if not abs(values[i]) <= out else out
    return out


@compiled
def _size(values: FloatArray) -> float:
    """The sizes of some numbers added up."""
    out = 0.0
    for i in range(len(values)):
        out += abs(values[i])
    return out


@compiled
def _spread(
    fraction: FloatArray,
    island: Int64Array,
    n_island: int,
    rows: FloatArray,
    sign: FloatArray,
    shift: FloatArray,
    offset: FloatArray,
) -> None:
    """Nodal prices beside the integers, float64[n], from those of islands and full lines."""
    for bus in range(len(shift)):
        offset[bus] = shift[bus] + fraction[island[bus]]
    for i in range(len(sign)):
        price = sign[i] * fraction[n_island + i]
        if price != 0.0:
            for bus in range(len(shift)):
                offset[bus] -= rows[i, bus] * price


@compiled
def _missing(
    injection: FloatArray,
    island: Int64Array,
    n_island: int,
    rows: FloatArray,
    sign: FloatArray,
    full: Int64Array,
    capacity: FloatArray,
) -> FloatArray:
    """Wh by which each island is short, then by which each full line is too full."""
    w = len(sign)
    out = np.zeros(n_island + w)
    for bus in range(len(injection)):
        out[island[bus]] -= injection[bus]
    for i in range(w):
        flow = 0.0
        for bus in range(len(injection)):
            flow += rows[i, bus] * injection[bus]
        out[n_island + i] = sign[i] * flow - capacity[full[i]]
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
