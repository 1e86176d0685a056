"""What the wires carry where use, ratings, impedances or the network's state are not as believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.program import Clearer
from oracle.robustness.assumed import PERCENT, Assumed
from oracle.robustness.market import History, cleared
from oracle.robustness.wires import FloatArray, Wires
from oracle.scenario import Scenario

Row = dict[str, Any]

#: Lines that are this full count as overloaded: floating-point flows are exact to about 1e-12.
_TOO_FULL: Final = 1e-9


def strained(scenario: Scenario, intervals: int) -> Wires:
    """The scenario's network with limits scaled so that in half of the intervals a line is full.

    Without that scaling hardly any line of the IEEE cases would be full, and no mistake would show.
    """
    free = Wires.of(scenario.network.grid)
    wide = replace(free, limit_wh=free.limit_wh * PERCENT)
    history = cleared(scenario, intervals, registered=wide.registered())
    loading = 1 + free.overload(injections(history, free.n_bus))
    return replace(free, limit_wh=np.floor(free.limit_wh * np.median(loading)))


def injections(history: History, n_bus: int) -> FloatArray:
    """Dispatched less served at each bus, float64[T, n] Wh."""
    result = np.zeros((len(history.intervals), n_bus))
    for row, line in enumerate(history.allocations()):
        np.add.at(result[row], line["bus"].astype(np.intp), _sold(line) - _used(line))
    return result


def _sold(line: npt.NDArray[np.void]) -> FloatArray:
    sold: FloatArray = line["supply_x_wh"].astype(np.float64)
    return sold


def _used(line: npt.NDArray[np.void]) -> FloatArray:
    used: FloatArray = line["essential_x_wh"].astype(np.float64) + line["flexible_x_wh"]
    return used


def overloads(worst: FloatArray) -> Row:
    """How often a line is too full, and by how much at most; percent."""
    return {
        "intervals": len(worst),
        "overloaded": int((worst > _TOO_FULL).sum()),
        "worst_percent": max(0.0, float(worst.max()) * PERCENT),
    }


def use(assumed: Assumed, history: History, wires: Wires, seed: int) -> Iterator[Row]:
    """Consumers use more or less than they were allocated; stations follow in proportion."""
    for together in (False, True):
        for size in assumed.use:
            rng = np.random.default_rng([seed, round(10 * size), int(together)])
            rows = np.zeros((len(history.intervals), wires.n_bus))
            for row, line in enumerate(history.allocations()):
                sold, used = _sold(line), _used(line)
                factor = rng.uniform(-1, 1, 1 if together else len(used)) * size / PERCENT
                actual = used * (1 + factor)
                followed = sold * (actual.sum() / max(used.sum(), 1))
                np.add.at(rows[row], line["bus"].astype(np.intp), followed - actual)
            yield {"together": together, "size": size, **overloads(wires.overload(rows))}


def ratings(assumed: Assumed, energy: FloatArray, wires: Wires) -> Iterator[Row]:
    """Every line bears less than is registered."""
    for size in assumed.ratings:
        true = replace(wires, limit_wh=wires.limit_wh / (1 + size / PERCENT))
        yield {"size": size, **overloads(true.overload(energy))}


def impedances(assumed: Assumed, energy: FloatArray, wires: Wires, seed: int) -> Iterator[Row]:
    """The lines' susceptances differ from the registered ones, each in its own way."""
    for size in assumed.impedances:
        rng = np.random.default_rng([seed, round(10 * size)])
        true = replace(wires, b=wires.b * (1 + rng.uniform(-1, 1, len(wires.b)) * size / PERCENT))
        yield {"size": size, **overloads(true.overload(energy))}


def outages(energy: FloatArray, wires: Wires) -> Row:
    """A line is out of service, and the registered grid does not know; one line after the other."""
    worst: list[FloatArray] = []
    cut = 0
    for line in range(len(wires.b)):
        rest = wires.without(line)
        if rest is None:
            cut += 1
        else:
            worst.append(rest.overload(energy))
    found = np.array(worst)
    return {
        "lines": len(worst),
        "would_cut": cut,
        "harmless": int((found <= _TOO_FULL).all(axis=1).sum()),
        **overloads(found.ravel()),
        "median_percent": max(0.0, float(np.median(found)) * PERCENT),
    }


def derating(assumed: Assumed, scenario: Scenario, wires: Wires) -> Iterator[Row]:
    """Limits registered below the true ones: what that safety costs in flexible energy."""
    for size in (0, *assumed.derating):
        careful = replace(wires, limit_wh=np.floor(wires.limit_wh * (1 - size / PERCENT)))
        grid = careful.registered()
        history = cleared(scenario, assumed.intervals, registered=grid, clearer=Clearer(grid))
        lines = history.allocations()
        asked = sum(int(line["flexible_q_wh"].astype(np.int64).sum()) for line in lines)
        served = sum(int(line["flexible_x_wh"].astype(np.int64).sum()) for line in lines)
        yield {"size": size, "asked_wh": asked, "served_wh": served}


def margins(history: History, wires: Wires) -> Row:
    """How much room the clearing keeps for rounding on lines that are full, percent of their limit."""
    grid = history.intervals[0].before.market.grid
    share = grid.margin_wh / grid.limit_wh * PERCENT
    full = {line for i in history.intervals for line in i.outcome.clearing.report.binding_lines}
    congested = sum(bool(i.outcome.clearing.report.binding_lines) for i in history.intervals)
    energy = injections(history, wires.n_bus)
    return {
        "lines": grid.n_line,
        "full_lines": len(full),
        "congested": congested,
        "margin_percent": float(max((share[line] for line in full), default=0.0)),
        **overloads(wires.overload(energy)),
    }
