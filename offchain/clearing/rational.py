"""The engine of last resort: the program solved in fractions, without any rounding.

A dual active-set method for strictly convex quadratic programs (Goldfarb and Idnani 1983): from the
minimum without constraints, broken ones are taken in one by one, and each full step raises the dual. In
exact arithmetic it ends, whatever the numbers are, because refusing all demand keeps every
constraint. Fractions grow with the grid, so it is slow; nothing ordinary comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from offchain.clearing.network import Network
from offchain.clearing.rounding import FRACTION_BITS
from offchain.clearing.table import Table

FloatArray = npt.NDArray[np.float64]
Vector = list[Fraction]


@dataclass(frozen=True)
class Exact:
    """The optimum, rounded at the very end.

    Attributes:
        price: per bus, 2^-16 tick; any size.
        mu: per line, 2^-16 tick, positive in the direction of the line; any size.
        energy: per order in the order of the table, 2^-20 Wh.
        on_ramp: per bus, whether an order there is on its ramp.
        by_chance: whether other prices would do as well, because a full line has no price or an order is
            just where its ramp ends.
        iterations: constraints taken in.
    """

    price: list[int]
    mu: list[int]
    energy: list[int]
    on_ramp: list[bool]
    by_chance: bool
    iterations: int


def factors(network: Network) -> list[Vector]:
    """Transfer distribution factors of every line to the first bus of its island, exactly."""
    n = network.n_bus
    lines = list(
        zip(network.line_from.tolist(), network.line_to.tolist(), network.b.tolist(), strict=True)
    )
    matrix = [[Fraction(0)] * n + [Fraction(int(i == j)) for j in range(n)] for i in range(n)]
    for a, z, b in lines:
        matrix[a][a] += b
        matrix[z][z] += b
        matrix[a][z] -= b
        matrix[z][a] -= b
    for bus in np.flatnonzero(network.reference).tolist():
        # Its angle is zero.
        matrix[bus] = [Fraction(int(i == bus)) for i in range(n)] + [Fraction(0)] * n
    for i in range(n):
        at = next(row for row in range(i, n) if matrix[row][i])
        matrix[i], matrix[at] = matrix[at], matrix[i]
        pivot = matrix[i][i]
        matrix[i] = [value / pivot if value else value for value in matrix[i]]
        for row in range(n):
            if row != i and (factor := matrix[row][i]):
                matrix[row] = [
                    value - factor * up if up else value
                    for value, up in zip(matrix[row], matrix[i], strict=True)
                ]
    angle = [row[n:] for row in matrix]
    return [
        [b * (here - there) for here, there in zip(angle[a], angle[z], strict=True)]
        for a, z, b in lines
    ]


class _Program:
    """The state of the method; the general constraints are islands, then lines one way, then the other."""

    def __init__(self, network: Network, table: Table, capacity: Sequence[Fraction]) -> None:
        n, self.islands, self.lines = network.n_bus, network.n_island, len(network.b)
        bus = np.repeat(np.arange(n), np.diff(table.start))
        self.order = np.flatnonzero(table.q > 0).tolist()
        self.bus = [int(bus[i]) for i in self.order]
        self.q = [Fraction(int(table.q[i])) for i in self.order]
        self.bottom = [Fraction(int(table.bottom[i])) for i in self.order]
        #: How fast an order answers, Wh per 2^-16 tick.
        self.slope = [q / int(table.width[i]) for q, i in zip(self.q, self.order, strict=True)]
        h = factors(network)
        island = network.island.tolist()
        ones = [[Fraction(int(island[b] == i)) for b in range(n)] for i in range(self.islands)]
        self.rows = ones + [[-v for v in row] for row in h] + h
        fixed = [Fraction(0)] * n
        for i, b, q in zip(self.order, self.bus, self.q, strict=True):
            if not table.supply[i]:
                fixed[b] -= q
        self.fixed = fixed
        self.least = [Fraction(0)] * self.islands + [-c for c in (*capacity, *capacity)]
        self.y = [-self.bottom[i] * self.slope[i] for i in range(len(self.q))]
        #: Orders at a bound: 0 below, 1 above; and the multipliers.
        self.end: dict[int, int] = {}
        self.held: list[int] = []
        self.dual_end: dict[int, Fraction] = {}
        self.dual: dict[int, Fraction] = {}

    def injection(self) -> Vector:
        out = list(self.fixed)
        for b, y in zip(self.bus, self.y, strict=True):
            out[b] += y
        return out

    def _direction(
        self, along: dict[int, Fraction] | None, row: Vector | None
    ) -> tuple[Vector, dict[int, Fraction], dict[int, Fraction]]:
        """How energies and multipliers of what is held follow a constraint that is pushed on.

        Args:
            along: its coefficients of orders, or None for those of ``row``.
            row: its coefficients of buses.

        Returns:
            The primal direction; the dual one of held rows and of orders at their ends.
        """
        push = (
            [row[b] for b in self.bus]
            if row is not None
            else [(along or {}).get(i, Fraction(0)) for i in range(len(self.y))]
        )
        free = [i for i in range(len(self.y)) if i not in self.end]
        at_bus: dict[int, Fraction] = {}
        pushed: dict[int, Fraction] = {}
        for i in free:
            b = self.bus[i]
            at_bus[b] = at_bus.get(b, Fraction(0)) + self.slope[i]
            if push[i]:
                pushed[b] = pushed.get(b, Fraction(0)) + self.slope[i] * push[i]
        matrix = [
            [
                sum((s * self.rows[g][b] * self.rows[h][b] for b, s in at_bus.items()), Fraction(0))
                for h in self.held
            ]
            + [sum((p * self.rows[g][b] for b, p in pushed.items()), Fraction(0))]
            for g in self.held
        ]
        weight = _eliminate(matrix)
        rest = list(push)
        by_bus: dict[int, Fraction] = {}
        for i, b in enumerate(self.bus):
            if b not in by_bus:
                by_bus[b] = sum(
                    (w * self.rows[g][b] for w, g in zip(weight, self.held, strict=True)),
                    Fraction(0),
                )
            rest[i] -= by_bus[b]
        z = [Fraction(0)] * len(self.y)
        for i in free:
            z[i] = self.slope[i] * rest[i]
        ends = {i: -rest[i] if side else rest[i] for i, side in self.end.items()}
        return z, dict(zip(self.held, weight, strict=True)), ends

    def _enter(self, order: int | None, side: int, row: int) -> None:
        """Take in one broken constraint: an order's end, or a row; let go what stands in its way."""
        u = Fraction(0)
        sign = -1 if side else 1
        while True:
            if order is None:
                z, weight, ends = self._direction(None, self.rows[row])
                gap = self.least[row] - _dot(self.rows[row], self.injection())
                slope = sum(
                    (self.rows[row][b] * d for b, d in zip(self.bus, z, strict=True)), Fraction(0)
                )
            else:
                z, weight, ends = self._direction({order: Fraction(sign)}, None)
                goal = self.q[order] if side else Fraction(0)
                gap = sign * (goal - self.y[order])
                slope = sign * z[order]
            # An equation's multiplier has no sign: it is pushed the way that closes its gap.
            turn = -1 if order is None and row < self.islands and gap < 0 else 1
            full = gap / slope if slope > 0 else None
            blocking: tuple[Fraction, int, int] | None = None
            for g, w in weight.items():
                if g >= self.islands and turn * w > 0:
                    at = self.dual[g] / (turn * w)
                    if blocking is None or at < blocking[0]:
                        blocking = (at, 0, g)
            for i, w in ends.items():
                if turn * w > 0:
                    at = self.dual_end[i] / (turn * w)
                    if blocking is None or at < blocking[0]:
                        blocking = (at, 1, i)
            if full is not None and (blocking is None or abs(full) <= blocking[0]):
                step, done = full, True
            elif blocking is not None:
                step, done = turn * blocking[0], False
            else:
                raise ArithmeticError("refusing all demand breaks a constraint")
            for g, w in weight.items():
                self.dual[g] -= step * w
            for i, w in ends.items():
                self.dual_end[i] -= step * w
            u += step
            if full is not None:
                for i, d in enumerate(z):
                    if d:
                        self.y[i] += step * d
            if done:
                if order is None:
                    self.held.append(row)
                    self.dual[row] = u
                else:
                    self.end[order], self.dual_end[order] = side, u
                    self.y[order] = self.q[order] if side else Fraction(0)
                return
            assert blocking is not None
            if blocking[1]:
                del self.end[blocking[2]], self.dual_end[blocking[2]]
            else:
                self.held.remove(blocking[2])
                del self.dual[blocking[2]]

    def solve(self) -> int:
        """Run to the optimum; returns how many constraints were taken in."""
        for island in range(self.islands):
            if any(self.rows[island][b] for b in self.bus):
                self._enter(None, 0, island)
        taken = self.islands
        while True:
            worst, order, side, row = Fraction(0), None, 0, -1
            for i, (y, q) in enumerate(zip(self.y, self.q, strict=True)):
                beyond = max(-y, y - q)
                if beyond > worst:
                    worst, order, side = beyond, i, int(y > q)
            if order is None:
                injection = self.injection()
                for g in range(self.islands, len(self.rows)):
                    if g in self.dual:
                        continue
                    beyond = self.least[g] - _dot(self.rows[g], injection)
                    if beyond > worst:
                        worst, row = beyond, g
                if row < 0:
                    return taken
            self._enter(order, side, row)
            taken += 1


def _eliminate(matrix: list[Vector]) -> Vector:
    """Solve a regular system by Gauss and Jordan; the last column is its right side."""
    size = len(matrix)
    for i in range(size):
        at = next(r for r in range(i, size) if matrix[r][i])
        matrix[i], matrix[at] = matrix[at], matrix[i]
        pivot = matrix[i][i]
        matrix[i] = [v / pivot for v in matrix[i]]
        for r in range(size):
            if r != i and (factor := matrix[r][i]):
                matrix[r] = [v - factor * up for v, up in zip(matrix[r], matrix[i], strict=True)]
    return [row[size] for row in matrix]


def solve(network: Network, table: Table, capacity_wh: FloatArray) -> Exact:
    """Clear exactly.

    Args:
        network: the grid.
        table: the orders.
        capacity_wh: float64[m], what the lines may carry, Wh.
    """
    program = _Program(network, table, [Fraction(c) for c in capacity_wh.tolist()])
    taken = program.solve()
    m, first, zero = program.lines, program.islands, Fraction(0)
    mu = [
        program.dual.get(first + i, zero) - program.dual.get(first + m + i, zero) for i in range(m)
    ]
    price = [
        sum((u * program.rows[g][bus] for g, u in program.dual.items()), zero)
        for bus in range(network.n_bus)
    ]
    injection = program.injection()
    by_chance = any(
        g not in program.dual and _dot(program.rows[g], injection) == program.least[g] < 0
        for g in range(first, first + 2 * m)
    )
    priced = {int(network.island[network.line_from[i]]) for i in range(m) if mu[i]}
    energy = [0] * len(table.q)
    on_ramp = [False] * network.n_bus
    for at, (i, bus, y, q) in enumerate(
        zip(program.order, program.bus, program.y, program.q, strict=True)
    ):
        energy[i] = round((y if table.supply[i] else q - y) * (1 << FRACTION_BITS))
        on_ramp[bus] = on_ramp[bus] or 0 < y < q
        above = price[bus] - program.bottom[at]
        at_an_end = abs(above) <= 1 or abs(above - int(table.width[i])) <= 1
        by_chance = by_chance or (at_an_end and int(network.island[bus]) in priced)
    return Exact(
        [round(p) for p in price], [round(u) for u in mu], energy, on_ramp, by_chance, taken
    )


def _dot(row: Vector, values: Vector) -> Fraction:
    return sum((a * b for a, b in zip(row, values, strict=True) if a and b), Fraction(0))
