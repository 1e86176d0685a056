"""The exact Shapley value of up to 12 players (docs/shapley.md, section 2).

A coalition is a mask: bit i is set where player i takes part. A table holds v(mask) at position
mask, 2^n whole numbers with v(0) = 0. Everything here is integer arithmetic; no float takes part.

Source: L. S. Shapley, A value for n-person games, 1953; the arrangement by coalition size is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.shapley.shares import apportion
from offchain.units import PPB

#: 4,096 coalition values can be computed in seconds and opened in one transaction.
MAX_PLAYERS: Final = 12
#: Up to here the sum over the coalitions of one size (at most 924) stays below 2^62.
_INT64_VALUE: Final = 2**52

Table = NDArray[np.int64] | NDArray[np.object_]


def as_table(values: Sequence[int] | NDArray[np.generic]) -> Table:
    """Check a table of coalition values.

    Args:
        values: 2^n whole numbers of any size, n = 1 ... 12, indexed by mask; ``values[0]`` = 0.

    Returns:
        int64[2^n], or Python integers where a value is beyond 2^52.

    Raises:
        InputError: another length, a value that is not whole, or v(empty) not 0.
    """
    count = len(values)
    if count < 2 or count & (count - 1) or count > 1 << MAX_PLAYERS:
        raise InputError(
            f"coalition values: {count} given; a table of n players has 2^n, n = 1 ... "
            f"{MAX_PLAYERS} (more players: the Owen value or sampling)"
        )
    # Among its own kinds numpy would take a number beyond int64 beside smaller ones for a float.
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.dtype.kind not in "iuO" or array.ndim != 1:
        raise InputError("coalition values: not whole numbers; give integers (Wh)")
    exact = [v.item() if isinstance(v, np.generic) else v for v in array.tolist()]
    if any(not isinstance(value, int) for value in exact):
        raise InputError("coalition values: not whole numbers; give integers (Wh)")
    if exact[0] != 0:
        raise InputError("coalition values: v(empty) is not 0; subtract it from every value")
    small = max(abs(value) for value in exact) <= _INT64_VALUE
    return np.array(exact, dtype=np.int64 if small else object)


def player_count(table: Table) -> int:
    """The number of players of a table."""
    return len(table).bit_length() - 1


@lru_cache
def members(n: int) -> NDArray[np.int64]:
    """int64[2^n, n], read-only: 1 where player i (column) belongs to the coalition of the row."""
    masks = np.arange(1 << n, dtype=np.int64)
    matrix = masks[:, None] >> np.arange(n, dtype=np.int64) & 1
    matrix.setflags(write=False)
    return matrix


@lru_cache
def _by_size(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Masks in order of coalition size, and where each size 0 ... n starts."""
    size = members(n).sum(axis=1)
    order = np.argsort(size, kind="stable")
    return order, np.searchsorted(size[order], np.arange(n + 1))


def shapley_numerators(values: Sequence[int] | NDArray[np.generic]) -> tuple[int, ...]:
    """The Shapley value times n!, a whole number for each player.

    A coalition of size s counts with (s-1)! (n-s)! for its members and with -s! (n-s-1)! for the
    others: its value ends the marginal contribution of a member and begins that of an outsider.
    Values are therefore first added up by size, and weighted once per size.

    Args:
        values: as `as_table`.

    Returns:
        n whole numbers that sum to n! v(all).

    Raises:
        InputError: as `as_table`.
    """
    table = as_table(values)
    n = player_count(table)
    order, starts = _by_size(n)
    sorted_values = table[order]
    all_of_size = np.add.reduceat(sorted_values, starts).tolist()
    with_player = np.add.reduceat(
        sorted_values[:, None] * members(n)[order], starts, axis=0
    ).tolist()
    joined = [0, *(factorial(s - 1) * factorial(n - s) for s in range(1, n + 1))]
    missing = [*(factorial(s) * factorial(n - s - 1) for s in range(n)), 0]
    return tuple(
        sum(
            joined[s] * with_player[s][i] - missing[s] * (all_of_size[s] - with_player[s][i])
            for s in range(n + 1)
        )
        for i in range(n)
    )


def shapley_value(values: Sequence[int] | NDArray[np.generic]) -> tuple[Fraction, ...]:
    """The Shapley value, in the unit of the table; arguments and errors as `shapley_numerators`."""
    numerators = shapley_numerators(values)
    whole = factorial(len(numerators))
    return tuple(Fraction(numerator, whole) for numerator in numerators)


def shapley_shares(values: Sequence[int] | NDArray[np.generic]) -> tuple[int, ...]:
    """The shares of a period: the Shapley value in ppb of its sum.

    A negative Shapley value counts as 0 (a monotone game has none). Where nobody is worth anything,
    all get the same.

    Args:
        values: as `as_table`.

    Returns:
        n whole numbers that sum to exactly 1e9; rounding as `shares.apportion`.

    Raises:
        InputError: as `as_table`.
    """
    return apportion(PPB, [max(0, numerator) for numerator in shapley_numerators(values)])


def verify_share(
    values: Sequence[int] | NDArray[np.generic], share_ppb: Sequence[int]
) -> tuple[str, ...]:
    """Check committed shares against the table of coalition values, as a contract would.

    Needs no sorting: with largest remainders everybody holds the floor of the quota or one more,
    and nobody who got one more has a smaller remainder (or, at the same remainder, a higher
    position) than anybody who did not.

    Args:
        values: as `as_table`.
        share_ppb: n shares in the order of the bits.

    Returns:
        What is wrong, one sentence each; empty where the shares are right.

    Raises:
        InputError: as `as_table`.
    """
    weights = [max(0, numerator) for numerator in shapley_numerators(values)]
    shares = [int(share) for share in share_ppb]
    if len(shares) != len(weights):
        return (f"{len(shares)} shares for {len(weights)} players",)
    wrong = []
    if sum(shares) != PPB:
        wrong.append(f"the shares sum to {sum(shares)}, not {PPB}")
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    raised: tuple[int, int] | None = None
    kept: tuple[int, int] | None = None
    for player, (weight, share) in enumerate(zip(weights, shares, strict=True)):
        floor, remainder = divmod(weight * PPB, whole)
        rank = (remainder, -player)
        if share == floor + 1:
            raised = rank if raised is None else min(raised, rank)
        elif share == floor:
            kept = rank if kept is None else max(kept, rank)
        else:
            wrong.append(f"player {player} has {share} ppb, but the quota begins at {floor}")
    if raised is not None and kept is not None and raised < kept:
        wrong.append(
            f"player {-raised[1]} was rounded up before player {-kept[1]}, "
            "whose remainder is larger"
        )
    return tuple(wrong)


def monotone_cover(values: Sequence[int] | NDArray[np.generic]) -> Table:
    """The least monotone game above a table: no coalition is worth less than a part of it.

    Whatever serves load with the suppliers of a part is possible for the whole, which may leave a
    member idle; so in a game of served load the cover is closer to the exact value wherever
    rounding made a coalition look worth less than a part.

    Args:
        values: as `as_table`.

    Returns:
        A new table of the same players.

    Raises:
        InputError: as `as_table`.
    """
    cover = as_table(values).copy()
    for player in range(player_count(cover)):
        pairs = cover.reshape(-1, 2, 1 << player)
        np.maximum(pairs[:, 1], pairs[:, 0], out=pairs[:, 1])
    return cover


def combine(
    tables: Sequence[Sequence[int] | NDArray[np.generic]], weight_ppb: Sequence[int]
) -> Table:
    """One table whose shares are the weighted mean of the shares of several games.

    Each game counts in parts of its own v(all), so that the weights say how much of a pot each
    rewards. The table is v(S) = sum_k w_k v_k(S) prod_{j != k} v_j(all), whole numbers; the Shapley
    value is linear. A game in which the grand coalition is worth nothing rewards nobody: its weight
    falls to the others in proportion.

    Args:
        tables: games of the same players.
        weight_ppb: one weight for each game, not negative, sum 1e9.

    Returns:
        A table for `shapley_shares` and `verify_share`; all zero where no game with weight is worth
        anything.

    Raises:
        InputError: as `as_table`; other lengths; weights not summing to 1e9; v(all) negative.
    """
    games = [as_table(table) for table in tables]
    if len({len(game) for game in games}) != 1:
        raise InputError("tables: the games must have the same players")
    weights = [int(weight) for weight in weight_ppb]
    if len(weights) != len(games) or min(weights) < 0 or sum(weights) != PPB:
        raise InputError(f"weights: give one for each of {len(games)} games, summing to {PPB}")
    if min(int(game[-1]) for game in games) < 0:
        raise InputError("tables: the grand coalition is worth less than nothing; check the game")
    counted = [
        (game.astype(object), weight)
        for game, weight in zip(games, weights, strict=True)
        if game[-1] and weight
    ]
    whole = 1
    for game, _ in counted:
        whole *= game[-1]
    combined = np.zeros(len(games[0]), dtype=object)
    for game, weight in counted:
        combined = combined + game * (weight * (whole // game[-1]))
    return as_table(combined)
