"""How much load a coalition could serve at most, shown by prices alone (docs/shapley.md, section 6).

For any nodal prices and line prices, whoever chose them, no feasible allocation serves more than
the bound: with the value of a served Wh as the unit of price, a consumer saves at most what its
price is below the unit, a supplier earns at most its price, a line at most its own; what the prices
fail to balance is multiplied by the largest angles. So a coalition value that a committed clearing
reaches from below, and a bound from the same clearing's certificate from above, is known to the
difference between them. Integers only; no solver is asked.

Source: weak duality of linear programming; our formulation in the integers of the certificate
(docs/mechanism.md, section 4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offchain.clearing.certificate import Certificate
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS


def served_bound_wh(
    grid: Grid,
    demand_wh: NDArray[np.int64],
    supply_wh: NDArray[np.int64],
    certificate: Certificate,
) -> int:
    """The most load that can be served in exact balance with every line within limit - margin.

    Any positive unit, the price at which a served Wh counts, gives a bound; the least one lies at a
    nodal price.

    Args:
        grid: the registered grid.
        demand_wh: int64[n], load of each bus.
        supply_wh: int64[n], energy on offer at each bus.
        certificate: any prices; those of a clearing make the bound tight.

    Returns:
        Wh, rounded down because allocations are whole; never more than the demand.
    """
    prices = certificate.pi
    line_price = dict(certificate.mu)
    unbalanced = [0] * grid.n_bus
    earned = sum(supply * max(0, pi) for supply, pi in zip(supply_wh.tolist(), prices, strict=True))
    for line, (start, end, b) in enumerate(
        zip(grid.line_from.tolist(), grid.line_to.tolist(), grid.b.tolist(), strict=True)
    ):
        mu = line_price.get(line, 0)
        earned += max(0, int(grid.limit_wh[line]) - int(grid.margin_wh[line])) * abs(mu)
        rest = b * (prices[start] - prices[end] + mu)
        unbalanced[start] += rest
        unbalanced[end] -= rest
    left = sum(
        box * abs(rest) for box, rest in zip(grid.theta_box.tolist(), unbalanced, strict=True)
    )
    earned -= -left >> (grid.shift + FLOW_FRACTION_BITS)  # rounded up
    demands = demand_wh.tolist()
    bounds = [sum(demands)]
    for unit in sorted({pi for pi in prices if pi > 0}):
        saved = sum(demand * max(0, unit - pi) for demand, pi in zip(demands, prices, strict=True))
        bounds.append((saved + earned) // unit)
    return int(min(bounds))
