"""Random grids and orders, far more awkward than any real ones."""

from __future__ import annotations

import numpy as np

from offchain.clearing.certificate import Ramps
from offchain.errors import InputError
from offchain.grid.model import Grid, build_grid

P_CAP, WIDTH, SUPPLY_WIDTH = 300_000, 100_000, 1_024


def ramps_of(*rows: tuple[int, bool, int, int, int]) -> Ramps:
    """Ramps from rows (bus, supply, q, pa, pb)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return Ramps(table[0].astype(np.int32), table[1].astype(bool), *table[2:])


def random_grid(rng: np.random.Generator, most_buses: int = 50, loops: bool = True) -> Grid:
    """One or two islands, meshed or not, parallel lines, limits from nothing to plenty."""
    while True:
        n = int(rng.integers(1, most_buses))
        label = np.sort(rng.integers(0, rng.integers(1, 3), n))
        ends: list[tuple[int, int]] = []
        for i in range(1, n):
            earlier = np.flatnonzero(label[:i] == label[i])
            if len(earlier):
                ends.append((int(rng.choice(earlier)), i))
        more = int(rng.integers(0, 2 * n)) if loops else 0
        for i, j in rng.integers(0, n, (more, 2)).tolist():
            if i != j and label[i] == label[j]:
                ends.append((i, j))
        start, end = [i for i, _ in ends], [j for _, j in ends]
        limit = rng.uniform(1e5, 3e6, len(ends)) * 10 ** rng.uniform(-1, 1)
        try:
            return build_grid(
                "random",
                [f"bus {i}" for i in range(n)],
                start,
                end,
                10 ** rng.uniform(5, 7, len(ends)),
                limit,
            )
        except InputError:  # two layers of the holarchy coincide
            continue


def random_ramps(
    rng: np.random.Generator, n_bus: int, most: int = 300, scale: int = 10**6
) -> Ramps:
    """Demands of several ranks and supplies of any bid, some without energy, short or ample."""
    k = int(rng.integers(1, most))
    supply = rng.random(k) < rng.uniform(0.1, 0.6)
    q = rng.integers(0, scale, k)
    q = np.where(supply, (q * rng.uniform(0.3, 3)).astype(np.int64), q)
    q[rng.random(k) < 0.05] = 0
    rank = rng.integers(0, 4, k) * 2_000_000
    pa = np.where(
        supply, rng.integers(0, 250_000, k), P_CAP + rank + rng.integers(0, 20 * WIDTH, k)
    )
    pb = pa + np.where(supply, SUPPLY_WIDTH, WIDTH)
    return Ramps(rng.integers(0, n_bus, k).astype(np.int32), supply, q, pa, pb)
