"""The engine of last resort: exact arithmetic where floating point gives up, and the same where it does not."""

import numpy as np
import pytest

from offchain.clearing import program
from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, ClearingError, PriceRangeError
from offchain.clearing.table import table_of
from offchain.grid.model import Grid, build_grid
from tests.clearing.markets import ramps_of, random_grid, random_ramps
from tests.clearing.test_full_by_chance import round_market
from tests.clearing.test_program import assert_certified

Branches = list[tuple[int, int, float, float]]
Rows = list[tuple[int, bool, int, int, int]]

#: Found at random: orders of 1 Wh to 2^30 Wh on ramps of one tick, lines of 50 Wh, susceptances 10^5 apart.
EXTREME: list[tuple[Branches, Rows]] = [
    (
        [
            (3, 2, 1e6, 1e5),
            (1, 3, 1.23e8, 50),
            (1, 2, 1.23e8, 50),
            (0, 2, 1e6, 50),
            (0, 3, 1e3, 50),
            (2, 1, 1e3, 1e5),
        ],
        [
            (0, False, 0, 536_739_840, 536_839_840),
            (0, False, 999, 300_000, 301_024),
            (2, False, 2**30 - 1, 1, 100_001),
            (1, True, 2**30 - 1, 300_000, 300_001),
        ],
    ),
    (
        [
            (2, 0, 1e3, 50),
            (1, 2, 1e3, 1e9),
            (2, 0, 1.23e8, 50),
            (0, 1, 1e3, 50),
            (0, 1, 1.23e8, 1e9),
            (1, 3, 1.23e8, 1e9),
        ],
        [
            (2, False, 1, 0, 1),
            (1, True, 2**30 - 1, 1, 131_072),
            (3, True, 2, 99_999, 231_070),
            (0, False, 0, 100_000, 200_000),
            (0, False, 2**30 - 1, 536_739_840, 536_839_840),
        ],
    ),
    (
        [
            (3, 2, 1.23e8, 1e9),
            (1, 2, 1e3, 1e5),
            (0, 3, 1e6, 50),
            (2, 0, 1e3, 50),
            (0, 2, 1e3, 1e9),
        ],
        [
            (3, False, 2**30 - 1, 536_739_840, 536_740_864),
            (1, False, 999, 536_739_840, 536_739_841),
            (2, True, 2**30 - 1, 99_999, 101_023),
            (1, True, 999, 0, 1_024),
            (1, True, 999, 0, 1_024),
            (1, False, 10**6, 300_000, 400_000),
        ],
    ),
]


def grid_of(branches: Branches) -> Grid:
    start, end, susceptance, limit = ([row[i] for row in branches] for i in range(4))
    return build_grid("extreme", "ABCD", start, end, susceptance, limit)


@pytest.mark.parametrize("market", EXTREME)
def test_what_floating_point_gave_up_is_cleared_and_certified(
    market: tuple[Branches, Rows],
) -> None:
    grid, ramps = grid_of(market[0]), ramps_of(*market[1])
    clearing = Clearer(grid).clear(ramps)
    assert clearing.report.engine == "fractions"
    assert_certified(grid, ramps, clearing)


def assert_fractions_agree(grid: Grid, ramps: Ramps) -> None:
    clearer = Clearer(grid)
    table = table_of(ramps, grid.n_bus)
    first = clearer.clear(ramps)
    exact = clearer._certify(ramps, table, clearer._in_fractions(table))
    assert first.report.engine != "fractions"
    assert exact.certificate == first.certificate
    assert np.array_equal(exact.x_wh, first.x_wh)


@pytest.mark.parametrize("seed", range(30))
def test_exact_arithmetic_finds_the_very_same_integers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng, most_buses=8)
    assert_fractions_agree(grid, random_ramps(rng, grid.n_bus, most=40))


@pytest.mark.parametrize("seed", range(40))
def test_exact_arithmetic_shares_prices_of_lines_full_by_chance_alike(seed: int) -> None:
    market = round_market(seed)
    if market is not None:
        assert_fractions_agree(*market)


def test_a_price_beyond_what_a_certificate_carries_is_an_error_that_says_so() -> None:
    branches, rows = EXTREME[2]
    # Ten times as far apart: so is the price of the line of 50 Wh in the loop.
    apart = [(a, z, b if b > 1e6 else b / 10, limit) for a, z, b, limit in branches]
    with pytest.raises(PriceRangeError, match=r"a price of .* ticks, more than a certificate"):
        Clearer(grid_of(apart)).clear(ramps_of(*rows))


def test_a_grid_too_large_for_fractions_is_an_error_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program, "_MOST_BUSES", 3)
    with pytest.raises(ClearingError, match="limit: line 2 carries"):
        Clearer(grid_of(EXTREME[0][0])).clear(ramps_of(*EXTREME[0][1]))
