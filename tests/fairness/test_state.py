"""Memory stays in [0, 1] and contracts (T1); the deficit keeps the ledger identity exactly (T5)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offchain.fairness.state import (
    FAST_DEFICIT,
    deficits_over_rate,
    next_deficit,
    next_deficits,
    next_memories,
    next_memory,
)
from offchain.units import MAX_ORDER_WH, PPB

fractions = st.integers(0, PPB)
energies = st.integers(0, MAX_ORDER_WH)
deficits = st.one_of(
    st.integers(0, 2**60),
    st.integers(FAST_DEFICIT - 2**61, FAST_DEFICIT + 2**61),
    st.integers(0, 2**128 - 2**62),
)


@st.composite
def delivery(draw: st.DrawFn) -> tuple[int, int]:
    """A request and what was served of it."""
    requested = draw(energies)
    return requested, draw(st.integers(0, requested))


@given(fractions, fractions, fractions, delivery())
def test_memory_stays_between_zero_and_one(
    memory: int, fstar: int, beta: int, flow: tuple[int, int]
) -> None:
    assert 0 <= next_memory(memory, fstar, beta, *flow) <= PPB


@given(fractions, fractions, fractions, fractions, delivery())
def test_memory_contracts_at_one_minus_beta_for_a_common_input(
    one: int, other: int, fstar: int, beta: int, flow: tuple[int, int]
) -> None:
    before = abs(one - other)
    after = abs(next_memory(one, fstar, beta, *flow) - next_memory(other, fstar, beta, *flow))
    if fstar * flow[0] < PPB:  # nothing is owed: no update
        assert after == before
    else:  # exact but for the two floors
        assert after * PPB < (PPB - beta) * before + PPB


@given(fractions, fractions)
def test_memory_does_not_change_without_a_request(memory: int, beta: int) -> None:
    assert next_memory(memory, PPB, beta, 0, 0) == memory


@given(fractions, st.integers(1, PPB))
def test_memory_rises_when_nothing_is_served_and_falls_when_all_is(memory: int, beta: int) -> None:
    assert next_memory(memory, PPB, beta, 1000, 0) >= memory
    assert next_memory(memory, PPB, beta, 1000, 1000) <= memory


@given(fractions, st.lists(delivery(), max_size=40))
def test_counted_delivery_is_the_target_minus_deficit_per_request_exactly(
    fstar: int, history: list[tuple[int, int]]
) -> None:
    """Counted is what is delivered up to what is owed; in ppb-Wh, without any rounding."""
    deficit = counted = requested = 0
    for d, x in history:
        counted += min(x * PPB, fstar * d + deficit)
        deficit = next_deficit(deficit, fstar, d, x)
        requested += d
    assert counted == fstar * requested - deficit


@given(st.lists(st.tuples(deficits, fractions, delivery()), min_size=1, max_size=20))
def test_columns_of_deficits_are_exact_at_any_size(
    rows: list[tuple[int, int, tuple[int, int]]],
) -> None:
    halves = [divmod(deficit, 2**64) for deficit, _, _ in rows]
    high, low = next_deficits(
        np.array([h for h, _ in halves], dtype=np.uint64),
        np.array([low for _, low in halves], dtype=np.uint64),
        np.array([fstar for _, fstar, _ in rows]),
        np.array([d for _, _, (d, _) in rows]),
        np.array([x for _, _, (_, x) in rows]),
    )
    exact = [next_deficit(deficit, fstar, *flow) for deficit, fstar, flow in rows]
    assert [int(h) * 2**64 + int(lo) for h, lo in zip(high, low, strict=True)] == exact


@given(st.lists(st.tuples(fractions, fractions, delivery()), min_size=1, max_size=20), fractions)
def test_columns_of_memories_are_exact(
    rows: list[tuple[int, int, tuple[int, int]]], beta: int
) -> None:
    memory, fstar = np.array([m for m, _, _ in rows]), np.array([f for _, f, _ in rows])
    d, x = np.array([d for _, _, (d, _) in rows]), np.array([x for _, _, (_, x) in rows])
    exact = [next_memory(m, f, beta, *flow) for m, f, flow in rows]
    assert next_memories(memory, fstar, beta, d, x).tolist() == exact


@given(st.lists(st.tuples(deficits, st.integers(0, 2**32 - 1)), min_size=1, max_size=20))
def test_deficit_over_rate_is_exact_until_it_is_beyond_every_key(
    rows: list[tuple[int, int]],
) -> None:
    halves = [divmod(deficit, 2**64) for deficit, _ in rows]
    quotients = deficits_over_rate(
        np.array([h for h, _ in halves], dtype=np.uint64),
        np.array([low for _, low in halves], dtype=np.uint64),
        np.array([rate for _, rate in rows]),
    )
    for quotient, (deficit, rate) in zip(quotients.tolist(), rows, strict=True):
        assert quotient == (min(deficit // rate, FAST_DEFICIT - 1) if rate else 0)
