"""What the integer checker lets pass: how far from optimal a certified clearing can be.

For certified allocations x, prices pi and mu, and any allocations that keep every line within
``limit - margin``, weak duality bounds what the latter could be better by (our formulation):

    gap        eps_grid:  sum_n 2 Theta_n |r_n|, because no angle difference exceeds 2 Theta_n
    lines      sum_l |mu_l| margin_l:  a line with a price may be that far from full
    brackets   sum_i (w_i / 2 q_i) (1 + q_i 2^-16 / w_i)^2:  each order is within a price unit and
               1 Wh of its response

Energy "at P_cap" is Wh ticks divided by P_cap: what nobody could be owed more cheaply.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from offchain.clearing.certificate import Certificate, Ramps
from offchain.grid.model import Grid
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.units import FLOW_FRACTION_BITS, MAX_ORDER_WH, PRICE_FRACTION_BITS

_HOUSEHOLD_WH = 1_000


@dataclass(frozen=True)
class Tolerance:
    """What an oracle can gain inside the tolerance; energies in Wh per interval at P_cap.

    Attributes:
        gap_wh: from prices that are not quite stationary.
        lines_wh: from lines with a price that are not quite full.
        brackets_wh: from allocations beside their response.
    """

    gap_wh: float
    lines_wh: float
    brackets_wh: float

    @property
    def total_wh(self) -> float:
        """All of it together."""
        return self.gap_wh + self.lines_wh + self.brackets_wh

    def __str__(self) -> str:
        return (
            f"a certified clearing is within {self.total_wh:.3g} Wh of optimal at P_cap: "
            f"{self.gap_wh:.3g} gap, {self.lines_wh:.3g} lines, {self.brackets_wh:.3g} brackets"
        )


@dataclass(frozen=True)
class GridTolerance:
    """What an oracle can gain on a grid whatever the orders are; Wh per interval, prices at P_cap.

    Attributes:
        gap_wh: from prices that are not quite stationary, in all.
        lines_wh: from lines with a price that are not quite full, in all, if every line had a price of P_cap; the
            margins of all lines.
        line_wh: the largest of these.
        household_wh: how far an order of 1 kWh can be from its response.
        order_wh: how far the largest order that there can be, can be from it.
    """

    gap_wh: float
    lines_wh: int
    line_wh: int
    household_wh: float
    order_wh: float


def grid_tolerance(grid: Grid, policy: Policy = DEFAULT_POLICY) -> GridTolerance:
    """What the certificate leaves open on a grid.

    Args:
        grid: the registered grid.
        policy: P_cap and the widths of ramps.
    """
    width = min(policy.v_ticks * policy.kappa, policy.w_s_ticks)
    return GridTolerance(
        gap_wh=gap_wh(grid, policy.p_cap_ticks),
        lines_wh=int(grid.margin_wh.sum()),
        line_wh=int(grid.margin_wh.max(initial=0)),
        household_wh=bracket_wh(_HOUSEHOLD_WH, width),
        order_wh=bracket_wh(MAX_ORDER_WH, width),
    )


def gap_wh(grid: Grid, p_cap_ticks: int) -> float:
    """What eps_grid is worth: a property of the registered grid alone."""
    bits = int(grid.shift) + FLOW_FRACTION_BITS + PRICE_FRACTION_BITS
    return float(Fraction(int(grid.eps_grid), p_cap_ticks << bits))


def bracket_wh(q_wh: int, width_ticks: int) -> float:
    """How far one participant can be from its response to the committed price, Wh."""
    return float(Fraction(q_wh, width_ticks << PRICE_FRACTION_BITS) + 1)


def tolerance(grid: Grid, ramps: Ramps, certificate: Certificate, p_cap_ticks: int) -> Tolerance:
    """What a certified clearing leaves open.

    Args:
        grid: the registered grid.
        ramps: the orders.
        certificate: one that the checker accepts.
        p_cap_ticks: where the ramps of demand begin.
    """
    lines = sum(abs(mu) * int(grid.margin_wh[line]) for line, mu in certificate.mu)
    brackets = 0.0
    widths = (ramps.pb_ticks - ramps.pa_ticks).tolist()
    for q, width in zip(ramps.q_wh.tolist(), widths, strict=True):
        if q > 0:
            brackets += width / (2 * q) * bracket_wh(q, width) ** 2
    return Tolerance(
        gap_wh=gap_wh(grid, p_cap_ticks),
        lines_wh=lines / (p_cap_ticks << PRICE_FRACTION_BITS),
        brackets_wh=brackets / p_cap_ticks,
    )
