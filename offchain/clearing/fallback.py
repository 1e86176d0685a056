"""The engine that stands in when Newton's method does not converge: Clarabel, an interior-point solver.

The whole program at once, in angles: no working set, no warm start, slower and very robust.
"""

from __future__ import annotations

import clarabel
import numpy as np
from scipy import sparse

from offchain.clearing.interior import Approximation
from offchain.clearing.network import Network
from offchain.clearing.table import Table
from offchain.units import PRICE_FRACTION_BITS

_ACCURACY = 1e-10


def solve(network: Network, table: Table) -> Approximation:
    """Clear approximately.

    Args:
        network: the grid.
        table: the orders.
    """
    active = np.flatnonzero(table.q > 0)
    q = table.q[active].astype(np.float64)
    supply = table.supply[active]
    bus = np.repeat(np.arange(network.n_bus), np.diff(table.start))[active]
    pa = np.ldexp(table.bottom[active].astype(np.float64), -PRICE_FRACTION_BITS)
    pb = pa + np.ldexp(table.width[active].astype(np.float64), -PRICE_FRACTION_BITS)
    n, k, m = network.n_bus, len(active), len(network.weight)
    # Energies in units of `energy`, prices in units of `price`; flows are variables of their own.
    energy = float(np.median(q)) if k else 1.0
    price = max(1.0, float(np.median(np.abs(pb)))) if k else 1.0
    quadratic = np.concatenate(((pb - pa) / q * energy / price, np.zeros(m + n)))
    linear = np.concatenate((np.where(supply, pa, -pb) / price, np.zeros(m + n)))
    ends = np.concatenate((network.line_from, network.line_to))
    sides = np.repeat([1.0, -1.0], m)
    incidence = sparse.csc_array((sides, (ends, np.tile(np.arange(m), 2))), shape=(n, m))
    at_bus = sparse.csc_array((np.where(supply, 1.0, -1.0), (bus, np.arange(k))), shape=(n, k))
    relative = network.weight / network.weight.max(initial=1e-300)
    across = sparse.csc_array(sparse.diags_array(relative, shape=(m, m)) @ incidence.T)
    each_order, each_line = sparse.eye_array(k), sparse.eye_array(m)
    rows = sparse.block_array(
        [
            [at_bus, -incidence, sparse.csc_array((n, n))],
            [None, each_line, -across],
            [-each_order, None, None],
            [each_order, None, None],
            [None, each_line, None],
            [None, -each_line, None],
        ],
        format="csc",
    )
    limit = network.capacity / energy
    right = np.concatenate((np.zeros(n + m + k), q / energy, limit, limit))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _ACCURACY
    cones = [clarabel.ZeroConeT(n + m), clarabel.NonnegativeConeT(2 * k + 2 * m)]
    solution = clarabel.DefaultSolver(
        sparse.diags_array(quadratic, format="csc"), linear, rows, right, cones, settings
    ).solve()
    dual, slack = np.array(solution.z), np.array(solution.s)
    at_limit, spare = dual[n + m + 2 * k :], slack[n + m + 2 * k :]
    mu = at_limit[:m] - at_limit[m:]
    return Approximation(
        pi=-dual[:n] * price,
        mu=mu * price,
        binding=np.abs(mu) > np.minimum(spare[:m], spare[m:]),
        iterations=int(solution.iterations),
    )
