"""T4: holding an old clearing costs no more than the stated bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.mechanisms.event_trigger import EventTrigger, TriggerReport, run
from offchain.orders.table import Quantities
from offchain.policy import DEFAULT_POLICY
from offchain.units import PPB
from tests.mechanisms.markets import asked, people, replicas, triangle

POLICY = replace(DEFAULT_POLICY, gamma_ppb=4 * PPB)
LOADS = np.array([0, 1200, 1500, 900, 400, 0, 0])
STATIONS = np.array([0, 0, 0, 0, 0, 6000, 700])
BIDS = [0, 0, 0, 0, 0, 120_000, 250_000]
PARTICIPANTS = people([0, 1, 2, 2, 0, 0, 2], rate_wh=np.maximum(LOADS, 1))


def steady(interval: int) -> Quantities:
    """The same short supply in every interval."""
    return asked(LOADS, STATIONS * 2 // 5, BIDS)


def daily(interval: int) -> Quantities:
    """A smooth day: load and offers swing, and in the second half of it supply runs short."""
    swing = 1 + 0.15 * np.sin(2 * np.pi * interval / 48)
    offered = 0.45 if interval % 48 >= 24 else 1.0
    return asked((LOADS * swing).astype(int), (STATIONS * offered).astype(int), BIDS)


def noisy(interval: int) -> Quantities:
    """Independent noise in every interval: nothing can be held for long."""
    rng = np.random.default_rng(interval)
    return asked((LOADS * rng.uniform(0.5, 1.5, 7)).astype(int), STATIONS * 2 // 5, BIDS)


def report(trigger: EventTrigger, intervals: int, market: object = daily) -> TriggerReport:
    assert callable(market)
    return run(trigger, POLICY, triangle(), PARTICIPANTS, map(market, range(intervals)))


def test_without_tolerance_only_intervals_in_which_nothing_moved_are_held() -> None:
    result = report(EventTrigger(0, 0), 48)
    assert result.error.max() <= 2e-3


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("market", [steady, daily, noisy])
def test_the_error_stays_below_the_stated_bound(sigma: float, market: object) -> None:
    result = report(EventTrigger(round(sigma * PPB), PPB // 50), 96, market)
    assert result.held.any() or market is noisy
    assert np.all(result.error <= result.bound)
    assert np.all(result.error[~result.held] == 0)


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_memory_alone_moves_ratios_by_gamma_sigma_over_kappa_at_most(sigma: float) -> None:
    result = report(EventTrigger(round(sigma * PPB), PPB), 200, steady)
    assert result.held.any()
    rounding = 0.02
    most = POLICY.gamma_ppb / PPB * sigma / POLICY.kappa
    assert result.error.max() <= most + rounding
    assert result.bound.max() <= most + rounding


@pytest.mark.parametrize("sigma", [0.1, 0.2])
def test_events_that_memory_causes_keep_their_distance(sigma: float) -> None:
    result = report(EventTrigger(round(sigma * PPB), PPB), 200, steady)
    events = np.flatnonzero(~result.held)
    beta = POLICY.beta_ppb / PPB
    assert len(events) > 1
    assert np.diff(events).min() >= np.ceil(sigma / beta)


def test_more_tolerance_saves_more_clearings() -> None:
    saved = [
        report(EventTrigger(round(sigma * PPB), PPB // 10), 96).saved for sigma in (0.0, 0.1, 0.4)
    ]
    assert saved[0] < saved[1] < saved[2]


def test_with_an_error_limit_no_interval_exceeds_it_whatever_moves() -> None:
    limit = 0.2
    result = report(EventTrigger(PPB, PPB, error_limit=limit), 96, noisy)
    assert result.held.any()
    assert result.error.max() <= result.bound.max() <= limit


def test_a_held_allocation_that_no_longer_fits_the_grid_is_cleared_again() -> None:
    ample = asked(LOADS, STATIONS, BIDS)
    short = asked(LOADS, STATIONS // 5, BIDS)
    result = run(
        EventTrigger(PPB, PPB), POLICY, triangle(), PARTICIPANTS, [ample, ample, short, short]
    )
    assert result.held.tolist() == [False, True, False, True]


def test_several_islands_are_refused() -> None:
    with pytest.raises(InputError, match="island"):
        run(EventTrigger(0, 0), POLICY, replicas(2), people([0, 1]), [])
