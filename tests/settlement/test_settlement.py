"""Every interval's payments sum to exactly zero; nobody pays above p_hi or sells below its bid."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.settlement import Payments, apportion, settle
from offchain.units import MAX_ORDER_WH, MAX_TICKS, PPB

P_HI = 300_000

weights = st.one_of(
    st.lists(st.integers(0, 10), min_size=1, max_size=12),
    st.lists(st.integers(0, 2**31), min_size=1, max_size=12),
    st.lists(st.integers(0, 2**55), min_size=1, max_size=12),
    st.lists(st.integers(0, 2**62), min_size=1, max_size=12),
).filter(any)


@given(weights=weights, amount=st.one_of(st.integers(0, 1000), st.integers(0, 2**62)))
def test_an_amount_is_divided_to_the_last_unit_by_largest_remainders(
    weights: list[int], amount: int
) -> None:
    parts = apportion(amount, np.array(weights)).tolist()
    quotas = [Fraction(amount * weight, sum(weights)) for weight in weights]
    floors = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(weights)), key=lambda i: (floors[i] - quotas[i], i))
    for row in by_remainder[: amount - sum(floors)]:
        floors[row] += 1
    assert parts == floors


@given(weights=weights, below=st.integers(0, 2**62))
def test_no_part_exceeds_its_weight_while_the_amount_does_not_exceed_their_sum(
    weights: list[int], below: int
) -> None:
    amount = min(below, sum(weights))
    assert (apportion(amount, np.array(weights)) <= np.array(weights)).all()


def test_a_tie_goes_to_the_lower_row() -> None:
    assert apportion(2, np.array([1, 1, 1])).tolist() == [1, 1, 0]


def random_interval(
    rng: np.random.Generator, n: int, largest_wh: int, p_hi: int
) -> tuple[Payments, dict[str, np.ndarray]]:
    """Settles a random balanced interval; prices and bids at their bounds are as likely as not."""
    served = rng.integers(0, largest_wh, n, endpoint=True) * (rng.random(n) < 0.7)
    sellers = np.flatnonzero(rng.random(n) < 0.5)
    dispatched = np.zeros(n, dtype=np.int64)
    if len(sellers) == 0:
        served[:] = 0
    else:
        np.add.at(dispatched, rng.choice(sellers, n), served)
    ends = rng.integers(0, 3, n)
    price = np.choose(ends, (np.zeros(n, int), np.full(n, p_hi), rng.integers(0, p_hi, n)))
    bid = np.choose(rng.permutation(ends), (np.zeros(n, int), np.full(n, p_hi - 1000), price))
    bid = np.minimum(bid, p_hi - 1000)
    cuts = np.sort(rng.integers(0, PPB, n - 1, endpoint=True))
    shares = np.diff(np.concatenate(([0], cuts, [PPB])))
    columns = {"price": price, "served": served, "bid": bid, "dispatched": dispatched}
    return settle(price, served, bid, dispatched, shares, p_hi), columns


def check_promises(paid: Payments, columns: dict[str, np.ndarray], p_hi: int) -> None:
    credit, debit = sum(paid.credit.tolist()), sum(paid.debit.tolist())
    assert credit == debit
    assert min(paid.pot, paid.shortfall) == 0
    assert sum(paid.pot_share.tolist()) == paid.pot
    assert sum(paid.shortfall_part.tolist()) == paid.shortfall
    for column in (paid.energy_cost, paid.supply_pay, paid.pot_share, paid.shortfall_part):
        assert column.min() >= 0
    assert (paid.debit * 1000 <= p_hi * columns["served"]).all()
    assert (paid.supply_pay * 1000 >= columns["bid"] * columns["dispatched"]).all()


@pytest.mark.parametrize("largest_wh", [3, 1000, 10**6, MAX_ORDER_WH // 16])
@settings(max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_over_thousands_of_random_intervals_payments_sum_to_zero_within_their_bounds(
    largest_wh: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        paid, columns = random_interval(rng, int(rng.integers(1, 16)), largest_wh, P_HI)
        check_promises(paid, columns, P_HI)


def test_the_promises_hold_at_the_largest_quantities_and_prices() -> None:
    p_hi = (MAX_TICKS - 1) // 1000 * 1000
    rng = np.random.default_rng(3)
    for _ in range(200):
        paid, columns = random_interval(rng, 12, MAX_ORDER_WH // 12, p_hi)
        check_promises(paid, columns, p_hi)


def test_what_consumers_pay_beyond_the_bids_is_shared_as_committed() -> None:
    paid = settle(
        price_ticks=np.array([200_000, 200_000, 200_000]),
        served_wh=np.array([0, 1500, 501]),
        bid_ticks=np.array([0, 0, 120_000]),
        dispatched_wh=np.array([0, 0, 2001]),
        share_ppb=np.array([PPB // 4, 0, PPB - PPB // 4]),
        p_hi_ticks=P_HI,
    )
    assert paid.energy_cost.tolist() == [0, 300_000, 100_200]
    assert paid.supply_pay.tolist() == [0, 0, 240_120]
    assert (paid.pot, paid.shortfall) == (160_080, 0)
    assert paid.pot_share.tolist() == [40_020, 0, 120_060]


def test_what_the_bids_cost_beyond_the_price_is_carried_by_headroom() -> None:
    """At 0.05 per kWh 3 kWh bring 0.15, and cost 0.60 at a bid of 0.20."""
    paid = settle(
        price_ticks=np.array([50_000, 50_000, 300_000, 50_000]),
        served_wh=np.array([2000, 1000, 100, 0]),
        bid_ticks=np.array([0, 0, 0, 200_000]),
        dispatched_wh=np.array([0, 0, 0, 3100]),
        share_ppb=np.array([PPB, 0, 0, 0]),
        p_hi_ticks=P_HI,
    )
    assert paid.energy_cost.tolist() == [100_000, 50_000, 30_000, 0]
    assert paid.shortfall == 620_000 - 180_000
    # headroom 500,000 and 250,000 and, at the highest price already, nothing
    assert paid.shortfall_part.tolist() == [293_333, 146_667, 0, 0]


def test_a_part_of_a_micro_is_rounded_for_the_market_when_paid_and_for_the_seller_when_sold() -> (
    None
):
    paid = settle(
        np.array([333, 333]),
        np.array([1, 0]),
        np.array([0, 1]),
        np.array([0, 1]),
        np.array([PPB, 0]),
        P_HI,
    )
    assert (paid.energy_cost.tolist(), paid.supply_pay.tolist()) == ([0, 0], [0, 1])
    assert paid.shortfall_part.tolist() == [1, 0]


def test_shares_that_do_not_make_a_whole_are_refused() -> None:
    one = np.ones(2, dtype=np.int64)
    with pytest.raises(InputError, match=r"^shares: they sum to 2 ppb"):
        settle(one, one, one, one, one, P_HI)


def test_more_dispatched_than_served_is_refused_when_consumers_cannot_carry_it() -> None:
    with pytest.raises(InputError, match=r"^settlement: bids cost 870000 micro"):
        settle(
            np.array([300_000, 0]),
            np.array([100, 0]),
            np.array([0, 250_000]),
            np.array([0, 3600]),
            np.array([PPB, 0]),
            P_HI,
        )
