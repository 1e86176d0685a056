"""Line limits by a named rule: those of the source, or headroom over its own flows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid.options import Options
from offchain.grid.raw import Note, RawNetwork

#: The headroom rule gives a line without flow this share of the nominal load.
_LEAST_LIMIT_SHARE: Final = 0.01
#: No flow exceeds this multiple of the larger of nominal load and generation.
_TOTAL_MULTIPLE: Final = 2.0
#: In a mesh no line carries more than what this angle difference lets through: beyond it the DC
#: model says nothing and the system is not stable.
_MOST_ANGLE_RAD: Final = math.pi / 6
#: ... unless the base case itself goes further.
_BASE_HEADROOM: Final = 1.15


@dataclass(frozen=True)
class LineLimits:
    """Limits float64[m] in MW, which of them are bounds of ours, and what was done."""

    mw: NDArray[np.float64]
    unlimited: tuple[int, ...]
    notes: tuple[Note, ...]


def line_limits(
    raw: RawNetwork,
    n_island: int,
    base_mw: NDArray[np.float64],
    loop_mw: NDArray[np.float64],
    options: Options,
) -> LineLimits:
    """Limits by ``options.limit_rule``, less what phase shifters drive over the line.

    A line without a limit is bounded by twice the larger of nominal load and generation and, in a
    mesh, by 30 degrees of angle difference. Bounds keep the angle boxes of the certificate, and
    what its tolerance could hide, small.

    Args:
        raw: the network; all susceptances finite and positive.
        n_island: number of its islands.
        base_mw: float64[m], flows of its own dispatch.
        loop_mw: float64[m], flows that phase shifters drive.
        options: for the rule.

    Raises:
        InputError: a limit is negative or missing without a bound, or below the loop flow.
    """
    nominal = sum(bus.load_mw for bus in raw.buses)
    factor = options.headroom()
    if factor is not None:
        if nominal <= 0:
            raise InputError("limit_rule: headroom needs a nominal load; use as-given")
        mw = np.maximum(factor * np.abs(base_mw), _LEAST_LIMIT_SHARE * nominal)
        return LineLimits(mw, (), ())
    given = np.array([line.limit_mw for line in raw.lines], dtype=np.float64)
    for line in raw.lines:
        if not line.limit_mw >= 0:
            raise InputError(f"{line.name}: limit {line.limit_mw:g} MW is not 0 or more")
    bound = _bounds(raw, n_island, nominal, base_mw)
    if np.isinf(np.minimum(given, bound)).any():
        name = raw.lines[int(np.isinf(given).argmax())].name
        raise InputError(
            f"{name}: has no limit, and there is neither load nor generation to bound its flow; "
            "give it a limit"
        )
    unlimited = given >= bound
    for number in np.flatnonzero(~unlimited & (loop_mw != 0) & (np.abs(loop_mw) >= given)):
        raise InputError(
            f"{raw.lines[number].name}: phase shifters alone drive {abs(loop_mw[number]):.6g} MW "
            f"over it, its limit is {given[number]:g} MW; ignore them with phase_shift=ignore"
        )
    mw = np.where(unlimited, bound, given - np.abs(loop_mw))
    return LineLimits(
        mw, tuple(np.flatnonzero(unlimited).tolist()), _notes(raw, loop_mw, unlimited)
    )


def _bounds(
    raw: RawNetwork, n_island: int, nominal: float, base_mw: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What no flow can exceed, float64[m]; infinite where nothing says."""
    total = _TOTAL_MULTIPLE * max(nominal, sum(max(g.p_max_mw, 0.0) for g in raw.generators))
    bound = np.full(len(raw.lines), total if total > 0 else math.inf)
    if len(raw.lines) > len(raw.buses) - n_island:
        susceptance = np.array([line.susceptance_mw for line in raw.lines])
        angle_bound = np.maximum(_MOST_ANGLE_RAD * susceptance, _BASE_HEADROOM * np.abs(base_mw))
        bound = np.minimum(bound, angle_bound)
    return bound


def _notes(
    raw: RawNetwork, loop_mw: NDArray[np.float64], unlimited: NDArray[np.bool_]
) -> tuple[Note, ...]:
    notes = []
    if len(unlimited) and unlimited.all():
        text = "no line has a limit that can bind; try limit_rule=headroom-1.15"
        notes.append(Note("warning", text))
    if loop_mw.any():
        worst = int(np.abs(loop_mw).argmax())
        text = (
            f"phase shifters drive flows of their own over {np.count_nonzero(loop_mw)} lines, "
            f"taken off their limits; at most {abs(loop_mw[worst]):.6g} MW, on "
            f"{raw.lines[worst].name}"
        )
        notes.append(Note("changed", text))
    return tuple(notes)
