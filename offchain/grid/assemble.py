"""From a network as read to a case: limits by a named rule, one linear scale, and the registered grid."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid.case import CaseGrid, Generator
from offchain.grid.flows import DcNetwork
from offchain.grid.model import build_grid
from offchain.grid.raw import RawNetwork

#: A quarter of an hour: 1 MW is 250,000 Wh per interval.
_DEFAULT_WH_PER_MW: Final = 250_000.0
#: A line with neither limit nor flow keeps this share of the nominal load.
_LEAST_LIMIT_SHARE: Final = 0.01


def assemble(
    raw: RawNetwork, *, load_wh: float | None = None, limit_rule: str = "as-given"
) -> CaseGrid:
    """Bound, scale and register a network.

    Args:
        raw: as read.
        load_wh: nominal load of the whole grid per interval; the network is scaled linearly to it. Default: a quarter
            of an hour, 250,000 Wh per MW.
        limit_rule: ``as-given`` or ``headroom-H``: every line gets max(H |base-case flow|, 1 % of the nominal load).

    Raises:
        InputError: naming the element.
    """
    n = len(raw.buses)
    load_mw = np.array([bus.load_mw for bus in raw.buses])
    nominal_mw = float(load_mw[load_mw > 0].sum())
    if load_wh is None:
        wh_per_mw = _DEFAULT_WH_PER_MW
    elif nominal_mw > 0:
        wh_per_mw = load_wh / nominal_mw
    else:
        raise InputError("load_wh: the network has no load to scale; leave load_wh out")
    start = np.array([line.start for line in raw.lines], dtype=np.int32)
    end = np.array([line.end for line in raw.lines], dtype=np.int32)
    susceptance = np.array([line.susceptance_mw for line in raw.lines]) * wh_per_mw
    base = _base_flow(raw, DcNetwork(n, start, end, susceptance)) * wh_per_mw
    factor, _, number = limit_rule.partition("-")
    if factor == "headroom":
        limit = np.maximum(
            float(number) * np.abs(base), _LEAST_LIMIT_SHARE * nominal_mw * wh_per_mw
        )
    else:
        limit = np.array([line.limit_mw for line in raw.lines]) * wh_per_mw
    grid = build_grid(
        raw.name,
        [bus.name for bus in raw.buses],
        start,
        end,
        susceptance,
        limit,
        line_names=[line.name for line in raw.lines],
        areas=_areas(raw),
    )
    generators = tuple(
        Generator(g.name, g.bus, g.p_min_mw * wh_per_mw, g.p_max_mw * wh_per_mw, *g.cost)
        for g in raw.generators
    )
    return CaseGrid(
        grid,
        raw.convention,
        limit_rule,
        wh_per_mw,
        load_mw.clip(0) * wh_per_mw,
        generators,
        base,
        raw.notes,
    )


def _base_flow(raw: RawNetwork, network: DcNetwork) -> NDArray[np.float64]:
    """Flows in MW of the network's own dispatch."""
    injection = -np.array([bus.load_mw for bus in raw.buses])
    for generator in raw.generators:
        injection[generator.bus] += generator.p_mw
    return network.flows(injection)


def _areas(raw: RawNetwork) -> list[tuple[str, ...]]:
    """Per bus its voltage level and, in it, the part that hangs together without transformers."""
    from offchain.grid.flows import islands

    within = [line for line in raw.lines if not line.transformer]
    part = islands(
        len(raw.buses),
        np.array([line.start for line in within], dtype=np.int32),
        np.array([line.end for line in within], dtype=np.int32),
    )
    return [(f"{bus.kv:g} kV", f"area {part[index]}") for index, bus in enumerate(raw.buses)]
