"""Islands of a grid: each balances to the Wh by itself, in the rounding and in the certificate."""

import numpy as np
import pytest

from offchain.clearing.certificate import Certificate, check_network
from offchain.clearing.certificate.network import _islands
from offchain.clearing.program import Clearer
from offchain.grid.flows import islands
from offchain.grid.model import Grid, build_grid
from tests.clearing.markets import SUPPLY_WIDTH, WIDTH, ramps_of, random_ramps
from tests.clearing.test_program import assert_certified

BUSES = 8


@pytest.fixture(scope="module")
def two() -> Grid:
    """Two rows of eight buses that nothing joins."""
    start = [i for i in range(2 * BUSES - 1) if i != BUSES - 1]
    return build_grid(
        "two", "ABCDEFGHIJKLMNOP", start, [i + 1 for i in start], [1e4] * 14, [5e5] * 14
    )


@pytest.mark.parametrize("seed", range(20))
def test_a_clearing_balances_in_every_island(two: Grid, seed: int) -> None:
    ramps = random_ramps(np.random.default_rng(seed), two.n_bus)
    clearing = Clearer(two).clear(ramps)
    assert_certified(two, ramps, clearing)
    assert clearing.injection_wh[:BUSES].sum() == 0
    assert clearing.injection_wh[BUSES:].sum() == 0


def test_an_island_without_supply_waits_and_the_other_is_served(two: Grid) -> None:
    ramps = ramps_of(
        (0, True, 1000, 100_000, 100_000 + SUPPLY_WIDTH),
        (3, False, 700, 300_000, 300_000 + WIDTH),
        (BUSES, False, 500, 300_000, 300_000 + WIDTH),
        (BUSES + 4, False, 900, 2_300_000, 2_300_000 + WIDTH),
    )
    clearing = Clearer(two).clear(ramps)
    assert_certified(two, ramps, clearing)
    assert clearing.x_wh.tolist() == [700, 700, 0, 0]


def with_flows(grid: Grid, net: list[int]) -> Certificate:
    """Angles of a row of buses that send these amounts, 2^-8 Wh."""
    theta = [0] * grid.n_bus
    sent = 0
    for line, (start, end) in enumerate(zip(grid.line_from, grid.line_to, strict=True)):
        if start == BUSES:
            sent = 0
        sent += net[start]
        # The least difference that carries it.
        theta[end] = theta[start] - -(-(sent << int(grid.shift)) // int(grid.b[line]))
    return Certificate(tuple(theta), (0,) * grid.n_bus, ())


def test_a_wh_cannot_move_between_islands_inside_the_rounding_of_buses(two: Grid) -> None:
    # Every bus within a quarter of a Wh of a whole number, one island a Wh short, the other a Wh over.
    remainder = [37] * (BUSES - 1)
    moved = [*remainder, -259, *(-r for r in remainder), 259]
    check = check_network(two, with_flows(two, moved))
    assert sum(check.injection_wh) == 0
    assert sum(check.injection_wh[:BUSES]) == -1
    assert check.violations == (
        "balance: the injections of bus 0's island add up to -1 Wh",
        f"balance: the injections of bus {BUSES}'s island add up to 1 Wh",
    )


def test_the_checker_knows_the_same_islands_as_the_engines() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        n = int(rng.integers(2, 40))
        ends = rng.integers(0, n, (int(rng.integers(0, n)), 2))
        ends = ends[ends[:, 0] != ends[:, 1]]
        label = islands(n, ends[:, 0], ends[:, 1])
        assert sorted(_islands(n, [(int(i), int(j)) for i, j in ends])) == sorted(
            np.flatnonzero(label == i).tolist() for i in range(label.max() + 1)
        )
