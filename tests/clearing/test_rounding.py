"""Rounding to whole Wh: balances hold, nothing moves by a Wh, ties are decided by the index."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offchain.clearing.rounding import FRACTION_BITS, bus_injections, round_allocation, select

ONE = 1 << FRACTION_BITS
shares = st.lists(st.integers(1, 1000), min_size=1, max_size=9)


def split(total: int, weights: list[int]) -> list[int]:
    """A total in 2^-20 Wh split in proportion, to the unit."""
    ends = [total * sum(weights[:i]) // sum(weights) for i in range(len(weights) + 1)]
    return [b - a for a, b in pairwise(ends)]


@given(shares, shares, st.integers(0, 10**4 * ONE), st.integers(1, 4))
def test_every_energy_and_every_bus_total_moves_by_less_than_a_wh(
    demands: list[int], supplies: list[int], total: int, n_bus: int
) -> None:
    fine, start = [], [0]
    demand, supply = split(total, demands), split(total, supplies)
    for bus in range(n_bus):
        for side in (demand, supply):
            fine += side[bus::n_bus]
            start.append(len(fine))
    energy = np.array(fine, dtype=np.int64)
    groups = np.array(start, dtype=np.int64)
    rounded, exists = round_allocation(energy, groups, np.zeros(n_bus, np.int64), 1)
    assert exists
    assert np.abs((rounded << FRACTION_BITS) - energy).max() < ONE
    assert bus_injections(groups, rounded).sum() == 0
    for first, last in pairwise(start):
        moved = (int(rounded[first:last].sum()) << FRACTION_BITS) - int(energy[first:last].sum())
        assert abs(moved) < ONE


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.integers(0, 29))
def test_selection_puts_the_smaller_ones_first(numbers: list[int], place: int) -> None:
    values = np.array(numbers, dtype=np.int64)
    place %= len(numbers)
    select(values, len(values), place)
    assert sorted(values.tolist()) == sorted(numbers)
    assert values[: place + 1].max() == values[place] == sorted(numbers)[place]


def test_larger_fractions_round_up_first_and_ties_go_to_the_lower_index() -> None:
    demands = [ONE // 2, ONE // 2, 3 * ONE // 4, ONE // 4]
    energy = np.array([*demands, 2 * ONE], dtype=np.int64)
    rounded, exists = round_allocation(energy, np.array([0, 4, 5]), np.zeros(1, np.int64), 1)
    assert exists
    assert rounded.tolist() == [1, 0, 1, 0, 2]


def test_whole_energies_stay() -> None:
    energy = np.array([3 * ONE, 4 * ONE, 7 * ONE], dtype=np.int64)
    rounded, exists = round_allocation(energy, np.array([0, 2, 3]), np.zeros(1, np.int64), 1)
    assert exists
    assert rounded.tolist() == [3, 4, 7]


def test_islands_are_balanced_apart() -> None:
    half = ONE // 2
    energy = np.array([half, half, half, half], dtype=np.int64)
    groups = np.array([0, 1, 2, 3, 4])
    rounded, exists = round_allocation(energy, groups, np.array([0, 1]), 2)
    assert exists
    assert bus_injections(groups, rounded).tolist() == [0, 0]


def test_what_does_not_balance_is_not_rounded() -> None:
    energy = np.array([ONE, 3 * ONE], dtype=np.int64)
    _, exists = round_allocation(energy, np.array([0, 1, 2]), np.zeros(1, np.int64), 1)
    assert not exists
