"""The key grows with what is owed, is capped, and never lets one rank reach another."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offchain.fairness.key import key_ticks, keys_ticks
from offchain.orders.table import Quantities, ramps
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.units import MAX_TICKS, PPB

fractions = st.integers(0, PPB)
deficits = st.one_of(st.integers(0, 2**62), st.integers(0, 2**128 - 1))
rates = st.integers(0, 2**32 - 1)
draws = st.integers(0, 676802615)
participants = st.tuples(fractions, deficits, rates, draws)
policies = st.builds(
    lambda gamma, tau, k_max, rank: replace(
        DEFAULT_POLICY, gamma_ppb=gamma, tau_ppb=tau, k_max=k_max, essential_rank=rank
    ),
    st.integers(0, 10 * PPB),
    st.integers(0, 10 * PPB),
    st.integers(1, 1024),
    st.integers(1, 5),
)


@given(policies, participants)
def test_it_is_between_nothing_and_its_cap(
    policy: Policy, participant: tuple[int, int, int, int]
) -> None:
    assert 0 <= key_ticks(policy, *participant) <= policy.k_max * policy.v_ticks


@given(participants, st.integers(0, 2**64))
def test_it_never_falls_with_the_deficit(participant: tuple[int, int, int, int], more: int) -> None:
    memory, deficit, rate, draw = participant
    less_owed = key_ticks(DEFAULT_POLICY, memory, deficit, rate, draw)
    assert key_ticks(DEFAULT_POLICY, memory, deficit + more, rate, draw) >= less_owed


def test_one_contracted_interval_of_deficit_is_worth_one_unit_of_key() -> None:
    assert key_ticks(DEFAULT_POLICY, 0, 700 * PPB, 700, 0) == DEFAULT_POLICY.v_ticks


def test_full_memory_and_a_unit_of_draw_are_worth_their_weights() -> None:
    assert key_ticks(DEFAULT_POLICY, PPB, 0, 1, 0) == DEFAULT_POLICY.v_ticks
    assert key_ticks(DEFAULT_POLICY, 0, 0, 1, 2**24) == DEFAULT_POLICY.v_ticks // 20


@given(policies, st.lists(participants, min_size=1, max_size=20))
def test_columns_are_exact(policy: Policy, rows: list[tuple[int, int, int, int]]) -> None:
    memory, deficit, rate, draw = zip(*rows, strict=True)
    keys = keys_ticks(
        policy,
        np.array(memory),
        np.array([d >> 64 for d in deficit], dtype=np.uint64),
        np.array([d % 2**64 for d in deficit], dtype=np.uint64),
        np.array(rate),
        np.array(draw, dtype=np.uint64),
    )
    assert keys.tolist() == [key_ticks(policy, *row) for row in rows]


@given(policies, participants, participants)
def test_ranks_never_mix(
    policy: Policy, owed: tuple[int, int, int, int], not_owed: tuple[int, int, int, int]
) -> None:
    """The most owed participant of a rank stops before the least owed of the next one starts."""
    keys = np.array([key_ticks(policy, *owed), key_ticks(policy, *not_owed)])
    ones = np.ones(2, dtype=np.int64)
    for rank in range(policy.essential_rank):
        columns = ramps(Quantities(ones, ones, ones, ones), np.array([rank, rank]), keys, policy)
        essential = (columns.pa_ticks[0], columns.pa_ticks[3])
        flexible_ends = (columns.pb_ticks[1], columns.pb_ticks[4])
        assert max(flexible_ends) < min(essential)
        if rank + 1 < policy.essential_rank:
            above = ramps(
                Quantities(ones, ones, ones, ones), np.array([rank + 1] * 2), keys, policy
            )
            assert max(flexible_ends) < above.pa_ticks[[1, 4]].min()


def test_essential_energy_of_someone_owed_nothing_comes_before_any_deficit() -> None:
    """A flexible order with D/a = 10^9 against an essential one with nothing owed."""
    policy = DEFAULT_POLICY
    key = key_ticks(policy, PPB, 10**9 * 1000 * PPB, 1000, 676802615)
    one = np.ones(1, dtype=np.int64)
    top_rank = np.array([policy.essential_rank - 1])
    columns = ramps(Quantities(one, one, one, one), top_rank, np.array([key]), policy)
    assert columns.pb_ticks[1] < columns.pa_ticks[0]


@given(policies)
def test_every_ramp_end_fits_its_word(policy: Policy) -> None:
    top = np.array([policy.k_max * policy.v_ticks])
    one = np.ones(1, dtype=np.int64)
    bids = np.array([policy.max_bid_ticks])
    rank = np.array([policy.essential_rank - 1])
    columns = ramps(Quantities(one, one, one, bids), rank, top, policy)
    assert columns.pb_ticks.max() < MAX_TICKS
    assert (columns.pb_ticks > columns.pa_ticks).all()
