"""The audit's own arithmetic: worked by hand, and equal to the market's on everything drawn at random."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.audit.context import Before, Inputs
from offchain.audit.rebuild import (
    Payments,
    bus_prices,
    corrections,
    covered,
    ints,
    next_fairness,
    payments,
    ramp_ends,
    split,
)
from offchain.commitment.bundle import Bundle
from offchain.fairness.draw import draw
from offchain.fairness.key import key_ticks
from offchain.fairness.state import next_deficit, next_memory
from offchain.grid.holarchy import Holarchy, Layer
from offchain.metering.cover import affordable, charged, rooms, worst_cost
from offchain.metering.imbalance import correct, deviations, imbalance
from offchain.metering.readings import readings_from_columns
from offchain.policy import DEFAULT_POLICY, PRICE_CURVES, Policy
from offchain.pricing import LayerIndex, price_ticks, tightness
from offchain.records import ALLOCATION, ORDER, STATE
from offchain.settlement import settle
from offchain.units import MAX_ORDER_WH, PPB

ppb = st.integers(0, PPB)
energy = st.integers(0, MAX_ORDER_WH)
deficits = st.one_of(st.integers(0, 2**40), st.integers(0, 2**127))
seeds = st.binary(min_size=32, max_size=32)


def state_of(rank: int, fstar: int, rate: int, memory: int, deficit: int) -> np.ndarray:
    """One participant's state."""
    state = np.zeros(1, dtype=STATE)
    state["rank"], state["fstar_ppb"], state["rate_wh"] = rank, fstar, rate
    state["memory_ppb"] = memory
    state["deficit_hi"], state["deficit_lo"] = divmod(deficit, 2**64)
    return state


def column(*values: int) -> np.ndarray:
    """A column of int64."""
    return np.array(values, dtype=np.int64)


@given(st.integers(0, 1), ppb, st.integers(1, MAX_ORDER_WH), ppb, deficits, seeds)
def test_ramps_start_where_the_market_starts_them(
    rank: int, fstar: int, rate: int, memory: int, deficit: int, seed: bytes
) -> None:
    policy = DEFAULT_POLICY
    state = state_of(rank, fstar, rate, memory, deficit)
    ends = ramp_ends(policy, state, column(7), seed)
    key = key_ticks(policy, memory, deficit, rate, int(draw(seed, [0])[0]))
    assert ends["key"].tolist() == [key]
    assert ends["flexible"].tolist() == [policy.p_cap_ticks + rank * policy.rank_ticks + key]
    assert ends["essential"].tolist() == [policy.essential_pa_ticks]
    assert ends["supply"].tolist() == [7]


@given(ppb, ppb, deficits, energy, ppb)
def test_memory_and_deficit_move_as_the_market_moves_them(
    fstar: int, memory: int, deficit: int, requested: int, served_ppb: int
) -> None:
    served = requested * served_ppb // PPB
    state = state_of(0, fstar, 1, memory, deficit)
    found = next_fairness(DEFAULT_POLICY, state, column(requested), column(served))
    beta = DEFAULT_POLICY.beta_ppb
    assert found["memory_ppb"].tolist() == [next_memory(memory, fstar, beta, requested, served)]
    joined = int(found["deficit_hi"][0]) * 2**64 + int(found["deficit_lo"][0])
    assert joined == next_deficit(deficit, fstar, requested, served)


@given(st.data(), st.integers(1, 8))
def test_payments_are_the_market_s(data: st.DataObject, n: int) -> None:
    policy = DEFAULT_POLICY
    prices = data.draw(
        st.lists(st.integers(policy.p_lo_ticks, policy.p_hi_ticks), min_size=n, max_size=n)
    )
    used = data.draw(st.lists(energy, min_size=n, max_size=n))
    bids = data.draw(st.lists(st.integers(0, policy.max_bid_ticks), min_size=n, max_size=n))
    sold = split(sum(used), data.draw(st.lists(st.integers(1, 99), min_size=n, max_size=n)))
    shares = split(PPB, data.draw(st.lists(st.integers(1, 99), min_size=n, max_size=n)))
    ours = payments(policy, column(*prices), column(*bids), column(*used), sold, shares)
    theirs = settle(column(*prices), column(*used), column(*bids), sold, shares, policy.p_hi_ticks)
    assert ours.energy_cost.tolist() == theirs.energy_cost.tolist()
    assert ours.supply_pay.tolist() == theirs.supply_pay.tolist()
    assert ours.pot_share.tolist() == theirs.pot_share.tolist()
    assert ours.shortfall.tolist() == theirs.shortfall_part.tolist()
    assert (ours.pot_total, ours.shortfall_total) == (theirs.pot, theirs.shortfall)


HOLARCHY = Holarchy(
    depth=2,
    position=np.array([0, 1, 2, 3], dtype=np.int32),
    layers=(
        Layer("system", 2, 0, 0),
        Layer("zone", 1, 1, 300),
        *(Layer(f"bus {i}", 0, i, 500) for i in range(4)),
    ),
)


@given(
    st.lists(st.integers(0, 2000), min_size=4, max_size=4),
    st.lists(st.integers(0, 2000), min_size=4, max_size=4),
)
def test_prices_are_the_market_s(requested: list[int], offered: list[int]) -> None:
    tight = tightness(LayerIndex.of(HOLARCHY), column(*requested), column(*offered))
    for curve in range(len(PRICE_CURVES)):
        policy = replace(DEFAULT_POLICY, price_curve=curve)
        theirs = price_ticks(policy, tight.bus_ppb)
        assert bus_prices(policy, HOLARCHY, requested, offered).tolist() == theirs.tolist()


def test_the_tightest_layer_sets_the_price() -> None:
    """Buses 2 and 3 form a zone that asks 1000, offers 300 and imports 300: a shortage of 0.4."""
    policy = Policy(p_lo_ticks=100_000, p_hi_ticks=300_000)
    prices = bus_prices(policy, HOLARCHY, [0, 0, 500, 500], [900, 0, 150, 150])
    assert prices.tolist() == [100_000, 100_000, 180_000, 180_000]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (0, [1, 2], [0, 0]),
        (10, [1, 1, 1], [4, 3, 3]),
        (11, [1, 1, 1], [4, 4, 3]),
        (7, [0, 5, 5], [0, 4, 3]),
        (5, [3, 0, 7], [2, 0, 3]),
    ],
)
def test_what_is_shared_goes_to_the_largest_remainders(
    amount: int, weights: list[int], parts: list[int]
) -> None:
    """5 in proportion to 3 and 7 is 1.5 and 3.5: of equal remainders the lower index gains."""
    assert split(amount, weights).tolist() == parts


@given(
    st.integers(0, 2**32),
    st.integers(2, 9),
    st.booleans(),
    st.integers(0, 10**6),
    st.sampled_from([None, 1_000, 10**6]),
)
def test_what_is_settled_with_the_reserve_is_the_market_s(
    seed: int, n: int, metered: bool, reserve_micro: int, most: int | None
) -> None:
    """With deposits too small for what is due, too, and without a chain, where what was charged is believed."""
    rng = np.random.default_rng(seed)
    policy = replace(
        DEFAULT_POLICY, meter_lag=1, meter_operator=b"\1" * 20, reserve_micro=reserve_micro
    )
    state = np.zeros(n, dtype=STATE)
    measured = np.zeros(n, dtype=ALLOCATION)
    for name in ("demand_cap_wh", "supply_cap_wh", "subscription"):
        state[name] = rng.integers(0, 3000, n)
    state["credit"], state["debit"] = rng.integers(0, 10**6, n), rng.integers(0, 10**6, n)
    state["peak"] = np.maximum(0, state["credit"].astype(int) - state["debit"].astype(int))
    for name in ("essential_x_wh", "flexible_x_wh", "supply_x_wh"):
        measured[name] = rng.integers(0, 3000, n)
    measured["price_ticks"] = rng.integers(50_000, 300_001, n)
    measured["supply_pa_ticks"] = rng.integers(0, 250_001, n)
    index = np.flatnonzero(rng.random(n) < 0.7)
    readings = readings_from_columns(index, 1, *rng.integers(0, 6000, (2, len(index))))
    cost, pay, pot, short = rng.integers(0, 1000, (4, n))
    money = Payments(cost, pay, pot, short, 0, 0)
    covers = None if most is None else rng.integers(0, most, n)

    fees = due_fees = ints(state, "subscription")
    debit = credit = np.zeros(n, dtype=np.int64)
    if metered:
        caps = ints(state, "demand_cap_wh"), ints(state, "supply_cap_wh")
        debit, credit = imbalance(policy, measured, deviations(measured, readings, *caps))
    held = (int(state["credit"][0]), int(state["debit"][0]), int(state["peak"][0]))
    own = money.supply_pay + money.pot_share - money.energy_cost - money.shortfall
    due = due_fees + debit
    fees, debit = charged(fees, debit, rooms(state, covers) + own)
    theirs = correct(policy, fees, debit, credit, held, int(own[0]))

    told = np.zeros(n, dtype=ALLOCATION)
    told["subscription"], told["imbalance_debit"] = fees, theirs.imbalance_debit
    bundle = cast(Bundle, SimpleNamespace(readings=readings, allocation=told))
    before = Before(b"", state, measured if metered else None)
    with_chain = [] if covers is None else [Inputs(None, None, covers, ())]
    for inputs in (None, *with_chain):
        found = corrections(policy, before, bundle, money, inputs)
        assert found.scale_ppb == theirs.scale_ppb
        for name in ("subscription", "imbalance_debit", "imbalance_credit"):
            assert getattr(found, name).tolist() == getattr(theirs, name).tolist()
        assert found.uncharged == int((fees + debit < due).sum())


def test_without_a_chain_less_than_is_due_is_believed_and_never_more() -> None:
    state, told = np.zeros(3, dtype=STATE), np.zeros(3, dtype=ALLOCATION)
    state["subscription"] = [0, 100, 100]
    told["subscription"] = [0, 101, 99]
    none = np.zeros(3, dtype=np.int64)
    money = Payments(none, none, none, none, 0, 0)
    readings = readings_from_columns([], 1, [], [])
    bundle = cast(Bundle, SimpleNamespace(readings=readings, allocation=told))
    found = corrections(DEFAULT_POLICY, Before(b"", state), bundle, money, None)
    assert found.subscription.tolist() == [0, 100, 99]
    assert found.imbalance_credit.tolist() == [199, 0, 0], "the reserve's is what was charged"
    assert found.uncharged == 1


@given(st.data(), st.integers(1, 8), st.integers(-1, 1))
def test_the_same_orders_are_covered(data: st.DataObject, n: int, by: int) -> None:
    """Drawn at random, and at the edge where the room is all that the order costs at most."""
    policy = DEFAULT_POLICY
    orders, state = np.zeros(n, dtype=ORDER), np.zeros(n, dtype=STATE)
    orders["index"] = np.arange(n)
    energies = st.one_of(st.just(0), st.integers(0, 2**30 - 1))
    for name in ("essential_wh", "flexible_wh"):
        orders[name] = data.draw(st.lists(energies, min_size=n, max_size=n))
    for name in ("credit", "debit", "peak"):
        state[name] = data.draw(st.lists(st.integers(0, 2**40), min_size=n, max_size=n))
    demand = ints(orders, "essential_wh") + ints(orders, "flexible_wh")
    owed = ints(state, "peak") + ints(state, "debit") - ints(state, "credit")
    anywhere = data.draw(st.lists(st.integers(0, 2**50), min_size=n, max_size=n))
    for covers in (np.maximum(owed + worst_cost(policy, demand) + by, 0), np.array(anywhere)):
        inputs = Inputs(None, None, covers, ())
        fits = affordable(policy, orders, rooms(state, covers))
        assert covered(policy, state, inputs, orders).tolist() == (demand * fits).tolist()
