"""What "peak weak-bus fairness error" can mean: every defensible reading, computed alike.

The paper publishes neither which bus is weak, nor how the error is measured, nor over what. A
reading is a choice of each; its figure is by how much a mechanism reduces the error of the weak bus
against a baseline on the same market. All readings are ours.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from oracle.evidence.runner import Result

FloatArray = npt.NDArray[np.float64]

WINDOW: Final = "window"
CUMULATIVE: Final = "cumulative"
COUNTED: Final = "counted"
DAY: Final = "day"
INTERVAL: Final = "interval"
#: What each error measures, in words.
ERRORS: Final = {
    WINDOW: "F* less the delivered ratio of a scarcity window, in the worst window",
    CUMULATIVE: "F* less the delivered ratio to date, at its worst after the start",
    COUNTED: "F* less counted F to date, at its worst after the start",
    DAY: "F* less the delivered ratio of a rolling day, at its worst inside windows",
    INTERVAL: "F* less the delivered ratio of one scarce interval, in the worst one",
}

IN_RUN: Final = "least served in the run"
IN_WINDOW: Final = "least served in a window"
FARTHEST: Final = "electrically farthest"
WORST: Final = "worst of each"
#: Which bus each choice takes, in words.
WEAK_BUSES: Final = {
    IN_RUN: "the bus that the baseline serves least over the whole run",
    IN_WINDOW: "the bus that the baseline serves least in any one window",
    FARTHEST: "the load bus with the greatest effective reactance to the largest power station",
    WORST: "under each mechanism the bus that it serves worst: no bus is left out",
}


def errors(result: Result, which: str, fstar: float) -> FloatArray:
    """The peak error of every consumer, float64[consumers], zero where the target was met.

    Args:
        result: of a market job.
        which: a key of ERRORS.
        fstar: target.
    """
    consumers: dict[str, Any] = result["consumers"]
    if which == COUNTED:
        return np.array(consumers["most_gap"])
    if which == WINDOW:
        least = np.array(consumers["window_ratio"]).min(axis=0)
    else:
        least = np.array(consumers[f"least_{which}"])
    error: FloatArray = np.maximum(fstar - least, 0.0)
    return error


def weak_bus(baseline: Result, which: str) -> int:
    """The consumer that a reading looks at: its place among the consumers."""
    consumers = baseline["consumers"]
    if which == IN_RUN:
        ratio = np.array(consumers["delivered_wh"]) / np.array(consumers["requested_wh"])
        return int(ratio.argmin())
    if which == IN_WINDOW:
        return int(np.array(consumers["window_ratio"]).min(axis=0).argmin())
    return int(consumers["bus"].index(baseline["electrically_farthest"]))


def reduction(
    result: Result, baseline: Result, which_bus: str, which_error: str, fstar: float
) -> float | None:
    """By what share the peak error is smaller than the baseline's; None if that had none.

    Args:
        result: of the mechanism.
        baseline: of the baseline on the same market.
        which_bus: a key of WEAK_BUSES.
        which_error: a key of ERRORS.
        fstar: target.
    """
    ours = errors(result, which_error, fstar)
    theirs = errors(baseline, which_error, fstar)
    if which_bus == WORST:
        mine, other = float(ours.max()), float(theirs.max())
    else:
        at = weak_bus(baseline, which_bus)
        mine, other = float(ours[at]), float(theirs[at])
    return 1 - mine / other if other > 0 else None
