"""Tariffs: the same clearings and the same settlement, another price."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.mechanisms.mechanism import Outcome
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.mechanisms.tariffs import TARIFF_NAMES, CriticalPeak, TimeOfUse, tariff
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from tests.mechanisms.markets import asked, people, seed, triangle

PEOPLE = people([0, 0, 1, 2, 0, 2])
BIDS = [0, 0, 0, 0, 120_000, 250_000]
LOADS = np.array([0, 400, 1200, 1500, 0, 0])
AMPLE = [0, 0, 0, 0, 6000, 700]
SHORT = [0, 0, 0, 0, 1600, 100]


def outcomes(intervals: int) -> list[Outcome]:
    """Random intervals, every other one short of supply."""
    rng = np.random.default_rng(6)
    trial = Trial(FAIR_PLAY, triangle(), DEFAULT_POLICY, PEOPLE)
    return [
        trial.step(
            asked((LOADS * rng.uniform(0, 1.5, 6)).astype(int), SHORT if i % 2 else AMPLE, BIDS),
            seed(i),
        ).outcome
        for i in range(intervals)
    ]


@pytest.mark.parametrize("name", TARIFF_NAMES)
def test_every_tariff_sums_to_zero_and_holds_both_promises(name: str) -> None:
    chosen = tariff(name, DEFAULT_POLICY)
    for outcome in outcomes(60):
        payments = chosen.bill(outcome)
        assert payments.credit.sum() == payments.debit.sum()
        most = DEFAULT_POLICY.p_hi_ticks * outcome.served_wh // 1000
        assert np.all(payments.debit <= most)
        asked_pay = outcome.quantities.bid_ticks * outcome.supply_wh / 1000
        assert np.all(payments.supply_pay >= asked_pay)


def test_suppliers_are_paid_the_same_under_every_tariff() -> None:
    for outcome in outcomes(10):
        pays = {
            tuple(tariff(name, DEFAULT_POLICY).bill(outcome).supply_pay) for name in TARIFF_NAMES
        }
        assert len(pays) == 1


def test_what_a_tariff_collects_too_little_is_a_shortfall_and_too_much_is_the_pot() -> None:
    outcome = outcomes(1)[0]
    cheap = TimeOfUse((10_000,) * 24).bill(outcome)
    assert cheap.pot == 0
    assert cheap.shortfall == cheap.supply_pay.sum() - cheap.energy_cost.sum() > 0
    dear = TimeOfUse((290_000,) * 24).bill(outcome)
    assert dear.shortfall == 0
    assert dear.pot == dear.energy_cost.sum() - dear.supply_pay.sum() > 0


def test_time_of_use_follows_the_hour_of_the_day() -> None:
    hourly = TimeOfUse(tuple(range(1000, 25_000, 1000)))
    rows = outcomes(51)
    first = [int(hourly.prices(outcome)[0]) for outcome in rows]
    assert first[:4] == [1000, 1000, 2000, 2000]
    assert first[46:51] == [24_000, 24_000, 1000, 1000, 2000]


def test_the_critical_price_holds_while_the_system_is_short() -> None:
    usual = TimeOfUse((60_000,) * 24)
    chosen = CriticalPeak(usual, 300_000)
    for outcome in outcomes(20):
        short = outcome.system_tightness_ppb > 0
        assert set(chosen.prices(outcome).tolist()) == {300_000 if short else 60_000}


def test_the_real_time_price_is_nodal_and_never_above_the_highest() -> None:
    chosen = tariff("real-time", DEFAULT_POLICY)
    several = 0
    for outcome in outcomes(20):
        price = chosen.prices(outcome)
        capped = np.clip(outcome.pi >> 16, 0, DEFAULT_POLICY.p_hi_ticks)
        assert np.array_equal(price, capped)
        several += len(set(price.tolist())) > 1
    assert several > 0


def test_the_amm_price_lies_between_its_bounds_and_rises_with_tightness() -> None:
    chosen = tariff("amm", DEFAULT_POLICY)
    for outcome in outcomes(20):
        price = chosen.prices(outcome)
        tight = outcome.tightness_ppb[PEOPLE.bus]
        assert np.all(price[tight == 0] == DEFAULT_POLICY.p_lo_ticks)
        assert np.all(price <= DEFAULT_POLICY.p_hi_ticks)
        assert np.all(np.diff(price[np.argsort(tight)]) >= 0)


def test_bad_tariffs_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="tariff: there is no 'free'"):
        tariff("free", DEFAULT_POLICY)
    with pytest.raises(InputError, match=r"tariff\.hourly: 2 prices"):
        TimeOfUse((1, 2))
