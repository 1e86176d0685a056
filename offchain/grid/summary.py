"""What was understood of a grid: the content of ``clearwatt grid show``."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from offchain.grid.case import CaseGrid
from offchain.grid.flows import islands
from offchain.policy import DEFAULT_POLICY
from offchain.units import FLOW_FRACTION_BITS, PRICE_FRACTION_BITS

_KINDS: Final = ("warning", "changed", "merged", "dropped")


def grid_summary(case: CaseGrid, source: str) -> dict[str, Any]:
    """A grid in numbers and notes, ready for JSON.

    ``eps_wh_at_p_cap`` is eps_grid, the total optimality gap that the checker lets pass, valued
    at the default policy's P_cap: the energy at the price cap that an oracle could misplace
    inside the tolerance.

    Args:
        case: as loaded.
        source: the name or file it came from.
    """
    grid = case.grid
    n_island = int(islands(grid.n_bus, grid.line_from, grid.line_to).max()) + 1
    unit = 2.0 ** (grid.shift + FLOW_FRACTION_BITS + PRICE_FRACTION_BITS)
    holarchy = grid.holarchy
    areas = [layer for layer in holarchy.layers if layer.level > 0]
    return {
        "source": source,
        "name": grid.name,
        "hash": "0x" + grid.hash().hex(),
        "packed_bytes": len(grid.packed()),
        "buses": grid.n_bus,
        "lines": grid.n_line,
        "islands": n_island,
        "radial": grid.n_line == grid.n_bus - n_island,
        "convention": case.convention,
        "limit_rule": case.limit_rule,
        "wh_per_mw": case.wh_per_mw,
        "load_wh": float(case.load_wh.sum()),
        "generators": len(case.generators),
        "generation_wh": float(sum(generator.p_max_wh for generator in case.generators)),
        "limit_wh": _range(grid.limit_wh),
        "lines_without_own_limit": len(case.unlimited),
        "margin_wh": _range(grid.margin_wh),
        "loop_flow_wh": float(np.abs(case.loop_flow_wh).max(initial=0.0)),
        "angle_bits": grid.angle_bits,
        "susceptance_bits": [int(value).bit_length() for value in _range(grid.b)],
        "shift": grid.shift,
        "theta_box_bits": int(grid.theta_box.max()).bit_length(),
        "eps_grid": str(grid.eps_grid),
        "p_cap_ticks": DEFAULT_POLICY.p_cap_ticks,
        "eps_wh_at_p_cap": grid.eps_grid / unit / DEFAULT_POLICY.p_cap_ticks,
        "tree_depth": holarchy.depth,
        "layers": [
            {
                "name": layer.name,
                "level": layer.level,
                "buses": int(np.count_nonzero(holarchy.position >> layer.level == layer.position)),
                "import_limit_wh": layer.import_limit_wh,
            }
            for layer in areas
        ],
        "notes": {kind: [note.text for note in case.notes if note.kind == kind] for kind in _KINDS},
    }


def _range(values: np.ndarray) -> list[int]:
    """The least and the largest, or nothing."""
    return [int(values.min()), int(values.max())] if len(values) else []
