"""Flows of a DC network in floating point: the only floats of a grid, used to propose, never to decide.

Sign: flow is positive from ``from`` to ``to``; an injection is positive when the bus feeds the grid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import SuperLU, splu

from offchain.errors import InputError

#: Back-solves are done for this many lines at a time, so that memory stays at n_bus x 256 floats.
_BLOCK: Final = 256


class DcNetwork:
    """One DC network, its factorised Laplacian and its islands.

    Args:
        n_bus: number of buses.
        line_from: int32[m].
        line_to: int32[m].
        susceptance: float64[m] > 0, flow per unit of angle difference (any consistent unit).
    """

    def __init__(
        self,
        n_bus: int,
        line_from: NDArray[np.int32],
        line_to: NDArray[np.int32],
        susceptance: NDArray[np.float64],
    ) -> None:
        self.n_bus = n_bus
        self.n_line = len(line_from)
        self._from, self._to, self._susceptance = line_from, line_to, susceptance
        self.island = islands(n_bus, line_from, line_to)
        # The first bus of every island keeps its angle at zero.
        _, first = np.unique(self.island, return_index=True)
        keep = np.ones(n_bus, dtype=bool)
        keep[first] = False
        self._free: NDArray[np.int64] = np.flatnonzero(keep)
        self._factor = self._factorise()

    def _factorise(self) -> SuperLU | None:
        if len(self._free) == 0:
            return None
        b = self._susceptance
        rows = np.concatenate([self._from, self._to, self._from, self._to])
        cols = np.concatenate([self._from, self._to, self._to, self._from])
        laplacian = csc_array(
            coo_array(
                (np.concatenate([b, b, -b, -b]), (rows, cols)), shape=(self.n_bus, self.n_bus)
            )
        )
        reduced = csc_array(laplacian[self._free][:, self._free])
        return splu(reduced, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def angles(self, injection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Angles float64[n, ...] for injections float64[n, ...] that balance in every island."""
        theta = np.zeros_like(injection, dtype=np.float64)
        if self._factor is not None:
            theta[self._free] = self._factor.solve(np.ascontiguousarray(injection[self._free]))
        return theta

    def flows(self, injection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Line flows float64[m] of injections float64[n] that balance in every island."""
        theta = self.angles(injection)
        return self._susceptance * (theta[self._from] - theta[self._to])

    def distribution_sums(self) -> NDArray[np.float64]:
        """``sum_b |H_lb - c_l|`` per line, float64[m], with c_l the median of row l over the line's island.

        H holds the power transfer distribution factors. Its rows are defined up to a constant (the choice of reference),
        because only injections that balance in each island are meant; the median makes the sum least, and for
        deviations within +-d at every bus that balance, d times this sum bounds the change of the flow.
        Memory: n_bus x 256 floats. Source: our formulation.
        """
        sums = np.zeros(self.n_line)
        members = [np.flatnonzero(self.island == i) for i in range(int(self.island.max()) + 1)]
        for start in range(0, self.n_line, _BLOCK):
            lines = np.arange(start, min(start + _BLOCK, self.n_line))
            right = np.zeros((self.n_bus, len(lines)))
            columns = np.arange(len(lines))
            right[self._from[lines], columns] = self._susceptance[lines]
            right[self._to[lines], columns] = -self._susceptance[lines]
            # The Laplacian is symmetric, so row l of H is L^-1 applied to the line's own incidence.
            rows = self.angles(right).T
            for line, row in zip(lines, rows, strict=True):
                inside = row[members[int(self.island[self._from[line]])]]
                sums[line] = np.abs(inside - np.median(inside)).sum()
        return sums


def islands(
    n_bus: int, line_from: NDArray[np.int32], line_to: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The island of every bus, int32[n], numbered by their lowest bus."""
    adjacency = csr_array(
        (np.ones(len(line_from), dtype=np.int8), (line_from, line_to)), shape=(n_bus, n_bus)
    )
    _, label = connected_components(adjacency, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def check_balance(
    injection: NDArray[np.float64], island: NDArray[np.int32], tolerance: float
) -> None:
    """Refuse injections that do not balance in each island.

    Raises:
        InputError: an island's injections sum to more than ``tolerance``.
    """
    totals = np.bincount(island, weights=injection)
    worst = int(np.abs(totals).argmax())
    if abs(totals[worst]) > tolerance:
        raise InputError(
            f"injection: island {worst} is out of balance by {totals[worst]:.6g}; "
            "give each island as much generation as load"
        )


def central_buses(
    island: NDArray[np.int32],
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    lengths: NDArray[np.float64],
) -> list[int]:
    """One bus in the middle of each island: halfway between two buses that are about farthest apart.

    Two sweeps of Dijkstra's algorithm per island. A central reference keeps the angle boxes, and with them eps_grid,
    small; any other would be as valid.
    """
    n_bus = len(island)
    order = np.argsort(-lengths, kind="stable")
    # Later entries win: of parallel lines the shortest stays.
    shortest = dict(
        zip(
            zip(
                np.minimum(line_from, line_to)[order].tolist(),
                np.maximum(line_from, line_to)[order].tolist(),
                strict=True,
            ),
            lengths[order].tolist(),
            strict=True,
        )
    )
    rows, columns = zip(*shortest, strict=True) if shortest else ((), ())
    graph = csr_array((list(shortest.values()), (rows, columns)), shape=(n_bus, n_bus))
    centres = []
    for number in range(int(island.max()) + 1):
        start = int(np.argmax(island == number))
        distance, _ = _search(graph, start)
        end = _farthest(distance)
        distance, before = _search(graph, end)
        bus = _farthest(distance)
        half = distance[bus] / 2
        while distance[bus] > half:
            bus = int(before[bus])
        centres.append(bus)
    return centres


def _search(graph: csr_array, start: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    distance, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    return distance, before


def _farthest(distance: NDArray[np.float64]) -> int:
    return int(np.where(np.isfinite(distance), distance, -1.0).argmax())
