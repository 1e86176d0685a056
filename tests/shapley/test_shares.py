"""Largest remainders: everything is given out to the last unit, and always to the same ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.shapley.shares import apportion, share_table, split_payoff
from offchain.units import PPB

WEIGHTS = st.lists(st.integers(0, 2**70), min_size=1, max_size=20)


@given(st.integers(0, 2**62), WEIGHTS)
def test_everything_is_given_out(total: int, weights: list[int]) -> None:
    assert sum(apportion(total, weights)) == total


@given(st.integers(0, 10**9), WEIGHTS.filter(any))
def test_nobody_is_a_whole_unit_from_the_quota(total: int, weights: list[int]) -> None:
    for part, weight in zip(apportion(total, weights), weights, strict=True):
        assert abs(part * sum(weights) - weight * total) < sum(weights)


@given(st.integers(0, 10**9), WEIGHTS.filter(any))
def test_no_weight_no_part(total: int, weights: list[int]) -> None:
    for part, weight in zip(apportion(total, weights), weights, strict=True):
        assert weight > 0 or part == 0


def test_the_largest_remainder_comes_first_and_then_the_lower_place() -> None:
    assert apportion(10, [3, 3, 3]) == (4, 3, 3)
    assert apportion(10, [1, 2, 4]) == (1, 3, 6)
    assert apportion(1, [1, 1]) == (1, 0)


def test_the_table_is_in_order_of_registration() -> None:
    table = share_table([7, 2], [600_000_000, 400_000_000])
    assert table.tolist() == [(2, 400_000_000), (7, 600_000_000)]
    assert split_payoff(1001, table).tolist() == [400, 601]


@given(st.integers(0, 2**62), st.lists(st.integers(1, 10**6), min_size=1, max_size=12))
def test_a_payoff_is_split_to_the_last_micro(amount: int, weights: list[int]) -> None:
    table = share_table(np.arange(len(weights)), apportion(PPB, weights))
    assert int(split_payoff(amount, table).sum()) == amount


@pytest.mark.parametrize(
    ("index", "shares", "complaint"),
    [
        ([1], [1], "must sum to 1000000000"),
        ([1, 1], [PPB, 0], "twice"),
        ([1], [PPB, 0], "as many"),
        ([-1], [PPB], "not a registration number"),
        ([1, 2], [PPB + 1, -1], "must sum"),
    ],
)
def test_a_bad_table_is_named(index: list[int], shares: list[int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        share_table(index, shares)


def test_bad_weights_are_named() -> None:
    with pytest.raises(InputError, match="none given"):
        apportion(1, [])
    with pytest.raises(InputError, match="negative"):
        apportion(1, [-1, 2])
    with pytest.raises(InputError, match="negative"):
        apportion(-1, [1])
