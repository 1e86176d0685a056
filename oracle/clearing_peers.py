"""The tools that the clearing program is measured against, each used as its own documents advise."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]

_WH = 1e6
_TICKS = 1e5


class CvxpyPeer:
    """cvxpy with parameters (DPP), angles as variables, Clarabel: compiled once, solved often.

    Args:
        grid: the grid.
        ramps: orders whose buses and sides stay the same in every interval.
    """

    name = "cvxpy DPP, Clarabel"

    def __init__(self, grid: Grid, ramps: Ramps) -> None:
        import cvxpy

        cp: Any = cvxpy
        k = len(ramps)
        sign = np.where(ramps.supply, 1.0, -1.0)
        at_bus = np.zeros((grid.n_bus, k))
        at_bus[ramps.bus, np.arange(k)] = sign
        incidence = _incidence(grid)
        weight = _weight(grid)
        self._q, self._linear = cp.Parameter(k, nonneg=True), cp.Parameter(k)
        self._root = cp.Parameter(k, nonneg=True)
        self._x, angle = cp.Variable(k), cp.Variable(grid.n_bus)
        flow = cp.multiply(weight / weight.max(), incidence.T @ angle)
        limit = (grid.limit_wh - grid.margin_wh) / _WH
        self._problem = cp.Problem(
            cp.Maximize(self._linear @ self._x - cp.sum_squares(cp.multiply(self._root, self._x))),
            [
                at_bus @ self._x == incidence @ flow,
                flow <= limit,
                flow >= -limit,
                self._x >= 0,
                self._x <= self._q,
            ],
        )
        self._solver = cp.CLARABEL

    def clear(self, ramps: Ramps) -> FloatArray:
        """Allocations float64[k] in Wh."""
        q = np.maximum(ramps.q_wh, 1) / _WH
        pa, pb = ramps.pa_ticks / _TICKS, ramps.pb_ticks / _TICKS
        self._q.value = q
        self._linear.value = np.where(ramps.supply, -pa, pb)
        self._root.value = np.sqrt((pb - pa) / (2 * q))
        self._problem.solve(solver=self._solver, warm_start=True)
        x: FloatArray = self._x.value * _WH
        return x


class PandapowerPeer:
    """pandapower's DC optimal power flow; one controllable load or generator per order.

    Args:
        grid: the grid; 1 MWh per interval becomes 1 MW.
        ramps: orders whose buses and sides stay the same in every interval.
    """

    name = "pandapower rundcopp"

    def __init__(self, grid: Grid, ramps: Ramps) -> None:
        with quiet():
            import pandapower as pp

            net = pp.create_empty_network(sn_mva=1.0)
            pp.create_buses(net, grid.n_bus, vn_kv=1.0)
            pp.create_ext_grid(net, 0, min_p_mw=0.0, max_p_mw=0.0)
            weight = _weight(grid) / _WH
            scale = 1.0 / weight.max()  # only ratios count
            limit = (grid.limit_wh - grid.margin_wh) / _WH
            pp.create_lines_from_parameters(
                net,
                grid.line_from,
                grid.line_to,
                length_km=1.0,
                r_ohm_per_km=0.0,
                x_ohm_per_km=1.0 / (weight * scale) / max(1.0, float(limit.max())) / 10,
                c_nf_per_km=0.0,
                max_i_ka=limit / np.sqrt(3.0),
                max_loading_percent=100.0,
            )
            for bus in ramps.bus.tolist():
                # Demand is generation below zero: one table and one kind of cost for both sides.
                pp.create_sgen(net, bus, 0.0, controllable=True, min_p_mw=0.0, max_p_mw=0.0)
                pp.create_poly_cost(
                    net, len(net.sgen) - 1, "sgen", cp1_eur_per_mw=0.0, cp2_eur_per_mw2=0.0
                )
        self._net, self._pp = net, pp

    def clear(self, ramps: Ramps) -> FloatArray:
        """Allocations float64[k] in Wh."""
        sign = np.where(ramps.supply, 1.0, -1.0)
        q = ramps.q_wh / _WH
        pa, pb = ramps.pa_ticks / _TICKS, ramps.pb_ticks / _TICKS
        self._net.sgen["max_p_mw"] = np.where(ramps.supply, q, 0.0)
        self._net.sgen["min_p_mw"] = np.where(ramps.supply, 0.0, -q)
        self._net.poly_cost["cp1_eur_per_mw"] = np.where(ramps.supply, pa, pb)
        self._net.poly_cost["cp2_eur_per_mw2"] = (pb - pa) / (2 * np.maximum(q, 1 / _WH))
        with quiet():
            self._pp.rundcopp(self._net)
        x: FloatArray = sign * self._net.res_sgen.p_mw.to_numpy() * _WH
        return x


class PypsaPeer:
    """PyPSA's linear optimal power flow with HiGHS, the network kept between intervals.

    It sees straight costs, the middle of each ramp: less work than the ramps.

    Args:
        grid: the grid; 1 MWh per interval becomes 1 MW.
        ramps: orders whose buses and sides stay the same in every interval.
    """

    name = "PyPSA optimize"

    def __init__(self, grid: Grid, ramps: Ramps) -> None:
        with quiet():
            import pypsa

            net = pypsa.Network()
            net.add("Bus", [f"bus {i}" for i in range(grid.n_bus)], v_nom=1.0)
            weight = _weight(grid)
            net.add(
                "Line",
                [f"line {i}" for i in range(grid.n_line)],
                bus0=[f"bus {i}" for i in grid.line_from],
                bus1=[f"bus {i}" for i in grid.line_to],
                x=weight.max() / weight,
                s_nom=(grid.limit_wh - grid.margin_wh) / _WH,
            )
            net.add(
                "Generator",
                [f"order {i}" for i in range(len(ramps))],
                bus=[f"bus {i}" for i in ramps.bus],
                sign=np.where(ramps.supply, 1.0, -1.0),
            )
        self._net = net

    def clear(self, ramps: Ramps) -> FloatArray:
        """Allocations float64[k] in Wh."""
        middle = (ramps.pa_ticks + ramps.pb_ticks) / 2 / _TICKS
        self._net.generators["p_nom"] = ramps.q_wh / _WH
        self._net.generators["marginal_cost"] = np.where(ramps.supply, middle, -middle)
        with quiet():
            self._net.optimize(solver_name="highs", output_flag=False)
        x: FloatArray = self._net.generators_t.p.to_numpy()[0] * _WH
        return x


PEERS: tuple[type[CvxpyPeer | PandapowerPeer | PypsaPeer], ...] = (
    CvxpyPeer,
    PandapowerPeer,
    PypsaPeer,
)


def per_bus(grid: Grid, ramps: Ramps) -> Ramps:
    """One order per bus and side: quantities added up, ramps averaged by quantity.

    The tables of pandapower and PyPSA are not made for thousands of orders; this is less work.
    """
    group = 2 * ramps.bus.astype(np.int64) + ramps.supply
    q = np.bincount(group, ramps.q_wh, 2 * grid.n_bus)
    used = np.flatnonzero(q)
    mean = [
        np.bincount(group, ramps.q_wh * column, 2 * grid.n_bus)[used] / q[used]
        for column in (ramps.pa_ticks, ramps.pb_ticks)
    ]
    pa, pb = (np.rint(column).astype(np.int64) for column in mean)
    return Ramps((used // 2).astype(np.int32), used % 2 == 1, q[used].astype(np.int64), pa, pb)


def seconds_per_interval(
    peer: type[CvxpyPeer | PandapowerPeer | PypsaPeer], grid: Grid, intervals: list[Ramps]
) -> list[float]:
    """Seconds of every interval but the first, which builds and compiles."""
    tool = peer(grid, intervals[0])
    tool.clear(intervals[0])
    spent = []
    for ramps in intervals[1:]:
        begun = time.process_time()
        tool.clear(ramps)
        spent.append(time.process_time() - begun)
    return spent


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the tools' own remarks from the reader."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _incidence(grid: Grid) -> FloatArray:
    out = np.zeros((grid.n_bus, grid.n_line))
    out[grid.line_from, np.arange(grid.n_line)] = 1.0
    out[grid.line_to, np.arange(grid.n_line)] = -1.0
    return out


def _weight(grid: Grid) -> FloatArray:
    return np.ldexp(grid.b.astype(np.float64), -(int(grid.shift) + FLOW_FRACTION_BITS))
