"""T5: everybody's counted share converges to F*, as fast as the environment allows.

Many islands stand for many seeds: in each, four loads with random requests share a supply that is
half or all of what they ask together, so that at most 3/4 can be served in the long run.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from offchain.mechanisms.metrics import target_gaps
from offchain.mechanisms.participants import Participants
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.orders.table import Quantities
from offchain.policy import DEFAULT_POLICY as POLICY
from offchain.units import PPB
from tests.mechanisms.markets import asked, people, replicas, run

LOADS = 4
SUPPLIED = 0.75
LEAST_WH, MOST_WH = 500, 1500
FloatArray = npt.NDArray[np.float64]


def market(copies: int, fstar: float) -> Participants:
    """In every island a station and its loads; the loads are contracted for their mean request."""
    bus = np.concatenate(([0], np.repeat(2 * np.arange(copies), 1 + LOADS)))
    return people(bus, rate_wh=(LEAST_WH + MOST_WH) // 2, fstar_ppb=round(fstar * PPB))


def environment(rng: np.random.Generator, copies: int) -> Quantities:
    """Independent in every interval and every island."""
    load = rng.integers(LEAST_WH, MOST_WH, (copies, LOADS), endpoint=True)
    station = load.sum(axis=1) // rng.integers(1, 2, copies, endpoint=True)
    nothing = np.zeros((copies, 1), dtype=np.int64)
    flexible = np.hstack([nothing, load]).ravel()
    supply = np.hstack([station[:, None], 0 * load]).ravel()
    return asked(np.append(0, flexible), np.append(0, supply))


def gaps(fstar: float, copies: int, at: list[int]) -> FloatArray:
    """Mean F* minus counted F over all loads after these numbers of intervals."""
    rng = np.random.default_rng(5)
    participants = market(copies, fstar)
    means = []
    steps = run(
        FAIR_PLAY, replicas(copies), participants, at[-1], lambda _: environment(rng, copies)
    )
    for interval, (_, trial) in enumerate(steps, start=1):
        if interval in at:
            standing = trial.standing
            gap = target_gaps(standing.deficit_ppb_wh(), standing.requested_wh)
            means.append(float(gap[standing.requested_wh > 0].mean()))
    return np.array(means)


def slope(at: list[int], gap: FloatArray) -> float:
    """Exponent of the decay: least squares in log-log."""
    return float(np.polyfit(np.log(at), np.log(gap), 1)[0])


def boundary_bound(intervals: int) -> float:
    """The constant of the theorem, docs/theorems.md: sqrt(2 a (B + C) T) / sum d."""
    mean = (LEAST_WH + MOST_WH) / 2
    second_moment = mean**2 + (MOST_WH - LEAST_WH) ** 2 / 12
    b = LOADS * second_moment / (2 * mean)
    # Euler's constant plus the least variate that the draw is measured from.
    mean_draw = 0.5772 + np.log(53 * np.log(2))
    per_wh = (
        POLICY.p_cap_ticks / POLICY.v_ticks
        + POLICY.kappa
        + POLICY.gamma_ppb / PPB
        + POLICY.tau_ppb / PPB * mean_draw
    )
    c = LOADS * mean * per_wh
    return float(np.sqrt(2 * mean * (b + c) * intervals) / (mean * intervals))


def check_rates(copies: int, at: list[int], tolerance: float) -> None:
    boundary = gaps(SUPPLIED, copies, at)
    assert slope(at, boundary) == pytest.approx(-0.5, abs=tolerance)
    assert np.all(boundary <= [boundary_bound(intervals) for intervals in at])

    slack = gaps(SUPPLIED - 0.1, copies, at)
    assert slope(at, slack) == pytest.approx(-1.0, abs=tolerance)

    infeasible = gaps(SUPPLIED + 0.1, copies, at)
    assert slope(at, infeasible) == pytest.approx(0.0, abs=tolerance)
    assert infeasible[-1] == pytest.approx(0.1, abs=0.02)


def test_delivery_converges_at_the_rate_of_its_slack_and_not_at_all_without() -> None:
    check_rates(copies=24, at=[50, 100, 200, 400], tolerance=0.15)


@pytest.mark.slow
def test_delivery_converges_over_a_long_run() -> None:
    check_rates(copies=32, at=[250, 500, 1000, 2000, 4000], tolerance=0.1)
