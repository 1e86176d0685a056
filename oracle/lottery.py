"""What fairness is measured against: the same orders, served by lot and without memory."""

from __future__ import annotations

import numpy as np

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
    def shares(self) -> np.typing.NDArray[np.float64]:
        """Delivered share of those who asked: float64, in [0, 1]."""
        asking = self._asked > 0
        return ratios(self._delivered[asking], self._asked[asking])

    @property
    def worst(self) -> float:
        """The share of whoever got least; 1 if nobody asked."""
        return float(self.shares.min(initial=1.0))

    @property
    def mean(self) -> float:
        """The mean share; 1 if nobody asked."""
        return float(self.shares.mean()) if self.shares.size else 1.0

    @property
    def jain(self) -> float:
        """Jain's fairness index: 1 when everybody got the same share."""
        return jain(self.shares)


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

    def step(self, quantities: Quantities, seed: bytes) -> None:
        """Clear the next interval by lot."""
        step = self._trial.step(quantities, seed)
        self.tally.add(quantities, step.outcome.flexible_wh)
