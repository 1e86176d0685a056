"""Scenarios: named by their configuration, drawn from published profiles, scarce when they say so."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from demandlib import bdew

from offchain.errors import InputError
from oracle.profiles import HALF_HOURS, PROFILES, YEAR, demand_profile, half_hour_of_year, sunshine
from oracle.scenario import Scenario, ScenarioConfig, draw_scenario

CONFIG = ScenarioConfig(participants=40, intervals=48)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """A day with forty participants."""
    return draw_scenario(CONFIG)


@pytest.mark.parametrize("name", PROFILES)
def test_a_year_of_a_profile_is_all_of_its_energy(name: str) -> None:
    profile = demand_profile(name)
    assert profile.shape == (HALF_HOURS,)
    assert abs(int(profile.sum()) - 10**9) < HALF_HOURS
    assert (profile > 0).all()


def test_a_half_hour_is_its_two_published_quarters() -> None:
    with warnings.catch_warnings():
        quarters = bdew.ElecSlp(YEAR).get_profiles("h0")["h0"].to_numpy()
    noon = 24
    assert demand_profile("h0")[noon] == round((quarters[48] + quarters[49]) * 1e9)


def test_reading_a_profile_leaves_warnings_as_they_were() -> None:
    """The library that brings the profiles turns every later warning of its caller into an error."""
    demand_profile.cache_clear()
    before = list(warnings.filters)
    demand_profile("g3")
    assert list(warnings.filters) == before


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="there is no 'h9'; choose one of h0"):
        demand_profile("h9")


def test_the_sun_is_highest_at_noon_in_june_and_absent_at_night() -> None:
    june, january = 172 * 48, 10 * 48
    assert sunshine(june + 24, 50) > sunshine(january + 24, 50) > 0
    assert sunshine(june + 24, 50) > sunshine(june + 16, 50)
    assert sunshine(june, 50) == 0


def test_equal_configurations_are_equal_scenarios(scenario: Scenario) -> None:
    again = draw_scenario(CONFIG)
    for field in fields(Scenario):
        if field.name != "network":
            assert np.array_equal(getattr(scenario, field.name), getattr(again, field.name))
    assert again.network.grid.packed() == scenario.network.grid.packed()


def test_another_seed_is_another_scenario(scenario: Scenario) -> None:
    other = draw_scenario(replace(CONFIG, seed=2))
    assert not np.array_equal(other.flexible_wh, scenario.flexible_wh)


def test_the_community_reserve_asks_and_offers_nothing(scenario: Scenario) -> None:
    for table in (scenario.essential_wh, scenario.flexible_wh, scenario.supply_wh):
        assert not table[:, 0].any()


def test_nobody_asks_or_offers_beyond_the_contract(scenario: Scenario) -> None:
    asked = scenario.essential_wh + scenario.flexible_wh
    assert (asked <= scenario.demand_cap_wh).all()
    assert (scenario.supply_wh <= scenario.supply_cap_wh).all()
    assert (scenario.rate_wh[1:] > 0).all()


def test_demand_lies_where_the_case_has_its_load(scenario: Scenario) -> None:
    buses = scenario.network.grid.n_bus
    rate = np.bincount(scenario.bus, scenario.demand_cap_wh, minlength=buses)
    missed = np.abs(rate / rate.sum() - scenario.network.bus_load_share)
    assert missed.max() < scenario.demand_cap_wh.max() / rate.sum()


def test_power_stations_stand_at_generators(scenario: Scenario) -> None:
    stations = [i for i, kind in enumerate(scenario.kind) if kind == "power station"]
    assert len(stations) == CONFIG.participants * CONFIG.supplier_permille // 1000
    assert set(scenario.bus[stations]) <= {g.bus for g in scenario.network.generators}


def test_the_network_is_scaled_to_what_is_contracted(scenario: Scenario) -> None:
    contracted = int(scenario.demand_cap_wh.sum())
    assert scenario.network.load_wh.sum() == pytest.approx(contracted, rel=1e-3)


def test_supply_is_short_in_the_window_and_ample_outside(scenario: Scenario) -> None:
    asked = (scenario.essential_wh + scenario.flexible_wh).sum(axis=1)
    ratio = scenario.supply_wh.sum(axis=1) / asked
    assert scenario.scarce.sum() == 8
    assert scenario.scarce[16:24].all()
    assert (ratio[scenario.scarce] < 0.87).all()
    assert (ratio[scenario.scarce] > 0.63).all()
    assert (ratio[~scenario.scarce] > 1.2).all()


def test_a_run_goes_on_past_the_end_of_the_year() -> None:
    start = ScenarioConfig().start
    first = half_hour_of_year(start)
    long = draw_scenario(ScenarioConfig(participants=2, intervals=HALF_HOURS - first + 1))
    assert (long.essential_wh[:, 2] > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"case": "ieee15"}, "case: .*ieee15.* ieee14"),
        ({"participants": 1}, "participants: 1 is out of range; give 2"),
        ({"participants": -5}, "participants: -5 is out of range"),
        ({"intervals": 0}, "intervals: 0 is out of range; give 1"),
        ({"intervals": -1}, "intervals: -1 is out of range"),
        ({"seed": -1}, "seed: -1 is out of range"),
    ],
)
def test_what_is_out_of_range_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw_scenario(replace(ScenarioConfig(), **change))  # type: ignore[arg-type]
