"""From physical data to the registered grid: the public face of the grid model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offchain.errors import InputError
from offchain.grid import bounds
from offchain.grid.checks import check_lines
from offchain.grid.holarchy import Holarchy, Layer, derive_holarchy
from offchain.grid.registered import Grid, unpack
from offchain.units import FLOW_FRACTION_BITS

__all__ = ["Grid", "Holarchy", "Layer", "build_grid", "unpack"]

#: The largest susceptance of a grid fills this many bits.
_SUSCEPTANCE_BITS: Final = 52
#: A line this much weaker than the strongest would be registered with less than 20 bits.
_MAX_RATIO: Final = 2.0**32


def build_grid(
    name: str,
    bus_names: Sequence[str],
    line_from: ArrayLike,
    line_to: ArrayLike,
    susceptance_wh: ArrayLike,
    limit_wh: ArrayLike,
    *,
    line_names: Sequence[str] | None = None,
    areas: Sequence[Sequence[str]] | None = None,
) -> Grid:
    """Register physical data as integers.

    The largest susceptance fills 52 bits; the shift is the least at which rounding all angles to
    their unit moves no bus's balance by more than 16/256 Wh, a quarter of what the checker
    tolerates. The margin of a line is ``2 sum_b |H_lb| + 2`` Wh rounded up, the reference of row l
    of H chosen so that the sum is least (`DcNetwork.distribution_sums`). Angles are bounded from a
    bus in the middle of each island.

    Args:
        name: of the grid.
        bus_names: n names, all different.
        line_from: int[m] bus indices; flow is positive from here.
        line_to: int[m] bus indices.
        susceptance_wh: float[m] > 0, Wh per interval and radian.
        limit_wh: float[m] >= 0, Wh per interval, rounded down.
        line_names: m names; default ``line 0``, ``line 1`` ...
        areas: per bus the names of the areas around it, outermost first; default none.

    Raises:
        InputError: a field is out of range; the message names the element.

    Source: our formulation.
    """
    from offchain.grid.flows import DcNetwork, central_buses

    buses = tuple(bus_names)
    start, end = np.array(line_from, dtype=np.int32), np.array(line_to, dtype=np.int32)
    susceptance = np.asarray(susceptance_wh, dtype=np.float64)
    limits = np.asarray(limit_wh, dtype=np.float64)
    names = tuple(line_names or (f"line {number}" for number in range(len(start))))
    _check_physical(susceptance, limits, names)
    check_lines(len(buses), start, end, names)
    exponent = 0
    if len(susceptance):
        exponent = _SUSCEPTANCE_BITS - math.frexp(float(susceptance.max()))[1]
    b = np.rint(np.ldexp(susceptance, exponent)).astype(np.int64)
    shift = _least_shift(len(buses), start, end, b)
    limit = np.floor(limits).astype(np.int64)
    network = DcNetwork(len(buses), start, end, b.astype(np.float64))
    # A sum that is a whole number in exact arithmetic (every tree) must not be rounded up twice.
    margin = np.ceil(2 * network.distribution_sums() - 1e-6).astype(np.int64) + 2
    angles = bounds.line_angles(b, limit, shift, names)
    references = central_buses(network.island, start, end, angles.astype(np.float64))
    box = shortest_boxes(references, len(buses), start, end, angles)
    return Grid(
        name=name,
        bus_names=buses,
        line_names=names,
        line_from=start,
        line_to=end,
        b=b,
        shift=shift,
        limit_wh=limit,
        margin_wh=margin,
        theta_box=box,
        eps_grid=bounds.price_tolerance(box, start, end, b),
        holarchy=derive_holarchy(areas or [()] * len(buses), buses, start, end, limit),
        angle_bits=shift + FLOW_FRACTION_BITS - exponent,
    )


def _check_physical(
    susceptance: NDArray[np.float64], limits: NDArray[np.float64], names: tuple[str, ...]
) -> None:
    if not len(susceptance) == len(limits) == len(names):
        raise InputError(
            "lines: ends, susceptances, limits and names differ in number; give one of each a line"
        )
    for line, name in enumerate(names):
        if not (math.isfinite(susceptance[line]) and susceptance[line] > 0):
            raise InputError(
                f"{name}: susceptance {susceptance[line]:g} is not positive; give Wh per radian "
                "above 0"
            )
        if not 0 <= limits[line] < bounds.MAX_LIMIT_WH + 1:
            raise InputError(
                f"{name}: limit {limits[line]:g} Wh is not in 0 ... {bounds.MAX_LIMIT_WH}; "
                "give an energy per interval"
            )
    if len(susceptance) and susceptance.max() > _MAX_RATIO * susceptance.min():
        strong, weak = names[int(susceptance.argmax())], names[int(susceptance.argmin())]
        raise InputError(
            f"{strong}: more than 2^32 times as strong as {weak}; merge the buses it joins"
        )


def _least_shift(
    n_bus: int, start: NDArray[np.int32], end: NDArray[np.int32], b: NDArray[np.int64]
) -> int:
    """The least shift at which rounding angles keeps within ``ANGLE_ROUNDING_SHARE`` at each bus.

    Angles rounded to their unit are off by half a unit at most, an angle difference by one unit,
    so the balance of bus n is off by ``sum_{l at n} b_l / 2^shift`` at most.
    """
    total = [0] * n_bus
    for i, j, b_l in zip(start.tolist(), end.tolist(), b.tolist(), strict=True):
        total[i] += b_l
        total[j] += b_l
    quotient = max(total, default=0) // bounds.ANGLE_ROUNDING_SHARE
    return quotient.bit_length()


def shortest_boxes(
    references: list[int],
    n_bus: int,
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    angles: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Exact integer shortest paths from the references."""
    box = np.full(n_bus, bounds.MAX_ANGLE, dtype=np.int64)
    box[references] = 0
    while True:
        shorter = bounds.relax(box, start, end, angles)
        if np.array_equal(shorter, box):
            return box
        box = shorter
