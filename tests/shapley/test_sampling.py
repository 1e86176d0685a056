"""Sampled permutations: anybody replays them, and the stated error holds."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.shapley.exact import shapley_value
from offchain.shapley.sampling import (
    Plan,
    bernstein_error,
    estimate,
    hoeffding_error,
    permutation,
    permutations_for,
)
from tests.shapley.games import airport, random_games, weighted_voting

SEED = keccak(b"shapley test")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_permutation_contains_everybody_once(seed: bytes, number: int, n: int) -> None:
    assert sorted(permutation(seed, number, n)) == list(range(n))


def test_a_permutation_is_replayed_from_the_hash_alone() -> None:
    order = list(range(4))
    for i in (3, 2, 1):
        draw = keccak(b"\x0c" + SEED + (7).to_bytes(4, "big") + i.to_bytes(2, "big"))
        j = int.from_bytes(draw, "big") % (i + 1)
        order[i], order[j] = order[j], order[i]
    assert permutation(SEED, 7, 4) == tuple(order)


def test_every_order_comes_up_about_equally_often() -> None:
    seen = Counter(permutation(SEED, number, 3) for number in range(3000))
    assert len(seen) == 6
    assert all(400 < count < 600 for count in seen.values())


@given(random_games(most=5), st.booleans())
def test_an_estimate_gives_out_all_of_the_grand_coalition(
    table: list[int], antithetic: bool
) -> None:
    n = len(table).bit_length() - 1
    plan = Plan(SEED, n, 5, antithetic)
    spread = [2 * max(map(abs, table)) * 2] * n
    assert sum(estimate(dict(enumerate(table)), plan, spread).value) == table[-1]


@pytest.mark.parametrize("antithetic", [False, True])
def test_the_stated_error_holds(antithetic: bool) -> None:
    table = airport([120, 60, 40, 30, 200, 80])
    exact = shapley_value(table)
    values = dict(enumerate(table))
    missed = 0
    for trial in range(100):
        plan = Plan(keccak(bytes([trial])), 6, 100, antithetic)
        found = estimate(values, plan, [120, 60, 40, 30, 200, 80], confidence=0.9)
        missed += any(
            abs(value - truth) > error
            for value, truth, error in zip(found.value, exact, found.error, strict=True)
        )
    assert missed <= 10


def test_security_council_of_fifteen() -> None:
    """L. S. Shapley and M. Shubik, 1954, for the council of today: 421/2145 and 4/2145."""
    table = weighted_voting(39, [7] * 5 + [1] * 10)
    plan = Plan(SEED, 15, 2000)
    values = {mask: table[mask] for mask in plan.coalitions()}
    found = estimate(values, plan, [1] * 15)
    for player, (value, error) in enumerate(zip(found.value, found.error, strict=True)):
        truth = Fraction(421 if player < 5 else 4, 2145)
        assert abs(value - truth) <= error < 0.06


def test_only_the_named_coalitions_are_read() -> None:
    plan = Plan(SEED, 20, 10, antithetic=True)
    needed = plan.coalitions()
    assert len(needed) <= 2 + 2 * 10 * 19
    found = estimate({mask: mask.bit_count() for mask in needed}, plan, [0] * 20)
    assert found.value == (Fraction(1),) * 20
    assert found.error == (0.0,) * 20


def test_reversed_orders_cancel_what_an_order_favours() -> None:
    """In a game of pairs an order and its reverse bring everybody the same on the mean."""
    pairs = [mask.bit_count() * (mask.bit_count() - 1) // 2 for mask in range(1 << 8)]
    plan = Plan(SEED, 8, 50, antithetic=True)
    found = estimate(dict(enumerate(pairs)), plan, [7] * 8)
    assert found.value == (Fraction(7, 2),) * 8
    plain = estimate(dict(enumerate(pairs)), Plan(SEED, 8, 100), [7] * 8)
    assert plain.value != found.value
    plan = Plan(SEED, 8, 500, antithetic=True)
    long = estimate(dict(enumerate(pairs)), plan, [7] * 8)
    assert max(long.error) < min(
        estimate(dict(enumerate(pairs)), Plan(SEED, 8, 1000), [7] * 8).error
    )


def test_the_number_of_permutations_is_what_the_error_needs() -> None:
    count = permutations_for(spread=1000, error=50.0, n=30, confidence=0.95)
    per_player = 0.05 / 30
    assert hoeffding_error(1000, count, per_player) <= 50.0
    assert hoeffding_error(1000, count - 1, per_player) > 50.0


def test_where_contributions_hardly_vary_the_second_bound_is_the_narrow_one() -> None:
    assert bernstein_error(1000, 1.0, 5000, 0.01) < hoeffding_error(1000, 5000, 0.01)
    assert bernstein_error(1000, 250_000.0, 50, 0.01) > hoeffding_error(1000, 50, 0.01)


def test_a_spread_that_the_sample_contradicts_is_refused() -> None:
    table = airport([100, 200])
    with pytest.raises(InputError, match="player 1 contributed from 100 to 200"):
        estimate(dict(enumerate(table)), Plan(SEED, 2, 20), [100, 99])


@pytest.mark.parametrize(
    ("seed", "n", "count", "complaint"),
    [
        (b"short", 3, 10, "32 bytes"),
        (SEED, 0, 10, "1 ... 65536"),
        (SEED, 3, 1, "at least 2"),
    ],
)
def test_a_bad_plan_is_named(seed: bytes, n: int, count: int, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Plan(seed, n, count)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(InputError, match="is missing"):
        estimate({0: 0}, Plan(SEED, 2, 2), [1, 1])
    with pytest.raises(InputError, match="one for each player"):
        estimate({0: 0}, Plan(SEED, 2, 2), [1])
