"""A registered grid with less room: what may take effect at the next gate (docs/protocol.md, section 9).

The same rules as `contracts/src/libraries/Tightening.sol`, with errors for people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid import bounds
from offchain.grid.flows import islands
from offchain.grid.holarchy import Crossing, Holarchy
from offchain.grid.model import Grid, shortest_boxes


def tighten(grid: Grid, limit_wh: Mapping[int, int], without: Collection[int] = ()) -> Grid:
    """The grid with lower limits, and without lines that close no loop.

    Args:
        grid: in force; not changed.
        limit_wh: new limits by line, Wh per interval.
        without: lines to take out.

    Raises:
        InputError: a line is not there, a limit is not lower or leaves no room above the margin, or
            a line to take out closes a loop.
    """
    for line in (*limit_wh, *without):
        if not 0 <= line < grid.n_line:
            raise InputError(f"line: {line} is not one of 0 ... {grid.n_line - 1}")
    for line, limit in limit_wh.items():
        _check_limit(grid, line, limit)
    kept = np.ones(grid.n_line, dtype=bool)
    kept[list(without)] = False
    _check_loops(grid, kept)
    return _made(grid, limit_wh, kept)


def with_limits(grid: Grid, limit_wh: Mapping[int, int]) -> Grid:
    """The grid with other limits, higher ones too: to be announced.

    Raises:
        InputError: a line is not there, or a limit is out of range.
    """
    for line, limit in limit_wh.items():
        if not 0 <= line < grid.n_line:
            raise InputError(f"line: {line} is not one of 0 ... {grid.n_line - 1}")
        if not 0 <= limit <= bounds.MAX_LIMIT_WH:
            raise InputError(
                f"limit of {grid.line_names[line]}: {limit} Wh is not in 0 ... {bounds.MAX_LIMIT_WH}"
            )
    return _made(grid, limit_wh, np.ones(grid.n_line, dtype=bool))


def _made(grid: Grid, limit_wh: Mapping[int, int], kept: NDArray[np.bool_]) -> Grid:
    """The grid with other limits and without some lines, and all that follows."""
    limits = grid.limit_wh.copy()
    for line, limit in limit_wh.items():
        limits[line] = limit
    start, end, b = grid.line_from[kept], grid.line_to[kept], grid.b[kept]
    limits = limits[kept]
    names = tuple(name for name, stays in zip(grid.line_names, kept, strict=True) if stays)
    box = _boxes(grid, kept, bounds.line_angles(b, limits, grid.shift, names))
    return replace(
        grid,
        line_names=names,
        line_from=start,
        line_to=end,
        b=b,
        limit_wh=limits,
        margin_wh=grid.margin_wh[kept],
        theta_box=box,
        eps_grid=bounds.price_tolerance(box, start, end, b),
        holarchy=_holarchy(grid, start, end, limits),
    )


def hold(grid: Grid, line: int) -> dict[int, int]:
    """Limits under which the grid is safe even if a line that closes a loop is out of service.

    Taking it out may admit more than before (a loop less), so that waits. Until then the line is held at the least
    limit that it can have, and every line that its flow could take instead has as much less: without the line, that
    flow goes round it, and no other line carries more of it than all.

    Args:
        grid: in force.
        line: the line that is out.

    Returns:
        New limits by line, for `tighten`.

    Raises:
        InputError: the line is not there, or another one would have no room left.
    """
    if not 0 <= line < grid.n_line:
        raise InputError(f"line: {line} is not one of 0 ... {grid.n_line - 1}")
    least = int(grid.margin_wh[line]) + 1
    island = islands(grid.n_bus, grid.line_from, grid.line_to)
    beside = np.flatnonzero(island[grid.line_from] == island[grid.line_from[line]]).tolist()
    limits = {other: int(grid.limit_wh[other]) - least for other in beside}
    limits[line] = least
    for other, limit in limits.items():
        _check_limit(grid, other, limit)
    return limits


def loosened(grid: Grid, other: Grid) -> str | None:
    """Why another grid does not only tighten this one, in words; None if it does."""
    if (grid.n_bus, grid.shift) != (other.n_bus, other.shift):
        return "buses or the unit of angles differ"
    row, removed = 0, []
    lines = [_identity(grid, line) for line in range(grid.n_line)]
    for line in range(other.n_line):
        identity = _identity(other, line)
        while row < grid.n_line and lines[row] != identity:
            removed.append(row)
            row += 1
        if row == grid.n_line:
            return f"line {line} is not, in this order, one of the grid in force with its ends, b and margin"
        if other.limit_wh[line] > grid.limit_wh[row]:
            return f"the limit of line {line} is above {grid.limit_wh[row]} Wh"
        row += 1
    kept = np.ones(grid.n_line, dtype=bool)
    kept[[*removed, *range(row, grid.n_line)]] = False
    try:
        _check_loops(grid, kept)
    except InputError as error:
        return str(error)
    if other.eps_grid > grid.eps_grid:
        return "eps_grid grows; keep the reference buses of theta_box"
    before, after = grid.holarchy, other.holarchy
    if (
        before.depth != after.depth
        or not np.array_equal(before.position, after.position)
        or [(x.level, x.position) for x in before.layers]
        != [(x.level, x.position) for x in after.layers]
    ):
        return "positions or layers differ"
    return None


def _identity(grid: Grid, line: int) -> tuple[int, ...]:
    columns = (grid.line_from, grid.line_to, grid.b, grid.margin_wh)
    return tuple(int(column[line]) for column in columns)


def _check_limit(grid: Grid, line: int, limit_wh: int) -> None:
    name, least, most = grid.line_names[line], grid.margin_wh[line] + 1, grid.limit_wh[line]
    if not least <= limit_wh <= most:
        raise InputError(
            f"limit of {name}: {limit_wh} Wh is not in {least} ... {most}; a higher limit is announced and waits, "
            "a lower one leaves no room above the rounding margin: take the line out"
        )


def _check_loops(grid: Grid, kept: NDArray[np.bool_]) -> None:
    """Every line that goes must join two islands of what stays; several, one after the other."""
    label = islands(grid.n_bus, grid.line_from[kept], grid.line_to[kept]).tolist()
    for line in np.flatnonzero(~kept).tolist():
        a, b = label[grid.line_from[line]], label[grid.line_to[line]]
        if a == b:
            raise InputError(
                f"{grid.line_names[line]}: closes a loop, and without it the others may carry more than before; "
                "hold it now, and announce the grid without it"
            )
        label = [b if island == a else island for island in label]


def _boxes(grid: Grid, kept: NDArray[np.bool_], angles: NDArray[np.int64]) -> NDArray[np.int64]:
    """From the references as they were; an island that was cut off has its own where it was cut."""
    start, end = grid.line_from[kept], grid.line_to[kept]
    island = islands(grid.n_bus, start, end)
    references = [
        int(members[grid.theta_box[members].argmin()])
        for members in (np.flatnonzero(island == number) for number in range(island.max() + 1))
    ]
    return shortest_boxes(references, grid.n_bus, start, end, angles)


def _holarchy(
    grid: Grid, start: NDArray[np.int32], end: NDArray[np.int32], limit_wh: NDArray[np.int64]
) -> Holarchy:
    crossing = Crossing(start, end, limit_wh, grid.n_bus)
    position = grid.holarchy.position
    layers = tuple(
        replace(
            layer,
            import_limit_wh=crossing.of(
                np.flatnonzero(position >> layer.level == layer.position).tolist()
            ),
        )
        for layer in grid.holarchy.layers
    )
    return Holarchy(grid.holarchy.depth, position, layers)
