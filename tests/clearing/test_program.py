"""The clearing program: certified always, optimal to the last Wh, and the same whoever finds it."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.clearing import fallback, interior, program, rational, tree
from offchain.clearing.certificate import Ramps, check_network
from offchain.clearing.network import Network
from offchain.clearing.program import Clearer, Clearing, ClearingError, PriceRangeError
from offchain.clearing.ramps import check_brackets
from offchain.clearing.reference import clear_reference, exact_welfare
from offchain.clearing.table import table_of
from offchain.errors import InputError
from offchain.grid.flows import islands
from offchain.grid.model import Grid, build_grid
from tests.clearing.markets import (
    P_CAP,
    SUPPLY_WIDTH,
    WIDTH,
    ramps_of,
    random_grid,
    random_ramps,
)

FEW = range(25)
MANY = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(25, 400)]


def assert_certified(grid: Grid, ramps: Ramps, clearing: Clearing) -> None:
    check = check_network(grid, clearing.certificate)
    assert check.violations == ()
    assert len(check_brackets(ramps, clearing.x_wh, clearing.certificate.pi)) == 0
    flow_in = np.zeros(grid.n_bus, dtype=np.int64)
    np.add.at(flow_in, ramps.bus, np.where(ramps.supply, clearing.x_wh, -clearing.x_wh))
    assert check.injection_wh == tuple(flow_in.tolist()) == tuple(clearing.injection_wh.tolist())


@pytest.mark.parametrize("seed", [*FEW, *MANY])
def test_a_clearing_is_certified_and_as_good_as_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    # Orders so large that rounding to a Wh is below the eighth digit.
    ramps = random_ramps(rng, grid.n_bus, scale=10**8)
    grid = build_grid(
        "wide",
        grid.bus_names,
        grid.line_from,
        grid.line_to,
        np.ldexp(grid.b.astype(float), -20),
        grid.limit_wh * 100,
    )
    clearing = Clearer(grid).clear(ramps)
    assert_certified(grid, ramps, clearing)
    assert clearing.report.engine in ("interior-point", "tree")
    best = exact_welfare(ramps, clear_reference(grid, ramps).x_wh)
    # To eight digits, or to what rounding some Wh is worth where little is traded.
    assert float(exact_welfare(ramps, clearing.x_wh)) == pytest.approx(
        float(best), rel=1e-8, abs=20 * P_CAP
    )


def without(monkeypatch: pytest.MonkeyPatch, *engines: str) -> None:
    """Make engines fail."""
    if "tree" in engines:
        monkeypatch.setattr(tree, "solve", lambda *_: None)
    if "interior-point" in engines:

        def far_off(network: Network, *_: object) -> interior.Approximation:
            m = len(network.weight)
            pi = np.full(network.n_bus, np.inf)
            return interior.Approximation(pi, np.zeros(m), np.zeros(m, bool), 0)

        monkeypatch.setattr(interior, "solve", far_off)


@pytest.mark.parametrize("seed", FEW)
def test_every_engine_leads_to_the_same_integers(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng, loops=seed % 2 == 0)
    ramps = random_ramps(rng, grid.n_bus)
    clearer = Clearer(grid)
    engines = ["interior-point", "clarabel"]
    if grid.n_line == grid.n_bus - int(islands(grid.n_bus, grid.line_from, grid.line_to).max()) - 1:
        engines.insert(0, "tree")
    first = clearer.clear(ramps)
    for i, engine in enumerate(engines):
        without(monkeypatch, *engines[:i])
        clearing = clearer.clear(ramps)
        assert clearing.report.engine == engine
        assert clearing.certificate == first.certificate
        assert np.array_equal(clearing.x_wh, first.x_wh)


def test_a_clearing_depends_on_nothing_that_was_cleared_before() -> None:
    rng = np.random.default_rng(3)
    grid = random_grid(rng)
    intervals = [random_ramps(rng, grid.n_bus) for _ in range(5)]
    chained = Clearer(grid)
    for ramps in intervals:
        warm, cold = chained.clear(ramps), Clearer(grid).clear(ramps)
        assert warm.certificate == cold.certificate
        assert np.array_equal(warm.x_wh, cold.x_wh)


DIGEST = """
import hashlib
import numpy as np
from offchain.clearing.program import Clearer
from tests.clearing.markets import random_grid, random_ramps
from tests.clearing.test_full_by_chance import by_every_engine, frozen
digest = hashlib.sha256()
for seed in range(40):
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    clearing = Clearer(grid).clear(random_ramps(rng, grid.n_bus))
    digest.update(clearing.certificate.packed() + clearing.x_wh.tobytes())
for certificate, x_wh in by_every_engine(*frozen()):
    digest.update(certificate.packed() + x_wh)
print(digest.hexdigest())
"""


def digest_under(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DIGEST],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout


def test_another_linear_algebra_kernel_gives_the_same_bytes() -> None:
    assert digest_under(OPENBLAS_CORETYPE="Prescott") == digest_under(OPENBLAS_CORETYPE="Haswell")


@pytest.mark.slow
def test_a_processor_without_vector_units_gives_the_same_bytes() -> None:
    assert digest_under(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="") == digest_under()


def test_merging_a_crowd_for_the_engine_changes_no_integer(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = build_grid("pair", "AB", [0], [1], [1e6], [4e7])
    rng = np.random.default_rng(1)
    ramps = replace(random_ramps(rng, 2, most=2), bus=rng.integers(0, 2, 6000).astype(np.int32))
    many = [random_ramps(rng, 2, most=300) for _ in range(60)]
    columns = ("bus", "supply", "q_wh", "pa_ticks", "pb_ticks")
    ramps = Ramps(*(np.concatenate([getattr(r, name) for r in many]) for name in columns))
    without(monkeypatch, "tree")
    merged = Clearer(grid).clear(ramps)
    monkeypatch.setattr(program, "_ATTEMPTS", ((1e-8, 1 << 40),))
    alone = Clearer(grid).clear(ramps)
    assert merged.report.engine == alone.report.engine == "interior-point"
    assert merged.certificate == alone.certificate
    assert np.array_equal(merged.x_wh, alone.x_wh)


@pytest.fixture(scope="module")
def line() -> Grid:
    """Two buses and a line of 1,000 Wh beside its margin."""
    margin = build_grid("line", "AB", [0], [1], [1e4], [1e3]).margin_wh
    return build_grid("line", "AB", [0], [1], [1e4], 1000 + margin)


def demand(bus: int, q: int, pa: int = P_CAP) -> tuple[int, bool, int, int, int]:
    return (bus, False, q, pa, pa + WIDTH)


def supply(bus: int, q: int, bid: int = 100_000) -> tuple[int, bool, int, int, int]:
    return (bus, True, q, bid, bid + SUPPLY_WIDTH)


def cleared(grid: Grid, *rows: tuple[int, bool, int, int, int]) -> Clearing:
    ramps = ramps_of(*rows)
    clearing = Clearer(grid).clear(ramps)
    assert_certified(grid, ramps, clearing)
    return clearing


def test_without_orders_nothing_moves(line: Grid) -> None:
    clearing = cleared(line)
    assert clearing.x_wh.tolist() == []
    assert clearing.certificate.pi == (0, 0)


@pytest.mark.parametrize("row", [demand(0, 500), supply(1, 500), demand(1, 0), supply(0, 0)])
def test_one_participant_alone_trades_nothing(
    line: Grid, row: tuple[int, bool, int, int, int]
) -> None:
    assert cleared(line, row).x_wh.tolist() == [0]


def test_with_nothing_requested_nothing_is_dispatched(line: Grid) -> None:
    clearing = cleared(line, supply(0, 500), supply(1, 700, 90_000), demand(1, 0))
    assert clearing.x_wh.tolist() == [0, 0, 0]
    assert clearing.certificate.pi == (90_000 << 16,) * 2


def test_with_nothing_offered_everybody_waits(line: Grid) -> None:
    clearing = cleared(line, demand(0, 500), demand(1, 700, 2 * P_CAP))
    assert clearing.x_wh.tolist() == [0, 0]
    assert clearing.certificate.pi == ((2 * P_CAP + WIDTH) << 16,) * 2


def test_when_offers_equal_requests_all_are_served_in_full(line: Grid) -> None:
    clearing = cleared(line, supply(0, 900), demand(1, 400), demand(0, 500))
    assert clearing.x_wh.tolist() == [900, 400, 500]
    assert clearing.certificate.pi == ((100_000 + SUPPLY_WIDTH) << 16,) * 2


def test_a_full_line_parts_the_prices(line: Grid) -> None:
    clearing = cleared(line, supply(0, 5000), demand(1, 3000), demand(1, 3000, 5 * P_CAP))
    assert clearing.x_wh.tolist() == [1000, 0, 1000]
    ((full, mu),) = clearing.certificate.mu
    here, there = clearing.certificate.pi
    assert (full, mu) == (0, there - here)


def test_equal_orders_share_to_the_wh_and_ties_go_to_the_lower_row(line: Grid) -> None:
    rows = (*[demand(0, 100)] * 7, supply(0, 333))
    assert cleared(line, *rows).x_wh.tolist() == [48, 48, 48, 48, 47, 47, 47, 333]


def test_equal_bids_share_in_proportion(line: Grid) -> None:
    clearing = cleared(line, supply(0, 1000), supply(0, 3000), supply(1, 2000), demand(0, 3000))
    assert clearing.x_wh.tolist() == [500, 1500, 1000, 3000]


def test_the_highest_rank_comes_first_however_much_the_lower_is_owed(line: Grid) -> None:
    # Key at its maximum of 1,024 in the lower rank, nothing owed in the higher.
    rank = P_CAP + WIDTH * (1_024 + 1 + 1)
    owed = P_CAP + WIDTH * 1_024
    clearing = cleared(line, demand(0, 400, rank), demand(0, 400, owed), supply(0, 500))
    assert clearing.x_wh.tolist() == [400, 100, 500]


def test_islands_balance_each_on_its_own() -> None:
    grid = build_grid("two", "ABCD", [0, 2], [1, 3], [1e4, 1e4], [5e3, 5e3])
    clearing = cleared(grid, supply(0, 1000), demand(1, 600), demand(3, 600), demand(2, 600))
    assert clearing.x_wh.tolist() == [600, 600, 0, 0]


def test_a_tree_a_ring_and_a_pair_of_parallel_lines_serve_all_they_can() -> None:
    grid = build_grid(
        "mixed",
        "ABCDE",
        [0, 0, 1, 2, 4, 3],
        [1, 1, 2, 0, 1, 4],
        [1e5, 2e5, 1e5, 1e5, 3e5, 1e5],
        [9e5] * 6,
    )
    clearing = cleared(grid, supply(0, 10**6), *(demand(bus, 200_000) for bus in range(5)))
    assert clearing.x_wh.sum() == 2 * 10**6


orders = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from([0, 1, 2, 999, 10**6, 2**30 - 1]),
        st.sampled_from([0, 1, 99_999, 100_000, 300_000, 2**29 - 2**17]),
        st.sampled_from([1, 1_024, 100_000, 2**17 - 1]),
    ),
    max_size=12,
)
lines = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from([1e3, 1e6, 1.23e8]),
        st.sampled_from([0.0, 1.0, 50.0, 1e5, 1e9]),
    ).filter(lambda row: row[0] != row[1]),
    max_size=6,
)


@given(orders, lines)
def test_any_orders_on_any_grid_clear(
    rows: list[tuple[int, bool, int, int, int]], branches: list[tuple[int, int, float, float]]
) -> None:
    start, end, susceptance, limit = ([row[i] for row in branches] for i in range(4))
    try:
        grid = build_grid("any", "ABCD", start, end, susceptance, limit)
    except InputError:
        return
    ramps = ramps_of(*((bus, side, q, pa, pa + width) for bus, side, q, pa, width in rows))
    clearer = Clearer(grid)
    try:
        clearing = clearer.clear(ramps)
    except PriceRangeError:
        # The one exception: the exact optimum has a price that no certificate can carry.
        network = clearer._network
        best = rational.solve(network, table_of(ramps, grid.n_bus), network.capacity)
        assert max(map(abs, (*best.price, *best.mu))) >= 2**62
        return
    assert_certified(grid, ramps, clearing)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("bus", 2),
        ("bus", -1),
        ("q_wh", -1),
        ("q_wh", 2**30),
        ("pa_ticks", 2**29),
        ("pb_ticks", P_CAP),
        ("pb_ticks", P_CAP + 2**17),
    ],
)
def test_a_ramp_out_of_range_is_refused_by_name(line: Grid, column: str, value: int) -> None:
    ramps = ramps_of(demand(0, 100), demand(1, 100))
    getattr(ramps, column)[1] = value
    with pytest.raises(InputError, match=rf"ramps\.{column}.*in row 1; give"):
        Clearer(line).clear(ramps)


def test_columns_of_different_length_are_refused(line: Grid) -> None:
    ramps = replace(ramps_of(demand(0, 100)), supply=np.zeros(2, bool))
    with pytest.raises(InputError, match=r"ramps\.supply: give one value per order, 1 in all"):
        Clearer(line).clear(ramps)


def without_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every engine that gives a start give nonsense."""
    without(monkeypatch, "tree")
    nonsense = interior.Approximation(np.full(2, np.nan), np.zeros(1), np.zeros(1, bool), 0)
    monkeypatch.setattr(interior, "solve", lambda *_: nonsense)
    monkeypatch.setattr(fallback, "solve", lambda *_: nonsense)


def test_without_any_start_the_same_is_found(line: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = supply(0, 5000), demand(1, 3000), demand(1, 3000, 5 * P_CAP)
    first = cleared(line, *rows)
    without_any(monkeypatch)
    last = cleared(line, *rows)
    assert last.report.engine == "newton"
    assert last.certificate == first.certificate
    assert np.array_equal(last.x_wh, first.x_wh)


def test_what_no_engine_solves_is_an_error_and_not_a_clearing(
    line: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "tree")
    monkeypatch.setattr(program, "polish", lambda *_: None)
    monkeypatch.setattr(program, "_MOST_BUSES", 0)
    with pytest.raises(ClearingError, match="too far off"):
        Clearer(line).clear(ramps_of(demand(0, 100), supply(0, 50)))


def test_the_table_keeps_every_row_once() -> None:
    ramps = random_ramps(np.random.default_rng(0), 7)
    table = table_of(ramps, 7)
    assert sorted(table.row.tolist()) == list(range(len(ramps)))
    assert np.array_equal(table.q, ramps.q_wh[table.row])
    groups = 2 * ramps.bus[table.row] + ramps.supply[table.row]
    assert np.array_equal(np.repeat(np.arange(14), np.diff(table.group_start)), groups)
