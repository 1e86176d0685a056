"""Steps between a network as read and one that can be registered, each exact or noted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

from offchain.errors import InputError
from offchain.grid.options import NegativeReactance
from offchain.grid.raw import Note, RawBus, RawLine, RawNetwork

#: A branch this many times stronger than the median one counts as no impedance at all: its angle
#: difference could not be told from rounding.
STIFF: Final = 1e6


def resolve_negative_reactance(raw: RawNetwork, choice: NegativeReactance) -> RawNetwork:
    """Remove negative reactances: exactly in series with the next branch, else as a short circuit.

    They come from three-winding transformers drawn as stars. A bus between two branches where
    nobody feeds or consumes can go, its branches becoming one, and nothing else changes. Elsewhere
    the two ends are made one bus, which on the cases tried moves flows half as much as taking the
    reactance's size would.

    Raises:
        InputError: ``refuse`` and there is one.
    """
    if choice == "refuse":
        for line in raw.lines:
            if line.susceptance_mw < 0:
                raise InputError(
                    f"{line.name}: its reactance is negative; correct it, or let its ends be "
                    "merged with negative_reactance=merge"
                )
    if all(line.susceptance_mw >= 0 for line in raw.lines):
        return raw
    raw = _absorb_in_series(raw)
    return replace(
        raw,
        lines=tuple(
            replace(line, susceptance_mw=math.inf, shift_rad=0.0)
            if line.susceptance_mw < 0
            else line
            for line in raw.lines
        ),
        notes=(
            *raw.notes,
            *(
                Note("changed", f"{line.name}: negative reactance taken as none")
                for line in raw.lines
                if line.susceptance_mw < 0
            ),
        ),
    )


def _absorb_in_series(raw: RawNetwork) -> RawNetwork:
    """Join negative branches with the one they are in series with, where that is exact."""
    lines: dict[int, RawLine] = dict(enumerate(raw.lines))
    at_bus: list[set[int]] = [set() for _ in raw.buses]
    for number, line in lines.items():
        at_bus[line.start].add(number)
        at_bus[line.end].add(number)
    busy = {generator.bus for generator in raw.generators}
    busy.update(index for index, bus in enumerate(raw.buses) if bus.load_mw)
    gone: set[int] = set()
    notes = []
    waiting = [number for number, line in lines.items() if line.susceptance_mw < 0]
    while waiting:
        number = waiting.pop()
        line = lines[number]
        for middle, far in ((line.start, line.end), (line.end, line.start)):
            if middle in busy or len(at_bus[middle]) != 2:
                continue
            (other,) = at_bus[middle] - {number}
            joined = _in_series(lines[other], line, middle)
            if joined is None:
                continue
            text = f"{joined.name}: in series, bus {raw.buses[middle].name} between them is gone"
            notes.append(Note("merged", text))
            lines[other] = joined
            del lines[number]
            gone.add(middle)
            at_bus[middle].clear()
            at_bus[far].remove(number)
            at_bus[far].add(other)
            # Two negative branches in series, or a stronger negative one, go on to the next.
            waiting = [n for n in waiting if n != other]
            if joined.susceptance_mw < 0:
                waiting.append(other)
            break
    keep = [index for index in range(len(raw.buses)) if index not in gone]
    place = {index: position for position, index in enumerate(keep)}
    return replace(
        raw,
        buses=tuple(raw.buses[index] for index in keep),
        lines=tuple(
            replace(line, start=place[line.start], end=place[line.end]) for line in lines.values()
        ),
        generators=tuple(replace(g, bus=place[g.bus]) for g in raw.generators),
        notes=(*raw.notes, *notes),
    )


def _in_series(one: RawLine, other: RawLine, middle: int) -> RawLine | None:
    """Both branches as one in the direction of the first; None where they only form a loop."""
    near = one.start if one.end == middle else one.end
    far = other.start if other.end == middle else other.end
    if near == far:
        return None
    reactance = 1 / one.susceptance_mw + 1 / other.susceptance_mw
    forward = one.end == middle
    same = forward == (other.start == middle)
    return RawLine(
        f"{one.name} + {other.name}",
        near if forward else far,
        far if forward else near,
        1 / reactance if reactance else math.inf,
        one.shift_rad + (other.shift_rad if same else -other.shift_rad),
        min(one.limit_mw, other.limit_mw),
        one.transformer or other.transformer,
    )


def merge_stiff_lines(raw: RawNetwork) -> RawNetwork:
    """Make one bus of the two ends of every branch without impedance, and drop what it shorts.

    Raises:
        InputError: such a branch shifts the phase.
    """
    finite = [line.susceptance_mw for line in raw.lines if math.isfinite(line.susceptance_mw)]
    most = STIFF * median(finite) if finite else math.inf
    stiff = [
        line for line in raw.lines if line.susceptance_mw > most or math.isinf(line.susceptance_mw)
    ]
    if not stiff:
        return _without_loops(raw, set())
    for line in stiff:
        if line.shift_rad:
            raise InputError(
                f"{line.name}: shifts the phase without impedance; give it a reactance"
            )
    group = Groups(len(raw.buses))
    for line in stiff:
        group.join(line.start, line.end)
    notes = []
    for line in stiff:
        if line.start != line.end:
            ends = f"{raw.buses[line.start].name} and {raw.buses[line.end].name}"
            text = f"{line.name}: no reactance to speak of, {ends} are one bus"
            if math.isfinite(line.limit_mw):
                text += f"; its limit of {line.limit_mw:g} MW is lost"
            notes.append(Note("merged", text))
    joined = join_buses(replace(raw, notes=(*raw.notes, *notes)), group)
    return _without_loops(joined, {line.name for line in stiff})


def join_buses(raw: RawNetwork, group: Groups) -> RawNetwork:
    """One bus per group, named like its first; loads add up."""
    number: dict[int, int] = {}
    buses: list[RawBus] = []
    target = []
    for index, bus in enumerate(raw.buses):
        root = group.root(index)
        if root not in number:
            number[root] = len(buses)
            buses.append(bus)
        else:
            kept = buses[number[root]]
            buses[number[root]] = replace(kept, load_mw=kept.load_mw + bus.load_mw)
        target.append(number[root])
    return replace(
        raw,
        buses=tuple(buses),
        lines=tuple(
            replace(line, start=target[line.start], end=target[line.end]) for line in raw.lines
        ),
        generators=tuple(replace(g, bus=target[g.bus]) for g in raw.generators),
    )


def _without_loops(raw: RawNetwork, silent: set[str]) -> RawNetwork:
    """Drop branches whose ends are one bus, with a note unless ``silent``."""
    notes = [
        Note("dropped", f"{line.name}: both ends are bus {raw.buses[line.start].name}")
        for line in raw.lines
        if line.start == line.end and line.name not in silent
    ]
    return replace(
        raw,
        lines=tuple(line for line in raw.lines if line.start != line.end),
        notes=(*raw.notes, *notes),
    )


def combine_parallel_lines(raw: RawNetwork) -> RawNetwork:
    """Combine parallel branches, exactly, where that makes the network a tree.

    Parallel branches without phase shift share a flow in proportion to their susceptances, so the
    first to reach its limit bounds them all. A meshed network keeps them apart.
    """
    bundles: dict[tuple[int, int], list[RawLine]] = {}
    for line in raw.lines:
        bundles.setdefault((min(line.start, line.end), max(line.start, line.end)), []).append(line)
    if len(bundles) == len(raw.lines) or not is_forest(len(raw.buses), bundles):
        return raw
    lines: list[RawLine] = []
    notes: list[Note] = []
    for bundle in bundles.values():
        first = bundle[0]
        shifts = {
            line.shift_rad if line.start == first.start else -line.shift_rad for line in bundle
        }
        if len(shifts) > 1:
            return raw
        if len(bundle) > 1:
            total = sum(line.susceptance_mw for line in bundle)
            limit = min(total * line.limit_mw / line.susceptance_mw for line in bundle)
            first = replace(
                first,
                name=" + ".join(line.name for line in bundle),
                susceptance_mw=total,
                limit_mw=limit,
            )
            notes.append(
                Note("merged", f"{first.name}: parallel, combined to make the network a tree")
            )
        lines.append(first)
    return replace(raw, lines=tuple(lines), notes=(*raw.notes, *notes))


def is_forest(n_bus: int, edges: Iterable[tuple[int, int]]) -> bool:
    """Whether no two edges lead to the same bus in two ways."""
    group = Groups(n_bus)
    return all(group.join(start, end) for start, end in edges)


class Groups:
    """Sets of buses that became one; the lowest bus stands for its set."""

    def __init__(self, n_bus: int) -> None:
        self._parent = list(range(n_bus))

    def root(self, bus: int) -> int:
        """The lowest bus of the set."""
        path = [bus]
        while self._parent[path[-1]] != path[-1]:
            path.append(self._parent[path[-1]])
        for below, _ in pairwise(path):
            self._parent[below] = path[-1]
        return path[-1]

    def join(self, one: int, other: int) -> bool:
        """Make one set of two; False if they already were one."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
        return low != high
