"""The engine for any congestion: a primal-dual interior-point method on orders, angles and lines.

Every order is turned into one that grows with the price: what a supply gives or a demand refuses,
0 <= y <= q, at marginal cost pa + (pb - pa) y / q. Mehrotra's predictor and corrector eliminate the
orders at their bus and the flows in their line, and factorise one 2 x 2 block per bus: price and
angle. No working set and no start is needed, and it takes some fifteen steps whatever binds.
Floating point: proposes, never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.network import Network
from offchain.clearing.sparse import back_solve_blocks, factorise_blocks
from offchain.clearing.sweeps import (
    advance,
    correct,
    draw,
    gather,
    inner,
    largest,
    predict,
    stiffen,
)
from offchain.clearing.sweeps import (
    centre as push_to_centre,
)
from offchain.clearing.sweeps import (
    second_order as second_order_term,
)
from offchain.clearing.table import Table
from offchain.units import PRICE_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_MAX_STEPS: Final = 100
#: How much of the way to the nearest bound a step may go.
_TO_BOUND: Final = 0.995
#: How far a bus may be out of balance at the end, in average orders.
_BALANCE: Final = 1e-6
#: A crowd of orders is looked at through so many merged ones.
_MERGED: Final = 128
#: Ticks beyond which a price is no price.
_FAR_TICKS: Final = 2.0**34
#: Prices are scaled to this many ticks, about one demand ramp.
_PRICE_SCALE: Final = 1e5


@dataclass(frozen=True)
class Approximation:
    """An approximate dual solution.

    Attributes:
        pi: float64[n], nodal prices in ticks.
        mu: float64[m], line prices in ticks, signed as the certificate has them.
        binding: bool[m], the lines taken to be full.
        iterations: steps taken.
    """

    pi: FloatArray
    mu: FloatArray
    binding: BoolArray
    iterations: int


def solve(
    network: Network, table: Table, accuracy: float = 1e-8, crowd: int = 512
) -> Approximation:
    """Clear approximately.

    Args:
        network: the grid.
        table: the orders.
        accuracy: the mean product of a slack and its price at which to stop, in average orders
            times `_PRICE_SCALE` ticks.
        crowd: more orders than this at one bus and side are merged.
    """
    pattern = network.pattern
    pi, price, binding, steps = _solve(
        table.group_start,
        table.q,
        table.bottom,
        table.width,
        crowd,
        (network.line_from, network.line_to, network.weight, network.capacity),
        network.reference,
        (pattern.order, pattern.entry, pattern.row_start, pattern.row),
        (pattern.column_start, pattern.column),
        accuracy,
    )
    # Where nobody is on a ramp a price may go anywhere.
    pi = np.clip(pi * _PRICE_SCALE, -_FAR_TICKS, _FAR_TICKS)
    return Approximation(pi, price * _PRICE_SCALE, binding, steps)


@compiled
def _solve(
    group_start: Int64Array,
    q_wh: Int64Array,
    bottom: Int64Array,
    width: Int64Array,
    crowd: int,
    lines: tuple[Int64Array, Int64Array, FloatArray, FloatArray],
    reference: BoolArray,
    rows: tuple[Int64Array, Int64Array, Int64Array, Int64Array],
    columns: tuple[Int64Array, Int64Array],
    accuracy: float,
) -> tuple[FloatArray, FloatArray, BoolArray, int]:
    line_from, line_to, weight, capacity_wh = lines
    order, entry, row_start, row = rows
    column_start, column = columns
    n = len(group_start) // 2
    m = len(weight)
    unit = 2.0**-PRICE_FRACTION_BITS / _PRICE_SCALE

    first_of, bottom_of, width_of, size_of, demand_wh = _condense(
        group_start, q_wh, bottom, width, crowd
    )
    k = len(size_of)
    scale = 0.0
    for i in range(k):
        scale += size_of[i]
    scale = max(1.0, scale / max(k, 1))
    # Everything starts half way, at prices that are neither large nor small. (Loops rather than
    # array expressions, which take the compiler ten times as long.)
    bus_of = np.empty(k, dtype=np.int64)
    pa = np.empty(k)
    curve = np.empty(k)
    y = np.empty(k)
    s = np.empty(k)
    low = np.empty(k)
    high = np.empty(k)
    demand = np.empty(n)
    pi = np.zeros(n)
    for bus in range(n):
        demand[bus] = demand_wh[bus] / scale
        for i in range(first_of[bus], first_of[bus + 1]):
            bus_of[i] = bus
            q = size_of[i] / scale
            pa[i] = bottom_of[i] * unit
            curve[i] = width_of[i] * unit / q
            y[i] = 0.5 * q
            s[i] = 0.5 * q
            gap = pa[i] + curve[i] * y[i]
            low[i] = max(gap, 0.0) + 2.0
            high[i] = max(-gap, 0.0) + 2.0
    flow = np.zeros(m)
    spare = np.empty((2, m))
    price = np.empty((2, m))
    conductance = np.empty(m)
    total_weight = 0.0
    for line in range(m):
        total_weight += weight[line]
    for line in range(m):
        conductance[line] = weight[line] * m / total_weight
        # A capacity of nothing has no interior; a millionth of an order is as good as nothing.
        spare[0, line] = spare[1, line] = max(capacity_wh[line] / scale, 1e-6)
        price[0, line] = price[1, line] = 0.1 / max(1.0, spare[0, line])

    stiff = np.empty(k)
    per_y = np.empty(k)
    per_s = np.empty(k)
    pull = np.empty(k)
    push_low = np.empty(k)
    push_high = np.empty(k)
    dy = np.zeros(k)
    dlow = np.zeros(k)
    dhigh = np.zeros(k)
    ratio = np.empty(k)
    seen = np.empty(k)
    dflow = np.zeros(m)
    dprice = np.zeros((2, m))
    push = np.zeros((2, m))
    value = np.empty((len(column), 4))
    diagonal = np.empty((n, 3))
    permuted = np.empty((n, 3))
    balance = np.empty(n)
    first = np.empty(n)
    second = np.empty(n)
    count = max(2.0 * (k + m), 1.0)
    steps = 0
    while steps < _MAX_STEPS:
        products = inner(y, low) + inner(s, high)
        for line in range(m):
            products += spare[0, line] * price[0, line] + spare[1, line] * price[1, line]
        mean = products / count
        for bus in range(n):
            held = -demand[bus]
            for i in range(first_of[bus], first_of[bus + 1]):
                held += y[i]
            balance[bus] = held
        for line in range(m):
            balance[line_from[line]] -= flow[line]
            balance[line_to[line]] += flow[line]
        worst = 0.0
        for bus in range(n):
            worst = max(worst, abs(balance[bus]))
        if mean <= accuracy and worst <= _BALANCE:
            break
        steps += 1

        # One block (price, angle) per bus.
        stiffen(curve, y, s, low, high, per_y, per_s, stiff)
        gather(pi, bus_of, seen)
        draw(stiff, seen, pa, curve, y, pull)
        for bus in range(n):
            # A bus without orders takes whatever price its neighbours give it.
            growth = 1e-13
            drawn = 0.0
            for i in range(first_of[bus], first_of[bus + 1]):
                growth += stiff[i]
                drawn += pull[i]
            diagonal[bus, 0] = -growth
            diagonal[bus, 1] = 0.0
            diagonal[bus, 2] = 1.0 if reference[bus] else 0.0
            first[bus] = balance[bus] + drawn
            second[bus] = 0.0
        for e in range(len(value)):
            for part in range(4):
                value[e, part] = 0.0
        for line in range(m):
            w = conductance[line]
            h = price[0, line] / spare[0, line] + price[1, line] / spare[1, line]
            a = line_from[line]
            b = line_to[line]
            diagonal[a, 1] += w
            diagonal[b, 1] += w
            diagonal[a, 2] += w * h * w
            diagonal[b, 2] += w * h * w
            e = entry[line]
            value[e, 1] -= w
            value[e, 2] -= w
            value[e, 3] -= w * h * w
            miss = w * (pi[a] - pi[b])
            second[a] -= miss
            second[b] += miss
        for step in range(n):
            for part in range(3):
                permuted[step, part] = diagonal[order[step], part]
        factorise_blocks(row_start, row, column_start, column, value, permuted)

        # Predictor: towards products of zero.
        back_solve_blocks(order, column_start, column, value, permuted, first, second)
        gather(first, bus_of, seen)
        predict(pull, stiff, seen, per_y, per_s, low, high, dy, dlow, dhigh, ratio)
        reach = max(1.0, largest(ratio))
        second_order = second_order_term(dy, dlow, dhigh)
        for line in range(m):
            change = conductance[line] * (second[line_from[line]] - second[line_to[line]])
            dflow[line] = change
            up = change / spare[0, line]
            down = change / spare[1, line]
            dprice[0, line] = price[0, line] * (up - 1.0)
            dprice[1, line] = -price[1, line] * (down + 1.0)
            second_order += change * (dprice[1, line] - dprice[0, line])
            reach = max(reach, up, -down, 1.0 - up, 1.0 + down)
        # Along the predictor the products fall by the same part, but for the second-order term.
        t = 1.0 / reach
        after = (1.0 - t) * products + t * t * second_order
        centre = mean * max(after / products, 0.0) ** 3

        # Corrector: towards centred products, with what the predictor left out.
        push_to_centre(centre, per_y, per_s, dy, dlow, dhigh, stiff, push_low, push_high, pull)
        for bus in range(n):
            drawn = 0.0
            for i in range(first_of[bus], first_of[bus + 1]):
                drawn += pull[i]
            first[bus] = balance[bus] + drawn
            second[bus] = 0.0
        for line in range(m):
            a = line_from[line]
            b = line_to[line]
            push[0, line] = (centre + dflow[line] * dprice[0, line]) / spare[0, line]
            push[1, line] = (centre - dflow[line] * dprice[1, line]) / spare[1, line]
            miss = conductance[line] * (pi[a] - pi[b] + push[0, line] - push[1, line])
            second[a] -= miss
            second[b] += miss
        back_solve_blocks(order, column_start, column, value, permuted, first, second)
        gather(first, bus_of, seen)
        correct(
            pull, stiff, seen, per_y, per_s, low, high, push_low, push_high, dy, dlow, dhigh, ratio
        )
        reach = max(_TO_BOUND, largest(ratio))
        for line in range(m):
            change = conductance[line] * (second[line_from[line]] - second[line_to[line]])
            up = change / spare[0, line]
            down = change / spare[1, line]
            dflow[line] = change
            dprice[0, line] = push[0, line] - price[0, line] * (1.0 - up)
            dprice[1, line] = push[1, line] - price[1, line] * (1.0 + down)
            turned = max(-dprice[0, line] / price[0, line], -dprice[1, line] / price[1, line])
            reach = max(reach, up, -down, turned)
        t = _TO_BOUND / reach
        for bus in range(n):
            pi[bus] += t * first[bus]
        advance(t, y, dy)
        advance(-t, s, dy)
        advance(t, low, dlow)
        advance(t, high, dhigh)
        for line in range(m):
            flow[line] += t * dflow[line]
            spare[0, line] -= t * dflow[line]
            spare[1, line] += t * dflow[line]
            price[0, line] += t * dprice[0, line]
            price[1, line] += t * dprice[1, line]
    binding = np.empty(m, dtype=np.bool_)
    mu = np.empty(m)
    for line in range(m):
        mu[line] = price[0, line] - price[1, line]
        binding[line] = abs(mu[line]) > min(spare[0, line], spare[1, line])
    return pi, mu, binding, steps


@compiled
def _condense(
    group_start: Int64Array, q: Int64Array, bottom: Int64Array, width: Int64Array, crowd: int
) -> tuple[Int64Array, FloatArray, FloatArray, FloatArray, FloatArray]:
    """The orders the method looks at: those with energy, and of a crowd fewer, wider ones.

    In a group of more than ``crowd`` orders, neighbours on the price axis are merged into `_MERGED`
    ramps. Prices move a little by it; polishing, which sees every order, puts them right.

    Returns:
        int64[n + 1], where each bus begins; lower ends, widths (2^-16 tick) and quantities (Wh) of
        the ramps; float64[n], the demand quantities of every bus, Wh.
    """
    n = len(group_start) // 2
    room = 0
    for group in range(2 * n):
        size = group_start[group + 1] - group_start[group]
        room += size if size <= crowd else _MERGED
    first = np.zeros(n + 1, dtype=np.int64)
    demand = np.zeros(n)
    bottoms = np.empty(room)
    widths = np.empty(room)
    sizes = np.empty(room)
    used = 0
    for group in range(2 * n):
        begin = group_start[group]
        end = group_start[group + 1]
        if group % 2 == 0:
            first[group // 2] = used
            for i in range(begin, end):
                demand[group // 2] += q[i]
        if end - begin <= crowd:
            for i in range(begin, end):
                if q[i] > 0:
                    bottoms[used] = bottom[i]
                    widths[used] = width[i]
                    sizes[used] = q[i]
                    used += 1
            continue
        # Quantiles of a sample part the price axis.
        sample = np.sort(bottom[begin : end : max((end - begin) // (8 * _MERGED), 1)])
        edges = sample[:: max(len(sample) // (_MERGED - 1), 1)][: _MERGED - 1]
        total = np.zeros(_MERGED)
        at = np.zeros(_MERGED)
        wide = np.zeros(_MERGED)
        least = np.full(_MERGED, np.inf)
        most = np.full(_MERGED, -np.inf)
        for i in range(begin, end):
            if q[i] > 0:
                part = np.searchsorted(edges, bottom[i], side="right")
                total[part] += q[i]
                at[part] += q[i] * float(bottom[i])
                wide[part] += q[i] * float(width[i])
                least[part] = min(least[part], bottom[i])
                most[part] = max(most[part], bottom[i])
        for part in range(_MERGED):
            if total[part] > 0.0:
                spread = most[part] - least[part]
                bottoms[used] = at[part] / total[part] - 0.5 * spread
                widths[used] = wide[part] / total[part] + spread
                sizes[used] = total[part]
                used += 1
    first[n] = used
    return first, bottoms[:used], widths[:used], sizes[:used], demand
