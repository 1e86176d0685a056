"""Tightening a grid: what it may take away, and that nothing it admits was not admitted before."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.clearing.certificate import Certificate, check_network
from offchain.errors import InputError
from offchain.grid.flows import DcNetwork
from offchain.grid.load import load_grid
from offchain.grid.model import Grid, build_grid, unpack
from offchain.grid.tighten import hold, loosened, tighten, with_limits
from tests.grid.small import random_grid, triangle

SEEDS = range(30)


def spur() -> Grid:
    """A ring a, b, c with c - d - e behind it."""
    return build_grid(
        "spur",
        ("a", "b", "c", "d", "e"),
        (0, 1, 0, 2, 3),
        (1, 2, 2, 3, 4),
        (5e5, 7e5, 6e5, 3e5, 2e5),
        (40_000, 30_000, 20_000, 9_000, 8_000),
    )


def lower(rng: np.random.Generator, grid: Grid) -> dict[int, int]:
    """Some limits, lower at random."""
    lines = rng.permutation(grid.n_line)[: int(rng.integers(1, grid.n_line + 1))]
    return {
        int(line): int(rng.integers(grid.margin_wh[line] + 1, grid.limit_wh[line] + 1))
        for line in lines
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_lower_limits_give_a_whole_grid_that_only_tightens(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    limits = lower(rng, grid)
    tight = tighten(grid, limits)
    assert all(tight.limit_wh[line] == limit for line, limit in limits.items())
    assert unpack(tight.packed()).packed() == tight.packed()
    assert loosened(grid, tight) is None
    assert tight.eps_grid <= grid.eps_grid
    if tight.packed() != grid.packed():
        assert "is above" in str(loosened(tight, grid))


def test_a_line_that_closes_no_loop_can_be_taken_out() -> None:
    grid = spur()
    for without, lines in (((3,), 4), ((4,), 4), ((4, 3), 3)):
        cut = tighten(grid, {}, without)
        assert cut.n_line == lines
        assert (cut.theta_box == 0).sum() == 1 + len(without), "an island more has a reference more"
        assert loosened(grid, cut) is None
        # the margins that were registered are still enough
        needed = (
            2
            * DcNetwork(
                cut.n_bus, cut.line_from, cut.line_to, cut.b.astype(np.float64)
            ).distribution_sums()
        )
        assert np.all(cut.margin_wh >= np.ceil(needed - 1e-6) + 2)
    assert cut.line_names == ("line 0", "line 1", "line 2")


def test_a_line_that_closes_a_loop_cannot() -> None:
    for line in (0, 1, 2):
        with pytest.raises(InputError, match=f"line {line}: closes a loop"):
            tighten(spur(), {}, (line,))
    with pytest.raises(InputError, match="closes a loop"):
        tighten(spur(), {}, (0, 2))


def test_without_a_line_of_a_loop_the_others_can_carry_more() -> None:
    """Why that is refused: 0 -> 1 goes by both ways in proportion, until the weak one is gone."""
    weak, strong = 100.0, 20_000.0
    loop = build_grid(
        "loop", ("a", "b", "c"), (0, 0, 2), (1, 2, 1), (1e6, 1e6, 1e6), (weak, strong, strong)
    )
    path = build_grid("path", ("a", "b", "c"), (0, 2), (2, 1), (1e6, 1e6), (strong, strong))
    injection = np.array([10_000.0, -10_000.0, 0.0])
    flows = [
        DcNetwork(3, grid.line_from, grid.line_to, grid.b.astype(np.float64)).flows(injection)
        for grid in (loop, path)
    ]
    assert np.any(np.abs(flows[0]) > loop.limit_wh)
    assert np.all(np.abs(flows[1]) <= path.limit_wh)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_that_is_held_can_be_out_without_any_other_overflowing(line: int) -> None:
    grid = spur()
    held = tighten(grid, hold(grid, line))
    assert loosened(grid, held) is None
    keep = np.arange(grid.n_line) != line
    out = DcNetwork(
        grid.n_bus, grid.line_from[keep], grid.line_to[keep], grid.b[keep].astype(np.float64)
    )
    model = DcNetwork(grid.n_bus, grid.line_from, grid.line_to, grid.b.astype(np.float64))
    rng = np.random.default_rng(line)
    fullest = 0.0
    for _ in range(200):
        injection = rng.normal(size=grid.n_bus)
        injection -= injection.mean()
        # as much of it as the held grid admits
        injection /= float(np.max(np.abs(model.flows(injection)) / held.limit_wh))
        real = np.abs(out.flows(injection)) / grid.limit_wh[keep]
        fullest = max(fullest, float(real.max()))
        assert np.all(real <= 1 + 1e-9)
    assert fullest > 0


def test_what_the_tight_grid_admits_the_old_one_admits() -> None:
    grid = load_grid("ieee14").grid
    tight = tighten(grid, {0: int(grid.limit_wh[0]) // 2, 6: int(grid.limit_wh[6]) // 3})
    rng = np.random.default_rng(1)
    admitted = 0
    for turn in range(60):
        theta = rng.integers(-(2**10), 2**10, grid.n_bus) << (turn // 2)
        certificate = Certificate(tuple(theta.tolist()), (0,) * grid.n_bus, ())
        mine, theirs = (
            [v for v in check_network(g, certificate).violations if v.startswith("limit")]
            for g in (tight, grid)
        )
        admitted += not mine
        assert mine or not theirs
    assert 0 < admitted < 60


@pytest.mark.parametrize(
    ("limits", "without", "message"),
    [
        ({9: 5}, (), "line: 9 is not one of 0 ... 4"),
        ({}, (-1,), "line: -1 is not one of"),
        ({2: 20_001}, (), "limit of line 2: 20001 Wh is not in .* a higher limit is announced"),
        ({2: 1}, (), "leaves no room above the rounding margin: take the line out"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    limits: dict[int, int], without: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        tighten(triangle(), limits, without)


def test_what_is_no_tightening_is_told_with_the_reason() -> None:
    grid = spur()
    for other, reason in (
        (triangle(), "buses or the unit of angles differ"),
        (_like(grid, b=grid.b + np.array([1, 0, 0, 0, 0])), "line 0 is not, in this order"),
        (_like(grid, margin_wh=grid.margin_wh + 1), "line 0 is not, in this order"),
        (
            _like(grid, limit_wh=grid.limit_wh + np.array([0, 0, 0, 0, 1])),
            "limit of line 4 is above",
        ),
    ):
        assert reason in str(loosened(grid, other))


def _like(grid: Grid, **columns: np.ndarray) -> Grid:
    """A whole grid with other lines, and what follows from them."""
    made = tighten(grid, {})
    for name, column in columns.items():
        object.__setattr__(made, name, column)
    return tighten(made, {})


@pytest.mark.parametrize("limit", [-1, 1 << 40, 1 << 63, 10**30])
def test_a_limit_beyond_every_grid_is_refused_by_its_line(limit: int) -> None:
    with pytest.raises(InputError, match=f"limit of line 1: {limit} Wh is not in 0"):
        with_limits(spur(), {1: limit})
