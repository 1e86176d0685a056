"""Sparse symmetric elimination on the graph of a grid.

Own code for one reason: the order of every addition is written down here, so angles and prices have
the same bits whatever linear algebra library or processor is below. The textbook up-looking LDL
factorisation, once with numbers and once with symmetric 2 x 2 blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csc_array, eye_array
from scipy.sparse.linalg import splu

from offchain.clearing.compiled import compiled

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pattern:
    """Where the factor of a grid's matrices has entries; buses in elimination order.

    Attributes:
        order: int64[n], the bus eliminated at each step.
        line_step: int64[2, m], the steps of each line's ends, the earlier first.
        row_start: int64[n + 1].
        row: int64[f], for each step the earlier steps it is coupled to, ascending.
        column_start: int64[n + 1].
        column: int64[f], for each step the later steps it is coupled to, ascending.
        entry: int64[m], where a line's entry lies in ``column``.
    """

    order: Int64Array
    line_step: Int64Array
    row_start: Int64Array
    row: Int64Array
    column_start: Int64Array
    column: Int64Array
    entry: Int64Array


def analyse(n_bus: int, line_from: Int64Array, line_to: Int64Array) -> Pattern:
    """The pattern of a grid of n buses and m lines, in a minimum-degree order."""
    ones = np.ones(len(line_from))
    graph = coo_array((ones, (line_from, line_to)), shape=(n_bus, n_bus))
    positive = csc_array((len(ones) + 1) * eye_array(n_bus) - graph - graph.T)
    factor = splu(
        positive, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0
    )
    order = np.argsort(factor.perm_c).astype(np.int64)
    step = np.empty(n_bus, dtype=np.int64)
    step[order] = np.arange(n_bus)
    ends = np.sort(np.stack((step[line_from], step[line_to])), axis=0)
    later = np.argsort(ends[1], kind="stable")
    start = np.searchsorted(ends[1][later], np.arange(n_bus + 1)).astype(np.int64)
    row_start, row = _rows(start, ends[0][later])
    rows_of = np.repeat(np.arange(n_bus), np.diff(row_start))
    by_column = np.argsort(row, kind="stable")
    column = rows_of[by_column].astype(np.int64)
    column_start = np.searchsorted(row[by_column], np.arange(n_bus + 1)).astype(np.int64)
    key = row[by_column] * n_bus + column
    entry = np.searchsorted(key, ends[0] * n_bus + ends[1]).astype(np.int64)
    return Pattern(order, ends, row_start, row, column_start, column, entry)


@compiled
def _rows(start: Int64Array, earlier: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The rows of the factor by walks up the elimination tree."""
    n = len(start) - 1
    parent = np.full(n, -1, dtype=np.int64)
    mark = np.full(n, -1, dtype=np.int64)
    row_start = np.zeros(n + 1, dtype=np.int64)
    row = np.empty(max(16, 4 * len(earlier)), dtype=np.int64)
    count = 0
    for k in range(n):
        mark[k] = k
        first = count
        for p in range(start[k], start[k + 1]):
            j = earlier[p]
            while mark[j] != k:
                if count == len(row):
                    longer = np.empty(2 * len(row), dtype=np.int64)
                    longer[:count] = row
                    row = longer
                row[count] = j
                count += 1
                mark[j] = k
                if parent[j] < 0:
                    parent[j] = k
                j = parent[j]
        row[first:count] = np.sort(row[first:count])
        row_start[k + 1] = count
    return row_start, row[:count].copy()


@compiled
def factorise(
    row_start: Int64Array,
    row: Int64Array,
    column_start: Int64Array,
    column: Int64Array,
    value: FloatArray,
    diagonal: FloatArray,
) -> None:
    """LDL of a symmetric matrix in place; ``diagonal`` ends up holding reciprocals.

    Args:
        row_start: with ``row``, ``column_start`` and ``column`` from the `Pattern`.
        row: see `Pattern`.
        column_start: see `Pattern`.
        column: see `Pattern`.
        value: float64[f], entries below the diagonal in column order, zero where there is fill.
        diagonal: float64[n].
    """
    n = len(diagonal)
    work = np.zeros(n)
    filled = column_start[:n].copy()
    for k in range(n):
        # The next unfinished entry of every column in this row is the entry (k, j).
        for p in range(row_start[k], row_start[k + 1]):
            j = row[p]
            work[j] = value[filled[j]]
        pivot = diagonal[k]
        for p in range(row_start[k], row_start[k + 1]):
            j = row[p]
            y = work[j]
            for c in range(column_start[j], filled[j]):
                work[column[c]] -= value[c] * y
            factor = y * diagonal[j]
            pivot -= factor * y
            value[filled[j]] = factor
            filled[j] += 1
            work[j] = 0.0
        diagonal[k] = 1.0 / pivot


@compiled
def back_solve(
    order: Int64Array,
    column_start: Int64Array,
    column: Int64Array,
    value: FloatArray,
    diagonal: FloatArray,
    right: FloatArray,
) -> FloatArray:
    """Solve with the factor; ``right`` float64[n] and the result are in bus order."""
    n = len(diagonal)
    x = np.empty(n)
    for k in range(n):
        x[k] = right[order[k]]
    for j in range(n):
        y = x[j]
        if y != 0.0:
            for c in range(column_start[j], column_start[j + 1]):
                x[column[c]] -= value[c] * y
    out = np.empty(n)
    for j in range(n - 1, -1, -1):
        y = x[j] * diagonal[j]
        for c in range(column_start[j], column_start[j + 1]):
            y -= value[c] * x[column[c]]
        x[j] = y
        out[order[j]] = y
    return out


@compiled
def factorise_blocks(
    row_start: Int64Array,
    row: Int64Array,
    column_start: Int64Array,
    column: Int64Array,
    value: FloatArray,
    diagonal: FloatArray,
) -> None:
    """LDL with 2 x 2 blocks in place; arguments as `factorise`, with a last axis of length 4 (3).

    Args:
        row_start: see `Pattern`.
        row: see `Pattern`.
        column_start: see `Pattern`.
        column: see `Pattern`.
        value: float64[f, 4], blocks below the diagonal by rows of the block.
        diagonal: float64[n, 3], symmetric blocks (11, 21, 22); ends up holding inverses.
    """
    n = len(diagonal)
    work = np.zeros((n, 4))
    filled = column_start[:n].copy()
    for k in range(n):
        for p in range(row_start[k], row_start[k + 1]):
            j = row[p]
            for e in range(4):
                work[j, e] = value[filled[j], e]
        d0 = diagonal[k, 0]
        d1 = diagonal[k, 1]
        d2 = diagonal[k, 2]
        for p in range(row_start[k], row_start[k + 1]):
            j = row[p]
            y0 = work[j, 0]
            y1 = work[j, 1]
            y2 = work[j, 2]
            y3 = work[j, 3]
            for c in range(column_start[j], filled[j]):
                i = column[c]
                work[i, 0] -= y0 * value[c, 0] + y1 * value[c, 1]
                work[i, 1] -= y0 * value[c, 2] + y1 * value[c, 3]
                work[i, 2] -= y2 * value[c, 0] + y3 * value[c, 1]
                work[i, 3] -= y2 * value[c, 2] + y3 * value[c, 3]
            i0 = diagonal[j, 0]
            i1 = diagonal[j, 1]
            i2 = diagonal[j, 2]
            l0 = y0 * i0 + y1 * i1
            l1 = y0 * i1 + y1 * i2
            l2 = y2 * i0 + y3 * i1
            l3 = y2 * i1 + y3 * i2
            d0 -= l0 * y0 + l1 * y1
            d1 -= l2 * y0 + l3 * y1
            d2 -= l2 * y2 + l3 * y3
            at = filled[j]
            value[at, 0] = l0
            value[at, 1] = l1
            value[at, 2] = l2
            value[at, 3] = l3
            filled[j] += 1
        scale = 1.0 / (d0 * d2 - d1 * d1)
        diagonal[k, 0] = d2 * scale
        diagonal[k, 1] = -d1 * scale
        diagonal[k, 2] = d0 * scale


@compiled
def back_solve_blocks(
    order: Int64Array,
    column_start: Int64Array,
    column: Int64Array,
    value: FloatArray,
    diagonal: FloatArray,
    first: FloatArray,
    second: FloatArray,
) -> None:
    """Solve with the block factor; both parts float64[n] in bus order, overwritten in place."""
    n = len(diagonal)
    x = np.empty((n, 2))
    for k in range(n):
        x[k, 0] = first[order[k]]
        x[k, 1] = second[order[k]]
    for j in range(n):
        a = x[j, 0]
        b = x[j, 1]
        for c in range(column_start[j], column_start[j + 1]):
            i = column[c]
            x[i, 0] -= value[c, 0] * a + value[c, 1] * b
            x[i, 1] -= value[c, 2] * a + value[c, 3] * b
    for j in range(n - 1, -1, -1):
        a = x[j, 0] * diagonal[j, 0] + x[j, 1] * diagonal[j, 1]
        b = x[j, 0] * diagonal[j, 1] + x[j, 1] * diagonal[j, 2]
        for c in range(column_start[j], column_start[j + 1]):
            i = column[c]
            a -= value[c, 0] * x[i, 0] + value[c, 2] * x[i, 1]
            b -= value[c, 1] * x[i, 0] + value[c, 3] * x[i, 1]
        x[j, 0] = a
        x[j, 1] = b
        first[order[j]] = a
        second[order[j]] = b
