"""Small grids that the grid tests share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offchain.grid.model import Grid, build_grid

#: A triangle with a tail and a pair of parallel lines: a - b - c - a, c = d.
TRIANGLE_LINES = ((0, 1), (1, 2), (2, 0), (2, 3), (3, 2))


def triangle(
    susceptance_wh: Sequence[float] = (9e5, 7e5, 5e5, 3e5, 2e5),
    limit_wh: Sequence[float] = (40_000, 30_000, 20_000, 9_000, 8_000),
) -> Grid:
    """Four buses in two areas, five lines."""
    return build_grid(
        "triangle",
        ("a", "b", "c", "d"),
        [start for start, _ in TRIANGLE_LINES],
        [end for _, end in TRIANGLE_LINES],
        susceptance_wh,
        limit_wh,
        areas=(("west",), ("west",), ("east",), ("east",)),
    )


def random_grid(rng: np.random.Generator) -> Grid:
    """A random grid of 2 to 12 buses with islands, parallel lines and mixed strengths."""
    n = int(rng.integers(2, 13))
    m = int(rng.integers(1, 2 * n))
    start = rng.integers(0, n, m)
    end = (start + rng.integers(1, n, m)) % n
    susceptance = 10.0 ** rng.uniform(2, 8, m)
    return build_grid(
        "random",
        [f"bus {i}" for i in range(n)],
        start,
        end,
        susceptance,
        10.0 ** rng.uniform(3, 8, m),
    )


def nodal_errors(grid: Grid, theta: Sequence[int], injection_wh: Sequence[int]) -> list[int]:
    """What the checker's first rule compares with its tolerance, in 2^-8 Wh per bus."""
    balance = [-256 * int(value) for value in injection_wh]
    for start, end, b in zip(
        grid.line_from.tolist(), grid.line_to.tolist(), grid.b.tolist(), strict=True
    ):
        flow = (b * (theta[start] - theta[end])) >> grid.shift
        balance[start] += flow
        balance[end] -= flow
    return balance
