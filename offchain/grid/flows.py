"""Flows of a DC network in floating point: they propose, and never decide.

Sign: flow is positive from ``from`` to ``to``; an injection is positive where the bus feeds the
grid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import SuperLU, splu

#: Back-solves are done for this many lines at a time: few enough to stay in the processor's cache,
#: which is 37 times faster on 9,000 buses than 256 at a time.
_BLOCK: Final = 16


class DcNetwork:
    """One DC network, its factorised Laplacian and its islands.

    Args:
        n_bus: number of buses.
        line_from: int32[m].
        line_to: int32[m].
        susceptance: float64[m] > 0, flow per radian in any unit; injections and flows share it.

    Attributes:
        island: int32[n], the island of every bus, numbered by their lowest bus.
        n_island: how many there are.
    """

    def __init__(
        self,
        n_bus: int,
        line_from: NDArray[np.int32],
        line_to: NDArray[np.int32],
        susceptance: NDArray[np.float64],
    ) -> None:
        self.n_bus = n_bus
        self.line_from, self.line_to, self.susceptance = line_from, line_to, susceptance
        self.island = islands(n_bus, line_from, line_to)
        self.n_island = int(self.island.max(initial=-1)) + 1
        # The first bus of every island keeps its angle at zero.
        _, first = np.unique(self.island, return_index=True)
        free = np.ones(n_bus, dtype=bool)
        free[first] = False
        self._free: NDArray[np.int64] = np.flatnonzero(free)
        self._factor = self._factorise()

    def _factorise(self) -> SuperLU | None:
        if len(self._free) == 0:
            return None
        b = self.susceptance
        rows = np.concatenate([self.line_from, self.line_to, self.line_from, self.line_to])
        columns = np.concatenate([self.line_from, self.line_to, self.line_to, self.line_from])
        entries = np.concatenate([b, b, -b, -b])
        laplacian = csc_array(coo_array((entries, (rows, columns)), shape=(self.n_bus,) * 2))
        reduced = csc_array(laplacian[self._free][:, self._free])
        return splu(reduced, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def angles(self, injection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Angles float64[n, ...] of injections float64[n, ...] that balance in every island."""
        theta = np.zeros_like(injection, dtype=np.float64)
        if self._factor is not None:
            theta[self._free] = self._factor.solve(np.ascontiguousarray(injection[self._free]))
        return theta

    def flows(self, injection: NDArray[np.float64]) -> NDArray[np.float64]:
        """Line flows float64[m] of injections float64[n] that balance in every island."""
        theta = self.angles(injection)
        flow: NDArray[np.float64] = self.susceptance * (theta[self.line_from] - theta[self.line_to])
        return flow

    def distribution_sums(self) -> NDArray[np.float64]:
        """``sum_b |H_lb - c_l|`` per line, float64[m]; c_l is the median of row l in its island.

        H holds the power transfer distribution factors. A row is defined up to a constant (the
        choice of reference), because only injections that balance in each island are meant. The
        median makes the sum least. If injections change by at most d at every bus and still
        balance, the flow on line l changes by at most d times this sum.
        Memory: n_bus x 16 floats. Source: our formulation.
        """
        sums = np.zeros(len(self.line_from))
        home = self.island[self.line_from]
        for number in np.unique(home).tolist():
            inside = np.flatnonzero(self.island == number)
            lines = np.flatnonzero(home == number)
            for start in range(0, len(lines), _BLOCK):
                block = lines[start : start + _BLOCK]
                rows = np.ascontiguousarray(self._distribution(block)[inside].T)
                middle = np.partition(rows, len(inside) // 2, axis=1)[:, len(inside) // 2]
                sums[block] = np.abs(rows - middle[:, None]).sum(axis=1)
        return sums

    def _distribution(self, lines: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rows of H as columns, float64[n, len(lines)].

        The Laplacian is symmetric: row l of H is its inverse applied to line l's incidence.
        """
        columns = np.arange(len(lines))
        incidence = np.zeros((self.n_bus, len(lines)))
        incidence[self.line_from[lines], columns] = self.susceptance[lines]
        incidence[self.line_to[lines], columns] = -self.susceptance[lines]
        return self.angles(incidence)


def islands(
    n_bus: int, line_from: NDArray[np.int32], line_to: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The island of every bus, int32[n], numbered by their lowest bus."""
    ends = (line_from, line_to)
    adjacency = csr_array((np.ones(len(line_from), dtype=np.int8), ends), shape=(n_bus, n_bus))
    _, label = connected_components(adjacency, directed=False)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def central_buses(
    island: NDArray[np.int32],
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    lengths: NDArray[np.float64],
) -> list[int]:
    """One bus in the middle of each island: halfway between two buses about farthest apart.

    Two sweeps of Dijkstra's algorithm per island. A central reference keeps the angle boxes, and
    with them eps_grid, small; any other would be as valid.

    Args:
        island: int32[n], as `islands` numbers them.
        line_from: int32[m].
        line_to: int32[m].
        lengths: float64[m] > 0.
    """
    graph = _shortest_edges(len(island), line_from, line_to, lengths)
    centres = []
    for start in np.unique(island, return_index=True)[1].tolist():
        distance, _ = _search(graph, start)
        distance, before = _search(graph, _farthest(distance))
        bus = _farthest(distance)
        half = distance[bus] / 2
        while distance[bus] > half:
            bus = int(before[bus])
        centres.append(bus)
    return centres


def _shortest_edges(
    n_bus: int,
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    lengths: NDArray[np.float64],
) -> csr_array:
    """A graph with the shortest of parallel lines: a sparse matrix would add them up."""
    low, high = np.minimum(line_from, line_to), np.maximum(line_from, line_to)
    order = np.lexsort((lengths, high, low))
    low, high, lengths = low[order], high[order], lengths[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return csr_array((lengths[first], (low[first], high[first])), shape=(n_bus, n_bus))


def _search(graph: csr_array, start: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    distance, before = dijkstra(
        graph, directed=False, indices=np.array([start]), return_predecessors=True
    )
    return distance[0], before[0]


def _farthest(distance: NDArray[np.float64]) -> int:
    return int(np.where(np.isfinite(distance), distance, -1.0).argmax())
