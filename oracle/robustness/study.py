"""The whole study: every network, every market, every mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Final

from oracle.robustness import belief, physical
from oracle.robustness.assumed import Assumed
from oracle.robustness.belief import told
from oracle.robustness.market import cleared
from oracle.robustness.meters import audited, billing, kinds
from oracle.robustness.physical import Row
from oracle.scenario import ScenarioConfig, draw_scenario

Summary = dict[str, Any]

PARTS: Final = (
    "margins",
    "use",
    "ratings",
    "impedances",
    "outages",
    "derating",
    "beliefs",
    "meters",
)


def run(assumed: Assumed, advance: Callable[[str], None] = lambda _: None) -> Summary:
    """Run everything.

    Args:
        assumed: what.
        advance: told what was finished, once per network, market and part.

    Returns:
        The assumptions, and rows of each of `PARTS`.
    """
    rows: dict[str, list[Row]] = {part: [] for part in PARTS}
    for network, participants in assumed.networks:
        for seed in assumed.seeds:
            config = ScenarioConfig(
                case=network, participants=participants, intervals=assumed.intervals, seed=seed
            )
            for part, found in _market(assumed, config, seed):
                rows[part] += [_kept(network, seed, row) for row in found]
                advance(f"{network}, market {seed}: {part}")
    return {"assumed": asdict(assumed), **rows}


def _kept(network: str, seed: int, row: Row) -> Row:
    """A row with whose it is; measured numbers keep the digits that every machine agrees on."""
    rounded = {n: round(v, 6) if isinstance(v, float) else v for n, v in row.items()}
    return {"network": network, "seed": seed, **rounded}


def steps(assumed: Assumed) -> int:
    """How often `run` tells of something finished."""
    return len(assumed.networks) * len(assumed.seeds) * len(PARTS)


def _market(
    assumed: Assumed, config: ScenarioConfig, seed: int
) -> Iterable[tuple[str, Iterable[Row]]]:
    scenario = draw_scenario(config)
    wires = physical.strained(scenario, assumed.intervals)
    history = cleared(scenario, assumed.intervals, registered=wires.registered())
    energy = physical.injections(history, wires.n_bus)
    reports = [interval.outcome.clearing.report for interval in history.intervals]
    full = {line for report in reports for line in report.binding_lines}
    yield "margins", [{**physical.margins(history, wires), **told(history.audit())}]
    yield "use", physical.use(assumed, history, wires, seed)
    yield "ratings", physical.ratings(assumed, energy, wires)
    yield "impedances", physical.impedances(assumed, energy, wires, seed)
    yield "outages", [physical.outages(energy, wires)]
    yield "derating", physical.derating(assumed, scenario, wires)
    yield "beliefs", belief.caught(assumed, scenario, wires, full, seed)
    yield (
        "meters",
        [
            {**billing(history, scenario, meters), **audited(assumed, scenario, meters)}
            for meters in kinds(assumed, seed)
        ],
    )
