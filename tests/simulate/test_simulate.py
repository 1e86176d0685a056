"""A simulation: every interval certified, every payment accounted for, all of it repeatable."""

from __future__ import annotations

from functools import cache

import pytest

from offchain.mechanisms.registry import MECHANISM_NAMES, mechanism
from offchain.mechanisms.tariffs import TARIFF_NAMES, tariff
from offchain.policy import DEFAULT_POLICY
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.simulate import Run, simulate
from oracle.study import Study, StudyConfig, draw_study


@cache
def study(case: str = "ieee14", intervals: int = 60, seed: int = 1) -> Study:
    config = StudyConfig(case=case, intervals=intervals, seed=seed)
    return draw_study(config, max_bid_ticks=DEFAULT_POLICY.max_bid_ticks)


def run(name: str, market: Study, tariffs: tuple[str, ...] = ()) -> Run:
    bills = [tariff(each, DEFAULT_POLICY) for each in tariffs]
    return simulate(market, mechanism(name), DEFAULT_POLICY, 1, tariffs=bills)


def without_timing(result: Run) -> dict[str, object]:
    report = result.report()
    del report["timing"]
    return report


@pytest.mark.parametrize("name", [name for name in MECHANISM_NAMES if name != "uniform-auction"])
def test_every_interval_of_every_mechanism_on_the_real_grid_is_certified(name: str) -> None:
    result = run(name, study())
    assert result.tally.dc_violations == 0
    assert result.tally.certified == result.tally.intervals == 60
    assert 0 < result.tally.served_wh <= result.tally.requested_wh


def test_one_zone_that_ignores_the_lines_is_found_out() -> None:
    result = run("uniform-auction", study())
    assert result.tally.dc_violations > 0
    assert result.tally.certified < 60


def test_payments_sum_to_zero_at_every_tariff() -> None:
    result = run("fair-play", study(), TARIFF_NAMES)
    assert set(result.tally.bills) == set(TARIFF_NAMES)
    for bill in result.tally.bills.values():
        assert bill.payments_sum == 0
        assert bill.energy_cost + bill.shortfall == bill.supply_pay + bill.pot


def test_the_same_seed_gives_the_same_report() -> None:
    assert without_timing(run("fair-play", study())) == without_timing(run("fair-play", study()))
    assert without_timing(run("fair-play", study())) != without_timing(
        run("fair-play", study(seed=2))
    )


def test_mechanisms_are_compared_on_the_same_requests() -> None:
    market = study()
    reports = [run(name, market).report() for name in ("fair-play", "equal-weight", "lmp")]
    assert len({report["requested_wh"] for report in reports}) == 1
    assert len({report["offered_wh"] for report in reports}) == 1
    assert len({report["served_wh"] for report in reports}) > 1


def test_fair_play_leaves_the_worst_served_better_off_than_equal_weights_do() -> None:
    market = study(intervals=500)
    fair = run("fair-play", market).tally.fairness()
    equal = run("equal-weight", market).tally.fairness()
    assert fair.worst_decile > equal.worst_decile
    assert fair.counted_min > equal.counted_min
    assert fair.jain > equal.jain


def test_households_with_published_profiles_are_a_market_too() -> None:
    market = draw_scenario(ScenarioConfig(case="ieee14", participants=40, intervals=24))
    result = simulate(market, mechanism("fair-play"), DEFAULT_POLICY, 1)
    assert result.tally.dc_violations == 0
    assert result.tally.certified == 24


def chained(case: str, intervals: int) -> None:
    result = run("fair-play", study(case=case, intervals=intervals))
    assert result.tally.dc_violations == 0
    assert result.tally.certified == intervals
    fairness = result.tally.fairness()
    # More can be served than is owed in sum, so nobody is left behind for good.
    assert fairness.target_gap_max < 1 / intervals**0.5 / 3


@pytest.mark.parametrize("case", ["ieee14", "ieee57", "ieee118"])
def test_chained_intervals_bring_everybody_near_the_target(case: str) -> None:
    chained(case, 300)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ieee14", "ieee57", "ieee118"])
def test_chained_intervals_of_the_published_length(case: str) -> None:
    chained(case, 5000)
