"""A trial: one mechanism on one grid, interval after interval, every interval checked.

No chain, no signatures, no clock: the market's arithmetic alone. Nothing here trusts the clearing
program: each interval is put before the integer checker again, and what it finds is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.program import Clearer, Clearing
from offchain.clearing.ramps import check_brackets
from offchain.grid.flows import DcNetwork
from offchain.grid.model import Grid
from offchain.mechanisms.mechanism import Mechanism, Outcome, placed
from offchain.mechanisms.participants import Participants, Standing
from offchain.orders.table import ORDERS_PER_PARTICIPANT, Quantities
from offchain.policy import Policy
from offchain.pricing import LayerIndex, tightness
from offchain.units import FLOW_FRACTION_BITS, Int64Array


@dataclass(frozen=True, eq=False)
class Step:
    """One interval of a trial.

    Attributes:
        outcome: what payments depend on.
        clearing: allocations, certificate and report.
        violations: what the integer checker found wrong, one line each; empty if certified.
    """

    outcome: Outcome
    clearing: Clearing
    violations: tuple[str, ...]


class Trial:
    """Runs a mechanism and carries everybody's standing from interval to interval.

    Args:
        mechanism: which.
        grid: the physical grid.
        policy: of the run.
        participants: n rows, buses of the physical grid.

    Attributes:
        standing: before the next interval.
    """

    def __init__(
        self, mechanism: Mechanism, grid: Grid, policy: Policy, participants: Participants
    ) -> None:
        self.mechanism = mechanism
        self.policy = policy
        self.participants = participants
        self.standing = Standing.genesis(len(participants))
        self._interval = 1
        self.move_to(grid)

    def move_to(self, grid: Grid) -> None:
        """Clear on another grid of the same buses from the next interval on."""
        self._grid = grid
        self._clearing_grid, zone = self.mechanism.clearing_grid(grid)
        self._place = zone[self.participants.bus]
        self._clearer = Clearer(self._clearing_grid)
        self._layers = LayerIndex.of(grid.holarchy)
        self._physics = None if self._clearing_grid is grid else _Physics(grid)

    def step(self, quantities: Quantities, seed: bytes) -> Step:
        """Clear and check one interval, and move everybody's standing on.

        Args:
            quantities: what n participants ask and offer.
            seed: of the interval, 32 bytes.

        Raises:
            InputError: a quantity or bid is out of range.
            ClearingError: no engine produced a clearing.
        """
        columns = self.mechanism.ramps(
            self.policy, self.participants, self.standing, quantities, seed
        )
        ramps = placed(columns, self._place)
        clearing = self._clearer.clear(ramps)
        violations = check_clearing(self._clearing_grid, ramps, clearing)
        x_wh = clearing.x_wh.reshape(-1, ORDERS_PER_PARTICIPANT)
        essential, flexible, supply = x_wh.T
        if self._physics is not None:
            violations += self._physics.violations(
                _bus_sums(supply - essential - flexible, self.participants.bus, self._grid.n_bus)
            )
        outcome = self._outcome(quantities, clearing, essential, flexible, supply)
        self.standing = self.standing.after(
            self.participants, self.policy.beta_ppb, quantities.flexible_wh, flexible
        )
        self._interval += 1
        return Step(outcome, clearing, violations)

    def _outcome(
        self,
        quantities: Quantities,
        clearing: Clearing,
        essential: Int64Array,
        flexible: Int64Array,
        supply: Int64Array,
    ) -> Outcome:
        bus, n_bus = self.participants.bus, self._grid.n_bus
        asked = quantities.essential_wh + quantities.flexible_wh
        tight = tightness(
            self._layers,
            _bus_sums(asked, bus, n_bus),
            _bus_sums(quantities.supply_wh, bus, n_bus),
        )
        return Outcome(
            policy=self.policy,
            participants=self.participants,
            quantities=quantities,
            interval=self._interval,
            essential_wh=essential,
            flexible_wh=flexible,
            supply_wh=supply,
            tightness_ppb=tight.bus_ppb,
            system_tightness_ppb=int(tight.layer_ppb[0]),
            pi=np.asarray(clearing.certificate.pi, dtype=np.int64)[self._place],
        )


def check_clearing(grid: Grid, ramps: Ramps, clearing: Clearing) -> tuple[str, ...]:
    """What is wrong with a clearing by the rules of the certificate: all six, integers only.

    Args:
        grid: the registered grid it was cleared on.
        ramps: the orders.
        clearing: allocations and certificate.

    Returns:
        One line per violation; empty if the clearing is certified.
    """
    check = check_network(grid, clearing.certificate)
    net = np.where(ramps.supply, clearing.x_wh, -clearing.x_wh)
    committed = _bus_sums(net, ramps.bus, grid.n_bus)
    wrong = np.flatnonzero(committed != np.array(check.injection_wh, dtype=np.int64))
    outside = check_brackets(ramps, clearing.x_wh, clearing.certificate.pi)
    return (
        *check.violations,
        *(f"balance: bus {bus} is not as allocated" for bus in wrong.tolist()),
        *(f"bracket: order {row} is outside" for row in outside.tolist()),
    )


class _Physics:
    """Puts injections that another grid cleared on the real one: what would the lines carry?"""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._bits = grid.shift + FLOW_FRACTION_BITS
        weight = np.ldexp(grid.b.astype(np.float64), -self._bits)
        self._network = DcNetwork(grid.n_bus, grid.line_from, grid.line_to, weight)

    def violations(self, injection_wh: Int64Array) -> tuple[str, ...]:
        """Rules 1 and 2 for these injections: int64[n_bus], Wh.

        Floats propose the angles, once and once again for what the integers leave over; the
        checker's integers decide.
        """
        theta = self._angles(injection_wh)
        theta = theta + self._angles(injection_wh - self._injections(theta))
        check = check_network(self._grid, self._certificate(theta))
        wrong = np.flatnonzero(injection_wh != np.array(check.injection_wh, dtype=np.int64))
        return (
            *check.violations,
            *(f"balance: the lines cannot bring bus {bus} its energy" for bus in wrong.tolist()),
        )

    def _angles(self, injection: npt.NDArray[np.number]) -> Int64Array:
        return np.rint(self._network.angles(injection.astype(np.float64))).astype(np.int64)

    def _injections(self, theta: Int64Array) -> npt.NDArray[np.float64]:
        """What integer angles inject, in Wh and exact to 2^-8."""
        flows = np.array(check_network(self._grid, self._certificate(theta)).flows) / 2.0**8
        net = np.zeros(self._grid.n_bus)
        np.add.at(net, self._grid.line_from, flows)
        np.subtract.at(net, self._grid.line_to, flows)
        return net

    def _certificate(self, theta: Int64Array) -> Certificate:
        """Angles without prices: the price rules hold trivially."""
        return Certificate(tuple(theta.tolist()), (0,) * self._grid.n_bus, ())


def _bus_sums(per_row: Int64Array, bus: npt.NDArray[np.int32], n_bus: int) -> Int64Array:
    """Sums by bus, int64[n_bus]: exact, because sums of Wh stay far below 2^53."""
    return np.bincount(bus, per_row, n_bus).astype(np.int64)
