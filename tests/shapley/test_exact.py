"""The exact Shapley value: axioms on random games, and games whose value is known."""

from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.shapley.exact import (
    combine,
    monotone_cover,
    shapley_numerators,
    shapley_shares,
    shapley_value,
    verify_share,
)
from offchain.units import PPB
from tests.shapley.games import (
    airport,
    by_all_orders,
    glove,
    random_games,
    table_of,
    unanimity,
    weighted_voting,
)

THIRD, SIXTH = Fraction(1, 3), Fraction(1, 6)


# --- axioms


@given(random_games())
def test_it_is_the_mean_over_all_orders_of_entering(table: list[int]) -> None:
    assert list(shapley_numerators(table)) == by_all_orders(table)


def test_a_value_just_beyond_int64_beside_zero_stays_exact() -> None:
    assert list(shapley_numerators([0, 2**63])) == [2**63]
    assert list(shapley_numerators(np.array([0, 5]))) == [5]


@given(random_games(most=5, value=2**200))
def test_values_of_any_size_stay_exact(table: list[int]) -> None:
    assert list(shapley_numerators(table)) == by_all_orders(table)


@given(random_games())
def test_efficiency_all_of_the_grand_coalition_is_given_out(table: list[int]) -> None:
    assert sum(shapley_value(table)) == table[-1]


@given(random_games(), st.data())
def test_symmetry_players_that_can_replace_each_other_get_the_same(
    table: list[int], data: st.DataObject
) -> None:
    n = len(table).bit_length() - 1
    i, j = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))

    def exchanged(mask: int) -> int:
        rest = mask & ~(1 << i) & ~(1 << j)
        return rest | (mask >> i & 1) << j | (mask >> j & 1) << i

    symmetric = [table[mask] + table[exchanged(mask)] for mask in range(len(table))]
    value = shapley_value(symmetric)
    assert value[i] == value[j]


@given(random_games(), st.data())
def test_a_null_player_gets_nothing(table: list[int], data: st.DataObject) -> None:
    n = len(table).bit_length() - 1
    null = data.draw(st.integers(0, n - 1))
    without = [table[mask & ~(1 << null)] for mask in range(len(table))]
    assert shapley_value(without)[null] == 0


@given(random_games(), st.data())
def test_additivity_the_value_of_a_sum_is_the_sum_of_the_values(
    table: list[int], data: st.DataObject
) -> None:
    size = len(table) - 1
    other = [0, *data.draw(st.lists(st.integers(-99, 99), min_size=size, max_size=size))]
    both = [a + b for a, b in zip(table, other, strict=True)]
    separate = zip(shapley_value(table), shapley_value(other), strict=True)
    assert list(shapley_value(both)) == [a + b for a, b in separate]


# --- games with known values


def test_glove_game_the_scarce_glove_gets_two_thirds() -> None:
    assert shapley_value(glove({0}, {1, 2})) == (2 * THIRD, SIXTH, SIXTH)


def test_glove_game_of_ten() -> None:
    assert shapley_value(glove({0}, set(range(1, 10)))) == (
        Fraction(9, 10),
        *[Fraction(1, 90)] * 9,
    )


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_airport_game_each_metre_is_shared_by_those_who_need_it(costs: list[int]) -> None:
    """S. C. Littlechild and G. Owen, A simple expression for the Shapley value, 1973."""
    expected = []
    for cost in costs:
        steps = sorted(costs)
        paid = Fraction(0)
        for place, step in enumerate(steps):
            if step <= cost:
                paid += Fraction(step - (steps[place - 1] if place else 0), len(costs) - place)
        expected.append(paid)
    assert list(shapley_value(airport(costs))) == expected


@pytest.mark.parametrize("needed", [{0}, {1, 3}, {0, 1, 2, 3, 4}])
def test_unanimity_game_is_shared_equally_by_the_needed(needed: set[int]) -> None:
    assert shapley_value(unanimity(5, needed)) == tuple(
        Fraction(int(i in needed), len(needed)) for i in range(5)
    )


def test_weighted_voting_4_of_3_2_1_1() -> None:
    assert shapley_value(weighted_voting(4, [3, 2, 1, 1])) == (
        Fraction(1, 2),
        SIXTH,
        SIXTH,
        SIXTH,
    )


def test_weighted_voting_votes_are_not_power() -> None:
    """51 of 50, 49 and 1 votes: the player with one vote is as strong as the one with 49."""
    assert shapley_value(weighted_voting(51, [50, 49, 1])) == (2 * THIRD, SIXTH, SIXTH)


def test_security_council_of_nine_members() -> None:
    """Five permanent members and four others; a decision needs the five and two of the others.

    One of the others decides where exactly the five and one other came before: C(3, 1) 6! 2! / 9! =
    1/84.
    """
    table = weighted_voting(7 * 5 + 2, [7, 7, 7, 7, 7, 1, 1, 1, 1])
    assert shapley_value(table) == (
        *[(1 - 4 * Fraction(1, 84)) / 5] * 5,
        *[Fraction(1, 84)] * 4,
    )


def test_inheritance_of_ibn_ezra() -> None:
    """Claims 120, 60, 40 and 30 (R. J. Aumann, Some non-superadditive games, 2010)."""
    claims = [120, 60, 40, 30]
    value = shapley_value(table_of(4, lambda s: max((claims[i] for i in s), default=0)))
    assert [round(float(v), 5) for v in value] == [80.83333, 20.83333, 10.83333, 7.5]


def test_published_energy_example_tennessee_valley_authority() -> None:
    """What navigation, flood control and power owe for the dams of the TVA, thousands of dollars.

    Costs of each coalition of purposes: J. S. Ransmeier, The Tennessee Valley Authority, 1942.
    Shapley value: P. D. Straffin and J. P. Heaney, Game theory and the Tennessee Valley Authority,
    1981; printed to the digit in the vignette of the R package CoopGame, section 5.3.3.
    """
    navigation, flood, power = 163_520, 140_826, 250_096
    costs = [0, navigation, flood, 301_607, power, 378_821, 367_370, 412_584]
    assert [float(v) for v in shapley_value(costs)] == [117_829.0, 100_756.5, 193_998.5]


def test_published_energy_example_southern_electricity_region() -> None:
    """Savings from joint investment in electric power.

    Coalition values: D. Gately, Sharing the gains from regional cooperation, 1974. The Shapley
    value is recomputed by hand from the six orders: (1170 + 770 + 2 (1530 - 210)) / 6 and so on.
    """
    savings = [0, 0, 0, 1170, 0, 770, 210, 1530]
    assert shapley_value(savings) == (Fraction(4580, 6), Fraction(2900, 6), Fraction(1700, 6))


# --- shares and their check


@given(random_games())
def test_shares_sum_to_one_and_are_within_one_ppb_of_the_value(table: list[int]) -> None:
    shares = shapley_shares(table)
    assert sum(shares) == PPB
    positive = [max(Fraction(0), value) for value in shapley_value(table)]
    whole = sum(positive)
    for share, value in zip(shares, positive, strict=True):
        exact = value / whole if whole else Fraction(1, len(shares))
        assert abs(share - exact * PPB) < 1


@given(random_games())
def test_right_shares_pass(table: list[int]) -> None:
    assert verify_share(table, shapley_shares(table)) == ()


@given(random_games(), st.data())
def test_any_other_shares_fail(table: list[int], data: st.DataObject) -> None:
    shares = list(shapley_shares(table))
    n = len(shares)
    moved = data.draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n).filter(any))
    assert verify_share(table, [a + b for a, b in zip(shares, moved, strict=True)])


def test_equal_remainders_go_to_the_lower_player() -> None:
    assert shapley_shares(unanimity(3, {0, 1, 2})) == (333_333_334, 333_333_333, 333_333_333)
    wrong = (333_333_333, 333_333_334, 333_333_333)
    assert verify_share(unanimity(3, {0, 1, 2}), wrong) == (
        "player 1 was rounded up before player 0, whose remainder is larger",
    )


def test_a_game_without_worth_is_shared_equally() -> None:
    assert shapley_shares([0, 0, 0, 0]) == (500_000_000, 500_000_000)
    assert verify_share([0, 0, 0, 0], (500_000_000, 500_000_000)) == ()


def test_a_changed_coalition_value_no_longer_proves_the_shares() -> None:
    table = airport([30, 50, 90])
    shares = shapley_shares(table)
    table[0b011] += 1
    assert verify_share(table, shares)


def test_too_few_shares_fail() -> None:
    assert verify_share(airport([1, 2]), [PPB]) == ("1 shares for 2 players",)


# --- derived tables


@given(random_games())
def test_the_monotone_cover_is_the_largest_value_of_any_part(table: list[int]) -> None:
    cover = monotone_cover(table)
    for mask in range(len(table)):
        assert cover[mask] == max(table[part] for part in range(mask + 1) if part & mask == part)


def test_combined_shares_are_the_weighted_mean_of_the_shares() -> None:
    gloves, runway = glove({0}, {1, 2}), airport([600, 600, 1200])
    combined = combine([gloves, runway], [750_000_000, 250_000_000])
    value = shapley_value(combined)
    expected = [
        Fraction(3, 4) * g / gloves[-1] + Fraction(1, 4) * r / runway[-1]
        for g, r in zip(shapley_value(gloves), shapley_value(runway), strict=True)
    ]
    assert [v / int(combined[-1]) for v in value] == expected


def test_a_worthless_game_passes_its_weight_on() -> None:
    gloves = glove({0}, {1, 2})
    combined = combine([gloves, [0] * 8], [1, PPB - 1])
    assert shapley_shares(combined) == shapley_shares(gloves)
    assert shapley_shares(combine([[0] * 8], [PPB])) == shapley_shares([0] * 8)


def test_combining_large_games_stays_exact() -> None:
    games = [airport([2**40 + k, 2**41, 2**39]) for k in range(3)]
    combined = combine(games, [PPB - 2, 1, 1])
    assert verify_share(combined, shapley_shares(combined)) == ()
    assert combined.dtype == object


# --- twelve players, and bad input


def test_twelve_players() -> None:
    costs = [1000 * k for k in range(1, 13)]
    numerators = shapley_numerators(np.array(airport(costs)))
    assert sum(numerators) == factorial(12) * 12_000
    assert numerators[0] == factorial(12) * 1000 // 12


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([0, 1, 2], "3 given"),
        ([0] * 2**13, "n = 1 ... 12"),
        ([1, 2], r"v\(empty\) is not 0"),
        ([0, 1.5], "not whole numbers"),
        ([0, True, "3", None], "not whole numbers"),
    ],
)
def test_a_bad_table_is_named(table: list[int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        shapley_value(table)


def test_bad_weights_are_named() -> None:
    with pytest.raises(InputError, match="summing to 1000000000"):
        combine([[0, 1]], [5])
    with pytest.raises(InputError, match="same players"):
        combine([[0, 1], [0, 1, 1, 2]], [PPB, 0])
