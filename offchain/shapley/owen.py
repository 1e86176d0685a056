"""The Owen value: suppliers that stand together as groups (docs/shapley.md, section 3).

Groups enter one after the other in every order, and inside a group its members in every order;
nobody enters between the members of another group. Values are needed only of whole groups plus part
of one more: with K groups, at most ``sum over groups of 2^(K-1) 2^|group|`` coalitions instead of
2^n.

Source: G. Owen, Values of games with a priori unions, 1977.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import factorial
from typing import Final

from offchain.errors import InputError

#: Subsets of this many groups, or of the members of one group, are enumerated.
MAX_SUBSETS_OF: Final = 12

Unions = Sequence[Sequence[int]]


def check_unions(unions: Unions) -> int:
    """The number of players of a partition.

    Args:
        unions: the players of each group; every player 0 ... n-1 in exactly one.

    Returns:
        n.

    Raises:
        InputError: not a partition, or too large to enumerate.
    """
    players = sorted(player for union in unions for player in union)
    if not players or players != list(range(len(players))) or not all(unions):
        raise InputError("unions: every player 0 ... n-1 must be in exactly one group")
    if max(len(unions), *map(len, unions)) > MAX_SUBSETS_OF:
        raise InputError(
            f"unions: at most {MAX_SUBSETS_OF} groups of at most {MAX_SUBSETS_OF}; use sampling"
        )
    return len(players)


def mask_of(players: Sequence[int]) -> int:
    """The coalition of these players: bit i for player i."""
    mask = 0
    for player in players:
        mask |= 1 << player
    return mask


def _subsets(masks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Every union of a choice of disjoint masks, with the number chosen."""
    for choice in range(1 << len(masks)):
        chosen = [mask for k, mask in enumerate(masks) if choice >> k & 1]
        yield sum(chosen), len(chosen)


def owen_coalitions(unions: Unions) -> tuple[int, ...]:
    """The coalitions whose values `owen_value` reads, ascending, the empty one included.

    Raises:
        InputError: as `check_unions`.
    """
    check_unions(unions)
    whole = [mask_of(union) for union in unions]
    needed: set[int] = set()
    for k, union in enumerate(unions):
        parts = [part for part, _ in _subsets([1 << player for player in union])]
        for before, _ in _subsets(whole[:k] + whole[k + 1 :]):
            needed.update(before | part for part in parts)
    return tuple(sorted(needed))


def owen_value(values: Mapping[int, int], unions: Unions) -> tuple[Fraction, ...]:
    """The Owen value of each player, in the unit of the values.

    Args:
        values: v(mask) of at least the coalitions of `owen_coalitions`; v(0) = 0.
        unions: as `check_unions`.

    Returns:
        n fractions that sum to v(all); the members of a group together have the group's Shapley
        value in the game of the groups.

    Raises:
        InputError: as `check_unions`, or a value is missing.
    """
    n = check_unions(unions)
    missing = [mask for mask in owen_coalitions(unions) if mask not in values]
    if missing:
        raise InputError(f"values: coalition {missing[0]:#x} is missing; evaluate owen_coalitions")
    groups = len(unions)
    whole = [mask_of(union) for union in unions]
    result = [Fraction(0)] * n
    for k, union in enumerate(unions):
        size = len(union)
        scale = factorial(groups) * factorial(size)
        for player in union:
            bit = 1 << player
            others = list(_subsets([1 << other for other in union if other != player]))
            total = 0
            for before, r in _subsets(whole[:k] + whole[k + 1 :]):
                outer = factorial(r) * factorial(groups - r - 1)
                inner = sum(
                    factorial(s)
                    * factorial(size - s - 1)
                    * (values[before | part | bit] - values[before | part])
                    for part, s in others
                )
                total += outer * inner
            result[player] = Fraction(total, scale)
    return tuple(result)
