"""An operator that clears on another network than the registered one: how much of that the audit sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from offchain.audit.verdict import Verdict
from offchain.clearing.program import Clearer
from oracle.robustness.assumed import PERCENT, Assumed
from oracle.robustness.market import cleared
from oracle.robustness.physical import Row
from oracle.robustness.wires import Wires
from oracle.scenario import Scenario


def beliefs(wires: Wires, full: set[int], seed: int) -> Iterator[tuple[str, Wires]]:
    """Networks that an operator may believe in, each with a name for the mistake.

    Args:
        wires: as registered.
        full: lines that are full in some interval.
        seed: names what is drawn.
    """
    rng = np.random.default_rng(seed)
    yield "the registered network", wires
    for size in (1, 10):
        yield (
            f"limits {size} % higher",
            replace(wires, limit_wh=wires.limit_wh * (1 + size / PERCENT)),
        )
    for size in (1, 10):
        drawn = rng.uniform(-1, 1, len(wires.b)) * size / PERCENT
        yield f"susceptances {size} % off", replace(wires, b=wires.b * (1 + drawn))
    for line in sorted(full) or range(len(wires.b)):
        rest = wires.without(line)
        if rest is not None:
            yield "a full line out of service", rest
            break


def caught(
    assumed: Assumed, scenario: Scenario, wires: Wires, full: set[int], seed: int
) -> Iterator[Row]:
    """What the audit says of each belief: in how many intervals it names a fault, and which rules."""
    registered = wires.registered()
    for name, believed in beliefs(wires, full, seed):
        clearer = Clearer(believed.registered())
        history = cleared(scenario, assumed.intervals, registered=registered, clearer=clearer)
        verdict = history.audit()
        congested = sum(bool(i.outcome.clearing.report.binding_lines) for i in history.intervals)
        yield {
            "belief": name,
            "intervals": verdict.intervals,
            "congested": congested,
            **told(verdict),
        }


def told(verdict: Verdict) -> Row:
    """In how many intervals a rule is broken, and which."""
    return {
        "faulty": len({fault.interval for fault in verdict.faults}),
        "rules": sorted({fault.rule.value for fault in verdict.faults}),
        "unjudged": len(verdict.unjudged),
    }
