"""Shares in parts per billion, and the exact division of an amount (docs/shapley.md, section 1).

Source: our formulation; the rounding is the method of largest remainders (Hamilton).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offchain.errors import InputError
from offchain.records import SHARE
from offchain.units import PPB

ShareTable = NDArray[np.void]


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide a whole amount in proportion to whole weights, to the last unit.

    Everybody gets the floor of the exact quota; the units left go to the largest remainders, ties
    to the lower position. Where all weights are zero nobody has a claim above another's, and all
    weights count as one.

    Args:
        total: units to divide, not negative.
        weights: n >= 1 whole numbers, none negative, of any size.

    Returns:
        n whole numbers, in the order of the weights, that sum to ``total``.

    Raises:
        InputError: no weights, or a negative number.
    """
    exact = [int(weight) for weight in weights]
    if not exact:
        raise InputError("weights: none given; give one for each receiver")
    if total < 0 or min(exact) < 0:
        raise InputError("weights: negative; amounts and weights must be 0 or more")
    whole = sum(exact)
    if whole == 0:
        exact, whole = [1] * len(exact), len(exact)
    quotas = [divmod(weight * total, whole) for weight in exact]
    left = total - sum(floor for floor, _ in quotas)
    # sorted() is stable, so equal remainders keep the order of their positions
    first = set(sorted(range(len(exact)), key=lambda i: -quotas[i][1])[:left])
    return tuple(floor + (i in first) for i, (floor, _) in enumerate(quotas))


def share_table(index: ArrayLike, share_ppb: ArrayLike) -> ShareTable:
    """The committed table of a period's shares (docs/protocol.md, section 3, kind 6).

    Args:
        index: n registration numbers, all different.
        share_ppb: n shares that sum to exactly 1e9.

    Returns:
        records.SHARE[n], in ascending registration number.

    Raises:
        InputError: lengths differ, a number appears twice, or the shares do not sum to 1e9.
    """
    numbers, shares = np.asarray(index, dtype=np.int64), np.asarray(share_ppb, dtype=np.int64)
    if numbers.ndim != 1 or numbers.shape != shares.shape:
        raise InputError("index: as many registration numbers as shares are needed")
    if len(np.unique(numbers)) != len(numbers):
        raise InputError("index: a registration number appears twice; add its shares first")
    if np.any(numbers < 0) or np.any(numbers >= 2**32):
        raise InputError("index: not a registration number; give 0 ... 2^32 - 1")
    if np.any(shares < 0) or int(shares.sum()) != PPB:
        raise InputError(f"share_ppb: sums to {int(shares.sum())}; shares must sum to {PPB}")
    table = np.zeros(len(numbers), dtype=SHARE)
    order = np.argsort(numbers)
    table["index"], table["share_ppb"] = numbers[order], shares[order]
    return table


def split_payoff(amount_micro: int, table: ShareTable) -> NDArray[np.int64]:
    """Divide an amount by a period's shares.

    Args:
        amount_micro: micro (1e-6 currency), 0 ... 2^62.
        table: records.SHARE[n] as `share_table` makes it.

    Returns:
        int64[n] micro in the order of the table; the sum is ``amount_micro``.

    Raises:
        InputError: a negative amount or an empty table.
    """
    return np.array(apportion(amount_micro, table["share_ppb"].tolist()), dtype=np.int64)
