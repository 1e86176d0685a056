"""Everything that must hold of a registered grid, in integers, built or unpacked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid import bounds
from offchain.grid.holarchy import MAX_DEPTH, Crossing, Layer

if TYPE_CHECKING:
    from offchain.grid.registered import Grid

_MAX_SHIFT: Final = 255
_LEAST_MARGIN_WH: Final = 2


def check(grid: Grid) -> None:
    """Refuse a grid whose integers are out of range or do not agree with each other.

    Raises:
        InputError: naming the field and the element.
    """
    _check_shapes(grid)
    check_lines(grid.n_bus, grid.line_from, grid.line_to, grid.line_names)
    _check_ranges(grid)
    _check_rounding(grid)
    _check_boxes(grid)
    _check_positions(grid)
    _check_layers(grid)


def check_lines(
    n_bus: int, line_from: NDArray[np.int32], line_to: NDArray[np.int32], names: tuple[str, ...]
) -> None:
    """Refuse counts and line ends that no grid can have.

    Raises:
        InputError: too few or many elements, an end that is no bus, or both ends at one bus.
    """
    if not 1 <= n_bus <= bounds.MAX_COUNT:
        raise InputError(
            f"buses: {n_bus} is not in 1 ... {bounds.MAX_COUNT}; register a part of the grid"
        )
    if len(line_from) > bounds.MAX_COUNT:
        raise InputError(
            f"lines: {len(line_from)} is above {bounds.MAX_COUNT}; register a part of the grid"
        )
    if not len(line_from) == len(line_to) == len(names):
        raise InputError("lines: ends and names differ in number; give one of each per line")
    for line, (start, end) in enumerate(zip(line_from.tolist(), line_to.tolist(), strict=True)):
        if not (0 <= start < n_bus and 0 <= end < n_bus):
            raise InputError(
                f"{names[line]}: ends at a bus that is not there; buses are 0 ... {n_bus - 1}"
            )
        if start == end:
            raise InputError(f"{names[line]}: both ends are at one bus; leave it out")


def _check_shapes(grid: Grid) -> None:
    if len(set(grid.bus_names)) != grid.n_bus:
        twice = Counter(grid.bus_names).most_common(1)[0][0]
        raise InputError(f"bus {twice}: the name is used twice; give every bus its own")
    for field, array, dtype, length in (
        ("line_from", grid.line_from, np.int32, grid.n_line),
        ("line_to", grid.line_to, np.int32, grid.n_line),
        ("b", grid.b, np.int64, grid.n_line),
        ("limit_wh", grid.limit_wh, np.int64, grid.n_line),
        ("margin_wh", grid.margin_wh, np.int64, grid.n_line),
        ("theta_box", grid.theta_box, np.int64, grid.n_bus),
        ("position", grid.holarchy.position, np.int32, grid.n_bus),
    ):
        if array.dtype != dtype or array.shape != (length,):
            raise InputError(f"{field}: must be {np.dtype(dtype)}[{length}]")


def _check_ranges(grid: Grid) -> None:
    if not 0 <= grid.shift <= _MAX_SHIFT:
        raise InputError(f"shift: {grid.shift} is not in 0 ... {_MAX_SHIFT}")
    for line, (b, limit, margin) in enumerate(
        zip(grid.b.tolist(), grid.limit_wh.tolist(), grid.margin_wh.tolist(), strict=True)
    ):
        name = grid.line_names[line]
        if not 1 <= b <= bounds.MAX_SUSCEPTANCE:
            raise InputError(f"{name}: b {b} is not in 1 ... {bounds.MAX_SUSCEPTANCE}")
        if not 0 <= limit <= bounds.MAX_LIMIT_WH:
            raise InputError(f"{name}: limit {limit} Wh is not in 0 ... {bounds.MAX_LIMIT_WH}")
        if not _LEAST_MARGIN_WH <= margin < limit:
            raise InputError(
                f"{name}: its limit of {limit} Wh leaves no room for the rounding margin of "
                f"{margin} Wh; scale the grid up, raise the limit, or take the line out"
            )


def _check_rounding(grid: Grid) -> None:
    """An honest certificate must pass rule 1: rounding angles and flooring flows costs that much."""
    total = [0] * grid.n_bus
    leaving, entering = [0] * grid.n_bus, [0] * grid.n_bus
    for start, end, b in zip(
        grid.line_from.tolist(), grid.line_to.tolist(), grid.b.tolist(), strict=True
    ):
        total[start] += b
        total[end] += b
        leaving[start] += 1
        entering[end] += 1
    for bus, name in enumerate(grid.bus_names):
        if total[bus] > bounds.ANGLE_ROUNDING_SHARE << grid.shift:
            raise InputError(f"shift: {grid.shift} is too small for the lines at bus {name}")
        if bounds.ANGLE_ROUNDING_SHARE + max(leaving[bus], entering[bus]) > bounds.NODAL_TOLERANCE:
            most = bounds.NODAL_TOLERANCE - bounds.ANGLE_ROUNDING_SHARE
            raise InputError(
                f"bus {name}: more than {most} lines leave it, or enter it; turn some round, or "
                "divide the bus"
            )


def _check_boxes(grid: Grid) -> None:
    """Each box is the least of its neighbours' plus the line's, or zero at its island's reference."""
    box = grid.theta_box
    angles = bounds.line_angles(grid.b, grid.limit_wh, grid.shift, grid.line_names)
    if box.min() < 0 or box.max() >= bounds.MAX_ANGLE:
        raise InputError(f"theta_box: not below {bounds.MAX_ANGLE}; lower the largest limits")
    nearest = np.full(grid.n_bus, bounds.MAX_ANGLE, dtype=np.int64)
    np.minimum.at(nearest, grid.line_to, box[grid.line_from] + angles)
    np.minimum.at(nearest, grid.line_from, box[grid.line_to] + angles)
    wrong = np.flatnonzero((box != nearest) & (box != 0))
    if len(wrong):
        raise InputError(
            f"theta_box: bus {grid.bus_names[int(wrong[0])]} is not at its shortest path"
        )
    # Such boxes descend to a zero in every island; two zeros in one would be too tight.
    island = np.arange(grid.n_bus)
    while True:
        lowest = island.copy()
        np.minimum.at(lowest, grid.line_to, island[grid.line_from])
        np.minimum.at(lowest, grid.line_from, island[grid.line_to])
        lowest = lowest[lowest]
        if np.array_equal(lowest, island):
            break
        island = lowest
    references = np.bincount(island[box == 0], minlength=grid.n_bus)
    if references.max() > 1:
        raise InputError(
            f"theta_box: the island of bus {grid.bus_names[int(references.argmax())]} has two "
            "references"
        )
    if grid.eps_grid != bounds.price_tolerance(box, grid.line_from, grid.line_to, grid.b):
        raise InputError("eps_grid: does not follow from b and theta_box; compute it again")


def _check_positions(grid: Grid) -> None:
    holarchy = grid.holarchy
    if not 0 <= holarchy.depth <= MAX_DEPTH:
        raise InputError(f"tree depth: {holarchy.depth} is not in 0 ... {MAX_DEPTH}")
    position = holarchy.position
    if position.min() < 0 or position.max() >= 1 << holarchy.depth:
        raise InputError(f"position: not in 0 ... 2^{holarchy.depth} - 1")
    if len(np.unique(position)) != grid.n_bus:
        raise InputError("position: two buses share one; give every bus its own")


def _check_layers(grid: Grid) -> None:
    """The system first, a node layer for every bus, each layer once, import limits as they sum."""
    layers = grid.holarchy.layers
    if len(layers) > bounds.MAX_COUNT:
        raise InputError(f"layers: {len(layers)} is above {bounds.MAX_COUNT}; name fewer areas")
    if not layers or (layers[0].level, layers[0].position) != (grid.holarchy.depth, 0):
        raise InputError("layers: the first must be the system, the whole tree")
    if len({(layer.level, layer.position) for layer in layers}) != len(layers):
        raise InputError("layers: two layers are the same subtree; leave one out")
    position = grid.holarchy.position
    at_position = {value: bus for bus, value in enumerate(position.tolist())}
    crossing = Crossing(grid.line_from, grid.line_to, grid.limit_wh, grid.n_bus)
    at_bus = crossing.at_buses()
    nodes = set()
    for layer in layers:
        if layer.level == 0 and layer.position in at_position:
            bus = at_position[layer.position]
            nodes.add(bus)
            limit = at_bus[bus]
        else:
            limit = crossing.of(_buses_of(layer, position, grid.holarchy.depth))
        if layer.import_limit_wh != limit:
            raise InputError(
                f"layer {layer.name}: import limit {layer.import_limit_wh} Wh, but the lines that "
                f"cross it carry {limit} Wh"
            )
    if len(nodes) != grid.n_bus:
        raise InputError("layers: a bus has no node layer; list one per bus")


def _buses_of(layer: Layer, position: NDArray[np.int32], depth: int) -> list[int]:
    if not 0 <= layer.level <= depth or not 0 <= layer.position < 1 << (depth - layer.level):
        raise InputError(f"layer {layer.name}: lies outside the tree of depth {depth}")
    buses: list[int] = np.flatnonzero(position >> layer.level == layer.position).tolist()
    if not buses:
        raise InputError(f"layer {layer.name}: holds no bus; leave it out")
    return buses
