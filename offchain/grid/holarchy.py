"""The holarchy of a grid: nodes inside areas inside levels inside the system.

Every layer is one aligned subtree of the allocation tree (docs/protocol.md, section 3), so one path
from a participant to the root carries the sums of all layers above it. Buses get *positions* in
that tree; blocks of a power of two are placed largest first, which keeps every block aligned and
leaves no hole between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError

#: Positions are u16 in the packed grid.
MAX_DEPTH: Final = 16


@dataclass(frozen=True)
class Layer:
    """One layer: the subtree of height ``level`` whose leaves start at ``position << level``.

    ``import_limit_wh`` is the sum of the limits of the lines that cross its boundary; the system
    imports nothing.
    """

    name: str
    level: int
    position: int
    import_limit_wh: int


@dataclass(frozen=True, eq=False)
class Holarchy:
    """Positions of the buses, int32[n], in a tree of ``depth``, and the layers.

    The system comes first, areas follow depth first, one node layer per bus comes last.
    """

    depth: int
    position: NDArray[np.int32]
    layers: tuple[Layer, ...]


@dataclass
class _Area:
    """A group of buses on its way to a block of the tree."""

    name: str
    buses: list[int] = field(default_factory=list)
    children: list[_Area] = field(default_factory=list)
    height: int = 0

    @property
    def size(self) -> int:
        return 1 << self.height


def derive_holarchy(
    areas: Sequence[Sequence[str]],
    bus_names: Sequence[str],
    line_from: NDArray[np.int32],
    line_to: NDArray[np.int32],
    limit_wh: NDArray[np.int64],
) -> Holarchy:
    """Lay the buses out as nested aligned blocks and sum the limits that cross each boundary.

    An area that holds all the buses of its parent, or a single bus, says nothing new and is left
    out.

    Args:
        areas: per bus the names of its areas, outermost first (none: it lies in the system).
        bus_names: names, for the node layers.
        line_from: int32[m], bus indices.
        line_to: int32[m], bus indices.
        limit_wh: int64[m], limits of the lines.

    Raises:
        InputError: the tree would be deeper than ``MAX_DEPTH``.

    Source: our formulation.
    """
    root = _group("system", list(range(len(bus_names))), [tuple(path) for path in areas], 0)
    _measure(root)
    if root.height > MAX_DEPTH:
        raise InputError(
            f"areas: {len(bus_names)} buses in these areas need a tree of depth {root.height}, "
            f"above {MAX_DEPTH}; name fewer or larger areas"
        )
    position = np.zeros(len(bus_names), dtype=np.int32)
    layers: list[Layer] = []
    crossing = Crossing(line_from, line_to, limit_wh, len(bus_names))
    _place(root, 0, position, layers, crossing)
    # A single bus is the system.
    at_bus = crossing.at_buses() if root.height else []
    layers.extend(
        Layer(name, 0, int(place), limit)
        for name, place, limit in zip(bus_names, position, at_bus, strict=False)
    )
    position.setflags(write=False)
    return Holarchy(root.height, position, tuple(layers))


class Crossing:
    """Sums of line limits over boundaries."""

    def __init__(
        self,
        line_from: NDArray[np.int32],
        line_to: NDArray[np.int32],
        limit_wh: NDArray[np.int64],
        n_bus: int,
    ) -> None:
        self._from, self._to, self._limit, self._n = line_from, line_to, limit_wh, n_bus

    def of(self, buses: list[int]) -> int:
        """What crosses the boundary of a set of buses, Wh."""
        inside = np.zeros(self._n, dtype=bool)
        inside[buses] = True
        crosses = inside[self._from] != inside[self._to]
        # Fewer than 2^16 limits below 2^40 each: no sum leaves int64.
        return int(self._limit[crosses].sum())

    def at_buses(self) -> list[int]:
        """What crosses the boundary of each bus, Wh."""
        total = [0] * self._n
        for a, b, limit in zip(
            self._from.tolist(), self._to.tolist(), self._limit.tolist(), strict=True
        ):
            total[a] += limit
            total[b] += limit
        return total


def _group(name: str, buses: list[int], paths: list[tuple[str, ...]], level: int) -> _Area:
    """Split buses by the name of their area at ``level``; skip levels that split nothing."""
    area = _Area(name)
    groups: dict[str | None, list[int]] = {}
    for bus in buses:
        key = paths[bus][level] if level < len(paths[bus]) else None
        groups.setdefault(key, []).append(bus)
    area.buses = groups.pop(None, [])
    if not area.buses and len(groups) == 1:
        return _group(name, buses, paths, level + 1)
    for key, members in groups.items():
        if key is None or len(members) == 1:
            area.buses.extend(members)
        else:
            area.children.append(_group(key, members, paths, level + 1))
    area.buses.sort()
    return area


def _measure(area: _Area) -> None:
    for child in area.children:
        _measure(child)
    leaves = len(area.buses) + sum(child.size for child in area.children)
    area.height = max(leaves - 1, 0).bit_length()


def _place(
    area: _Area,
    start: int,
    position: NDArray[np.int32],
    layers: list[Layer],
    crossing: Crossing,
) -> list[int]:
    """Give the area's buses positions from ``start`` on, append its layers, return the buses."""
    slot = len(layers)
    inside: list[int] = []
    cursor = start
    for child in sorted(area.children, key=lambda child: -child.height):
        inside.extend(_place(child, cursor, position, layers, crossing))
        cursor += child.size
    for bus in area.buses:
        position[bus] = cursor
        inside.append(bus)
        cursor += 1
    layers.insert(slot, Layer(area.name, area.height, start >> area.height, crossing.of(inside)))
    return inside
