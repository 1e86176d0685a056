"""What fairness is measured against: the same orders, served by lot and without memory."""

from __future__ import annotations

import numpy as np

from offchain.grid.model import Grid
from offchain.mechanisms.metrics import jain, ratios
from offchain.mechanisms.participants import Participants, community_shares
from offchain.mechanisms.registry import mechanism
from offchain.mechanisms.trial import Trial
from offchain.orders.table import Quantities
from offchain.policy import Policy
from offchain.units import Int64Array
from oracle.scenario import Scenario


class ServiceTally:
    """Flexible energy asked for and delivered while supply was short, by participant.

    In a run without such a time, every interval counts.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Begin with nothing."""
        self._rank = scenario.rank
        self._counts = scenario.scarce if scenario.scarce.any() else ~scenario.scarce
        self._asked = np.zeros(len(scenario.bus), dtype=np.int64)
        self._delivered = np.zeros(len(scenario.bus), dtype=np.int64)
        self._row = 0

    def add(self, quantities: Quantities, flexible_wh: Int64Array) -> None:
        """Count the next interval; `flexible_wh` is what everybody was given."""
        if self._counts[self._row]:
            self._asked += quantities.flexible_wh
            self._delivered += flexible_wh
        self._row += 1

    @property
    def _asking(self) -> np.typing.NDArray[np.bool_]:
        return self._asked > 0

    @property
    def shares(self) -> np.typing.NDArray[np.float64]:
        """Delivered share of those who asked: float64, in [0, 1]."""
        return ratios(self._delivered[self._asking], self._asked[self._asking])

    @property
    def worst(self) -> float:
        """The share of whoever got least; 1 if nobody asked."""
        return float(self.shares.min(initial=1.0))

    @property
    def overall(self) -> float:
        """The share of all energy that was delivered; 1 if nobody asked."""
        asked = int(self._asked.sum())
        return int(self._delivered.sum()) / asked if asked else 1.0

    @property
    def jain(self) -> float:
        """Jain's index among equals, 1 when all of one service level got one share: the least of any level."""
        rank = self._rank[self._asking]
        return min((jain(self.shares[rank == level]) for level in set(rank.tolist())), default=1.0)


def compile_solver(scenario: Scenario, policy: Policy) -> None:
    """Clear an interval and forget it: what the solver consists of is compiled on its first use and kept on disk."""
    quantities = Quantities(
        scenario.essential_wh[0],
        scenario.flexible_wh[0],
        scenario.supply_wh[0],
        scenario.bid_ticks,
    )
    Lottery(scenario, policy).step(quantities, bytes(32))


class Lottery:
    """A second market beside the real one: equal weights, an order of service drawn each interval."""

    def __init__(self, scenario: Scenario, policy: Policy) -> None:
        """Start it; it shares scenario and seeds with the real market."""
        n = len(scenario.bus)
        participants = Participants(
            bus=scenario.bus.astype(np.int32),
            rank=scenario.rank,
            fstar_ppb=scenario.fstar_ppb,
            rate_wh=scenario.rate_wh,
            value_ticks=np.zeros(n, dtype=np.int64),
            share_ppb=community_shares(n),
        )
        rule = mechanism("equal-weight-random")
        self._trial = Trial(rule, scenario.network.grid, policy, participants)
        self.tally = ServiceTally(scenario)

    def move_to(self, grid: Grid) -> None:
        """Clear on another grid of the same buses from the next interval on."""
        self._trial.move_to(grid)

    def step(self, quantities: Quantities, seed: bytes) -> None:
        """Clear the next interval by lot."""
        step = self._trial.step(quantities, seed)
        self.tally.add(quantities, step.outcome.flexible_wh)
