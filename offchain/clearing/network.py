"""A registered grid prepared for floating-point work: its Laplacian, factorised once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.clearing import sparse
from offchain.clearing.compiled import compiled
from offchain.clearing.exact import level
from offchain.clearing.table import Table
from offchain.grid.flows import islands
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Transfer distribution factors kept at most, in numbers.
_ROWS_KEPT = 1 << 24
#: What capacities are parted by at most, Wh.
_PART_WH = 0.25
_GOLDEN_SECTION = 0.6180339887498949


class Network:
    """What the engines need of a grid.

    Attributes:
        line_from: int64[m].
        line_to: int64[m].
        b: int64[m], registered susceptances.
        scale_bits: ``b * angle`` is in 2^-scale_bits Wh.
        weight: float64[m], Wh per unit of angle.
        capacity: float64[m], Wh: limit minus margin.
        parted_capacity: float64[m], Wh, less by a part of a Wh that is another for every line.
        island: int64[n].
        n_island: number of islands.
        reference: bool[n], the first bus of every island.
        pattern: of elimination.
    """

    def __init__(self, grid: Grid) -> None:
        self.n_bus = grid.n_bus
        self.line_from = grid.line_from.astype(np.int64)
        self.line_to = grid.line_to.astype(np.int64)
        self.b = grid.b.astype(np.int64)
        self.scale_bits = int(grid.shift) + FLOW_FRACTION_BITS
        self.weight = np.ldexp(self.b.astype(np.float64), -self.scale_bits)
        self.capacity = np.maximum(grid.limit_wh - grid.margin_wh, 0).astype(np.float64)
        # Multiples of the golden section lie as far apart as any do.
        part = _PART_WH * (np.arange(1, grid.n_line + 1) * _GOLDEN_SECTION % 1.0)
        self.parted_capacity = np.where(self.capacity > 0, self.capacity - part, 0.0)
        self.island = islands(grid.n_bus, grid.line_from, grid.line_to).astype(np.int64)
        self.n_island = int(self.island.max()) + 1
        self.reference = np.zeros(grid.n_bus, dtype=np.bool_)
        self.reference[np.unique(self.island, return_index=True)[1]] = True
        self.pattern = sparse.analyse(grid.n_bus, self.line_from, self.line_to)
        self._value = np.zeros(len(self.pattern.column))
        np.subtract.at(self._value, self.pattern.entry, self.weight)
        # One unit on the reference's diagonal keeps its angle at zero when injections balance.
        diagonal = self.reference * (self.weight.mean() if len(self.weight) else 1.0)
        np.add.at(diagonal, self.line_from, self.weight)
        np.add.at(diagonal, self.line_to, self.weight)
        self._diagonal = diagonal[self.pattern.order]
        sparse.factorise(
            self.pattern.row_start,
            self.pattern.row,
            self.pattern.column_start,
            self.pattern.column,
            self._value,
            self._diagonal,
        )
        #: The factor, for compiled code.
        self.factor = (
            self.pattern.order,
            self.pattern.column_start,
            self.pattern.column,
            self._value,
            self._diagonal,
        )
        self._rows: dict[int, FloatArray] = {}

    def angles(self, injection: FloatArray) -> FloatArray:
        """Angles float64[n] of injections float64[n] in Wh that balance in every island."""
        return sparse.back_solve(*self.factor, injection)

    def whole_angles(self, injection_wh: Int64Array) -> Int64Array:
        """Integer angles int64[n] whose flows meet integer injections int64[n] in Wh."""
        return _whole_angles(
            self.factor, self.line_from, self.line_to, self.b, self.scale_bits, injection_wh
        )

    def level(self, table: Table, full: Int64Array, slope: FloatArray, price: Int64Array) -> None:
        """Make integer prices int64[n] unique where any of a range would do; `exact.level`."""
        orders = (table.start, table.supply, table.q, table.bottom, table.width)
        level(orders, self.island, self.n_island, self.line_from, full, slope, price)

    def rows(self, lines: list[int]) -> FloatArray:
        """Transfer distribution factors float64[w, n] of lines; kept for the next interval."""
        if len(self._rows) * self.n_bus > _ROWS_KEPT:
            self._rows.clear()
        out = np.empty((len(lines), self.n_bus))
        for i, line in enumerate(lines):
            if line not in self._rows:
                across = np.zeros(self.n_bus)
                across[self.line_from[line]] += self.weight[line]
                across[self.line_to[line]] -= self.weight[line]
                self._rows[line] = self.angles(across)
            out[i] = self._rows[line]
        return out


@compiled
def _whole_angles(
    factor: tuple[Int64Array, Int64Array, Int64Array, FloatArray, FloatArray],
    line_from: Int64Array,
    line_to: Int64Array,
    b: Int64Array,
    scale_bits: int,
    injection_wh: Int64Array,
) -> Int64Array:
    """The exact angles rounded to the nearest.

    What the rounded angles miss is computed without error (integers wrap modulo 2^64, but the
    result is known to be small).
    """
    order, column_start, column, value, diagonal = factor
    n = len(injection_wh)
    unit = 2.0**-scale_bits
    theta = np.zeros(n, dtype=np.int64)
    step = sparse.back_solve(
        order, column_start, column, value, diagonal, injection_wh.astype(np.float64)
    )
    for bus in range(n):
        theta[bus] = np.int64(np.rint(step[bus]))
    for _ in range(2):
        missing = np.zeros(n, dtype=np.int64)
        if scale_bits < 64:
            for bus in range(n):
                missing[bus] = injection_wh[bus] << scale_bits
        for line in range(len(b)):
            i = line_from[line]
            j = line_to[line]
            flow = b[line] * (theta[i] - theta[j])
            missing[i] -= flow
            missing[j] += flow
        step = sparse.back_solve(
            order, column_start, column, value, diagonal, missing.astype(np.float64) * unit
        )
        for bus in range(n):
            theta[bus] += np.int64(np.rint(step[bus]))
    return theta
