"""T1: the memory stays in [0, 1] and forgets at 1 - beta."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offchain.fairness.state import next_memories, next_memory
from offchain.units import PPB

ppb = st.integers(0, PPB)
wh = st.integers(0, 2**30 - 1)
service = st.tuples(wh, wh).map(lambda pair: (max(pair), min(pair)))


@given(ppb, ppb, ppb, service)
def test_memory_never_leaves_zero_to_one(
    memory: int, fstar: int, beta: int, served: tuple[int, int]
) -> None:
    assert 0 <= next_memory(memory, fstar, beta, *served) <= PPB


@given(ppb, ppb, ppb, ppb, service)
def test_two_memories_that_see_the_same_service_approach_at_one_minus_beta(
    one: int, other: int, fstar: int, beta: int, served: tuple[int, int]
) -> None:
    after = abs(next_memory(one, fstar, beta, *served) - next_memory(other, fstar, beta, *served))
    requested, _ = served
    if fstar * requested // PPB == 0:
        assert after == abs(one - other)
    else:
        # Two floors differ by less than one more than what they round.
        assert (after - 1) * PPB < (PPB - beta) * abs(one - other)


@given(ppb, service)
def test_without_a_request_nothing_is_forgotten(memory: int, served: tuple[int, int]) -> None:
    assert next_memory(memory, PPB, PPB // 20, 0, 0) == memory


def test_a_hundred_intervals_forget_the_past_but_for_rounding() -> None:
    rng = np.random.default_rng(1)
    beta = PPB // 20
    fstar = np.full(50, 900_000_000)
    none, full = np.zeros(50, dtype=np.int64), np.full(50, PPB)
    for interval in range(1, 101):
        requested = rng.integers(1, 10**6, 50)
        served = (requested * rng.uniform(0, 1, 50)).astype(np.int64)
        none = next_memories(none, fstar, beta, requested, served)
        full = next_memories(full, fstar, beta, requested, served)
        assert np.abs(full - none).max() <= PPB * 0.95**interval + PPB / beta
        assert none.min() >= 0
        assert full.max() <= PPB
