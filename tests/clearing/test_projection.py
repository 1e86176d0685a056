"""T2: clearing is a projection, and the operator built on it has one fixed point and contracts to it.

``P_X`` projects onto the feasible allocations in the norm ``sum_i x_i^2 w_i / q_i`` and is the clearing
program itself, for ramps whose unconstrained maximiser is the point to be projected. The operator
``T(x) = P_X(x - eta (x - xhat))`` then contracts at ``|1 - eta|`` in this norm; in the plain norm,
projecting plainly and stepping along the gradient, at ``(K - 1) / (K + 1)``.
"""

import numpy as np
import pytest

from offchain.clearing import interior
from offchain.clearing.certificate import Ramps
from offchain.clearing.network import Network
from offchain.clearing.polish import polish
from offchain.clearing.program import Clearer
from offchain.clearing.table import Table, table_of
from offchain.grid.model import Grid
from tests.clearing.markets import random_grid, random_ramps

Array = np.ndarray


class Feasible:
    """The set X of allocations that the grid can deliver, and projections onto it."""

    def __init__(self, grid: Grid, ramps: Ramps) -> None:
        self._network = Network(grid)
        self._table = table_of(ramps, grid.n_bus)
        self._ramps = ramps

    def project(self, point: Array, weight: Array) -> Array:
        """The nearest feasible allocations in the norm ``sum_i x_i^2 weight_i``.

        Args:
            point: float64[k], Wh.
            weight: float64[k], ticks per Wh.
        """
        table, row = self._table, self._table.row
        q = table.q.astype(float)
        # A ramp q weight wide, in prices 2^16 times as fine as a tick's, whose maximiser is `point`.
        width = np.maximum(np.rint(q * weight[row] * 2**16), 1).astype(np.int64)
        level = width * point[row] / q
        bottom = np.where(table.supply, -level, level - width)
        ramps = Table(
            table.row, table.group_start, table.start, table.supply, table.q,
            np.rint(bottom).astype(np.int64), width,
        )  # fmt: skip
        start = interior.solve(self._network, ramps, 1e-11)
        found = polish(
            self._network,
            ramps,
            np.flatnonzero(start.binding).tolist(),
            start.pi,
            start.mu,
            self._network.capacity,
        )
        assert found is not None
        out = np.empty(len(q))
        out[row] = found.energy / 2**20
        return out


def congested(seed: int) -> tuple[Grid, Ramps]:
    rng = np.random.default_rng(seed)
    while True:
        grid = random_grid(rng, most_buses=8)
        ramps = random_ramps(rng, grid.n_bus, most=30)
        keep = ramps.q_wh > 1000
        columns = ("bus", "supply", "q_wh", "pa_ticks", "pb_ticks")
        ramps = Ramps(*(getattr(ramps, name)[keep] for name in columns))
        if len(Clearer(grid).clear(ramps).certificate.mu) > 0:
            return grid, ramps


def norm(x: Array, weight: Array) -> float:
    return float(np.sqrt((x * x * weight).sum()))


@pytest.fixture(scope="module", params=range(4))
def market(request: pytest.FixtureRequest) -> tuple[Feasible, Ramps, Array, Array, Array]:
    """The feasible set, the orders, their weights, the unconstrained maximiser and the clearing."""
    grid, ramps = congested(request.param)
    q = ramps.q_wh.astype(float)
    width = (ramps.pb_ticks - ramps.pa_ticks).astype(float)
    ideal = np.where(ramps.supply, -q * ramps.pa_ticks, q * ramps.pb_ticks) / width
    cleared = Clearer(grid).clear(ramps).x_wh.astype(float)
    return Feasible(grid, ramps), ramps, width / q, ideal, cleared


Market = tuple[Feasible, Ramps, Array, Array, Array]


def test_clearing_projects_what_everybody_would_have_without_the_grid(market: Market) -> None:
    feasible, _, weight, ideal, cleared = market
    assert np.abs(feasible.project(ideal, weight) - cleared).max() <= 1


@pytest.mark.parametrize("eta", [0.3, 0.7, 1.0, 1.6])
def test_the_operator_contracts_at_one_minus_eta_in_its_own_norm(
    market: Market, eta: float
) -> None:
    feasible, ramps, weight, ideal, _ = market
    fixed = feasible.project(ideal, weight)
    rng = np.random.default_rng(0)
    x = feasible.project(rng.uniform(0, 1, len(ramps)) * ramps.q_wh, weight)
    for _ in range(5):
        before = norm(x - fixed, weight)
        x = feasible.project(x - eta * (x - ideal), weight)
        assert norm(x - fixed, weight) <= abs(1 - eta) * before + norm(
            np.full(len(x), 1e-3), weight
        )


def test_in_the_plain_norm_it_contracts_as_the_curvatures_differ(market: Market) -> None:
    feasible, ramps, weight, ideal, _ = market
    one = np.full(len(weight), float(np.exp(np.log(weight).mean())))
    fixed = feasible.project(ideal, weight)
    rng = np.random.default_rng(1)
    x = feasible.project(rng.uniform(0, 1, len(ramps)) * ramps.q_wh, one)
    ratio = weight.max() / weight.min()
    factor = (ratio - 1) / (ratio + 1)
    step = 2 / (weight.max() + weight.min())
    for _ in range(5):
        before = float(np.linalg.norm(x - fixed))
        x = feasible.project(x - step * weight * (x - ideal), one)
        assert float(np.linalg.norm(x - fixed)) <= factor * before + 1e-3 * len(x)
    # With ramps of many sizes the bound says next to nothing: that is what the own norm is for.
    assert ratio > 10
