"""Mechanisms that pay nodal prices: for trials and studies, never for a ledger.

Nodal prices need not be unique (two lines in series that both bind), so a payment that depends on
them could be moved without moving any energy: no ledger admits these mechanisms.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Grid, build_grid
from offchain.mechanisms.mechanism import Billing, Outcome, whole_grid
from offchain.mechanisms.participants import COMMUNITY_ROW, Participants, Standing
from offchain.orders.table import Quantities, RampColumns
from offchain.policy import Policy
from offchain.settlement import Payments
from offchain.units import PRICE_FRACTION_BITS, WH_TICKS_PER_MICRO, Int64Array


@dataclass(frozen=True)
class NodalPay:
    """Everybody pays, or is paid, the nodal price; the community keeps the congestion rent.

    Prices are rounded down to a tick and amounts to a micro. What these leave, rent or rounding,
    goes to the community reserve, or comes from it: its pot share or shortfall part is the residual
    line of the interval.
    """

    name: str = "nodal"

    def bill(self, outcome: Outcome) -> Payments:
        """The payments of an interval; a negative nodal price pays consumers."""
        price = outcome.pi >> PRICE_FRACTION_BITS
        cost = price * outcome.served_wh // WH_TICKS_PER_MICRO
        pay = price * outcome.supply_wh // WH_TICKS_PER_MICRO
        rent = sum(cost.tolist()) - sum(pay.tolist())
        pot_share, shortfall_part = np.zeros_like(cost), np.zeros_like(cost)
        pot_share[COMMUNITY_ROW] = max(rent, 0)
        shortfall_part[COMMUNITY_ROW] = max(-rent, 0)
        return Payments(cost, pay, pot_share, shortfall_part, max(rent, 0), max(-rent, 0))


@dataclass(frozen=True)
class Lmp:
    """Locational marginal pricing without memory: every demand starts at the value of lost load.

    Attributes:
        voll_ticks: value of lost load, ticks; 10 currency units per kWh by default.
    """

    voll_ticks: int = 10_000_000
    name: str = "lmp"
    billing: Billing = field(default_factory=NodalPay)
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
        """Demand at the value of lost load, supply at its bid; arguments as `Mechanism.ramps`."""
        voll = np.full(len(participants), self.voll_ticks, dtype=np.int64)
        return _columns(quantities, voll, voll, policy.demand_width_ticks, policy.w_s_ticks)


@dataclass(frozen=True)
class DoubleAuction:
    """Both sides bid: ramps W_s wide, up to the consumer's value and up from the supplier's bid.

    Flexible energy bids what it is worth to its participant, essential energy p_hi. Where no line
    binds there is one price.

    Attributes:
        one_zone: clear as if the grid were one bus: one price whatever binds, and a dispatch that
            the real grid may not carry.
    """

    one_zone: bool = False
    billing: Billing = field(default_factory=NodalPay)
    policy_code: int | None = None

    @property
    def name(self) -> str:
        """``uniform-auction`` for one zone, ``nodal-auction`` otherwise."""
        return "uniform-auction" if self.one_zone else "nodal-auction"

    def clearing_grid(self, grid: Grid) -> tuple[Grid, npt.NDArray[np.int32]]:
        """The physical grid, or one bus for all of it."""
        if not self.one_zone:
            return whole_grid(grid)
        # A grid has at least two buses: nobody is at the second.
        ends: tuple[npt.ArrayLike, npt.ArrayLike] = ([0], [1])
        zone = build_grid(f"{grid.name} as one zone", ("zone", "empty"), *ends, [1000], [1000])
        return zone, np.zeros(grid.n_bus, dtype=np.int32)

    def ramps(
        self,
        policy: Policy,
        participants: Participants,
        standing: Standing,
        quantities: Quantities,
        seed: bytes,
    ) -> RampColumns:
        """Demand below its value, supply above its bid; arguments as `Mechanism.ramps`."""
        width = policy.w_s_ticks
        essential = np.full(len(participants), policy.p_hi_ticks - width, dtype=np.int64)
        flexible = participants.value_ticks - width
        return _columns(quantities, essential, flexible, width, width)


def _columns(
    quantities: Quantities,
    essential_pa: Int64Array,
    flexible_pa: Int64Array,
    demand_width: int,
    supply_width: int,
) -> RampColumns:
    """Three rows per participant, as `offchain.orders.table.ramps` lays them out."""
    sides = (quantities.essential_wh, quantities.flexible_wh, quantities.supply_wh)
    q = np.stack(sides, axis=1)
    pa = np.stack((essential_pa, flexible_pa, quantities.bid_ticks), axis=1)
    width = np.tile((demand_width, demand_width, supply_width), len(q))
    pa = pa.ravel()
    return RampColumns(q.ravel(), pa, pa + width)
