"""A trial of Fair Play is the market that a ledger runs: the same energy, money and standing."""

from __future__ import annotations

import numpy as np

from offchain.clearing.program import Clearer
from offchain.market.genesis import register
from offchain.market.rules import Market, Shape, apply_rules
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.mechanisms.trial import Trial
from offchain.orders.table import orders_from_columns
from offchain.policy import DEFAULT_POLICY
from offchain.records import SHARE
from tests.mechanisms.markets import asked, people, seed, triangle

PEOPLE = people([0, 0, 1, 2, 0, 2], rank=[0, 0, 1, 0, 0, 0], rate_wh=1200)
LOADS = np.array([0, 400, 1200, 1500, 0, 0])
BIDS = [0, 0, 0, 0, 120_000, 250_000]


def ledger_market() -> Market:
    """The same participants, registered; the community reserve has every share of the pot."""
    n = len(PEOPLE)
    contracts, state = register(
        owner=np.zeros(n, dtype="V20"),
        bus=PEOPLE.bus,
        rank=PEOPLE.rank,
        fstar_ppb=PEOPLE.fstar_ppb,
        rate_wh=PEOPLE.rate_wh,
        demand_cap_wh=np.full(n, 10_000),
        supply_cap_wh=np.full(n, 10_000),
    )
    shares = np.zeros(n, dtype=SHARE)
    shares["index"], shares["share_ppb"] = np.arange(n), PEOPLE.share_ppb
    grid = triangle()
    return Market(0, DEFAULT_POLICY, grid, contracts, shares, state, Shape.of(grid, contracts))


def test_a_trial_and_the_ledgers_rules_agree_to_the_last_unit() -> None:
    rng = np.random.default_rng(8)
    market = ledger_market()
    trial = Trial(FAIR_PLAY, market.grid, DEFAULT_POLICY, PEOPLE)
    clearer = Clearer(market.grid)
    owed = False
    for interval in range(1, 41):
        loads = (LOADS * rng.uniform(0, 1.5, 6)).astype(int)
        offered = [0, 0, 0, 0, int(rng.integers(500, 4000)), 300]
        quantities = asked(loads, offered, BIDS, essential_wh=loads // 3)
        step = trial.step(quantities, seed(interval))
        payments = FAIR_PLAY.billing.bill(step.outcome)

        orders = orders_from_columns(np.arange(len(PEOPLE)), quantities)
        ledger = apply_rules(market, orders, seed(interval), clearer)
        market = ledger.market

        assert np.array_equal(step.clearing.x_wh, ledger.clearing.x_wh)
        for name in ("energy_cost", "supply_pay", "pot_share", "shortfall_part"):
            assert np.array_equal(getattr(payments, name), getattr(ledger.payments, name)), name
        standing = trial.standing
        assert standing.memory_ppb.tolist() == market.state["memory_ppb"].tolist()
        assert standing.deficit_low.tolist() == market.state["deficit_lo"].tolist()
        assert standing.deficit_high.tolist() == market.state["deficit_hi"].tolist()
        owed |= bool(standing.deficit_low.any())
    assert owed
