"""What deviates from its allocation is settled with the reserve, and everything sums to zero."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.metering.imbalance import (
    Corrections,
    correct,
    deviations,
    imbalance,
    reserve_funds,
)
from offchain.metering.readings import ReadingTable, no_readings, readings_from_columns
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.records import ALLOCATION, RESERVE
from offchain.settlement import Payments, settle
from offchain.units import MAX_ORDER_WH, PPB

POLICY = replace(DEFAULT_POLICY, meter_lag=1, meter_operator=b"\1" * 20, reserve_micro=10_000)
CAP = 10_000


def line(
    served: int = 0, sold: int = 0, price: int = 100_000, bid: int = 80_000, others: int = 1
) -> np.ndarray:
    """The reserve's empty line and one of a participant."""
    table = np.zeros(1 + others, dtype=ALLOCATION)
    table["index"] = np.arange(1 + others)
    table["flexible_x_wh"][1:], table["supply_x_wh"][1:] = served, sold
    table["price_ticks"], table["supply_pa_ticks"][1:] = price, bid
    return table


def settled(table: np.ndarray, readings: ReadingTable, policy: Policy = POLICY) -> tuple[int, int]:
    """Debit and unscaled credit of participant 1."""
    caps = np.full(len(table), CAP)
    debit, credit = imbalance(policy, table, deviations(table, readings, caps, caps))
    assert debit[RESERVE] == credit[RESERVE] == 0
    return int(debit[1]), int(credit[1])


def read(consumed: int, produced: int = 0) -> ReadingTable:
    """The reading of participant 1."""
    return readings_from_columns([1], 1, [consumed], [produced])


def test_who_keeps_to_its_allocation_settles_nothing() -> None:
    assert settled(line(served=1000), read(1000)) == (0, 0)
    assert settled(line(sold=1000), read(0, 1000)) == (0, 0)


def test_energy_beyond_the_allocation_costs_the_price_and_the_spread_to_pay() -> None:
    assert settled(line(served=1000), read(1100)) == (100 * 120_000 // 1000, 0)


def test_no_excess_costs_more_than_the_highest_price_to_pay() -> None:
    assert settled(line(served=1000, price=290_000), read(1100)) == (30_000, 0)


def test_unused_energy_is_worth_its_price_less_the_spread_and_never_less_than_nothing() -> None:
    assert settled(line(served=1000), read(900)) == (0, 100 * 80_000 // 1000)
    assert settled(line(served=1000, price=15_000), read(900)) == (0, 0)


def test_missing_supply_pays_back_more_than_its_pay() -> None:
    assert settled(line(sold=1000), read(0, 900)) == (12_000, 0)
    assert settled(line(sold=1000, bid=200_000), read(0, 900)) == (22_000, 0)


def test_surplus_supply_is_paid_at_most_its_bid_and_the_sell_price() -> None:
    assert settled(line(sold=1000, bid=50_000), read(0, 1100)) == (0, 5_000)
    assert settled(line(sold=1000, bid=250_000), read(0, 1100)) == (0, 8_000)


def test_without_a_reading_a_demand_settles_as_allocated_and_a_supply_as_nothing() -> None:
    assert settled(line(served=1000), no_readings()) == (0, 0)
    assert settled(line(sold=1000), no_readings()) == (120_000, 0)


def test_a_reading_counts_up_to_what_the_contract_allows_to_pay_for() -> None:
    assert settled(line(served=9_999), read(20_000)) == (120, 0)
    assert settled(line(sold=9_999, bid=50_000), read(0, 20_000)) == (0, 50)


def test_a_part_of_a_micro_is_rounded_for_the_reserve() -> None:
    assert settled(line(served=1000, price=33_333), read(1001)) == (54, 0)
    assert settled(line(served=1000, price=33_333), read(999)) == (0, 13)


def columns(*rows: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64)


def test_the_reserve_is_everybody_s_counterparty_and_receives_the_subscription_to_pay() -> None:
    result = correct(POLICY, columns(0, 7, 8), columns(0, 100, 0), columns(0, 0, 90), (0, 0, 0), 0)
    assert result.scale_ppb == PPB
    assert result.imbalance_credit.tolist() == [115, 0, 90]
    assert result.imbalance_debit.tolist() == [90, 100, 0]
    assert result.subscription.tolist() == [0, 7, 8]


def test_credits_are_scaled_down_pro_rata_where_the_reserve_cannot_pay_them() -> None:
    result = correct(
        POLICY, columns(0, 0, 0), columns(0, 0, 0), columns(0, 30_000, 10_000), (0, 0, 0), 0
    )
    assert result.scale_ppb == PPB // 4
    assert result.imbalance_credit.tolist() == [0, 7_500, 2_500]
    assert result.imbalance_debit.tolist() == [10_000, 0, 0]


def test_what_the_reserve_was_ahead_by_may_be_gone_and_is_not_spent_to_pay_credits() -> None:
    """It was 500 ahead, which may have been paid out to it, and has spent 200 since."""
    assert reserve_funds(POLICY, credit=900, debit=600, peak=500, income=50) == 10_000 - 200 + 50


def check_zero(parts: list[Corrections]) -> None:
    for part in parts:
        assert sum(part.credit.tolist()) == sum(part.debit.tolist())


@pytest.mark.parametrize("largest_wh", [3, 1000, 10**6, MAX_ORDER_WH // 16])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_over_thousands_of_metered_intervals_all_that_they_settle_sums_to_zero(
    largest_wh: int, seed: int
) -> None:
    """A reserve carried on over random intervals with missing readings and fees."""
    rng = np.random.default_rng(seed)
    reserve_micro = int(rng.integers(0, 10**6) * rng.integers(0, 2))
    policy = replace(POLICY, reserve_micro=reserve_micro, spread_ticks=int(rng.integers(0, 50_001)))
    n = int(rng.integers(2, 12))
    credit = debit = peak = 0
    for _ in range(80):
        table, paid = random_line(rng, n, largest_wh, policy)
        caps = np.full(n, largest_wh * n)
        index = np.flatnonzero(rng.random(n) < 0.8)
        measured = rng.integers(0, 2 * largest_wh, (2, len(index)))
        near = rng.random() < 0.5
        if near:
            measured[0] = table["flexible_x_wh"][index] + rng.integers(0, 3, len(index))
            measured[1] = table["supply_x_wh"][index]
        readings = readings_from_columns(index, 1, *measured)
        owed, due = imbalance(policy, table, deviations(table, readings, caps, caps))
        fee = rng.integers(0, 50, n) * int(rng.integers(0, 2))
        other = int((paid.credit - paid.debit)[RESERVE])
        result = correct(policy, fee, owed, due, (credit, debit, peak), other)
        check_zero([result])
        in_all = sum((paid.credit + result.credit - paid.debit - result.debit).tolist())
        assert in_all == 0
        assert 0 <= result.scale_ppb <= PPB
        used = np.minimum(measured[0], caps[index])
        allowed = table["flexible_x_wh"].astype(np.int64)
        allowed[index] = np.maximum(allowed[index], used)
        bound = policy.p_hi_ticks * allowed
        excess = imbalance(policy, table, deviations(table, readings, caps, caps * 0))[0]
        sold = table["supply_x_wh"].astype(np.int64)
        others = np.arange(n) != RESERVE
        # what is consumed, allocated or not, never costs more than the highest price
        for_energy = paid.debit + np.where(sold == 0, excess, 0)
        assert (for_energy * 1000 <= bound)[others & (sold == 0)].all()
        # what was not delivered is paid back at least
        lost = deviations(table, readings, caps, caps).missing_wh
        assert (owed * 1000 >= table["supply_pa_ticks"] * lost)[others].all()
        assert (result.imbalance_credit <= due)[others].all()
        credit += int((paid.credit + result.credit)[RESERVE])
        debit += int((paid.debit + result.debit)[RESERVE])
        peak = max(peak, credit - debit)
        assert reserve_micro - (peak - (credit - debit)) >= 0


def random_line(
    rng: np.random.Generator, n: int, largest_wh: int, policy: Policy
) -> tuple[np.ndarray, Payments]:
    """A balanced, settled interval in which the reserve does not trade."""
    served = rng.integers(0, largest_wh, n, endpoint=True)
    served[RESERVE] = 0
    dispatched = np.zeros(n, dtype=np.int64)
    np.add.at(dispatched, rng.integers(1, n, n), served)
    price = rng.integers(policy.p_lo_ticks, policy.p_hi_ticks, n, endpoint=True)
    bid = rng.integers(0, policy.max_bid_ticks, n, endpoint=True)
    shares = np.zeros(n, dtype=np.int64)
    shares[RESERVE], shares[-1] = PPB // 4, PPB - PPB // 4
    paid = settle(price, served, bid, dispatched, shares, policy.p_hi_ticks)
    table = line(others=n - 1)
    table["flexible_x_wh"], table["supply_x_wh"] = served, dispatched
    table["price_ticks"], table["supply_pa_ticks"] = price, bid
    return table, paid
