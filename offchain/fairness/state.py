"""What an interval does to a participant's shortage memory and deficit (our formulation).

Each rule exists twice: for one participant in Python integers, which is what the contracts compute,
and for columns in int64. A deficit has 128 bits, as two u64; the few rows whose deficit leaves the
range where int64 is exact take the way of Python integers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.units import PPB, Int64Array

Uint64Array = npt.NDArray[np.uint64]

#: Below this a deficit plus or minus one interval's change fits int64 (one order is below 2^30 Wh).
FAST_DEFICIT: Final = 2**62
_WORD: Final = 2**64


def next_memory(
    memory_ppb: int, fstar_ppb: int, beta_ppb: int, requested_wh: int, served_wh: int
) -> int:
    """The shortage memory after an interval, in 0 ... 1e9 (T1).

    Args:
        memory_ppb: before.
        fstar_ppb: target share of flexible energy.
        beta_ppb: step.
        requested_wh: flexible request d.
        served_wh: flexible allocation x.
    """
    target_wh = fstar_ppb * requested_wh // PPB
    if target_wh == 0:
        return memory_ppb
    shortage = PPB - min(PPB, served_wh * PPB // target_wh)
    return ((PPB - beta_ppb) * memory_ppb + beta_ppb * shortage) // PPB


def next_memories(
    memory_ppb: Int64Array,
    fstar_ppb: Int64Array,
    beta_ppb: int,
    requested_wh: Int64Array,
    served_wh: Int64Array,
) -> Int64Array:
    """`next_memory` of each row; int64[n] columns. Every product is below 2^61."""
    target_wh = fstar_ppb * requested_wh // PPB
    shortage = PPB - np.minimum(PPB, served_wh * PPB // np.maximum(target_wh, 1))
    updated = ((PPB - beta_ppb) * memory_ppb + beta_ppb * shortage) // PPB
    return np.where(target_wh == 0, memory_ppb, updated)


def next_deficit(deficit: int, fstar_ppb: int, requested_wh: int, served_wh: int) -> int:
    """The deficit after an interval, ppb-Wh (T5): ``max(0, D + F* d - x 1e9)``.

    With D_0 = 0 the counted share of delivered energy is exactly ``F* - D / sum d``.
    128 bits hold it for longer than any market lives: 2^68 intervals of the largest order.
    """
    return max(0, deficit + fstar_ppb * requested_wh - served_wh * PPB)


def next_deficits(
    high: Uint64Array,
    low: Uint64Array,
    fstar_ppb: Int64Array,
    requested_wh: Int64Array,
    served_wh: Int64Array,
) -> tuple[Uint64Array, Uint64Array]:
    """`next_deficit` of each row.

    Args:
        high: uint64[n], upper halves of the deficits.
        low: uint64[n], lower halves.
        fstar_ppb: int64[n].
        requested_wh: int64[n].
        served_wh: int64[n].

    Returns:
        Upper and lower halves.
    """
    beyond = _beyond_int64(high, low)
    change = fstar_ppb * requested_wh - served_wh * PPB
    next_high = np.zeros_like(high)
    next_low = np.maximum(np.where(beyond, 0, low).astype(np.int64) + change, 0).astype(np.uint64)
    for row in np.flatnonzero(beyond).tolist():
        deficit = join(int(high[row]), int(low[row]))
        next_high[row], next_low[row] = divmod(max(0, deficit + int(change[row])), _WORD)
    return next_high, next_low


def join(high: int, low: int) -> int:
    """The deficit of its two halves."""
    return high * _WORD + low


def deficits_over_rate(high: Uint64Array, low: Uint64Array, rate_wh: Int64Array) -> Int64Array:
    """``min(D / a, 2^62 - 1)`` of each row, ppb; 0 where the contracted rate is 0 (so is D)."""
    beyond = _beyond_int64(high, low)
    quotient = np.where(beyond, 0, low).astype(np.int64) // np.maximum(rate_wh, 1)
    for row in np.flatnonzero(beyond).tolist():
        exact = join(int(high[row]), int(low[row])) // max(int(rate_wh[row]), 1)
        quotient[row] = min(exact, FAST_DEFICIT - 1)
    return np.where(rate_wh == 0, 0, quotient)


def _beyond_int64(high: Uint64Array, low: Uint64Array) -> npt.NDArray[np.bool_]:
    beyond: npt.NDArray[np.bool_] = (high != 0) | (low >= FAST_DEFICIT)
    return beyond
