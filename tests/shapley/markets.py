"""Small grids, the IEEE-14 case, and the most load by linear programming, solved by HiGHS."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from offchain.grid.model import Grid, build_grid
from offchain.grid.pandapower_case import load_case
from offchain.shapley.value import Period, SupplyGame
from offchain.units import FLOW_FRACTION_BITS


def pair(limit_wh: int) -> Grid:
    """Two buses and one line."""
    return build_grid("pair", ["west", "east"], [0], [1], [1e5], [limit_wh])


def triangle(limit_wh: int) -> Grid:
    """Three buses, three equal lines, of which the one from 0 to 1 is tight."""
    return build_grid(
        "triangle", ["a", "b", "c"], [0, 1, 2], [1, 2, 0], [1e5] * 3, [limit_wh, 10**6, 10**6]
    )


@cache
def ieee14_game() -> SupplyGame:
    """Twelve suppliers of 40 to 300 kWh on the IEEE-14 case with a load of 1 MWh."""
    case = load_case("ieee14", load_wh=1_000_000)
    demand = np.floor(case.load_wh).astype(np.int64)[None]
    bus = np.array([0, 1, 2, 5, 7, 3, 4, 8, 9, 11, 12, 13], dtype=np.int32)
    offer = np.random.default_rng(0).integers(40_000, 300_000, (1, 12))
    return SupplyGame(case.grid, bus, demand, np.zeros_like(demand), offer)


def most_load(game: SupplyGame, interval: int, mask: int) -> float:
    """The most load that can be served with every line within limit - margin, Wh."""
    grid = game.grid
    offers = np.where(mask >> np.arange(game.n_players) & 1, game.offer_wh[interval], 0)
    supply = game.base_wh[interval].copy()
    np.add.at(supply, game.bus, offers)
    return most_load_of(grid, game.demand_wh[interval], supply)


def most_load_of(grid: Grid, demand_wh: NDArray[np.int64], supply_wh: NDArray[np.int64]) -> float:
    """As `most_load`, from the totals of the buses."""
    n, m = grid.n_bus, grid.n_line
    incidence = np.zeros((m, n))
    incidence[np.arange(m), grid.line_from] = 1
    incidence[np.arange(m), grid.line_to] -= 1
    weight = np.ldexp(grid.b.astype(float), -(grid.shift + FLOW_FRACTION_BITS))
    flows = (weight / weight.max())[:, None] * incidence
    balance = np.hstack((-np.eye(n), np.eye(n), -incidence.T @ flows))
    none = np.zeros((m, 2 * n))
    limit = grid.limit_wh - grid.margin_wh
    solved = linprog(
        np.concatenate((-np.ones(n), np.zeros(2 * n))),
        A_ub=np.vstack((np.hstack((none, flows)), np.hstack((none, -flows)))),
        b_ub=np.concatenate((limit, limit)),
        A_eq=balance,
        b_eq=np.zeros(n),
        bounds=[(0, q) for q in (*demand_wh, *supply_wh)] + [(None, None)] * n,
    )
    assert solved.fun is not None, solved.message
    return -solved.fun


def two_intervals(grid: Grid, **changed: object) -> Period:
    """Demand at bus 1 rises from 100 to 400 Wh; one supplier at each of the buses 0 and 1."""
    n_bus = grid.n_bus
    demand = np.zeros((2, n_bus), dtype=np.int64)
    demand[:, 1] = (100, 400)
    fields: dict[str, object] = {
        "grid": grid,
        "bus": np.array([0, 1], dtype=np.int32),
        "demand_wh": demand,
        "available_wh": np.full((2, 2), 300),
        "dispatch_wh": np.array([[60, 40], [200, 200]]),
        "ramp_wh": np.array([100, 50]),
        "hub": 0,
    }
    return Period(**(fields | changed))  # type: ignore[arg-type]
