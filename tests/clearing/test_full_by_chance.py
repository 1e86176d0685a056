"""Lines that are full by coincidence: every market clears, and every engine comes to the same prices.

Two lines in series with nobody on a ramp between them can share their price in many ways, and so can
any set of full lines that depend on each other. Round numbers make such markets; so do line limits that
are one multiple of the base flows.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from offchain.clearing import fallback
from offchain.clearing.certificate import Certificate, Ramps
from offchain.clearing.program import Clearer, ClearingError
from offchain.clearing.table import table_of
from offchain.errors import InputError
from offchain.grid.model import Grid, build_grid
from tests.clearing.markets import SUPPLY_WIDTH, WIDTH, ramps_of
from tests.clearing.test_program import assert_certified

FEW = range(60)
MANY = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(60, 2000)]
#: Where the engine of last resort stops at the other end of a range of prices (docs/clearing.md).
ANOTHER_END = 362


def frozen() -> tuple[Grid, Ramps]:
    """An interval of the evidence that no engine used to clear."""
    kept = json.loads((Path(__file__).parent / "full_by_chance.json").read_text())
    n_bus = 1 + max(*kept["line_from"], *kept["line_to"])
    grid = build_grid(
        "ieee57",
        [f"bus {i}" for i in range(n_bus)],
        kept["line_from"],
        kept["line_to"],
        np.ldexp(np.array(kept["b"], dtype=float), -kept["shift"]),
        kept["limit_wh"],
    )
    return grid, ramps_of(*(tuple(row) for row in kept["orders"]))


def round_market(seed: int) -> tuple[Grid, Ramps] | None:
    """A few buses, equal limits and equal orders; None where no such grid can be registered."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    ends = [(int(rng.integers(0, i)), i) for i in range(1, n)]
    if rng.random() < 0.6:
        more = rng.integers(0, n, (int(rng.integers(1, n + 2)), 2)).tolist()
        ends += [(i, j) for i, j in more if i != j]
    m = len(ends)
    limits = rng.choice([200.0, 300.0, 1e3, 1e3, 1e5], m)
    weights = rng.choice([1e4, 2e4, 1e5], m)
    try:
        grid = build_grid(
            "round", "ABCDEFGH"[:n], [i for i, _ in ends], [j for _, j in ends], weights, limits
        )
    except InputError:
        return None
    rows = []
    for _ in range(int(rng.integers(2, 20))):
        supply = bool(rng.random() < 0.5)
        bottom = int(rng.choice([100_000, 150_000] if supply else [300_000, 400_000, 2_300_000]))
        q = int(rng.choice([0, 1, 100, 200, 300, 500, 1000, 5000]))
        width = SUPPLY_WIDTH if supply else WIDTH
        rows.append((int(rng.integers(0, n)), supply, q, bottom, bottom + width))
    return grid, ramps_of(*rows)


def by_every_engine(grid: Grid, ramps: Ramps) -> list[tuple[Certificate, bytes]]:
    """What each engine leads to; one may have nothing to say, but not all."""
    clearer = Clearer(grid)
    table = table_of(ramps, grid.n_bus)
    found = []
    for engine in clearer._engines(table):
        try:
            clearing = clearer._certify(ramps, table, engine())
        except ClearingError:
            continue
        assert_certified(grid, ramps, clearing)
        found.append((clearing.certificate, clearing.x_wh.tobytes()))
    assert found
    return found


def test_the_interval_of_the_evidence_that_once_nothing_cleared() -> None:
    grid, ramps = frozen()
    clearing = Clearer(grid).clear(ramps)
    assert_certified(grid, ramps, clearing)
    assert clearing.report.engine == "interior-point"
    found = by_every_engine(grid, ramps)
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize("seed", [*FEW, *MANY])
def test_every_engine_agrees_where_numbers_are_round(seed: int) -> None:
    market = round_market(seed)
    if market is not None:
        found = by_every_engine(*market)
        if seed == ANOTHER_END:
            *found, last = found
            assert last[1] == found[0][1]
            assert last[0] != found[0][0]
        assert len(set(found)) == 1


def test_prices_are_one_however_the_lines_between_could_share_them() -> None:
    """Two equal lines in series, a bus without orders between them: one of them has the price."""
    grid = build_grid("series", "ABC", [0, 1], [1, 2], [1e4, 1e4], [1e3, 1e3])
    ramps = ramps_of(
        (0, True, 5000, 100_000, 100_000 + SUPPLY_WIDTH), (2, False, 5000, 500_000, 500_000 + WIDTH)
    )
    found = by_every_engine(grid, ramps)
    ((certificate, _),) = set(found)
    assert len(certificate.mu) == 1
    assert fallback.solve(Clearer(grid)._network, table_of(ramps, 3)).binding.sum() == 2
