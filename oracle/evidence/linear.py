"""Equal weight as a linear program: all of the energy that fits, whoever gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Grid
from offchain.mechanisms.mechanism import Billing, whole_grid
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.tariffs import Amm
from offchain.orders.table import Quantities, RampColumns
from offchain.policy import Policy

#: The narrowest ramp there is.
_WIDTH_TICKS: Final = 1


@dataclass(frozen=True)
class EqualWeightLinear:
    """Demand is worth the same to a tick, and who registered first comes first.

    A linear objective leaves open who gets what is scarce; a solver that always pivots alike ends in
    the same corner, which is an order of service that never changes. Here that is the order of
    registration numbers: each ramp is one tick wide and one tick above the next. (Our reading; a
    comparator, and in no ledger.)
    """

    name: str
    billing: Billing = field(default_factory=Amm)
    policy_code: int | None = None

    def clearing_grid(self, grid: Grid) -> tuple[Grid, npt.NDArray[np.int32]]:
        """The physical grid."""
        return whole_grid(grid)

    def ramps(
        self,
        policy: Policy,
        participants: Participants,
        standing: Standing,
        quantities: Quantities,
        seed: bytes,
    ) -> RampColumns:
        """Ramps by registration number; arguments as `Mechanism.ramps`."""
        n = len(participants)
        first = policy.p_cap_ticks + participants.rank * policy.rank_ticks + np.arange(n, 0, -1)
        essential = np.full(n, policy.essential_pa_ticks)
        pa = np.stack((essential, first, quantities.bid_ticks), axis=1).ravel()
        width = np.tile((policy.demand_width_ticks, _WIDTH_TICKS, policy.w_s_ticks), n)
        sides = (quantities.essential_wh, quantities.flexible_wh, quantities.supply_wh)
        return RampColumns(np.stack(sides, axis=1).ravel(), pa, pa + width)
