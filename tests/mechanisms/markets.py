"""Small markets to run mechanisms on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Grid, build_grid
from offchain.mechanisms.mechanism import Mechanism
from offchain.mechanisms.participants import Participants, community_shares
from offchain.mechanisms.trial import Step, Trial
from offchain.orders.table import Quantities
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.units import Int64Array


def triangle(limit_wh: tuple[int, int, int] = (5000, 5000, 900)) -> Grid:
    """Three buses, three equal lines 0-1, 1-2, 0-2; limits beside the margin."""
    lines = ([0, 1, 0], [1, 2, 2], [1000.0] * 3)
    free = np.array(limit_wh)
    margin = build_grid("triangle", "ABC", *lines, free).margin_wh
    return build_grid("triangle", "ABC", *lines, free + margin)


def replicas(count: int) -> Grid:
    """Copies of a market without a bottleneck: islands of two buses, joined by an ample line."""
    bus = np.arange(2 * count)
    ample = np.full(count, 10**7)
    names = [f"bus {b}" for b in bus]
    return build_grid("replicas", names, bus[::2], bus[1::2], np.full(count, 1e6), ample)


def column(values: npt.ArrayLike) -> Int64Array:
    """An int64 column."""
    return np.asarray(values, dtype=np.int64)


def people(
    bus: npt.ArrayLike,
    *,
    rate_wh: npt.ArrayLike = 1000,
    fstar_ppb: npt.ArrayLike = 900_000_000,
    rank: npt.ArrayLike = 0,
    value_ticks: npt.ArrayLike = 200_000,
) -> Participants:
    """Participants at these buses; the first row is the community reserve."""
    bus = column(bus)

    def spread(values: npt.ArrayLike) -> Int64Array:
        return np.broadcast_to(column(values), bus.shape).copy()

    return Participants(
        bus.astype(np.int32),
        spread(rank),
        spread(fstar_ppb),
        spread(rate_wh),
        spread(value_ticks),
        community_shares(len(bus)),
    )


def asked(
    flexible_wh: npt.ArrayLike,
    supply_wh: npt.ArrayLike,
    bid_ticks: npt.ArrayLike | None = None,
    essential_wh: npt.ArrayLike | None = None,
) -> Quantities:
    """What is asked and offered; no bid means zero."""
    flexible = column(flexible_wh)
    nothing = np.zeros_like(flexible)
    return Quantities(
        nothing if essential_wh is None else column(essential_wh),
        flexible,
        column(supply_wh),
        nothing if bid_ticks is None else column(bid_ticks),
    )


def seed(interval: int, run: int = 0) -> bytes:
    """The seed of an interval."""
    return interval.to_bytes(16, "big") + run.to_bytes(16, "big")


def run(
    mechanism: Mechanism,
    grid: Grid,
    participants: Participants,
    intervals: int,
    quantities: Callable[[int], Quantities],
    policy: Policy = DEFAULT_POLICY,
) -> Iterator[tuple[Step, Trial]]:
    """Interval after interval: each step, and the trial after it."""
    trial = Trial(mechanism, grid, policy, participants)
    for interval in range(intervals):
        step = trial.step(quantities(interval), seed(interval))
        assert step.violations == ()
        yield step, trial
