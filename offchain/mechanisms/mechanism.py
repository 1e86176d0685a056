"""What a mechanism is: ramps from orders, payments from a clearing.

Every mechanism is an instance of the same clearing program (docs/mechanism.md, section 3); they
differ in where demand ramps start, on which grid they clear, and how prices become payments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate.ramps import Ramps
from offchain.grid.model import Grid
from offchain.mechanisms.participants import Participants, Standing
from offchain.orders.table import ORDERS_PER_PARTICIPANT, Quantities, RampColumns
from offchain.policy import Policy
from offchain.settlement import Payments
from offchain.units import Int64Array


@dataclass(frozen=True, eq=False)
class Outcome:
    """A cleared interval, as far as payments depend on it; columns over n participants.

    Attributes:
        policy: of the run.
        participants: n rows.
        quantities: what was asked and offered.
        interval: its number, from 1.
        essential_wh: int64[n], essential energy served.
        flexible_wh: int64[n], flexible energy served.
        supply_wh: int64[n], energy dispatched.
        tightness_ppb: int64[n_bus], tightness that each bus inherits.
        system_tightness_ppb: tightness of the system as a whole.
        pi: int64[n], nodal price where each participant was cleared, 2^-16 tick.
    """

    policy: Policy
    participants: Participants
    quantities: Quantities
    interval: int
    essential_wh: Int64Array
    flexible_wh: Int64Array
    supply_wh: Int64Array
    tightness_ppb: Int64Array
    system_tightness_ppb: int
    pi: Int64Array

    @property
    def served_wh(self) -> Int64Array:
        """Essential and flexible energy served, int64[n]."""
        return self.essential_wh + self.flexible_wh


class Billing(Protocol):
    """Turns a cleared interval into payments that sum to zero."""

    @property
    def name(self) -> str:
        """What the policy and the command line call it."""

    def bill(self, outcome: Outcome) -> Payments:
        """The payments of an interval; credits equal debits exactly."""


class Mechanism(Protocol):
    """A way to share energy and money, chosen by name."""

    @property
    def name(self) -> str:
        """What the policy and the command line call it."""

    @property
    def billing(self) -> Billing:
        """How its clearings become payments."""

    @property
    def policy_code(self) -> int | None:
        """Its number in a ledger's policy; None if no ledger admits it."""

    def clearing_grid(self, grid: Grid) -> tuple[Grid, npt.NDArray[np.int32]]:
        """The grid it clears on, and the bus there of every bus of the physical grid."""

    def ramps(
        self,
        policy: Policy,
        participants: Participants,
        standing: Standing,
        quantities: Quantities,
        seed: bytes,
    ) -> RampColumns:
        """The three ramps of every participant.

        Args:
            policy: of the run.
            participants: n rows.
            standing: before the interval.
            quantities: what is asked and offered.
            seed: of the interval, 32 bytes.
        """


def whole_grid(grid: Grid) -> tuple[Grid, npt.NDArray[np.int32]]:
    """The physical grid itself, every bus its own: what `Mechanism.clearing_grid` usually is."""
    return grid, np.arange(grid.n_bus, dtype=np.int32)


def placed(columns: RampColumns, bus: npt.NDArray[np.int32]) -> Ramps:
    """Ramps of n participants at their buses, for the clearing program.

    Args:
        columns: 3 n rows, essential, flexible and supply of one participant after the other.
        bus: int32[n].
    """
    supply = np.zeros(len(columns.q_wh), dtype=np.bool_)
    supply[ORDERS_PER_PARTICIPANT - 1 :: ORDERS_PER_PARTICIPANT] = True
    return Ramps(
        np.repeat(bus, ORDERS_PER_PARTICIPANT),
        supply,
        columns.q_wh,
        columns.pa_ticks,
        columns.pb_ticks,
    )
