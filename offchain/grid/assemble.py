"""From a network as read to a case: merged, bounded by a named rule, scaled, registered."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid.case import CaseGrid, Generator
from offchain.grid.flows import DcNetwork, islands
from offchain.grid.limits import line_limits
from offchain.grid.model import build_grid
from offchain.grid.options import Options
from offchain.grid.raw import Note, RawNetwork
from offchain.grid.reduce import (
    combine_parallel_lines,
    merge_stiff_lines,
    resolve_negative_reactance,
)

#: Loop flows below this share of the largest base flow or limit are rounding noise.
_NOISE: Final = 1e-9


def assemble(raw: RawNetwork, options: Options) -> CaseGrid:
    """Make a network fit to be registered.

    Raises:
        InputError: something in it cannot be carried by the certificate; the message names the
            element and the remedy.
    """
    raw = resolve_negative_reactance(raw, options.negative_reactance)
    raw = combine_parallel_lines(merge_stiff_lines(raw))
    load_mw = np.array([bus.load_mw for bus in raw.buses], dtype=np.float64)
    wh_per_mw = options.wh_per_mw(float(load_mw.sum()))
    start = np.array([line.start for line in raw.lines], dtype=np.int32)
    end = np.array([line.end for line in raw.lines], dtype=np.int32)
    susceptance_mw = np.array([line.susceptance_mw for line in raw.lines], dtype=np.float64)
    network = DcNetwork(len(raw.buses), start, end, susceptance_mw)
    base_mw, balance_notes = _base_flow(raw, network)
    loop_mw = _loop_flow(raw, network, base_mw, options)
    limits = line_limits(raw, network.n_island, base_mw, loop_mw, options)
    grid = build_grid(
        raw.name,
        [bus.name for bus in raw.buses],
        start,
        end,
        susceptance_mw * wh_per_mw,
        limits.mw * wh_per_mw,
        line_names=[line.name for line in raw.lines],
        areas=_areas(raw),
    )
    return CaseGrid(
        grid=grid,
        convention=raw.convention,
        limit_rule=options.limit_rule,
        wh_per_mw=wh_per_mw,
        load_wh=load_mw * wh_per_mw,
        generators=tuple(
            Generator(g.name, g.bus, g.p_min_mw * wh_per_mw, g.p_max_mw * wh_per_mw, *g.cost)
            for g in raw.generators
        ),
        base_flow_wh=base_mw * wh_per_mw,
        loop_flow_wh=loop_mw * wh_per_mw,
        unlimited=limits.unlimited,
        notes=(*raw.notes, *balance_notes, *limits.notes),
    )


def _base_flow(raw: RawNetwork, network: DcNetwork) -> tuple[NDArray[np.float64], list[Note]]:
    """Flows in MW of the source's own dispatch, float64[m].

    What an island lacks or has too much (a dispatch found with losses) is made up by its slack
    generators, else by all its generators in proportion to their size. An island that has none
    stands still.
    """
    injection = -np.array([bus.load_mw for bus in raw.buses], dtype=np.float64)
    weight = np.zeros(len(raw.buses))
    slack = np.zeros(len(raw.buses))
    for generator in raw.generators:
        injection[generator.bus] += generator.p_mw
        weight[generator.bus] += max(generator.p_max_mw, 0.0)
        slack[generator.bus] += generator.slack
    notes = []
    for number in range(network.n_island):
        inside = network.island == number
        surplus = injection[inside].sum()
        share = slack[inside] if slack[inside].any() else weight[inside]
        if share.any():
            injection[inside] -= surplus * share / share.sum()
        else:
            injection[inside] = 0.0
            if len(raw.generators):
                first = raw.buses[int(np.argmax(inside))].name
                notes.append(Note("warning", f"the island of bus {first} has no generator"))
    return network.flows(injection), notes


def _loop_flow(
    raw: RawNetwork, network: DcNetwork, base_mw: NDArray[np.float64], options: Options
) -> NDArray[np.float64]:
    """What phase shifts drive round the loops with no injection at all, float64[m] in MW."""
    shift = np.array([line.shift_rad for line in raw.lines])
    if options.phase_shift == "ignore" or not shift.any():
        return np.zeros(len(raw.lines))
    driven = network.susceptance * shift
    injection = np.zeros(len(raw.buses))
    np.add.at(injection, network.line_from, driven)
    np.add.at(injection, network.line_to, -driven)
    loop: NDArray[np.float64] = network.flows(injection) - driven
    scale = max(float(np.abs(driven).max()), float(np.abs(base_mw).max(initial=0.0)))
    loop[np.abs(loop) <= _NOISE * scale] = 0.0
    if options.phase_shift == "refuse" and loop.any():
        shifter = raw.lines[int(np.argmax(np.where(shift != 0, np.abs(loop), -1.0)))]
        raise InputError(
            f"{shifter.name}: its phase shift drives a flow of its own; "
            "use phase_shift fold or ignore"
        )
    return loop


def _areas(raw: RawNetwork) -> list[tuple[str, ...]]:
    """Per bus the areas of the source; else its voltage level and, in it, the transformer area.

    A transformer area is what hangs together without transformers, named like its first bus.
    """
    within = [line for line in raw.lines if not line.transformer]
    part = islands(
        len(raw.buses),
        np.array([line.start for line in within], dtype=np.int32),
        np.array([line.end for line in within], dtype=np.int32),
    )
    _, first = np.unique(part, return_index=True)
    areas = []
    for index, bus in enumerate(raw.buses):
        level = f"{bus.kv:g} kV" if bus.kv and math.isfinite(bus.kv) else "unknown voltage"
        around = raw.buses[int(first[part[index]])]
        areas.append(bus.areas or (level, f"area of {around.name}"))
    return areas
