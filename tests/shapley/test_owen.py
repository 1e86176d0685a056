"""The Owen value: groups first, members second."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.shapley.exact import shapley_value
from offchain.shapley.owen import mask_of, owen_coalitions, owen_value
from tests.shapley.games import glove, random_games


@st.composite
def games_with_unions(draw: st.DrawFn) -> tuple[dict[int, int], list[list[int]]]:
    table = draw(random_games())
    n = len(table).bit_length() - 1
    label = draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n))
    unions = [[i for i in range(n) if label[i] == k] for k in range(n)]
    return dict(enumerate(table)), [union for union in unions if union]


def test_published_example() -> None:
    """Costs 1, 1, 2 alone, 1 for the first two and 2 otherwise; the first two stand together.

    The example of the R package GameTheoryAllocation: Owen value 1/4, 1/4, 3/2.
    """
    costs = dict(enumerate([0, 1, 1, 1, 2, 2, 2, 2]))
    assert owen_value(costs, [[0, 1], [2]]) == (Fraction(1, 4), Fraction(1, 4), Fraction(3, 2))


def test_two_owners_of_the_same_glove_gain_by_standing_together() -> None:
    apart = shapley_value(glove({0}, {1, 2}))
    together = owen_value(dict(enumerate(glove({0}, {1, 2}))), [[0], [1, 2]])
    assert together == (Fraction(1, 2), Fraction(1, 4), Fraction(1, 4))
    assert together[1] > apart[1]


@given(random_games())
def test_players_that_all_stand_alone_get_the_shapley_value(table: list[int]) -> None:
    values, n = dict(enumerate(table)), len(table).bit_length() - 1
    assert owen_value(values, [[i] for i in range(n)]) == shapley_value(table)


@given(random_games())
def test_players_that_all_stand_together_get_the_shapley_value(table: list[int]) -> None:
    values, n = dict(enumerate(table)), len(table).bit_length() - 1
    assert owen_value(values, [list(range(n))]) == shapley_value(table)


@given(games_with_unions())
def test_a_group_together_gets_its_value_in_the_game_of_groups(
    case: tuple[dict[int, int], list[list[int]]],
) -> None:
    values, unions = case
    groups = [
        values[sum(mask_of(union) for k, union in enumerate(unions) if choice >> k & 1)]
        for choice in range(1 << len(unions))
    ]
    value = owen_value(values, unions)
    assert [sum(value[i] for i in union) for union in unions] == list(shapley_value(groups))
    assert sum(value) == values[max(values)]


@given(games_with_unions())
def test_only_the_named_coalitions_are_read(
    case: tuple[dict[int, int], list[list[int]]],
) -> None:
    values, unions = case
    needed = owen_coalitions(unions)
    assert len(needed) <= sum(2 ** (len(unions) - 1) * 2 ** len(union) for union in unions)
    assert owen_value({mask: values[mask] for mask in needed}, unions) == owen_value(values, unions)


def test_thirty_players_in_five_groups_need_few_coalitions() -> None:
    unions = [list(range(6 * k, 6 * k + 6)) for k in range(5)]
    values = {mask: mask.bit_count() for mask in owen_coalitions(unions)}
    assert len(values) < 5 * 2**4 * 2**6
    assert owen_value(values, unions) == (Fraction(1),) * 30


@pytest.mark.parametrize("unions", [[], [[0], [0]], [[0, 2]], [[0], []]])
def test_groups_must_be_a_partition(unions: list[list[int]]) -> None:
    with pytest.raises(InputError, match="exactly one group"):
        owen_coalitions(unions)


def test_a_group_too_large_is_refused_before_the_work() -> None:
    with pytest.raises(InputError, match="use sampling"):
        owen_coalitions([list(range(13))])


def test_a_missing_value_is_named() -> None:
    with pytest.raises(InputError, match="0x2 is missing"):
        owen_value({0: 0, 1: 1, 3: 1}, [[0], [1]])
