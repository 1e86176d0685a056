"""Finished jobs, found by what they are, and the figures that every summary takes from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from offchain.units import MICRO_PER_CURRENCY, WH_PER_KWH
from oracle.evidence.config import EvidenceConfig
from oracle.evidence.jobs import Job, MarketJob
from oracle.evidence.runner import Result

Row = dict[str, Any]


class Results:
    """Finished jobs, found by what they are.

    Args:
        pairs: jobs with their results.
    """

    def __init__(self, pairs: Iterable[tuple[Job, Result]]) -> None:
        self.all = list(pairs)
        self._groups: dict[tuple[str, str, str, str], list[Result]] = defaultdict(list)
        for job, result in self.all:
            mechanism = job.mechanism if isinstance(job, MarketJob) else ""
            self._groups[job.part, job.variant, job.network, mechanism].append(result)

    def of(self, part: str, variant: str, network: str, mechanism: str = "") -> list[Result]:
        """The results of all seeds, by seed."""
        group = self._groups[part, variant, network, mechanism]
        return sorted(group, key=lambda result: int(result["job"]["study"]["seed"]))


def spread(values: Sequence[float]) -> Row:
    """Median and range of some values, one per seed."""
    if not values:
        return {"median": None, "least": None, "most": None}
    return {
        "median": short(float(np.median(values))),
        "least": short(min(values)),
        "most": short(max(values)),
    }


def short(value: float) -> float:
    """Five significant digits, as they are kept."""
    return float(f"{value:.5g}")


def fstar_of(config: EvidenceConfig) -> float:
    """F* of the study."""
    return config.study.fstar_ppb / 1e9


def paired(runs: Sequence[Result], baselines: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Runs with the baseline of the same seed."""
    by_seed = {result["job"]["study"]["seed"]: result for result in baselines}
    return [
        (run, by_seed[seed]) for run in runs if (seed := run["job"]["study"]["seed"]) in by_seed
    ]


def _per_kwh(result: Result, name: str) -> float:
    kwh = result["served_wh"] / WH_PER_KWH
    return float(result[name] / MICRO_PER_CURRENCY / kwh) if kwh else 0.0


def _served(result: Result) -> float:
    return float(result["served_wh"] / result["requested_wh"])


def _window_least(result: Result) -> float:
    return float(np.nanmin(result["consumers"]["window_ratio"]))


def mechanism_row(runs: Sequence[Result]) -> Row:
    """Figures of one mechanism on one network over its seeds."""
    fair = [run["fairness"] for run in runs]
    row: Row = {"seeds": len(runs)}
    row["energy_served"] = spread([_served(run) for run in runs])
    for name in ("delivered_min", "worst_decile", "jain", "gini", "target_gap_max"):
        row[name] = spread([one[name] for one in fair])
    row["window_least"] = spread([_window_least(run) for run in runs])
    row["supply_cost_per_kwh"] = spread([_per_kwh(run, "supply_cost_micro") for run in runs])
    row["energy_cost_per_kwh"] = spread([_per_kwh(run, "energy_cost_micro") for run in runs])
    row["binding_lines"] = spread([run["binding_mean"] for run in runs])
    return row
