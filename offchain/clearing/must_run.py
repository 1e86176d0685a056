"""Supply that cannot be turned down: cleared first, or refused with the bus and the line named.

Orders of a market can always be refused, so a clearing always exists. Studies of physical systems
know generators with a least output; here they are offered below every other price.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing, ClearingError
from offchain.units import MAX_TICKS

_WIDTH_TICKS = 1_024


def clear_with_must_run(
    clearer: Clearer, ramps: Ramps, must_run: npt.NDArray[np.bool_]
) -> Clearing:
    """Clear with some supply dispatched in full.

    Args:
        clearer: of the grid.
        ramps: the orders, k rows.
        must_run: bool[k], supplies that have to run; their ramps are replaced by the lowest there is.

    Returns:
        The clearing; its brackets hold for the replaced ramps.

    Raises:
        ClearingError: it does not fit; the message names the bus, and the line that is full.
    """
    pa = np.where(must_run, -MAX_TICKS, ramps.pa_ticks)
    pb = np.where(must_run, -MAX_TICKS + _WIDTH_TICKS, ramps.pb_ticks)
    clearing = clearer.clear(replace(ramps, pa_ticks=pa, pb_ticks=pb))
    missing = np.where(must_run, ramps.q_wh - clearing.x_wh, 0)
    # Rounding may take a Wh.
    if missing.max(initial=0) <= 1:
        return clearing
    row = int(missing.argmax())
    bus = int(ramps.bus[row])
    grid = clearer.grid
    reason = "there is not so much demand"
    if clearing.certificate.mu:
        mu = np.array([price for _, price in clearing.certificate.mu], dtype=np.float64)
        towards = mu[:, None] * clearer.distribution_factors(clearing.report.binding_lines)
        # What a line's price would save if the energy were fed in at the best bus instead.
        saved = towards[:, bus] - towards.min(axis=1)
        if saved.max() > 0:
            line = clearing.report.binding_lines[int(saved.argmax())]
            reason = f"line {grid.line_names[line]} is full"
    raise ClearingError(
        f"must-run supply at bus {grid.bus_names[bus]}: only {int(clearing.x_wh[row])} of "
        f"{int(ramps.q_wh[row])} Wh fits, because {reason}; let it run less"
    )
