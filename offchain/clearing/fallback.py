"""The engine that stands in when Newton's method does not converge: Clarabel, an interior-point solver.

The whole program at once, in angles: no working set, no warm start, slower and very robust.
"""

from __future__ import annotations

import clarabel  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from scipy import sparse

from offchain.clearing.certificate import Ramps

FloatArray = npt.NDArray[np.float64]

_ACCURACY = 1e-10


def solve(
    ramps: Ramps,
    line_from: npt.NDArray[np.int64],
    line_to: npt.NDArray[np.int64],
    weight: FloatArray,
    capacity: FloatArray,
    n_bus: int,
) -> tuple[FloatArray, FloatArray, int]:
    """Clear approximately.

    Args:
        ramps: the orders.
        line_from: int64[m].
        line_to: int64[m].
        weight: float64[m], Wh per unit of angle; any unit.
        capacity: float64[m], Wh.
        n_bus: number of buses.

    Returns:
        Nodal prices float64[n] and line prices float64[m], in ticks, signed as the certificate has
        them, and the number of steps.
    """
    active = np.flatnonzero(ramps.q_wh > 0)
    q = ramps.q_wh[active].astype(np.float64)
    supply = ramps.supply[active]
    pa, pb = (c[active].astype(np.float64) for c in (ramps.pa_ticks, ramps.pb_ticks))
    k, m = len(active), len(weight)
    energy = max(1.0, float(np.median(q)) if k else 1.0)
    price = max(1.0, float(np.median(np.abs(pb))) if k else 1.0)
    # Energies in units of `energy`, prices in units of `price`; flows are variables of their own.
    quadratic = np.concatenate(((pb - pa) / q * energy / price, np.zeros(m + n_bus)))
    linear = np.concatenate((np.where(supply, pa, -pb) / price, np.zeros(m + n_bus)))
    lines, ones = np.arange(m), np.ones(m)
    incidence = sparse.csc_array(
        (np.concatenate((ones, -ones)), (np.concatenate((line_from, line_to)), np.tile(lines, 2))),
        shape=(n_bus, m),
    )
    at_bus = sparse.csc_array(
        (np.where(supply, 1.0, -1.0), (ramps.bus[active], np.arange(k))), shape=(n_bus, k)
    )
    relative = sparse.diags_array(weight / weight.max()) if m else sparse.csc_array((0, 0))
    eye_x, eye_f = sparse.eye_array(k), sparse.eye_array(m)
    rows = sparse.block_array(
        [
            [at_bus, -incidence, None],
            [None, eye_f, -(relative @ incidence.T)],
            [-eye_x, None, None],
            [eye_x, None, None],
            [None, eye_f, None],
            [None, -eye_f, None],
            [None, None, sparse.csc_array((1, n_bus))],
        ],
        format="csc",
    )
    limit = capacity / energy
    right = np.concatenate((np.zeros(n_bus + m), np.zeros(k), q / energy, limit, limit, np.ones(1)))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _ACCURACY
    cones = [clarabel.ZeroConeT(n_bus + m), clarabel.NonnegativeConeT(2 * k + 2 * m + 1)]
    solution = clarabel.DefaultSolver(
        sparse.diags_array(quadratic, format="csc"), linear, rows, right, cones, settings
    ).solve()
    dual = np.array(solution.z)
    pi = -dual[:n_bus] * price
    at_limits = dual[n_bus + m + 2 * k :]
    mu = (at_limits[:m] - at_limits[m : 2 * m]) * price
    return pi, mu, int(solution.iterations)
