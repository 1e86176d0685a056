"""T2: clearing is a projection in the norm W, and damped projections converge to it.

``T(x) = P_X(x - eta (x - xhat))`` runs on the real clearing program: projecting z is clearing the
ramps whose unconstrained optimum is z. The integers add what rounding to ticks and Wh can.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer
from offchain.grid.model import Grid
from tests.mechanisms.markets import triangle

FloatArray = npt.NDArray[np.float64]
WIDTH, SUPPLY_WIDTH = 100_000, 1024


def orders(offered: float = 1.0) -> Ramps:
    """The worked example: four demands, two supplies; prices raised so that none goes negative."""
    bus = np.array([1, 2, 2, 0, 0, 2], dtype=np.int32)
    supply = np.array([False] * 4 + [True] * 2)
    q = np.array([1200, 1500, 900, 400, round(6000 * offered), round(700 * offered)])
    pa = 200_000 + np.array([350_000, 300_000, 425_000, 325_000, 120_000, 250_000])
    return Ramps(bus, supply, q, pa, pa + np.where(supply, SUPPLY_WIDTH, WIDTH))


def curvature(ramps: Ramps) -> FloatArray:
    """W / q of each order: the weights of the norm."""
    weight: FloatArray = (ramps.pb_ticks - ramps.pa_ticks) / ramps.q_wh
    return weight


def unconstrained(ramps: Ramps) -> FloatArray:
    """The maximiser without balance or limits: q pb / w for demand, -q pa / w for supply."""
    return np.where(ramps.supply, -ramps.pa_ticks, ramps.pb_ticks) / curvature(ramps)


def aiming_at(ramps: Ramps, z: FloatArray) -> Ramps:
    """The ramps of the same orders whose unconstrained maximiser is z, to the nearest tick."""
    ends = np.rint(z * curvature(ramps)).astype(np.int64)
    width = ramps.pb_ticks - ramps.pa_ticks
    pa = np.where(ramps.supply, -ends, ends - width)
    return Ramps(ramps.bus, ramps.supply, ramps.q_wh, pa, pa + width)


def norm(ramps: Ramps, x: FloatArray) -> float:
    return float(np.sqrt((x**2 * curvature(ramps)).sum()))


def rounding(ramps: Ramps) -> float:
    """What one projection may add: 1 Wh, and half a tick's response, of every order."""
    return norm(ramps, 1 + 0.5 / curvature(ramps))


@pytest.mark.parametrize("offered", [1.0, 0.3])
@pytest.mark.parametrize("eta", [0.25, 0.5, 1.0, 1.5])
def test_damped_projections_contract_to_the_clearing(offered: float, eta: float) -> None:
    ramps = orders(offered)
    clearer = Clearer(triangle())
    fixed_point = clearer.clear(ramps).x_wh
    target = unconstrained(ramps)
    x = np.zeros(len(ramps))
    error = norm(ramps, x - fixed_point)
    for _ in range(12):
        x = clearer.clear(aiming_at(ramps, x - eta * (x - target))).x_wh.astype(np.float64)
        bound = abs(1 - eta) * error + 2 * rounding(ramps)
        error = norm(ramps, x - fixed_point)
        assert error <= bound


def test_what_is_cleared_is_closer_to_what_is_owed_than_anything_else_feasible() -> None:
    ramps = orders()
    target = unconstrained(ramps)
    grid = triangle()
    cleared = Clearer(grid).clear(ramps).x_wh
    best = norm(ramps, cleared - target)
    rng = np.random.default_rng(2)
    # Clearing other wishes gives other feasible allocations.
    for _ in range(50):
        keys = np.where(ramps.supply, 0, rng.integers(0, 200_000, len(ramps)))
        moved = Ramps(
            ramps.bus, ramps.supply, ramps.q_wh, ramps.pa_ticks + keys, ramps.pb_ticks + keys
        )
        other = Clearer(grid).clear(moved).x_wh
        assert norm(ramps, other - target) >= best - rounding(ramps)


@pytest.mark.parametrize("offered", [1.0, 0.3])
def test_ratios_move_no_more_than_the_keys(offered: float) -> None:
    grid: Grid = triangle()
    ramps = orders(offered)
    demand = ~ramps.supply
    q = ramps.q_wh[demand]
    before = Clearer(grid).clear(ramps).x_wh[demand] / q
    rng = np.random.default_rng(4)
    for _ in range(50):
        keys = np.where(demand, rng.integers(-80_000, 80_000, len(ramps)), 0)
        moved = Ramps(
            ramps.bus, ramps.supply, ramps.q_wh, ramps.pa_ticks + keys, ramps.pb_ticks + keys
        )
        after = Clearer(grid).clear(moved).x_wh[demand] / q
        change = np.sqrt((q * (after - before) ** 2).sum())
        allowed = np.sqrt((q * (keys[demand] / WIDTH) ** 2).sum())
        assert change <= allowed + np.sqrt((4 / q).sum())
