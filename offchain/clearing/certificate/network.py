"""The network part of the certificate: balance, limits and optimality.

All in Python integers, because products reach some 95 bits.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from offchain.errors import InputError
from offchain.units import FLOW_FRACTION_BITS

if TYPE_CHECKING:
    from offchain.grid.registered import Grid

#: One Wh in the unit of flows, half of it, and by how much a bus may miss its integer injection.
_WH = 1 << FLOW_FRACTION_BITS
_HALF_WH = _WH >> 1
_BUS_TOLERANCE = _WH >> 2

_BUS_BYTES = struct.Struct(">qq")
_LINE_BYTES = struct.Struct(">Hq")


@dataclass(frozen=True)
class Certificate:
    """What is sent to show that a clearing is feasible and optimal.

    Attributes:
        theta: per bus the angle, in 2^-k radian as the grid registers it.
        pi: per bus the nodal price in 2^-16 tick: what one more Wh of demand costs there.
        mu: (line, price in 2^-16 tick) of every line with a price, by ascending line; positive when
            the line is full from its ``from`` to its ``to`` bus.
    """

    theta: tuple[int, ...]
    pi: tuple[int, ...]
    mu: tuple[tuple[int, int], ...]

    def packed(self) -> bytes:
        """The bytes that are sent and hashed (docs/protocol.md, section 5)."""
        buses = b"".join(map(_BUS_BYTES.pack, self.theta, self.pi))
        return buses + b"".join(_LINE_BYTES.pack(line, mu) for line, mu in self.mu)

    @staticmethod
    def unpack(data: bytes, n_bus: int) -> Certificate:
        """Read `packed` bytes back.

        Raises:
            InputError: the length fits no certificate of ``n_bus`` buses.
        """
        buses = n_bus * _BUS_BYTES.size
        if len(data) < buses or (len(data) - buses) % _LINE_BYTES.size:
            need = f"give 16 per bus ({n_bus}), 10 per priced line"
            raise InputError(f"certificate: {len(data)} bytes; {need}")
        pairs = list(_BUS_BYTES.iter_unpack(data[:buses]))
        return Certificate(
            theta=tuple(theta for theta, _ in pairs),
            pi=tuple(pi for _, pi in pairs),
            mu=tuple((line, mu) for line, mu in _LINE_BYTES.iter_unpack(data[buses:])),
        )


@dataclass(frozen=True)
class NetworkCheck:
    """What the network rules found.

    Attributes:
        injection_wh: per bus dispatched minus served, as the angles state it; Wh.
        flows: per line in 2^-8 Wh, positive from ``from`` to ``to``.
        residual_sum: the left side of the gap bound; ``eps_grid`` is its limit.
        violations: one line per broken rule, empty if all hold.
    """

    injection_wh: tuple[int, ...]
    flows: tuple[int, ...]
    residual_sum: int
    violations: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every rule holds."""
        return not self.violations


def check_network(grid: Grid, certificate: Certificate) -> NetworkCheck:
    """Check rules 1 to 5; the caller compares the injections with the committed bus totals.

    Args:
        grid: the registered grid.
        certificate: as sent.

    Returns:
        Injections, flows and violations; a wrong certificate of the right length never raises.

    Raises:
        InputError: the certificate has another number of buses than the grid.
    """
    n_bus = grid.n_bus
    if len(certificate.theta) != n_bus or len(certificate.pi) != n_bus:
        raise InputError(f"certificate: give one theta and one pi per bus, {n_bus} in all")
    violations: list[str] = []
    lines, limits, margins, boxes, islands = _integers(grid)
    _check_order(certificate.mu, grid.n_line, violations)

    theta, pi, shift = certificate.theta, certificate.pi, int(grid.shift)
    net_flow, residual, flows = [0] * n_bus, [0] * n_bus, list[int]()
    for start, end, b in lines:
        flow = (b * (theta[start] - theta[end])) >> shift
        flows.append(flow)
        net_flow[start] += flow
        net_flow[end] -= flow
        stationarity = b * (pi[start] - pi[end])
        residual[start] += stationarity
        residual[end] -= stationarity
    for line, price in certificate.mu:
        if line < len(lines):
            start, end, b = lines[line]
            residual[start] += b * price
            residual[end] -= b * price

    # What `any` finds in one go is looked for again to be named.
    if any(map(operator.gt, map(abs, flows), limits)):
        for line, (flow, limit) in enumerate(zip(flows, limits, strict=True)):
            if abs(flow) > limit:
                violations.append(f"limit: line {line} carries {flow}/256 Wh of {limit // _WH} Wh")

    for line, price in certificate.mu:
        if line >= len(lines):
            continue
        flow = flows[line]
        from_full = abs(abs(flow) - limits[line] + _WH * margins[line])
        if price * flow <= 0 or from_full > _WH * margins[line]:
            violations.append(f"line price: {price} on line {line}, which carries {flow}/256 Wh")

    injection = tuple([(net + _HALF_WH) >> FLOW_FRACTION_BITS for net in net_flow])
    for bus, (net, whole) in enumerate(zip(net_flow, injection, strict=True)):
        if abs(net - _WH * whole) > _BUS_TOLERANCE:
            violations.append(f"balance: bus {bus} sends {net}/256 Wh, not a whole number")
    for island in islands:
        if total := sum(map(injection.__getitem__, island)):
            where = f"bus {island[0]}'s island"
            violations.append(f"balance: the injections of {where} add up to {total} Wh")
    residual_sum = 2 * sum(map(operator.mul, boxes, map(abs, residual)))
    if residual_sum > int(grid.eps_grid):
        violations.append(f"gap: {residual_sum} is above eps_grid {grid.eps_grid}")
    return NetworkCheck(injection, tuple(flows), residual_sum, tuple(violations))


_Integers = tuple[list[tuple[int, int, int]], list[int], list[int], list[int], list[list[int]]]


@lru_cache(maxsize=8)
def _integers(grid: Grid) -> _Integers:
    """The grid as Python integers: lines (from, to, b), limits (2^-8 Wh), margins (Wh); boxes, islands of buses."""
    columns = (grid.line_from, grid.line_to, grid.b)
    lines = list(zip(*(column.tolist() for column in columns), strict=True))
    islands = _islands(grid.n_bus, [(start, end) for start, end, _ in lines])
    limits = [_WH * limit for limit in grid.limit_wh.tolist()]
    return lines, limits, grid.margin_wh.tolist(), grid.theta_box.tolist(), islands


def _islands(n_bus: int, lines: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The buses that lines join, ascending."""
    above = list(range(n_bus))

    def top(bus: int) -> int:
        while above[bus] != bus:
            above[bus] = above[above[bus]]
            bus = above[bus]
        return bus

    for start, end in lines:
        above[top(end)] = top(start)
    members: dict[int, list[int]] = {}
    for bus in range(n_bus):
        members.setdefault(top(bus), []).append(bus)
    return list(members.values())


def _check_order(pairs: Sequence[tuple[int, int]], n_line: int, violations: list[str]) -> None:
    """Each line has one price at most, and lines ascend."""
    previous = -1
    for line, _ in pairs:
        if line <= previous or line >= n_line:
            violations.append(f"line price: line {line} after {previous}; ascend, below {n_line}")
        previous = line
