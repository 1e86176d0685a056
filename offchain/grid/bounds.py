"""What the integers of a registered grid imply: angle boxes and the price tolerance. Integers only.

Ranges. Every function here takes a susceptance 1 <= b < 2^53 and a limit < 2^40 Wh, and keeps each
angle box below 2^62, so that boxes, and sums of two, are int64. In the checker (docs/mechanism.md,
section 4) angles and prices are any int64: an angle difference is below 2^64, a price combination
pi_from - pi_to + mu below 2^65. Times b < 2^53 and summed over fewer than 2^16 lines that gives
|r_n| < 2^134; times 2 Theta_n < 2^63 and summed over fewer than 2^16 buses, below 2^213. Everything
fits in int256.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.units import FLOW_FRACTION_BITS

#: Susceptances are exact in float64, so the solver works on the very numbers that are registered.
MAX_SUSCEPTANCE: Final = (1 << 53) - 1
#: About a terawatt-hour per interval on one line.
MAX_LIMIT_WH: Final = (1 << 40) - 1
MAX_ANGLE: Final = (1 << 62) - 1
#: 2^16 - 1 elements at most: both counts are u16 in the packed grid.
MAX_COUNT: Final = (1 << 16) - 1

#: What a nodal balance may miss, in 2^-8 Wh (docs/mechanism.md, section 4, rule 1).
NODAL_TOLERANCE: Final = 64
#: The part of it that rounding every angle to its unit may use up.
ANGLE_ROUNDING_SHARE: Final = 16
#: Price roundings per line that an honest certificate may show: both prices and mu, doubled.
PRICE_ROUNDINGS: Final = 3


def line_angle(b: int, limit_wh: int, shift: int) -> int:
    """The largest angle difference across a line whose flow keeps within its limit, rounded up.

    ``(b d) >> shift <= 256 limit`` means ``b d < (256 limit + 1) 2^shift``.
    """
    return -(-(((limit_wh << FLOW_FRACTION_BITS) + 1) << shift) // b)


def line_angles(
    b: NDArray[np.int64], limit_wh: NDArray[np.int64], shift: int, line_names: tuple[str, ...]
) -> NDArray[np.int64]:
    """`line_angle` of every line, int64[m].

    Raises:
        InputError: a line's angle difference could exceed ``MAX_ANGLE``.
    """
    angles = [
        line_angle(b_l, limit, shift)
        for b_l, limit in zip(b.tolist(), limit_wh.tolist(), strict=True)
    ]
    for line, angle in enumerate(angles):
        if angle > MAX_ANGLE:
            raise InputError(
                f"{line_names[line]}: its limit of {int(limit_wh[line])} Wh is too large for its "
                "susceptance; lower the limit or merge its buses"
            )
    return np.array(angles, dtype=np.int64)


def relax(
    box: NDArray[np.int64],
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    angles: NDArray[np.int64],
) -> NDArray[np.int64]:
    """One round of shortest paths: each bus keeps its box or takes a neighbour's plus the line's.

    ``box`` and ``angles`` are at most ``MAX_ANGLE``, so the sums stay below 2^63.
    """
    reached = box.copy()
    np.minimum.at(reached, line_to, box[line_from] + angles)
    np.minimum.at(reached, line_from, box[line_to] + angles)
    return reached


def price_tolerance(
    theta_box: NDArray[np.int64],
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    b: NDArray[np.int64],
) -> int:
    """``eps_grid = sum_n 2 Theta_n 3 sum_{l at n} B_l``: the most that price rounding can leave."""
    at_bus = [0] * len(theta_box)
    for a, z, b_l in zip(line_from.tolist(), line_to.tolist(), b.tolist(), strict=True):
        at_bus[a] += b_l
        at_bus[z] += b_l
    return sum(
        2 * theta * PRICE_ROUNDINGS * total
        for theta, total in zip(theta_box.tolist(), at_bus, strict=True)
    )
