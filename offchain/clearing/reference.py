"""The clearing program as a reader would write it down: a cvxpy model, for tests and comparisons.

Needs the ``dev`` or ``bench`` extra; nothing that is settled ever comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cvxpy
import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS

FloatArray = npt.NDArray[np.float64]

# cvxpy builds its functions at run time, out of sight of the type checker.
cp: Any = cvxpy

#: The solver sees energies and prices in these units, numbers around one.
_WH = 1e5
_TICKS = 1e5


@dataclass(frozen=True)
class ReferenceClearing:
    """An approximate clearing.

    Attributes:
        x_wh: float64[k], allocations.
        pi_ticks: float64[n], nodal prices.
    """

    x_wh: FloatArray
    pi_ticks: FloatArray


def clear_reference(grid: Grid, ramps: Ramps) -> ReferenceClearing:
    """Maximise welfare under balance and line limits (docs/mechanism.md, section 3).

    Args:
        grid: the grid; lines keep to ``limit - margin``.
        ramps: the orders, k rows.
    """
    q, pa, pb = ramps.q_wh / _WH, ramps.pa_ticks / _TICKS, ramps.pb_ticks / _TICKS
    sign = np.where(ramps.supply, 1.0, -1.0)
    at_bus = np.zeros((grid.n_bus, len(q)))
    at_bus[ramps.bus, np.arange(len(q))] = sign
    incidence = np.zeros((grid.n_bus, grid.n_line))
    incidence[grid.line_from, np.arange(grid.n_line)] = 1.0
    incidence[grid.line_to, np.arange(grid.n_line)] = -1.0
    susceptance = np.ldexp(grid.b.astype(np.float64), -(int(grid.shift) + FLOW_FRACTION_BITS))
    capacity = np.maximum(grid.limit_wh - grid.margin_wh, 0) / _WH

    x = cp.Variable(len(q))
    flow = cp.Variable(grid.n_line)
    angle = cp.Variable(grid.n_bus)
    half_curvature = np.where(q > 0, (pb - pa) / np.maximum(2 * q, 1 / _WH), 0.0)
    welfare = (
        -cp.sum(cp.multiply(half_curvature, cp.square(x))) + np.where(ramps.supply, -pa, pb) @ x
    )
    balance = incidence @ flow == at_bus @ x
    constraints = [
        balance,
        flow == cp.multiply(susceptance / susceptance.max(initial=1.0), incidence.T @ angle),
        cp.abs(flow) <= capacity,
        x >= 0,
        x <= q,
    ]
    problem = cp.Problem(cp.Maximize(welfare), constraints)
    accuracy = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-10)
    problem.solve(solver=cp.CLARABEL, **accuracy)
    return ReferenceClearing(np.clip(x.value, 0, q) * _WH, balance.dual_value * _TICKS)


def exact_welfare(ramps: Ramps, x_wh: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Fraction:
    """The objective of allocations in exact arithmetic, Wh ticks; a float counts as the number it is."""
    total = Fraction(0)
    rows = zip(ramps.supply, ramps.q_wh, ramps.pa_ticks, ramps.pb_ticks, x_wh, strict=True)
    for supply, q, pa, pb, value in rows:
        x = Fraction(value.item())
        if x == 0 or q == 0:
            continue
        triangle = Fraction(int(pb) - int(pa), 2 * int(q)) * x * x
        total += -int(pa) * x - triangle if supply else int(pb) * x - triangle
    return total
