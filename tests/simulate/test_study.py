"""The study market: every assumption has a name, and the drawn market keeps to it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.policy import DEFAULT_POLICY
from oracle.study import Study, StudyConfig, draw_study, scarcity_windows


def draw(**assumptions: Any) -> Study:  # noqa: ANN401 - fields of StudyConfig
    config = replace(StudyConfig(case="ieee14", intervals=200), **assumptions)
    return draw_study(config, max_bid_ticks=DEFAULT_POLICY.max_bid_ticks)


def test_a_configuration_names_a_study_completely() -> None:
    one, again, other = draw(), draw(), draw(seed=2)
    for field in fields(Study):
        value = getattr(one, field.name)
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, getattr(again, field.name)), field.name
    assert not np.array_equal(one.flexible_wh, other.flexible_wh)


def test_by_default_one_consumer_stands_at_every_load_bus() -> None:
    study = draw()
    loads = np.flatnonzero(study.network.load_wh > 0)
    assert study.bus[study.rate_wh > 0].tolist() == loads.tolist()
    stations = study.bus[1 : 1 + len(study.network.generators)]
    assert stations.tolist() == [station.bus for station in study.network.generators]


def test_more_consumers_share_each_bus_as_the_case_shares_its_load() -> None:
    study = draw(participants=300)
    rate = np.bincount(study.bus, study.rate_wh, study.network.grid.n_bus)
    assert rate / rate.sum() == pytest.approx(study.network.bus_load_share, abs=1e-4)
    assert (study.rate_wh > 0).sum() == 300


def test_the_network_is_scaled_to_the_contracted_rates() -> None:
    study = draw()
    assert study.network.load_wh.sum() == pytest.approx(study.rate_wh.sum(), rel=1e-4)


def test_windows_lie_in_equal_parts_of_the_run_and_take_their_share() -> None:
    scarce = scarcity_windows(StudyConfig(intervals=5000))
    begins = np.flatnonzero(scarce & ~np.roll(scarce, 1))
    ends = np.flatnonzero(scarce & ~np.roll(scarce, -1)) + 1
    assert begins.tolist() == [200, 1200, 2200, 3200, 4200]
    assert (ends - begins).tolist() == [300] * 5


def test_supply_is_short_in_the_windows_and_only_there() -> None:
    study = draw(intervals=1000)
    ratio = study.supply_wh.sum(axis=1) / study.flexible_wh.sum(axis=1)
    assert 0.649 < ratio[study.scarce].min() < 0.70
    assert 0.80 < ratio[study.scarce].max() <= 0.85
    assert ratio[~study.scarce].min() > 1


def test_in_a_window_stations_offer_as_the_case_dispatches_them_or_as_they_could() -> None:
    """IEEE-14 runs on its first two stations, in the ratio 219 to 40."""
    dispatch = draw().supply_wh[draw().scarce, 1:6].sum(axis=0)
    assert dispatch[:2] / dispatch.sum() == pytest.approx([219 / 259, 40 / 259], abs=1e-3)
    assert dispatch[2:].tolist() == [0, 0, 0]
    study = draw(scarce_stations="capacity")
    offered = study.supply_wh[study.scarce, 1:6].sum(axis=0)
    p_max = np.array([station.p_max_wh for station in study.network.generators])
    assert offered / offered.sum() == pytest.approx(p_max / p_max.sum(), abs=1e-3)


def test_demand_swings_with_the_day_and_its_noise_has_the_named_spread() -> None:
    study = draw(intervals=4800)
    consumers = study.rate_wh > 0
    relative = study.flexible_wh[:, consumers] / study.rate_wh[consumers]
    t = np.arange(4800)
    wave = 1 + 0.15 * np.cos(2 * np.pi * (t - 37) / 48)
    noise = np.log(relative / wave[:, None])
    assert noise.std() == pytest.approx(0.12, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.002)


def test_essential_energy_is_the_named_share_of_demand() -> None:
    study = draw(essential_permille=300)
    total = study.essential_wh + study.flexible_wh
    assert study.essential_wh.sum() / total.sum() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize(
    ("assumption", "message"),
    [
        ({"participants": 3}, "ieee14 has 11 load buses"),
        ({"intervals": 0}, "intervals: 0 is out of range"),
        ({"seed": -1}, "seed: -1 is out of range"),
        ({"fstar_ppb": 2 * 10**9}, "fstar_ppb"),
    ],
)
def test_assumptions_out_of_range_are_refused_by_name(
    assumption: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        draw(**assumption)
