"""Games with known Shapley values, and random ones; a coalition is a mask, bit i for player i."""

from collections.abc import Callable, Sequence
from itertools import permutations

from hypothesis import strategies as st


def table_of(n: int, value: Callable[[frozenset[int]], int]) -> list[int]:
    """The table of a game that is given by sets of players."""
    return [value(frozenset(i for i in range(n) if mask >> i & 1)) for mask in range(1 << n)]


def by_all_orders(table: Sequence[int]) -> list[int]:
    """The Shapley value times n!, from the definition: every order of entering once."""
    n = len(table).bit_length() - 1
    gained = [0] * n
    for order in permutations(range(n)):
        mask = 0
        for player in order:
            gained[player] += table[mask | 1 << player] - table[mask]
            mask |= 1 << player
    return gained


def glove(left: set[int], right: set[int]) -> list[int]:
    """Pairs of gloves."""
    return table_of(len(left | right), lambda s: min(len(s & left), len(s & right)))


def airport(costs: Sequence[int]) -> list[int]:
    """A runway must be long enough for the largest aircraft that uses it."""
    return table_of(len(costs), lambda s: max((costs[i] for i in s), default=0))


def unanimity(n: int, needed: set[int]) -> list[int]:
    """Worth 1 as soon as all of the needed players are in."""
    return table_of(n, lambda s: int(needed <= s))


def weighted_voting(quota: int, weights: Sequence[int]) -> list[int]:
    """Worth 1 as soon as the quota of votes is reached."""
    return table_of(len(weights), lambda s: int(sum(weights[i] for i in s) >= quota))


@st.composite
def random_games(draw: st.DrawFn, most: int = 6, value: int = 10**12) -> list[int]:
    """Any whole numbers, v(empty) = 0."""
    n = draw(st.integers(1, most))
    size = (1 << n) - 1
    return [0, *draw(st.lists(st.integers(-value, value), min_size=size, max_size=size))]
