"""Newton's method on the dual of the clearing program, restricted to a working set of lines.

With every order at its response to the nodal price ``pi_n = lambda_i - sum_l h_ln nu_l`` the dual is
convex, piecewise quadratic and has one variable per island and one, ``nu_l >= 0``, per line of the
working set; row h_l is the line's transfer distribution factors, signed so that its flow is positive
when the line is full. Its gradient is the balance of each island and the spare capacity of each
line. Each step solves the quadratic model under ``nu >= 0`` exactly and then searches along the
chord, so the dual falls at every step. Floating point: proposes, never decides. Our formulation.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

#: A pivot this much smaller than its diagonal belongs to a variable that depends on earlier ones.
_DEPENDENT: Final = 1e-11
#: The line search ends when the slope has fallen to this part of what it was.
_SEARCH_SLOPE: Final = 0.1
_MAX_STEPS: Final = 200


@compiled
def respond(
    start: Int64Array,
    pa: FloatArray,
    inverse_width: FloatArray,
    q: FloatArray,
    demand: FloatArray,
    pi: FloatArray,
    window: float,
    injection: FloatArray,
    slope: FloatArray,
) -> None:
    """Injection of every bus at its price, and how fast it grows with the price.

    Args:
        start: int64[n + 1], the orders of bus b are ``start[b] ... start[b + 1] - 1``.
        pa: lower ramp ends, ticks; with ``inverse_width`` (1 / tick) and ``q`` (Wh) one per order.
        inverse_width: reciprocal ramp widths.
        q: quantities, Wh.
        demand: float64[n], the demand quantities of every bus, Wh.
        pi: float64[n], prices, ticks.
        window: ticks either side over which the growth is averaged; 0 for the derivative.
        injection: float64[n], written: supply minus demand, Wh.
        slope: float64[n], written: Wh per tick, not negative.
    """
    for bus in range(len(pi)):
        price = pi[bus]
        total = -demand[bus]
        growth = 0.0
        for i in range(start[bus], start[bus + 1]):
            # A demand refuses what a supply on the same ramp would give, so both add q times this.
            part = (price - pa[i]) * inverse_width[i]
            if part >= 1.0:
                total += q[i]
            elif part > 0.0:
                total += q[i] * part
                if window == 0.0:
                    growth += q[i] * inverse_width[i]
            if window > 0.0:
                half = window * inverse_width[i]
                spread = min(max(part + half, 0.0), 1.0) - min(max(part - half, 0.0), 1.0)
                growth += q[i] * spread / (2.0 * window)
        injection[bus] = total
        slope[bus] = growth


@compiled
def gradient(
    injection: FloatArray, island: Int64Array, rows: FloatArray, capacity: FloatArray, n_island: int
) -> FloatArray:
    """Balance of each island, then spare capacity of each line of the working set; Wh."""
    n_line = len(capacity)
    out = np.zeros(n_island + n_line)
    for bus in range(len(injection)):
        out[island[bus]] += injection[bus]
    for line in range(n_line):
        flow = 0.0
        for bus in range(len(injection)):
            flow += rows[line, bus] * injection[bus]
        out[n_island + line] = capacity[line] - flow
    return out


@compiled
def prices(z: FloatArray, island: Int64Array, rows: FloatArray, n_island: int) -> FloatArray:
    """Nodal prices float64[n] of dual variables z: one lambda per island, then one nu per line."""
    n_bus = len(island)
    pi = np.empty(n_bus)
    for bus in range(n_bus):
        pi[bus] = z[island[bus]]
    for line in range(len(z) - n_island):
        nu = z[n_island + line]
        if nu != 0.0:
            for bus in range(n_bus):
                pi[bus] -= rows[line, bus] * nu
    return pi


@compiled
def curvature(slope: FloatArray, island: Int64Array, rows: FloatArray, n_island: int) -> FloatArray:
    """The Hessian of the dual, float64[n_island + w, n_island + w]."""
    n_line = rows.shape[0]
    size = n_island + n_line
    out = np.zeros((size, size))
    for bus in range(len(slope)):
        d = slope[bus]
        if d == 0.0:
            continue
        i = island[bus]
        out[i, i] += d
        for line in range(n_line):
            h = d * rows[line, bus]
            if h == 0.0:
                continue
            out[n_island + line, i] -= h
            for other in range(line + 1):
                out[n_island + line, n_island + other] += h * rows[other, bus]
    for a in range(size):
        for b in range(a):
            out[b, a] = out[a, b]
    return out


@compiled
def solve_positive(matrix: FloatArray, right: FloatArray, use: BoolArray) -> tuple[FloatArray, int]:
    """Solve a positive semidefinite system over the variables in use; the others stay zero.

    A variable that depends on earlier ones stays zero too, so of dependent lines the highest indices
    are dropped. Plain Cholesky in index order: no library, hence the same bits everywhere.

    Returns:
        The solution and the number of dependent variables.
    """
    index = np.flatnonzero(use)
    size = len(index)
    factor = np.empty((size, size))
    kept = np.ones(size, dtype=np.bool_)
    dependent = 0
    for i in range(size):
        for j in range(i):
            value = matrix[index[i], index[j]]
            if kept[j]:
                for k in range(j):
                    value -= factor[i, k] * factor[j, k]
                factor[i, j] = value * factor[j, j]
            else:
                factor[i, j] = 0.0
        pivot = matrix[index[i], index[i]]
        for k in range(i):
            pivot -= factor[i, k] * factor[i, k]
        if pivot > _DEPENDENT * matrix[index[i], index[i]] and pivot > 1e-300:
            # The diagonal holds the reciprocal.
            factor[i, i] = 1.0 / np.sqrt(pivot)
        else:
            kept[i] = False
            dependent += 1
            for k in range(i + 1):
                factor[i, k] = 0.0
    part = np.zeros(size)
    for i in range(size):
        if kept[i]:
            value = right[index[i]]
            for k in range(i):
                value -= factor[i, k] * part[k]
            part[i] = value * factor[i, i]
    for i in range(size - 1, -1, -1):
        if kept[i]:
            value = part[i]
            for k in range(i + 1, size):
                value -= factor[k, i] * part[k]
            part[i] = value * factor[i, i]
    out = np.zeros(len(right))
    for i in range(size):
        out[index[i]] = part[i]
    return out, dependent


@compiled
def model_step(
    matrix: FloatArray, slope: FloatArray, z: FloatArray, n_island: int
) -> tuple[FloatArray, int]:
    """The step that minimises the quadratic model under ``nu >= 0``.

    Block principal pivoting with Murty's single pivots as the safeguard.

    Returns:
        The step and the number of variables that depend on others.
    """
    size = len(z)
    use = np.ones(size, dtype=np.bool_)
    for i in range(n_island, size):
        use[i] = z[i] > 0.0 or slope[i] < 0.0
    best = size + 1
    patience = 3
    step = np.zeros(size)
    dependent = 0
    for _ in range(5 * size + 10):
        # Variables not in use go to nu = 0.
        right = -slope
        for i in range(n_island, size):
            if not use[i] and z[i] > 0.0:
                for j in range(size):
                    right[j] += matrix[j, i] * z[i]
        step, dependent = solve_positive(matrix, right, use)
        for i in range(n_island, size):
            if not use[i]:
                step[i] = -z[i]
        wrong = 0
        last = -1
        flip = np.zeros(size, dtype=np.bool_)
        for i in range(n_island, size):
            if use[i]:
                bad = z[i] + step[i] < -1e-12 * (abs(z[i]) + abs(step[i]))
            else:
                value = slope[i]
                scale = abs(slope[i])
                for j in range(size):
                    value += matrix[i, j] * step[j]
                    scale += abs(matrix[i, j] * step[j])
                bad = value < -1e-12 * scale - 1e-9
            if bad:
                flip[i] = True
                wrong += 1
                last = i
        if wrong == 0:
            break
        if wrong < best:
            best = wrong
            patience = 3
        elif patience > 0:
            patience -= 1
        else:
            flip[:] = False
            flip[last] = True
        for i in range(n_island, size):
            if flip[i]:
                use[i] = not use[i]
    for i in range(n_island, size):
        if z[i] + step[i] < 0.0:
            step[i] = -z[i]
    return step, dependent


@compiled
def minimise(
    start: Int64Array,
    pa: FloatArray,
    inverse_width: FloatArray,
    q: FloatArray,
    demand: FloatArray,
    island: Int64Array,
    n_island: int,
    rows: FloatArray,
    capacity: FloatArray,
    z: FloatArray,
    tolerance: float,
) -> tuple[FloatArray, int, float]:
    """Minimise the dual over the working set.

    Args:
        start: with ``pa``, ``inverse_width``, ``q``, ``demand`` as in `respond`.
        pa: see `respond`.
        inverse_width: see `respond`.
        q: see `respond`.
        demand: see `respond`.
        island: int64[n], the island of each bus.
        n_island: number of islands.
        rows: float64[w, n], signed distribution factors.
        capacity: float64[w], Wh.
        z: float64[n_island + w], where to start.
        tolerance: Wh by which balances and capacities may be missed.

    Returns:
        The prices z, the number of steps, and the largest miss in Wh.
    """
    n_bus = len(island)
    size = len(z)
    injection = np.empty(n_bus)
    slope = np.empty(n_bus)
    pi = prices(z, island, rows, n_island)
    respond(start, pa, inverse_width, q, demand, pi, 0.0, injection, slope)
    miss = np.inf
    window = 1e5
    for count in range(_MAX_STEPS):
        grad = gradient(injection, island, rows, capacity, n_island)
        miss = 0.0
        for i in range(size):
            held = i >= n_island and z[i] == 0.0
            miss = max(miss, -grad[i] if held else abs(grad[i]))
        if miss <= tolerance:
            return z, count, miss
        step = np.zeros(size)
        wide = window
        for _ in range(8):
            if wide > 0.0:
                respond(start, pa, inverse_width, q, demand, pi, wide, injection, slope)
            matrix = curvature(slope, island, rows, n_island)
            step, dependent = model_step(matrix, grad, z, n_island)
            if dependent == 0:
                break
            wide = max(16.0 * wide, 64.0)
        # Search along the chord for a zero of the slope, which never falls.
        change = prices(step, island, rows, n_island)
        first = 0.0
        most = np.inf
        for i in range(size):
            first += grad[i] * step[i]
            if i >= n_island and step[i] < 0.0:
                most = min(most, z[i] / -step[i])
        if not first < 0.0:
            return z, count, miss
        low = 0.0
        low_slope = first
        high = np.inf
        high_slope = 0.0
        t = min(1.0, most)
        for _ in range(60):
            trial = pi + t * change
            respond(start, pa, inverse_width, q, demand, trial, 0.0, injection, slope)
            here = 0.0
            for bus in range(n_bus):
                here += injection[bus] * change[bus]
            for line in range(size - n_island):
                here += capacity[line] * step[n_island + line]
            if abs(here) <= _SEARCH_SLOPE * abs(first):
                break
            if here < 0.0:
                low = t
                low_slope = here
                if t >= most:
                    break
                if high == np.inf:
                    t = min(4.0 * t, most)
                    continue
            else:
                high = t
                high_slope = here
            if high - low <= 1e-15 * high:
                break
            t = low + (high - low) * low_slope / (low_slope - high_slope)
            # Secants creep along kinks: keep off the ends, and halve from time to time.
            edge = 0.1 * (high - low)
            t = min(max(t, low + edge), high - edge)
        furthest = 0.0
        for bus in range(n_bus):
            furthest = max(furthest, abs(t * change[bus]))
        window = furthest if t != 1.0 else 0.05 * min(window, furthest)
        if window < 1.0:
            window = 0.0
        for i in range(size):
            z[i] += t * step[i]
            if i >= n_island and z[i] < 0.0:
                z[i] = 0.0
        pi = prices(z, island, rows, n_island)
        respond(start, pa, inverse_width, q, demand, pi, 0.0, injection, slope)
    return z, _MAX_STEPS, miss
