"""Rounding to whole Wh in two stages that keeps every balance (docs/mechanism.md, section 3).

Energies come in units of 2^-20 Wh, so that what is equal compares equal: a tie is decided by the
index, never by the last bit of a floating-point number.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled

Int64Array = npt.NDArray[np.int64]

FRACTION_BITS: Final = 20
_ONE: Final = 1 << FRACTION_BITS


@compiled
def select(values: npt.NDArray[np.int64 | np.float64], count: int, place: int) -> None:
    """Reorder the first ``count`` values so that none before ``place`` is above, none after below.

    Hoare's selection; numpy's own takes the compiler far longer than it takes to run.
    """
    low = 0
    high = count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            return


@compiled
def round_members(
    fine: Int64Array, first: int, last: int, total: int, fraction: Int64Array, out: Int64Array
) -> bool:
    """Largest remainder within ``fine[first:last]``; ties go to the lower index.

    Args:
        fine: energies in 2^-20 Wh, not negative.
        first: the first member.
        last: one past the last member.
        total: what the rounded members add up to, Wh.
        fraction: int64, scratch of the length of ``fine``.
        out: int64, Wh; written for the members only, each within 1 Wh of its energy.

    Returns:
        False if no such rounding exists.
    """
    floors = 0
    count = 0
    for i in range(first, last):
        floor = fine[i] >> FRACTION_BITS
        out[i] = floor
        floors += floor
        if fine[i] & (_ONE - 1):
            # Larger fractions first, then lower indices: ascending order of one integer.
            fraction[count] = ((_ONE - (fine[i] & (_ONE - 1))) << 32) | (i - first)
            count += 1
    missing = total - floors
    if missing < 0 or missing > count:
        return False
    if missing == count:
        for j in range(count):
            out[first + (fraction[j] & 0xFFFFFFFF)] += 1
    elif missing > 0:
        select(fraction, count, missing - 1)
        for j in range(missing):
            out[first + (fraction[j] & 0xFFFFFFFF)] += 1
    return True


@compiled
def round_allocation(
    fine: Int64Array, group_start: Int64Array, group_island: Int64Array, n_island: int
) -> tuple[Int64Array, bool]:
    """Round energies so that demand and supply of every island agree.

    Args:
        fine: int64[k], energies in 2^-20 Wh, members of a group side by side.
        group_start: int64[2n + 1]; group 2b holds the demands of the b-th bus, 2b + 1 its supplies.
        group_island: int64[n], the island of each bus.
        n_island: number of islands.

    Returns:
        int64[k] in Wh, and whether a rounding within 1 Wh of every energy and every (bus, side)
        total exists; it does not when supply and demand differ by more than rounding.
    """
    n_group = len(group_start) - 1
    k = len(fine)
    out = np.zeros(k, dtype=np.int64)
    scratch = np.empty(max(k, n_group), dtype=np.int64)
    group_fine = np.zeros(n_group, dtype=np.int64)
    group_whole = np.zeros(n_group, dtype=np.int64)
    whole = np.zeros((2, n_island), dtype=np.int64)
    rest = np.zeros((2, n_island), dtype=np.int64)
    for group in range(n_group):
        island = group_island[group >> 1]
        for i in range(group_start[group], group_start[group + 1]):
            group_whole[group] += fine[i] >> FRACTION_BITS
            group_fine[group] += fine[i] & (_ONE - 1)
        # The fractions of a group may add up to whole Wh.
        group_whole[group] += group_fine[group] >> FRACTION_BITS
        group_fine[group] &= _ONE - 1
        whole[group & 1, island] += group_whole[group]
        rest[group & 1, island] += group_fine[group]
    # Stage one: the groups of each island and side, to one total per island.
    members = np.empty(n_group, dtype=np.int64)
    values = np.empty(n_group, dtype=np.int64)
    rounded = np.empty(n_group, dtype=np.int64)
    group_total = np.zeros(n_group, dtype=np.int64)
    # Groups by island; most grids have one.
    for island in range(n_island):
        total = whole[0, island] + ((rest[0, island] + _ONE // 2) >> FRACTION_BITS)
        for side in range(2):
            count = 0
            for group in range(side, n_group, 2):
                if group_island[group >> 1] == island:
                    members[count] = group
                    # Whole Wh are set aside: a bus total need not fit beside its fraction bits.
                    values[count] = group_fine[group]
                    count += 1
            left = total - whole[side, island]
            if not round_members(values, 0, count, left, scratch, rounded):
                return out, False
            for j in range(count):
                group_total[members[j]] = group_whole[members[j]] + rounded[j]
    # Stage two: the members of each group.
    for group in range(n_group):
        first = group_start[group]
        last = group_start[group + 1]
        # Most groups of a large grid have nobody; calls cost more than they do.
        if first == last:
            continue
        if not round_members(fine, first, last, group_total[group], scratch, out):
            return out, False
    return out, True


@compiled
def bus_injections(group_start: Int64Array, rounded: Int64Array) -> Int64Array:
    """Dispatched minus served per bus, int64[n], of allocations grouped as in `round_allocation`."""
    n_bus = len(group_start) // 2
    out = np.zeros(n_bus, dtype=np.int64)
    for bus in range(n_bus):
        for i in range(group_start[2 * bus], group_start[2 * bus + 1]):
            out[bus] -= rounded[i]
        for i in range(group_start[2 * bus + 1], group_start[2 * bus + 2]):
            out[bus] += rounded[i]
    return out
