"""The network as it is, in floating point: what flows where, and what is too much."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Grid, build_grid

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Wires:
    """A connected DC network.

    Attributes:
        n_bus: buses.
        line_from: int[m], where flow is positive from.
        line_to: int[m].
        b: float64[m], susceptances in any common unit: only their ratios move flows.
        limit_wh: float64[m], what each line bears in an interval, Wh.
    """

    n_bus: int
    line_from: npt.NDArray[np.intp]
    line_to: npt.NDArray[np.intp]
    b: FloatArray
    limit_wh: FloatArray

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """The network that a registered grid describes."""
        b = grid.b.astype(np.float64)
        return cls(
            grid.n_bus,
            grid.line_from.astype(np.intp),
            grid.line_to.astype(np.intp),
            b / b.max(),
            grid.limit_wh.astype(np.float64),
        )

    def flows(self, injection_wh: FloatArray) -> FloatArray:
        """Flows float64[T, m] of injections float64[T, n] that sum to zero; Wh."""
        laplacian = np.zeros((self.n_bus, self.n_bus))
        for start, end, b in zip(self.line_from, self.line_to, self.b, strict=True):
            laplacian[[start, end], [start, end]] += b
            laplacian[[start, end], [end, start]] -= b
        theta = np.zeros_like(injection_wh)
        theta[:, 1:] = np.linalg.solve(laplacian[1:, 1:], injection_wh[:, 1:].T).T
        result: FloatArray = self.b * (theta[:, self.line_from] - theta[:, self.line_to])
        return result

    def overload(self, injection_wh: FloatArray) -> FloatArray:
        """By what part of its limit the fullest line is too full, float64[T]; negative where none is."""
        worst: FloatArray = (np.abs(self.flows(injection_wh)) / self.limit_wh).max(axis=1) - 1
        return worst

    def without(self, line: int) -> Wires | None:
        """The network with a line out of service; None where that would cut a part off."""
        kept = np.arange(len(self.b)) != line
        rest = replace(
            self,
            line_from=self.line_from[kept],
            line_to=self.line_to[kept],
            b=self.b[kept],
            limit_wh=self.limit_wh[kept],
        )
        return rest if rest.connected() else None

    def connected(self) -> bool:
        """Whether every bus reaches every other."""
        island = np.arange(self.n_bus)
        while True:
            least = np.minimum(island[self.line_from], island[self.line_to])
            joined = island.copy()
            np.minimum.at(joined, self.line_from, least)
            np.minimum.at(joined, self.line_to, least)
            if np.array_equal(joined, island):
                return bool((island == island[0]).all())
            island = joined

    def registered(self) -> Grid:
        """The grid as it would be registered by somebody who believes in these wires."""
        return build_grid(
            "believed",
            [f"bus {bus}" for bus in range(self.n_bus)],
            self.line_from,
            self.line_to,
            self.b,
            self.limit_wh,
        )
