"""From results to the few numbers that tables, figures and text are made of."""

from __future__ import annotations

import platform
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import beyond, theorems
from oracle.evidence.config import MEMORY_ONLY, EvidenceConfig
from oracle.evidence.jobs import Job, MarketJob, plan
from oracle.evidence.readings import COUNTED, reduction, weak_bus
from oracle.evidence.results import (
    Results,
    Row,
    fstar_of,
    mechanism_row,
    paired,
    short,
    spread,
)
from oracle.evidence.runner import Result
from oracle.plain import plain

FORMAT: Final = 2
_PERMILLE: Final = 1000
_TRACE_POINTS: Final = 125

Summary = dict[str, Any]


def summarise(config: EvidenceConfig, results: Results, evm: list[Row], quick: bool) -> Summary:
    """Everything that is reported.

    Args:
        config: what was assumed.
        results: of all jobs that finished.
        evm: what the contract said about the sample.
        quick: whether this was a quick run.
    """
    intervals = sum(int(result.get("intervals", 0)) for _, result in results.all)
    planned = plan(config)
    ran = {job for job, _ in results.all}
    return {
        "format": FORMAT,
        "quick": quick,
        "config": plain(config),
        "run": {
            "scenarios": len(results.all),
            "scenarios_planned": len(planned),
            "intervals": intervals,
            "core_seconds": round(sum(float(r["seconds"]) for _, r in results.all), 1),
            "main_core_seconds": round(
                sum(float(r["seconds"]) for j, r in results.all if j.part == "main"), 1
            ),
            "python": platform.python_version(),
            "numpy": version("numpy"),
        },
        "missing": [_named(job) for job in planned if job not in ran],
        "networks": _networks(config, results),
        "mechanisms": _mechanisms(config, results),
        "reductions": _reductions(config, results),
        "convergence": _convergence(config, results),
        "windows": _windows(config, results),
        "rates": theorems.rates(config, results),
        "memory": theorems.memory(config, results),
        "operator": theorems.operator(config, results),
        "event_trigger": theorems.event_trigger(config, results),
        "sensitivity": beyond.sensitivity(config, results),
        "forecast": beyond.forecast(config, results),
        "requesting": beyond.requesting(config, results),
        "large": beyond.large(config, results),
        "checked": _checked(config, results),
        "evm": evm,
        "roots": _roots(config, results),
    }


def _named(job: Job) -> Row:
    """A job in the words of its part."""
    mechanism = job.mechanism if isinstance(job, MarketJob) else ""
    where = {"network": job.network, "seed": job.study.seed}
    return {"part": job.part, "variant": job.variant, "mechanism": mechanism, **where}


def _networks(config: EvidenceConfig, results: Results) -> list[Row]:
    rows = []
    for network in (*config.run.networks, config.large.network):
        part = "main" if network in config.run.networks else "large"
        for result in results.of(part, "", network, FAIR_PLAY.name)[:1]:
            consumers = len(result["consumers"]["bus"])
            sizes = {name: result[name] for name in ("buses", "lines")}
            rows.append({"network": network, **sizes, "consumers": consumers})
    return rows


def _mechanisms(config: EvidenceConfig, results: Results) -> list[Row]:
    return [
        {"network": network, "mechanism": mechanism, **mechanism_row(runs)}
        for network in config.run.networks
        for mechanism in config.run.mechanisms
        if (runs := results.of("main", "", network, mechanism))
    ]


def _reductions(config: EvidenceConfig, results: Results) -> list[Row]:
    """Every reading on every network; on one of them also at other targets, and other scarcity."""
    rows: list[Row] = []
    readings, usual = config.readings, config.study.scarce_stations
    for network in config.run.networks:
        for mechanism in config.run.mechanisms:
            group = _Group("main", "", network, mechanism, fstar_of(config), usual)
            rows += _readings(config, results, group)
    for mechanism in (FAIR_PLAY.name, MEMORY_ONLY):
        network = readings.other_network
        for permille in readings.other_fstar_permille:
            fstar = permille / _PERMILLE
            group = _Group("target", str(permille), network, mechanism, fstar, usual)
            rows += _readings(config, results, group)
        other = _Group(
            "stations", "", network, mechanism, fstar_of(config), readings.other_stations
        )
        rows += _readings(config, results, other)
    return rows


@dataclass(frozen=True)
class _Group:
    """Runs to be compared with baselines."""

    part: str
    variant: str
    network: str
    mechanism: str
    fstar: float
    stations: str


def _readings(config: EvidenceConfig, results: Results, group: _Group) -> list[Row]:
    rows = []
    readings = config.readings
    runs = results.of(group.part, group.variant, group.network, group.mechanism)
    for baseline in readings.baselines:
        if baseline == group.mechanism:
            continue
        base_part = "stations" if group.part == "stations" else "main"
        pairs = paired(runs, results.of(base_part, "", group.network, baseline))
        for which_error in readings.errors:
            if which_error == COUNTED and group.part == "target":
                continue  # the baseline's deficits are those of the usual target
            for which_bus in readings.weak_buses:
                found = [
                    100 * value
                    for mine, other in pairs
                    if (value := reduction(mine, other, which_bus, which_error, group.fstar))
                    is not None
                ]
                row = {
                    "network": group.network,
                    "stations": group.stations,
                    "fstar": group.fstar,
                    "mechanism": group.mechanism,
                    "baseline": baseline,
                    "weak_bus": which_bus,
                    "error": which_error,
                    "seeds": len(found),
                    "percent": spread(found),
                }
                if (which_bus, which_error, baseline) == readings.stated:
                    row["each_seed"] = [round(value, 2) for value in found]
                rows.append(row)
    return rows


def _convergence(config: EvidenceConfig, results: Results) -> list[Row]:
    """The worst consumer's F* minus counted F: where it ends, and its way there."""
    rows = []
    for network in config.run.networks:
        for mechanism in config.run.mechanisms:
            runs = results.of("main", "", network, mechanism)
            if not runs:
                continue
            traces = [run["consumers"]["trace"] for run in runs]
            worst = np.array([trace["gap_worst"] for trace in traces])
            block = traces[0]["block"]
            step = max(1, -(-worst.shape[1] // _TRACE_POINTS))
            at = np.arange(step - 1, worst.shape[1], step)
            row: Row = {
                "network": network,
                "mechanism": mechanism,
                "last_worst": spread([trace["last_worst"] for trace in traces]),
                "last_mean": spread([trace["last_mean"] for trace in traces]),
                "interval": ((at + 1) * block).tolist(),
                "median": [short(v) for v in np.median(worst, axis=0)[at]],
            }
            for percent in (20, 40, 60, 80, 100):
                column = worst[:, worst.shape[1] * percent // 100 - 1]
                row[f"at_{percent}_percent"] = short(float(np.median(column)))
            if mechanism == FAIR_PLAY.name:
                row["least"] = [short(v) for v in worst.min(axis=0)[at]]
                row["most"] = [short(v) for v in worst.max(axis=0)[at]]
            rows.append(row)
    return rows


def _windows(config: EvidenceConfig, results: Results) -> list[Row]:
    """Delivered ratio of the weak bus of the stated reading, and of the worst, by window."""
    rows = []
    weak, _, base = config.readings.stated
    for network in config.run.networks:
        baselines = results.of("main", "", network, base)
        for mechanism in config.run.mechanisms:
            pairs = paired(results.of("main", "", network, mechanism), baselines)
            if not pairs:
                continue
            ratio = [np.array(run["consumers"]["window_ratio"]) for run, _ in pairs]
            of_weak = np.array(
                [r[:, weak_bus(b, weak)] for r, (_, b) in zip(ratio, pairs, strict=True)]
            )
            of_worst = np.array([r.min(axis=1) for r in ratio])
            rows.append(
                {
                    "network": network,
                    "mechanism": mechanism,
                    "weak_bus": [short(v) for v in np.median(of_weak, axis=0)],
                    "worst_bus": [short(v) for v in np.median(of_worst, axis=0)],
                }
            )
    return rows


def _checked(config: EvidenceConfig, results: Results) -> list[Row]:
    """How many intervals there were, and how many of them the integer checker accepted."""
    rows = []
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for job, result in results.all:
        if isinstance(job, MarketJob):
            part = job.part
            if part == "main":
                part = "main, committed" if job.committed else "main, other mechanisms"
            groups[job.network, part].append(result)
    order = (*config.run.networks, config.large.network)
    for network, part in sorted(
        groups, key=lambda k: (k[1] != "main, committed", order.index(k[0]))
    ):
        runs = groups[network, part]
        rows.append(
            {
                "network": network,
                "part": part,
                "runs": len(runs),
                "intervals": sum(int(run["intervals"]) for run in runs),
                "certified": sum(int(run["certified"]) for run in runs),
                "dc_violations": sum(int(run["dc_violations"]) for run in runs),
                "committed": sum(int(run.get("committed", {}).get("intervals", 0)) for run in runs),
                "payments_sum": sum(abs(int(run["payments_sum"])) for run in runs),
            }
        )
    return rows


def _roots(config: EvidenceConfig, results: Results) -> list[Row]:
    rows = []
    for network in config.run.networks:
        for run in results.of("main", "", network, FAIR_PLAY.name):
            kept = run["committed"]
            rows.append(
                {
                    "network": network,
                    "seed": run["job"]["study"]["seed"],
                    "intervals": kept["intervals"],
                    "genesis_hash": kept["genesis_hash"],
                    "last_header_hash": kept["last"]["header_hash"],
                }
            )
    return rows
