"""The clearing program: orders and a grid in, certified allocations out (docs/mechanism.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from offchain.clearing import fallback, interior, rational, tree
from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.network import Network
from offchain.clearing.polish import polish
from offchain.clearing.ramps import check_brackets, validate
from offchain.clearing.rounding import bus_injections, round_allocation
from offchain.clearing.self_check import SelfCheck, inside_brackets
from offchain.clearing.table import Table, table_of
from offchain.errors import ClearwattError
from offchain.grid.model import Grid
from offchain.units import PRICE_FRACTION_BITS

__all__ = ["Clearer", "Clearing", "ClearingError", "Ramps", "SolveReport"]

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Wh by which a line may be too full before it is counted among the full ones.
_OVERLOAD_WH = 1e-3
#: Accuracies asked of the interior-point method, and how many orders of a bus and side it merges:
#: first what nearly always does, then more.
_ATTEMPTS = ((1e-8, 512), (1e-11, 1 << 40))
#: How often the set of full lines may be put right.
_MAX_REVISIONS = 12
#: Prices are int64.
_LARGEST_PRICE = (1 << 63) - 1
#: Where exact arithmetic is worth the wait.
_MOST_BUSES, _MOST_ORDERS = 30, 2_000
#: Ticks that round to nothing.
_NO_PRICE = 1e-9


class ClearingError(ClearwattError):
    """No engine produced a clearing that the checker accepts."""


class PriceRangeError(ClearingError):
    """The best allocation has prices beyond what a certificate can carry."""


class _UnsettledError(ClearingError):
    """The set of full lines was not put right; what came nearest is kept for the checker."""

    def __init__(self, message: str, candidates: list[tuple[float, _Solution]]) -> None:
        super().__init__(message)
        self.candidates = candidates


@dataclass(frozen=True)
class SolveReport:
    """How a clearing was found.

    Attributes:
        engine: "tree" on a grid without loops, "interior-point" on any other; where that fails "clarabel",
            "newton" from no start at all, or "fractions" in exact arithmetic.
        iterations: steps of the engine.
        binding_lines: the lines with a price, ascending.
        residual: the left side of the certificate's gap bound.
        eps_grid: its limit.
    """

    engine: str
    iterations: int
    binding_lines: tuple[int, ...]
    residual: int
    eps_grid: int


@dataclass(frozen=True)
class Clearing:
    """A clearing that passed the checker.

    Attributes:
        x_wh: int64[k], the allocation of every order, Wh.
        injection_wh: int64[n], dispatched minus served of every bus, Wh.
        certificate: what shows it.
        report: how it was found.
    """

    x_wh: Int64Array
    injection_wh: Int64Array
    certificate: Certificate
    report: SolveReport


@dataclass(frozen=True)
class _Solution:
    """Exact prices (2^-16 tick) and energies (2^-20 Wh, in the order of the table)."""

    engine: str
    iterations: int
    price: Int64Array
    mu: Int64Array
    energy: Int64Array


class Clearer:
    """Clears interval after interval on one grid.

    What depends on the grid alone is prepared once. A clearing depends on nothing but the grid and
    the orders: nothing is carried from one interval to the next.

    Args:
        grid: the registered grid.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._network = Network(grid)
        self._tree = tree.tree_of(self._network)
        self._check = SelfCheck(grid, self._network.island)

    def clear(self, ramps: Ramps) -> Clearing:
        """Clear one interval.

        Args:
            ramps: the orders, k rows.

        Returns:
            The unique allocation to the nearest Wh, with its certificate.

        Raises:
            InputError: a ramp is out of range.
            ClearingError: no engine produced a clearing that the checker accepts.
        """
        validate(ramps, self.grid.n_bus)
        table = table_of(ramps, self.grid.n_bus)
        candidates: list[tuple[float, _Solution]] = []
        for engine in self._engines(table):
            try:
                return self._certify(ramps, table, engine())
            except _UnsettledError as error:
                refused: ClearingError = error
                candidates += error.candidates
            except ClearingError as error:
                refused = error
        # Where full lines depend on each other, a line may stay a little too full; its margin is there for less than a
        # Wh of that, and the checker decides. Such a clearing is valid, but another engine may find another one.
        for _, solution in sorted(candidates, key=lambda candidate: candidate[0]):
            try:
                return self._certify(ramps, table, solution)
            except ClearingError as error:
                refused = error
        if self.grid.n_bus <= _MOST_BUSES and len(ramps) <= _MOST_ORDERS:
            return self._certify(ramps, table, self._in_fractions(table))
        raise refused

    def _engines(self, table: Table) -> Iterator[Callable[[], _Solution]]:
        """What to ask for a solution, in this order, until the checker accepts one."""
        if self._tree is not None:
            yield partial(self._on_tree, self._tree, table)
        for accuracy, crowd in _ATTEMPTS:
            yield partial(self._by_interior_point, table, accuracy, crowd)
        yield lambda: self._settle(table, fallback.solve(self._network, table), "clarabel")
        yield lambda: self._settle(table, self._nothing(), "newton")

    def _by_interior_point(self, table: Table, accuracy: float, crowd: int) -> _Solution:
        start = interior.solve(self._network, table, accuracy, crowd)
        return self._settle(table, start, "interior-point")

    def _nothing(self) -> interior.Approximation:
        """The start of last resort: no prices at all. Polishing takes its time from there, and nothing throws it."""
        lines = self.grid.n_line
        return interior.Approximation(
            np.zeros(self.grid.n_bus), np.zeros(lines), np.zeros(lines, dtype=np.bool_), 0
        )

    def _on_tree(self, places: tree.Tree, table: Table) -> _Solution:
        found = tree.solve(places, self._network, table)
        if found is None:
            raise ClearingError("clearing: several prices would do on the tree")
        return _Solution("tree", found.iterations, found.price, found.mu, found.energy)

    def _in_fractions(self, table: Table) -> _Solution:
        """The optimum in exact arithmetic, rounded once; the rule for lines full by coincidence as in `_settle`."""
        found = rational.solve(self._network, table, self._network.capacity)
        if found.by_chance:
            found = rational.solve(self._network, table, self._network.parted_capacity)
        largest = max(map(abs, (*found.price, *found.mu)), default=0)
        if largest > _LARGEST_PRICE:
            raise PriceRangeError(
                f"clearing: the optimum has a price of {float(largest) / 2**PRICE_FRACTION_BITS:.2g} ticks, more than "
                "a certificate can carry; a full line lies in a loop with lines many times as strong: merge the buses "
                "these join, or widen its limit"
            )
        price = np.array(found.price, dtype=np.int64)
        mu = np.array(found.mu, dtype=np.int64)
        energy = np.array(found.energy, dtype=np.int64)
        on_ramp = np.array(found.on_ramp, dtype=np.float64)
        self._network.level(table, np.flatnonzero(mu), on_ramp, price)
        return _Solution("fractions", found.iterations, price, mu, energy)

    def distribution_factors(self, lines: tuple[int, ...]) -> FloatArray:
        """What a Wh more at each bus, taken from its island's first, adds to lines; float64[w, n]."""
        return self._network.rows(list(lines))

    def _certify(self, ramps: Ramps, table: Table, solution: _Solution) -> Clearing:
        """Round and check."""
        rounded, exists = round_allocation(
            solution.energy, table.group_start, self._network.island, self._network.n_island
        )
        if not exists:
            raise ClearingError("clearing: supply and demand differ by more than rounding")
        x_wh = np.empty_like(rounded)
        x_wh[table.row] = rounded
        injection = bus_injections(table.group_start, rounded)
        theta = self._network.whole_angles(injection)
        certificate = Certificate(
            theta=tuple(theta.tolist()),
            pi=tuple(solution.price.tolist()),
            mu=tuple(
                (line, int(solution.mu[line])) for line in np.flatnonzero(solution.mu).tolist()
            ),
        )
        orders = (table.start, table.supply, table.q, table.bottom, table.width)
        residual = self._check.residual(theta, solution.price, solution.mu, injection)
        if residual is None or not inside_brackets(orders, solution.price, rounded):
            residual = self._judge(ramps, x_wh, injection, certificate)
        binding = tuple(line for line, _ in certificate.mu)
        report = SolveReport(
            solution.engine,
            solution.iterations,
            binding,
            residual,
            int(self.grid.eps_grid),
        )
        return Clearing(x_wh, injection, certificate, report)

    def _judge(
        self, ramps: Ramps, x_wh: Int64Array, injection: Int64Array, certificate: Certificate
    ) -> int:
        """Ask the checker itself.

        Returns:
            The left side of the gap bound.

        Raises:
            ClearingError: a rule is broken.
        """
        check = check_network(self.grid, certificate)
        violations = list(check.violations)
        if check.injection_wh != tuple(injection.tolist()):
            violations.append("balance: the angles give other injections than the allocations")
        if len(outside := check_brackets(ramps, x_wh, certificate.pi)):
            violations.append(f"bracket: rows {outside[:5].tolist()}")
        if violations:
            raise ClearingError(f"clearing: {violations[0]} ({len(violations)} in all)")
        return check.residual_sum

    def _settle(self, table: Table, start: interior.Approximation, engine: str) -> _Solution:
        """Polish, adding lines until none is too full.

        Lines that are full by coincidence may share their prices in more ways than one. Then, and only
        then, every line's capacity is taken another part of a Wh smaller, and there is one way.
        """
        pi, mu = start.pi, start.mu
        limited = start.binding
        capacity = self._network.capacity
        candidates: list[tuple[float, _Solution]] = []
        for _ in range(_MAX_REVISIONS):
            solution = polish(
                self._network, table, np.flatnonzero(limited).tolist(), pi, mu, capacity
            )
            if solution is None:
                raise _UnsettledError(
                    "clearing: the approximate prices are too far off to polish", candidates
                )
            found = _Solution(
                engine, start.iterations, solution.price, solution.mu, solution.energy
            )
            overload = np.abs(solution.flow_wh) - capacity
            candidates.append((float(overload.max(initial=0.0)), found))
            priced = solution.mu != 0
            full = (overload > -_OVERLOAD_WH) & (capacity > 0)
            over = (overload > _OVERLOAD_WH) & ~priced
            by_chance = full & (solution.shared | ~priced)
            if over.any():
                limited = priced | over
            elif by_chance.any() and capacity is self._network.capacity:
                limited = priced | full
                capacity = self._network.parted_capacity
            else:
                return found
            pi = np.ldexp(solution.price.astype(np.float64), -PRICE_FRACTION_BITS)
            mu = np.ldexp(solution.mu.astype(np.float64), -PRICE_FRACTION_BITS)
            # No price yet, but a direction.
            mu = np.where(limited & ~priced, np.copysign(_NO_PRICE, solution.flow_wh), mu)
        raise _UnsettledError("clearing: the full lines do not settle", candidates)
