"""The draw is an exact integer routine, monotone, and a Gumbel variate to within its last bits."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from offchain.fairness.draw import draw, gumbel, gumbels, log2_complement, uniform

LAST_H = 2**52 - 1
TAIL_H = (2**53 - 2**45) // 2
"""About the first h whose complement comes from its own series."""

uniforms = st.one_of(
    st.integers(0, LAST_H),
    st.integers(0, 51).flatmap(lambda bits: st.integers(0, 2**bits)),
    st.integers(0, 51).flatmap(lambda bits: st.integers(LAST_H - 2**bits, LAST_H)),
    st.integers(TAIL_H - 1000, TAIL_H + 1000),
)


def exact(h: int) -> Decimal:
    """ln(E_max / E) in 2^-24, to fifty digits."""
    with localcontext() as context:
        context.prec = 50
        largest = Decimal(53) * Decimal(2).ln()
        e = -(Decimal(2 * h + 1) / Decimal(2**53)).ln()
        return (largest / e).ln() * 2**24


@given(h=uniforms)
def test_it_is_within_three_and_a_half_units_of_the_exact_logarithms(h: int) -> None:
    assert abs(gumbel(h) - exact(h)) < Decimal("3.5")


@given(first=uniforms, second=uniforms)
def test_it_never_decreases(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert gumbel(low) <= gumbel(high)


def test_the_logarithm_never_increases_across_the_joints_of_its_pieces() -> None:
    for octave in range(4, 53):
        joints = [(8 + k) << (octave - 3) for k in range(8)]
        assert all(log2_complement(joint - 1) >= log2_complement(joint) for joint in joints)


def test_it_never_decreases_where_the_tail_begins() -> None:
    values = [gumbel(h) for h in range(TAIL_H - 500, TAIL_H + 500)]
    assert values == sorted(values)


def test_its_range_starts_at_zero_and_stays_below_two_to_the_thirty() -> None:
    assert gumbel(0) == 0
    assert gumbel(LAST_H) == 676802615


@given(hs=st.lists(uniforms, max_size=50))
def test_the_vectorised_routine_is_the_scalar_one(hs: list[int]) -> None:
    assert gumbels(np.array(hs, dtype=np.uint64)).tolist() == [gumbel(h) for h in hs]


@given(seed=st.binary(min_size=32, max_size=32), indices=st.lists(st.integers(0, 2**32 - 1)))
def test_a_draw_is_the_gumbel_of_the_hash_of_seed_and_index(
    seed: bytes, indices: list[int]
) -> None:
    assert draw(seed, indices).tolist() == [gumbel(uniform(seed, index)) for index in indices]


def test_draws_are_gumbel_distributed() -> None:
    least = -math.log(53 * math.log(2))
    sample = draw(b"\x11" * 32, np.arange(20_000)).astype(float) / 2**24 + least
    assert stats.kstest(sample, stats.gumbel_r.cdf).pvalue > 0.01


def test_neighbouring_indices_and_seeds_are_independent() -> None:
    first = draw(bytes(32), np.arange(5_000)).astype(float)
    other_seed = draw(bytes(31) + b"\x01", np.arange(5_000)).astype(float)
    assert abs(stats.spearmanr(first[:-1], first[1:]).statistic) < 0.05
    assert abs(stats.spearmanr(first, other_seed).statistic) < 0.05


@pytest.mark.slow
def test_it_never_decreases_on_a_million_neighbours_of_every_scale() -> None:
    rng = np.random.default_rng(7)
    low = rng.integers(0, 2**52, 10**6, dtype=np.uint64) >> rng.integers(
        0, 52, 10**6, dtype=np.uint64
    )
    for h in (low, np.uint64(LAST_H) - low):
        values = gumbels(np.sort(h)).astype(np.int64)
        assert (np.diff(values) >= 0).all()
        following = gumbels(np.minimum(h + np.uint64(1), np.uint64(LAST_H)))
        assert (following >= gumbels(h)).all()
