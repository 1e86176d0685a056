"""The clearing program: orders and a grid in, certified allocations out (docs/mechanism.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.clearing import fallback, newton, polish
from offchain.clearing.certificate import Certificate, Ramps, check_brackets, check_network
from offchain.clearing.rounding import round_allocation
from offchain.errors import ClearwattError
from offchain.grid.flows import DcNetwork
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS, PRICE_FRACTION_BITS

__all__ = ["Clearer", "Clearing", "ClearingError", "Ramps", "SolveReport"]

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

_PRICE_UNIT = 2.0**-PRICE_FRACTION_BITS
#: Wh by which the approximate solution may miss balances and capacities before it is polished.
_TOLERANCE = 1e-3
_MAX_ROUNDS = 60
#: 2^-16 tick beyond which a correction means that the start was no approximation.
_POLISH_REACH = 2.0**50


class ClearingError(ClearwattError):
    """No engine produced a clearing that the checker accepts."""


@dataclass(frozen=True)
class SolveReport:
    """How a clearing was found.

    Attributes:
        engine: "newton", or the engine that stood in for it.
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


@dataclass
class _Orders:
    """Ramps sorted by bus and side, demands first."""

    order: Int64Array
    start: Int64Array
    group_start: Int64Array
    supply: npt.NDArray[np.bool_]
    q: Int64Array
    pa: FloatArray
    bottom: Int64Array
    width: Int64Array
    demand: FloatArray

    @staticmethod
    def of(ramps: Ramps, n_bus: int) -> _Orders:
        group = 2 * ramps.bus.astype(np.int64) + ramps.supply
        order = np.argsort(group, kind="stable")
        sizes = np.bincount(group, minlength=2 * n_bus)
        group_start = np.concatenate(([0], np.cumsum(sizes)))
        supply, q = ramps.supply[order], ramps.q_wh[order].astype(np.int64)
        pa, pb = ramps.pa_ticks[order].astype(np.int64), ramps.pb_ticks[order].astype(np.int64)
        demand = np.bincount(ramps.bus, np.where(ramps.supply, 0, ramps.q_wh), n_bus)
        return _Orders(
            order=order,
            start=group_start[::2].copy(),
            group_start=group_start,
            supply=supply,
            q=q,
            pa=pa.astype(np.float64),
            bottom=pa << PRICE_FRACTION_BITS,
            width=np.maximum(pb - pa, 1) << PRICE_FRACTION_BITS,
            demand=demand.astype(np.float64),
        )


class Clearer:
    """Clears interval after interval on one grid, each started from the one before.

    Args:
        grid: the registered grid.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._from = grid.line_from.astype(np.int64)
        self._to = grid.line_to.astype(np.int64)
        self._b = grid.b.astype(np.int64)
        self._scale_bits = int(grid.shift) + FLOW_FRACTION_BITS
        self._weight = np.ldexp(self._b.astype(np.float64), -self._scale_bits)
        self._network = DcNetwork(grid.n_bus, grid.line_from, grid.line_to, self._weight)
        self._island = self._network.island.astype(np.int64)
        self._n_island = int(self._island.max()) + 1
        self._capacity = np.maximum(grid.limit_wh - grid.margin_wh, 0).astype(np.float64)
        self._rows: dict[int, FloatArray] = {}
        self._system_price = np.zeros(self._n_island)
        self._line_price: dict[int, float] = {}

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
        ramps.validate(self.grid.n_bus)
        orders = _Orders.of(ramps, self.grid.n_bus)
        start = (self._system_price.copy(), dict(self._line_price))
        line_price, iterations = self._solve(orders)
        try:
            return self._certify(ramps, orders, line_price, iterations, "newton")
        except ClearingError:
            self._system_price, self._line_price = start
        line_price, iterations = self._stand_in(ramps)
        return self._certify(ramps, orders, line_price, iterations, "clarabel")

    def _stand_in(self, ramps: Ramps) -> tuple[dict[int, float], int]:
        """Prices from the engine that needs no good start."""
        pi, mu, iterations = fallback.solve(
            ramps, self._from, self._to, self._weight, self._capacity, self.grid.n_bus
        )
        threshold = 1e-7 * max(1.0, float(np.abs(mu).max(initial=0.0)))
        line_price = {int(line): float(mu[line]) for line in np.flatnonzero(np.abs(mu) > threshold)}
        lines = sorted(line_price)
        rows = self._signed_rows(lines, np.array([line_price[line] for line in lines]))
        level = pi + rows.sum(axis=0)
        sizes = np.bincount(self._island)
        self._system_price = np.bincount(self._island, weights=level) / sizes
        self._line_price = line_price
        return line_price, iterations

    def _solve(self, orders: _Orders) -> tuple[dict[int, float], int]:
        """Newton over a working set to which the fullest lines are added until none is too full."""
        line_price = dict(self._line_price)
        inverse_width = np.ldexp(1.0 / orders.width, PRICE_FRACTION_BITS)
        q = orders.q.astype(np.float64)
        iterations = 0
        for _ in range(_MAX_ROUNDS):
            lines = sorted(line_price)
            sign = np.array([1.0 if line_price[line] >= 0 else -1.0 for line in lines])
            rows = self._signed_rows(lines, sign)
            z = np.concatenate((self._system_price, [abs(line_price[line]) for line in lines]))
            z, steps, _ = newton.minimise(
                orders.start, orders.pa, inverse_width, q, orders.demand, self._island,
                self._n_island, rows, self._capacity[lines], z, _TOLERANCE,
            )  # fmt: skip
            iterations += steps
            self._system_price = z[: self._n_island]
            line_price = {
                line: s * nu
                for line, s, nu in zip(lines, sign, z[self._n_island :], strict=True)
                if nu > 0
            }
            pi = newton.prices(z, self._island, rows, self._n_island)
            injection, slope = np.empty(len(pi)), np.empty(len(pi))
            newton.respond(
                orders.start, orders.pa, inverse_width, q, orders.demand, pi, 0.0, injection, slope
            )
            flow = self._network.flows(injection)
            excess = np.abs(flow) - self._capacity
            full = np.flatnonzero(excess > 2 * _TOLERANCE)
            new = [int(line) for line in full[np.argsort(-excess[full])] if line not in line_price]
            if not new:
                break
            for line in new[: max(4, len(line_price) // 2)]:
                line_price[line] = np.copysign(1e-9, flow[line])
        self._line_price = line_price
        return line_price, iterations

    def _signed_rows(self, lines: list[int], sign: FloatArray) -> FloatArray:
        """Distribution factors float64[w, n] of lines, kept once computed."""
        for line in lines:
            if line not in self._rows:
                across = np.zeros(self.grid.n_bus)
                across[self._from[line]] += self._weight[line]
                across[self._to[line]] -= self._weight[line]
                self._rows[line] = self._network.angles(across)
        if not lines:
            return np.zeros((0, self.grid.n_bus))
        return np.array([self._rows[line] for line in lines]) * sign[:, None]

    def _certify(
        self,
        ramps: Ramps,
        orders: _Orders,
        line_price: dict[int, float],
        iterations: int,
        engine: str,
    ) -> Clearing:
        """Polish, round and check."""
        price, mu, fine = self._polish(orders, line_price)
        group_island = self._island
        rounded, exists = round_allocation(fine, orders.group_start, group_island, self._n_island)
        if not exists:
            raise ClearingError("clearing: supply and demand differ by more than rounding")
        x_wh = np.empty_like(rounded)
        x_wh[orders.order] = rounded
        injection = np.zeros(self.grid.n_bus, dtype=np.int64)
        np.add.at(injection, ramps.bus, np.where(ramps.supply, x_wh, -x_wh))
        certificate = Certificate(
            theta=tuple(self._angles(injection).tolist()),
            pi=tuple(price.tolist()),
            mu=tuple((line, int(mu[line])) for line in np.flatnonzero(mu).tolist()),
        )
        check = check_network(self.grid, certificate)
        violations = list(check.violations)
        if check.injection_wh != tuple(injection.tolist()):
            violations.append("balance: the angles give other injections than the allocations")
        if len(outside := check_brackets(ramps, x_wh, price)):
            violations.append(f"bracket: rows {outside[:5].tolist()}")
        if violations:
            raise ClearingError(f"clearing: {violations[0]} ({len(violations)} in all)")
        report = SolveReport(
            engine,
            iterations,
            tuple(line for line, _ in certificate.mu),
            check.residual_sum,
            int(self.grid.eps_grid),
        )
        return Clearing(x_wh, injection, certificate, report)

    def _polish(
        self, orders: _Orders, line_price: dict[int, float]
    ) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Prices int64[n], line prices int64[m] (2^-16 tick) and energies int64[k] (2^-20 Wh)."""
        n_bus = self.grid.n_bus
        lines = sorted(line_price)
        sign = np.array([np.copysign(1.0, line_price[line]) for line in lines])
        rows = self._signed_rows(lines, sign)
        z = np.concatenate((self._system_price, [abs(line_price[line]) for line in lines]))
        pi = newton.prices(z, self._island, rows, self._n_island)
        if not np.abs(pi).max() < _POLISH_REACH * _PRICE_UNIT:
            raise ClearingError("clearing: the approximate prices are no prices")
        mu = np.zeros(self.grid.n_line, dtype=np.int64)
        mu[lines] = np.rint(np.ldexp([line_price[line] for line in lines], PRICE_FRACTION_BITS))
        price = np.rint(pi / _PRICE_UNIT).astype(np.int64)
        offset = np.zeros(n_bus)
        whole, rest = np.empty(n_bus, dtype=np.int64), np.empty(n_bus)
        slope = np.empty(n_bus)
        line_change = np.zeros(len(lines))
        for _ in range(_MAX_ROUNDS):
            r = polish.stationarity(self._from, self._to, self._b, price, mu)
            shift = -self._network.angles(np.ldexp(r.astype(np.float64), -self._scale_bits))
            polish.respond_exactly(
                orders.start, orders.supply, orders.q, orders.bottom, orders.width,
                price, offset, whole, rest, slope,
            )  # fmt: skip
            change, line_change = polish.correction(
                slope, rest, whole, shift, self._island, self._n_island, rows, self._capacity[lines]
            )
            new_offset = shift + change
            settled = np.abs(new_offset - offset).max() < 1e-6
            offset = new_offset
            if settled and np.abs(offset).max() < 1.0:
                wrong = sign * (mu[lines] + np.rint(sign * line_change)) < 0
                if not wrong.any():
                    break
                # A line whose price would turn is not full: leave it out.
                keep = ~wrong
                mu[[line for line, out in zip(lines, wrong, strict=True) if out]] = 0
                lines = [line for line, stays in zip(lines, keep, strict=True) if stays]
                sign, rows, line_change = sign[keep], rows[keep], line_change[keep]
                continue
            if np.abs(offset).max() > _POLISH_REACH:
                raise ClearingError("clearing: the approximate prices are too far off to polish")
            whole_part = np.rint(offset).astype(np.int64)
            price += whole_part
            offset -= whole_part
            mu[lines] += np.rint(sign * line_change).astype(np.int64)
        fine = polish.energies(
            orders.start, orders.supply, orders.q, orders.bottom, orders.width, price, offset
        )
        price += np.rint(offset).astype(np.int64)
        mu[lines] += np.rint(sign * line_change).astype(np.int64)
        return price, mu, fine

    def _angles(self, injection: Int64Array) -> Int64Array:
        """Angles int64[n] whose flows meet integer injections int64[n]."""
        theta = np.rint(self._network.angles(injection.astype(np.float64))).astype(np.int64)
        for _ in range(2):
            missing = polish.imbalance(
                self._from, self._to, self._b, theta, injection, self._scale_bits
            )
            step = self._network.angles(np.ldexp(missing.astype(np.float64), -self._scale_bits))
            theta += np.rint(step).astype(np.int64)
        return theta
