"""Water-filling on a tree: radial grids need no solver.

On a tree a price can differ between neighbours only across a line that is full. So one price is
raised or lowered for a whole island, with every branch's exchange held to its line, until supply
meets demand; then the same again inside each branch whose line is full, towards what the line
carries. The zones between full lines are put right one by one, in integers but for a fraction of a
unit. Exact for any number of levels. Our formulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.exact import Orders, at_an_end, energies, level, respond
from offchain.clearing.network import Network
from offchain.clearing.table import Table

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
Places = tuple[Int64Array, Int64Array, Int64Array, Int64Array, Int64Array, FloatArray]

_MAX_SEARCH: Final = 200
_MAX_STEPS: Final = 30
#: Wh at which a price search may end: the zones are put right afterwards.
_CLOSE_WH: Final = 1e-3
#: Wh, and parts of all energy, that floating-point sums may leave.
_EXACT_WH: Final = 1e-7
_NOISE: Final = 1e-15
#: 2^-16 tick by which a price is moved onto a ramp.
_NUDGE: Final = 0.01


@dataclass(frozen=True)
class Tree:
    """A forest in depth-first order: every branch is a row of neighbours.

    Attributes:
        bus: int64[n], the bus at each place.
        parent: int64[n], the place of the bus above, -1 for the first bus of an island.
        end: int64[n], one past the last place of the branch that begins at each.
        line: int64[n], the line to the bus above, -1 for the first bus of an island.
        capacity: int64[n], what that line may carry, Wh.
        outward: float64[n], 1 where the line's positive direction leads to the bus above.
    """

    bus: Int64Array
    parent: Int64Array
    end: Int64Array
    line: Int64Array
    capacity: Int64Array
    outward: FloatArray


@dataclass(frozen=True)
class TreeClearing:
    """Prices and energies on a tree.

    Attributes:
        price: int64[n], nodal prices in 2^-16 tick.
        mu: int64[m], line prices in 2^-16 tick.
        energy: int64[k], allocations in 2^-20 Wh, in the order of the table.
        iterations: evaluations of the whole tree.
    """

    price: Int64Array
    mu: Int64Array
    energy: Int64Array
    iterations: int


def tree_of(network: Network) -> Tree | None:
    """The grid as a tree, or None if it has a loop."""
    n = network.n_bus
    if len(network.weight) != n - network.n_island:
        return None
    ends = (network.line_from.tolist(), network.line_to.tolist())
    beside: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for line, (i, j) in enumerate(zip(*ends, strict=True)):
        beside[i].append((j, line))
        beside[j].append((i, line))
    bus, parent, above = [], [], []
    for root in np.flatnonzero(network.reference).tolist():
        waiting = [(root, -1, -1, -1)]
        while waiting:
            here, place, line, origin = waiting.pop()
            bus.append(here)
            parent.append(place)
            above.append(line)
            waiting += [
                (near, len(bus) - 1, way, here) for near, way in beside[here] if near != origin
            ]
    end: Int64Array = np.arange(1, n + 1, dtype=np.int64)
    for place in range(n - 1, -1, -1):
        if parent[place] >= 0:
            end[parent[place]] = max(end[parent[place]], end[place])
    up: Int64Array = np.array(above, dtype=np.int64)
    order = np.array(bus, dtype=np.int64)
    inside = up >= 0
    capacity = np.zeros(n, dtype=np.int64)
    capacity[inside] = network.capacity[up[inside]].astype(np.int64)
    outward = np.zeros(n)
    outward[inside] = np.where(network.line_from[up[inside]] == order[inside], 1.0, -1.0)
    return Tree(order, np.array(parent, dtype=np.int64), end, up, capacity, outward)


def solve(tree: Tree, network: Network, table: Table) -> TreeClearing | None:
    """Clear on a tree.

    Args:
        tree: the grid as a tree.
        network: the same grid.
        table: the orders.

    Returns:
        The clearing, or None where prices are not unique: a line is full by coincidence, or nobody in a zone
        is on a ramp.
    """
    price, mu, energy, steps, settled = _solve(
        (table.start, table.supply, table.q, table.bottom, table.width),
        (tree.bus, tree.parent, tree.end, tree.line, tree.capacity, tree.outward),
        (network.island, network.n_island, network.line_from),
    )
    return TreeClearing(price, mu, energy, steps) if settled else None


@compiled
def _solve(
    orders: Orders, places: Places, islands: tuple[Int64Array, int, Int64Array]
) -> tuple[Int64Array, Int64Array, Int64Array, int, bool]:
    start, supply, q, bottom, width = orders
    bus, parent, end, line, capacity, outward = places
    n = len(bus)
    # Orders in tree order, as floats.
    first = np.zeros(n + 1, dtype=np.int64)
    low = np.empty(len(q))
    per_width = np.empty(len(q))
    quantity = np.empty(len(q))
    demand = np.zeros(n)
    at = 0
    least = np.inf
    most = -np.inf
    for place in range(n):
        for i in range(start[bus[place]], start[bus[place] + 1]):
            if q[i] > 0:
                low[at] = bottom[i]
                per_width[at] = 1.0 / width[i]
                quantity[at] = q[i]
                least = min(least, low[at])
                most = max(most, low[at] + width[i])
                if not supply[i]:
                    demand[place] += q[i]
                at += 1
        first[place + 1] = at
    curves = (first, low, per_width, quantity, demand)

    zone = np.zeros(n, dtype=np.int64)
    height = np.zeros(n)
    surplus = np.zeros(n)
    growth = np.zeros(n)
    target = np.zeros(n, dtype=np.int64)
    waiting = np.empty(n, dtype=np.int64)
    count = 0
    zones = 0
    by_chance = False
    evaluations = 0
    for place in range(n):
        if parent[place] < 0:
            waiting[count] = place
            count += 1
    while count > 0:
        count -= 1
        top = waiting[count]
        goal = float(target[top])
        lower = least
        upper = most
        price = 0.5 * (least + most)
        if parent[top] >= 0:
            # Too much flows out of the branch above this price, too little below, or the reverse.
            price = height[zone[parent[top]]]
            if goal > 0:
                upper = price
            else:
                lower = price
        if least <= most:
            for _ in range(_MAX_SEARCH):
                total, slope = _evaluate(curves, places, top, price, surplus, growth)
                evaluations += 1
                if abs(total - goal) <= _CLOSE_WH:
                    break
                if total > goal:
                    upper = price
                else:
                    lower = price
                if upper - lower <= 1e-3:
                    break
                step = price - (total - goal) / slope if slope > 0.0 else lower - 1.0
                price = step if lower < step < upper else 0.5 * (lower + upper)
        else:
            price = 0.0
            _evaluate(curves, places, top, price, surplus, growth)
        height[zones] = price
        # Branches whose line is full become zones of their own; the rest belongs to this one.
        zone[top] = zones
        place = top + 1
        while place < end[top]:
            spare = capacity[place] - abs(surplus[place])
            by_chance = by_chance or (abs(spare) <= 2.0 * _CLOSE_WH and capacity[place] > 0)
            if spare < 0.0:
                target[place] = capacity[place] if surplus[place] > 0.0 else -capacity[place]
                waiting[count] = place
                count += 1
                # Its parent's zone is known already: parents come first.
                place = end[place]
            else:
                zone[place] = zones
                place += 1
        zones += 1
    price_of, beside, energy, rise, settled = _put_right(
        orders, places, zone, zones, height, target
    )
    # A price next to a full line is unique where an order answers to it and is not just where its ramp ends.
    answers = np.zeros(zones, dtype=np.bool_)
    ends = at_an_end(orders, price_of)
    for place in range(n):
        if rise[bus[place]] > 0.0:
            answers[zone[place]] = True
    for place in range(n):
        if ends[bus[place]]:
            answers[zone[place]] = False
    for place in range(n):
        if target[place] != 0:
            by_chance = by_chance or not (answers[zone[place]] and answers[zone[parent[place]]])
    island, n_island, line_from = islands
    mu = np.zeros(len(line_from), dtype=np.int64)
    for place in range(n):
        if target[place] != 0:
            inner = bus[place]
            outer = bus[parent[place]]
            exact = price_of[outer] - price_of[inner]
            exact += np.int64(np.rint(beside[outer] - beside[inner]))
            mu[line[place]] = exact if outward[place] > 0.0 else -exact
    for i in range(n):
        price_of[i] += np.int64(np.rint(beside[i]))
    level(orders, island, n_island, line_from, line[target != 0], rise, price_of)
    return price_of, mu, energy, evaluations, settled and not by_chance


@compiled
def _evaluate(
    curves: tuple[Int64Array, FloatArray, FloatArray, FloatArray, FloatArray],
    places: Places,
    top: int,
    price: float,
    surplus: FloatArray,
    growth: FloatArray,
) -> tuple[float, float]:
    """What a branch has to spare at one price, every line below held to its capacity; Wh.

    Args:
        curves: orders in tree order.
        places: the tree.
        top: where the branch begins.
        price: in 2^-16 tick.
        surplus: float64[n], written for the branch: what each place would send up, Wh.
        growth: float64[n], written: how fast that grows with the price.

    Returns:
        Surplus and growth at the top.
    """
    first, low, per_width, quantity, demand = curves
    _, parent, end, _, capacity, _ = places
    last = end[top]
    for place in range(top, last):
        total = -demand[place]
        slope = 0.0
        for i in range(first[place], first[place + 1]):
            part = (price - low[i]) * per_width[i]
            if part >= 1.0:
                total += quantity[i]
            elif part > 0.0:
                total += quantity[i] * part
                slope += quantity[i] * per_width[i]
        surplus[place] = total
        growth[place] = slope
    for place in range(last - 1, top, -1):
        above = parent[place]
        if surplus[place] > capacity[place]:
            surplus[above] += capacity[place]
        elif surplus[place] < -capacity[place]:
            surplus[above] -= capacity[place]
        else:
            surplus[above] += surplus[place]
            growth[above] += growth[place]
    return surplus[top], growth[top]


@compiled
def _put_right(
    orders: Orders,
    places: Places,
    zone: Int64Array,
    zones: int,
    height: FloatArray,
    target: Int64Array,
) -> tuple[Int64Array, FloatArray, Int64Array, FloatArray, bool]:
    """Balance the zones exactly, each exchanging what its full lines carry.

    Returns:
        Prices int64[n] in 2^-16 tick and float64[n] beside them; energies int64[k]; float64[n], how
        fast each bus's injection grows there; whether every zone balances.
    """
    bus, parent, _, _, _, _ = places
    n = len(bus)
    sent = np.zeros(zones, dtype=np.int64)
    for place in range(n):
        if target[place] != 0:
            sent[zone[place]] += target[place]
            sent[zone[parent[place]]] -= target[place]
    whole = np.empty(zones, dtype=np.int64)
    fraction = np.empty(zones)
    for z in range(zones):
        whole[z] = np.int64(np.rint(height[z]))
        fraction[z] = height[z] - whole[z]
    price = np.empty(n, dtype=np.int64)
    offset = np.empty(n)
    injection = np.empty(n)
    slope = np.empty(n)
    settled = False
    before = 0
    for step in range(_MAX_STEPS):
        for place in range(n):
            price[bus[place]] = whole[zone[place]]
            offset[bus[place]] = fraction[zone[place]]
        pieces = respond(orders, price, offset, injection, slope)
        short = sent.astype(np.float64)
        growth = np.zeros(zones)
        size = np.abs(short)
        for place in range(n):
            size[zone[place]] += abs(injection[bus[place]])
            short[zone[place]] -= injection[bus[place]]
            growth[zone[place]] += slope[bus[place]]
        exact = step > 0 and pieces == before
        for z in range(zones):
            if abs(short[z]) <= _EXACT_WH + _NOISE * size[z]:
                continue
            exact = False
            # Without growth it is just beside a ramp, so steep that the search stopped there.
            move = short[z] / growth[z] if growth[z] > 0.0 else np.copysign(_NUDGE, short[z])
            fraction[z] += move
            moved = np.rint(fraction[z])
            whole[z] += np.int64(moved)
            fraction[z] -= moved
        if exact:
            settled = True
            break
        before = pieces
    return price, offset, energies(orders, price, offset), slope, settled
