"""Nested Shapley, the labelled variant: what it keeps of the Shapley value, and what not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.shapley.exact import shapley_shares, shapley_value
from offchain.shapley.nested import clusters_at_trunk, nested_coalitions, nested_shapley
from offchain.units import PPB
from tests.shapley.games import airport, glove, random_games


@given(random_games())
def test_clusters_of_one_give_the_shapley_shares(table: list[int]) -> None:
    n = len(table).bit_length() - 1
    found = nested_shapley(dict(enumerate(table)), [[i] for i in range(n)], [1] * n)
    assert found.cluster_value == shapley_value(table)
    assert found.share_ppb == shapley_shares(table)
    assert found.clipped == (min(found.cluster_value) < 0)


@given(random_games(), st.data())
def test_shares_sum_to_one(table: list[int], data: st.DataObject) -> None:
    n = len(table).bit_length() - 1
    available = data.draw(st.lists(st.integers(0, 10**9), min_size=n, max_size=n))
    cut = data.draw(st.integers(0, n))
    clusters = [part for part in (list(range(cut)), list(range(cut, n))) if part]
    assert sum(nested_shapley(dict(enumerate(table)), clusters, available).share_ppb) == PPB


def test_inside_a_cluster_availability_decides() -> None:
    table = airport([300, 300, 600])
    found = nested_shapley(dict(enumerate(table)), [[0, 1], [2]], [100, 300, 1])
    assert found.cluster_value == (Fraction(150), Fraction(450))
    assert found.share_ppb == (PPB // 16, 3 * PPB // 16, 3 * PPB // 4)


def test_a_member_worth_nothing_is_paid_for_its_availability() -> None:
    """The known deviation: the null-player axiom does not hold inside a cluster."""
    null = [glove({0}, {1})[mask & 0b011] for mask in range(8)]
    found = nested_shapley(dict(enumerate(null)), [[0], [1, 2]], [1, 1, 1])
    assert found.share_ppb[2] == PPB // 4
    assert shapley_shares(null)[2] == 0


def test_negative_clusters_are_cut_and_the_rest_scaled_up() -> None:
    found = nested_shapley({0: 0, 1: -100, 2: 50, 3: 50}, [[0], [1]], [1, 1])
    assert found.cluster_value == (Fraction(-50), Fraction(100))
    assert found.clipped
    assert found.share_ppb == (0, PPB)


def test_without_availability_a_cluster_is_shared_equally() -> None:
    found = nested_shapley({0: 0, 3: 10}, [[0, 1]], [0, 0])
    assert found.cluster_value == (Fraction(10),)
    assert found.share_ppb == (PPB // 2, PPB // 2)


def test_only_unions_of_clusters_are_read() -> None:
    assert nested_coalitions([[0, 3], [1], [2]]) == (0, 9, 2, 11, 4, 13, 6, 15)
    with pytest.raises(InputError, match="0x9 is missing"):
        nested_shapley({0: 0}, [[0, 3], [1], [2]], [1] * 4)


def test_availability_is_checked() -> None:
    with pytest.raises(InputError, match="availability_wh"):
        nested_shapley({0: 0, 1: 1}, [[0]], [-1])


# A path 0 - 1 - 2 - 3 - 4 with trunk buses 0 and 4.
PATH = {"line_from": [0, 1, 2, 3], "line_to": [1, 2, 3, 4]}


def test_players_at_one_bus_are_one_cluster() -> None:
    clusters = clusters_at_trunk([1, 3, 1], [9, 9, 9], **PATH, limit_wh=[1] * 4, trunk=[0, 4])
    assert clusters == ((0, 2), (1,))


def test_neighbours_at_the_same_trunk_join_if_the_path_carries_the_larger() -> None:
    limits = [50, 50, 50, 50]
    assert clusters_at_trunk([0, 1], [50, 10], **PATH, limit_wh=limits, trunk=[0, 4]) == ((0, 1),)
    assert clusters_at_trunk([0, 1], [51, 10], **PATH, limit_wh=limits, trunk=[0, 4]) == (
        (0,),
        (1,),
    )


def test_the_tightest_line_of_the_path_counts() -> None:
    assert clusters_at_trunk([0, 2], [30, 30], **PATH, limit_wh=[50, 29, 50, 50], trunk=[0]) == (
        (0,),
        (1,),
    )


def test_three_lines_apart_is_too_far() -> None:
    assert clusters_at_trunk([0, 3], [1, 1], **PATH, limit_wh=[50] * 4, trunk=[0]) == ((0,), (1,))


def test_another_trunk_is_another_cluster() -> None:
    assert clusters_at_trunk([1, 3], [1, 1], **PATH, limit_wh=[50] * 4, trunk=[0, 4]) == (
        (0,),
        (1,),
    )


def test_clusters_grow_from_merger_to_merger() -> None:
    """0 and 4 are four lines apart, but each is two from 2."""
    assert clusters_at_trunk([0, 2, 4], [1] * 3, **PATH, limit_wh=[50] * 4, trunk=[0]) == (
        (0, 1, 2),
    )


def test_what_is_not_connected_stays_apart() -> None:
    assert clusters_at_trunk(
        [0, 5], [1, 1], line_from=[0, 5], line_to=[1, 6], limit_wh=[9, 9], trunk=[0]
    ) == ((0,), (1,))
