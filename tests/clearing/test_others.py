"""Correct against others: published optima, pandapower's optimal power flow, must-run supply."""

import os
from pathlib import Path

import numpy as np
import pytest

from offchain.clearing.certificate import Ramps
from offchain.clearing.must_run import clear_with_must_run
from offchain.clearing.program import Clearer, ClearingError
from offchain.clearing.reference import exact_welfare
from offchain.grid.case import CaseGrid
from offchain.grid.load import load_grid
from offchain.grid.model import build_grid
from offchain.units import MAX_RAMP_TICKS, MAX_TICKS
from oracle.clearing_peers import PandapowerPeer
from tests.clearing.markets import P_CAP, SUPPLY_WIDTH, WIDTH, ramps_of

PGLIB = Path(
    os.environ.get(
        "CLEARWATT_PGLIB", Path(__file__).resolve().parents[3] / "shared" / "data" / "pglib"
    )
)
#: Published with PGLib-OPF v23.07 (BASELINE.md, DC), in $/h, five digits.
PUBLISHED = {
    "case5_pjm": 1.7480e04,
    "case14_ieee": 2.0515e03,
    "case30_ieee": 7.4728e03,
    "case57_ieee": 3.4773e04,
    "case118_ieee": 9.3101e04,
}
#: Ticks per $/MWh.
SCALE = 1000.0


def dispatch(case: CaseGrid) -> tuple[Ramps, np.ndarray]:
    """All demand at the highest price, least outputs as must-run, costs as ramps above them."""
    rows, must_run = [], []
    for bus in np.flatnonzero(case.load_wh).tolist():
        top = MAX_TICKS - 1 - WIDTH
        rows.append((bus, False, round(float(case.load_wh[bus])), top, top + WIDTH))
        must_run.append(False)
    for unit in case.generators:
        least, most = round(unit.p_min_wh), round(unit.p_max_wh)
        low = unit.cost_linear + 2 * unit.cost_quadratic * least / case.wh_per_mw
        high = unit.cost_linear + 2 * unit.cost_quadratic * most / case.wh_per_mw
        pa, pb = round(low * SCALE), round(high * SCALE)
        rows.append((unit.bus, True, least, pa, pa + 1))
        rows.append((unit.bus, True, most - least, pa, min(max(pb, pa + 1), pa + MAX_RAMP_TICKS)))
        must_run += [True, False]
    return ramps_of(*rows), np.array(must_run)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_optimum_comes_out_to_its_digits(name: str) -> None:
    file = PGLIB / f"pglib_opf_{name}.m"
    if not file.exists():
        pytest.skip(f"{file} is not there; set CLEARWATT_PGLIB")
    case = load_grid(file, convention="series-reactance")
    ramps, must_run = dispatch(case)
    clearing = clear_with_must_run(Clearer(case.grid), ramps, must_run)
    served = clearing.x_wh[~ramps.supply]
    assert np.abs(served - ramps.q_wh[~ramps.supply]).max() <= 1
    output = clearing.x_wh[ramps.supply].reshape(-1, 2).sum(axis=1) / case.wh_per_mw
    cost = sum(
        unit.cost_quadratic * p * p + unit.cost_linear * p + unit.cost_constant
        for unit, p in zip(case.generators, output.tolist(), strict=True)
    )
    assert f"{cost:.4e}" == f"{PUBLISHED[name]:.4e}"


@pytest.mark.parametrize("seed", range(3))
def test_pandapower_dispatches_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 6
    start, end = [0, 1, 2, 3, 4, 0, 1], [1, 2, 3, 4, 5, 5, 4]
    limit = rng.uniform(1e6, 5e6, len(start))
    grid = build_grid("six", "ABCDEF", start, end, rng.uniform(1e6, 5e6, len(start)), limit)
    rows = [
        (bus, False, 10**7, P_CAP + 20_000 * i, P_CAP + 20_000 * i + WIDTH)
        for i, bus in enumerate(rng.permutation(n).tolist())
    ]
    # Ramps as wide as pandapower's interior-point solver resolves.
    rows += [
        (bus, True, 2 * 10**7, 50_000 * i, 50_000 * i + WIDTH)
        for i, bus in enumerate(rng.permutation(n).tolist())
    ]
    ramps = ramps_of(*rows)
    ours = Clearer(grid).clear(ramps)
    theirs = PandapowerPeer(grid, ramps).clear(ramps)
    assert len(ours.certificate.mu) > 0
    assert float(exact_welfare(ramps, theirs)) == pytest.approx(
        float(exact_welfare(ramps, ours.x_wh)), rel=1e-6
    )
    assert np.abs(theirs - ours.x_wh).max() < 2_000  # of 10 and 20 million


def test_must_run_supply_that_fits_runs() -> None:
    grid = build_grid("line", "AB", [0], [1], [1e4], [1e4])
    ramps = ramps_of(
        (0, True, 500, 200_000, 200_000 + SUPPLY_WIDTH),
        (1, True, 5000, 100_000, 100_000 + SUPPLY_WIDTH),
        (1, False, 900, P_CAP, P_CAP + WIDTH),
    )
    clearing = clear_with_must_run(Clearer(grid), ramps, np.array([True, False, False]))
    assert clearing.x_wh.tolist() == [500, 400, 900]


def test_must_run_supply_behind_a_full_line_is_named_with_the_line() -> None:
    margin = build_grid("line", "AB", [0], [1], [1e4], [1e3]).margin_wh
    grid = build_grid("line", "AB", [0], [1], [1e4], 1000 + margin, line_names=["the cable"])
    ramps = ramps_of((0, True, 5000, 0, SUPPLY_WIDTH), (1, False, 9000, P_CAP, P_CAP + WIDTH))
    with pytest.raises(
        ClearingError, match="bus A: only 1000 of 5000 Wh fits, because line the cable"
    ):
        clear_with_must_run(Clearer(grid), ramps, np.array([True, False]))


def test_must_run_supply_that_nobody_wants_is_named() -> None:
    grid = build_grid("line", "AB", [0], [1], [1e4], [1e4])
    ramps = ramps_of((0, True, 500, 0, SUPPLY_WIDTH), (1, False, 200, P_CAP, P_CAP + WIDTH))
    with pytest.raises(ClearingError, match="bus A: only 200 of 500 Wh fits, because there is not"):
        clear_with_must_run(Clearer(grid), ramps, np.array([True, False]))
