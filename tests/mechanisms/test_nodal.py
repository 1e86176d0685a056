"""Mechanisms that pay nodal prices, for studies only."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.mechanisms.nodal import DoubleAuction, Lmp
from offchain.mechanisms.participants import COMMUNITY_ROW
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from tests.mechanisms.markets import asked, column, people, run, seed, triangle

#: Rows: reserve, a load at each bus, a cheap station at bus 0, a dear one at bus 2.
PEOPLE = people([0, 0, 1, 2, 0, 2], value_ticks=column([0, 240_000, 220_000, 200_000, 0, 0]))
BIDS = [0, 0, 0, 0, 120_000, 250_000]
LOADS = [0, 400, 1200, 1500, 0, 0]
SUPPLY = [0, 0, 0, 0, 6000, 700]


@pytest.mark.parametrize("mechanism", [Lmp(), DoubleAuction(), DoubleAuction(one_zone=True)])
def test_payments_sum_to_zero_and_the_community_keeps_the_rent(
    mechanism: Lmp | DoubleAuction,
) -> None:
    rng = np.random.default_rng(1)
    trial = Trial(mechanism, triangle(), DEFAULT_POLICY, PEOPLE)
    rents = []
    for interval in range(40):
        loads = (np.array(LOADS) * rng.uniform(0.5, 1.5, 6)).astype(int)
        outcome = trial.step(asked(loads, SUPPLY, BIDS), seed(interval)).outcome
        payments = mechanism.billing.bill(outcome)
        assert payments.credit.sum() == payments.debit.sum()
        others = np.delete(payments.pot_share + payments.shortfall_part, COMMUNITY_ROW)
        assert not others.any()
        rents.append(payments.pot - payments.shortfall)
    # Rounding may cost the community a few micro; congestion earns it more.
    assert min(rents) >= -len(LOADS)
    if mechanism.name != "uniform-auction":
        assert max(rents) > 10_000


def test_lmp_pays_the_bid_of_the_marginal_supplier_and_the_value_of_lost_load_when_short() -> None:
    mechanism = Lmp(voll_ticks=10_000_000)
    trial = Trial(mechanism, triangle((5000, 5000, 5000)), DEFAULT_POLICY, PEOPLE)
    ample = trial.step(asked(LOADS, SUPPLY, BIDS), seed(0)).outcome
    assert np.all((ample.pi >> 16) - 120_000 < DEFAULT_POLICY.w_s_ticks)
    short = trial.step(asked(LOADS, [0, 0, 0, 0, 600, 70], BIDS), seed(1)).outcome
    assert np.all(short.pi >> 16 >= 10_000_000)


def test_lmp_remembers_nothing() -> None:
    mechanism = Lmp()
    trial = Trial(mechanism, triangle(), DEFAULT_POLICY, PEOPLE)
    served = [
        trial.step(asked(LOADS, [0, 0, 0, 0, 600, 70], BIDS), seed(i)).outcome.flexible_wh.tolist()
        for i in range(5)
    ]
    assert served.count(served[0]) == 5


def test_in_an_auction_nobody_pays_more_than_his_value_or_gets_less_than_his_bid() -> None:
    rng = np.random.default_rng(2)
    for mechanism in (DoubleAuction(), DoubleAuction(one_zone=True)):
        trial = Trial(mechanism, triangle(), DEFAULT_POLICY, PEOPLE)
        for interval in range(40):
            loads = (np.array(LOADS) * rng.uniform(0.5, 2, 6)).astype(int)
            outcome = trial.step(asked(loads, SUPPLY, BIDS), seed(interval)).outcome
            price = outcome.pi / 2**16
            bought, sold = outcome.flexible_wh > 1, outcome.supply_wh > 1
            assert np.all(price[bought] <= PEOPLE.value_ticks[bought])
            assert np.all(price[sold] >= outcome.quantities.bid_ticks[sold])


def test_an_auction_serves_those_who_value_it_most() -> None:
    ((step, _),) = run(
        DoubleAuction(),
        triangle((5000, 5000, 5000)),
        PEOPLE,
        1,
        lambda _: asked(LOADS, [0, 0, 0, 0, 1600, 0], BIDS),
    )
    assert step.outcome.flexible_wh.tolist() == [0, 400, 1200, 0, 0, 0]


def test_one_zone_has_one_price_and_its_dispatch_is_put_before_the_real_grid() -> None:
    mechanism = DoubleAuction(one_zone=True)
    trial = Trial(mechanism, triangle(), DEFAULT_POLICY, PEOPLE)
    step = trial.step(asked(LOADS, SUPPLY, BIDS), seed(0))
    assert len(set(step.outcome.pi.tolist())) == 1
    # Two thirds of bus 2's import and a third of bus 1's would use the line 0-2: 1400 of 900 Wh.
    (violation,) = step.violations
    assert violation.startswith("limit: line 2")

    wide = Trial(mechanism, triangle((5000, 5000, 5000)), DEFAULT_POLICY, PEOPLE)
    assert wide.step(asked(LOADS, SUPPLY, BIDS), seed(0)).violations == ()
