"""From results to the few numbers that tables, figures and text are made of."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from offchain.mechanisms.priority import FAIR_PLAY
from offchain.units import MICRO_PER_CURRENCY, WH_PER_KWH
from oracle.evidence import theorems
from oracle.evidence.config import MEMORY_ONLY, EvidenceConfig
from oracle.evidence.jobs import Job, MarketJob, plan
from oracle.evidence.readings import COUNTED, reduction, weak_bus
from oracle.evidence.runner import Result
from oracle.plain import plain

FORMAT: Final = 1
_PERMILLE: Final = 1000
_TRACE_POINTS: Final = 125

Row = dict[str, Any]
Summary = dict[str, Any]


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
        "sensitivity": _sensitivity(config, results),
        "forecast": _forecast(config, results),
        "requesting": _requesting(config, results),
        "large": _large(config, results),
        "checked": _checked(config, results),
        "evm": evm,
        "roots": _roots(config, results),
    }


def _named(job: Job) -> Row:
    """A job in the words of its part."""
    mechanism = job.mechanism if isinstance(job, MarketJob) else ""
    where = {"network": job.network, "seed": job.study.seed}
    return {"part": job.part, "variant": job.variant, "mechanism": mechanism, **where}


def spread(values: Sequence[float]) -> Row:
    """Median and range of some values, one per seed."""
    if not values:
        return {"median": None, "least": None, "most": None}
    return {
        "median": _short(float(np.median(values))),
        "least": _short(min(values)),
        "most": _short(max(values)),
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _fstar(config: EvidenceConfig) -> float:
    return config.study.fstar_ppb / 1e9


def _networks(config: EvidenceConfig, results: Results) -> list[Row]:
    rows = []
    for network in (*config.run.networks, config.large.network):
        part = "main" if network in config.run.networks else "large"
        for result in results.of(part, "", network, FAIR_PLAY.name)[:1]:
            consumers = len(result["consumers"]["bus"])
            sizes = {name: result[name] for name in ("buses", "lines")}
            rows.append({"network": network, **sizes, "consumers": consumers})
    return rows


def _per_kwh(result: Result, name: str) -> float:
    kwh = result["served_wh"] / WH_PER_KWH
    return float(result[name] / MICRO_PER_CURRENCY / kwh) if kwh else 0.0


def _served(result: Result) -> float:
    return float(result["served_wh"] / result["requested_wh"])


def _window_least(result: Result) -> float:
    return float(np.nanmin(result["consumers"]["window_ratio"]))


def _mechanism_row(runs: Sequence[Result]) -> Row:
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


def _mechanisms(config: EvidenceConfig, results: Results) -> list[Row]:
    return [
        {"network": network, "mechanism": mechanism, **_mechanism_row(runs)}
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
            group = _Group("main", "", network, mechanism, _fstar(config), usual)
            rows += _readings(config, results, group)
    for mechanism in (FAIR_PLAY.name, MEMORY_ONLY):
        network = readings.other_network
        for permille in readings.other_fstar_permille:
            fstar = permille / _PERMILLE
            group = _Group("target", str(permille), network, mechanism, fstar, usual)
            rows += _readings(config, results, group)
        other = _Group("stations", "", network, mechanism, _fstar(config), readings.other_stations)
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
        pairs = _paired(runs, results.of(base_part, "", group.network, baseline))
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


def _paired(runs: Sequence[Result], baselines: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Runs with the baseline of the same seed."""
    by_seed = {result["job"]["study"]["seed"]: result for result in baselines}
    return [
        (run, by_seed[seed]) for run in runs if (seed := run["job"]["study"]["seed"]) in by_seed
    ]


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
                "median": [_short(v) for v in np.median(worst, axis=0)[at]],
            }
            for percent in (20, 40, 60, 80, 100):
                column = worst[:, worst.shape[1] * percent // 100 - 1]
                row[f"at_{percent}_percent"] = _short(float(np.median(column)))
            if mechanism == FAIR_PLAY.name:
                row["least"] = [_short(v) for v in worst.min(axis=0)[at]]
                row["most"] = [_short(v) for v in worst.max(axis=0)[at]]
            rows.append(row)
    return rows


def _windows(config: EvidenceConfig, results: Results) -> list[Row]:
    """Delivered ratio of the weak bus of the stated reading, and of the worst, by window."""
    rows = []
    weak, _, base = config.readings.stated
    for network in config.run.networks:
        baselines = results.of("main", "", network, base)
        for mechanism in config.run.mechanisms:
            pairs = _paired(results.of("main", "", network, mechanism), baselines)
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
                    "weak_bus": [_short(v) for v in np.median(of_weak, axis=0)],
                    "worst_bus": [_short(v) for v in np.median(of_worst, axis=0)],
                }
            )
    return rows


def _sensitivity(config: EvidenceConfig, results: Results) -> list[Row]:
    """One parameter moved at a time; the usual values are those of the comparison."""
    given, policy = config.sensitivity, config.policy
    network = given.network
    usual = {
        "beta": policy.beta_ppb // 10**6,
        "gamma": policy.gamma_ppb // 10**6,
        "tau": policy.tau_ppb // 10**6,
        "fstar": config.study.fstar_ppb // 10**6,
    }
    of_memory = {**usual, "gamma": config.memory_only.gamma_ppb // 10**6}
    rows = []
    for mechanism, name, values in (*given.moved, (FAIR_PLAY.name, "fstar", given.fstar_permille)):
        at = (of_memory if mechanism == MEMORY_ONLY else usual)[name]
        for value in sorted({at, *values}):
            runs = (
                results.of("main", "", network, mechanism)[: given.seeds]
                if value == at
                else results.of("sensitivity", f"{name}={value}", network, mechanism)
                or results.of("target", str(value), network, mechanism)[: given.seeds]
            )
            if not runs:
                continue
            fstar = value / _PERMILLE if name == "fstar" else _fstar(config)
            row: Row = {"mechanism": mechanism, "parameter": name, "permille": value}
            row |= {"usual": value == at, **_mechanism_row(runs)}
            row["percent"] = _stated_reduction(config, results, runs, network, fstar)
            rows.append(row)
    return rows


def _stated_reduction(
    config: EvidenceConfig, results: Results, runs: Sequence[Result], network: str, fstar: float
) -> Row:
    """The figure of the stated reading, for runs on the markets of the comparison."""
    weak, error, base = config.readings.stated
    pairs = _paired(runs, results.of("main", "", network, base))
    found = [reduction(mine, other, weak, error, fstar) for mine, other in pairs]
    return spread([100 * value for value in found if value is not None])


def _useful(result: Result, rows: Sequence[bool] | None = None) -> tuple[float, float]:
    """Useful energy over need: of all together, and of the worst of them."""
    consumers = result["consumers"]
    useful, need = np.array(consumers["useful_wh"]), np.array(consumers["need_wh"])
    chosen = np.ones(len(need), dtype=np.bool_) if rows is None else np.array(rows)
    share = useful[chosen] / need[chosen]
    return float(useful[chosen].sum() / need[chosen].sum()), float(share.min())


def _forecast(config: EvidenceConfig, results: Results) -> list[Row]:
    given = config.forecast
    rows = []
    for mechanism in given.mechanisms:
        for error in (0, *given.error_permille):
            runs = (
                results.of("forecast", str(error), given.network, mechanism)
                if error
                else results.of("main", "", given.network, mechanism)[: given.seeds]
            )
            if not runs:
                continue
            together, worst = zip(*(_useful(run) for run in runs), strict=True)
            rows.append(
                {
                    "mechanism": mechanism,
                    "error_permille": error,
                    "seeds": len(runs),
                    "useful": spread(together),
                    "useful_worst": spread(worst),
                    "target_gap_max": spread([r["fairness"]["target_gap_max"] for r in runs]),
                    "dc_violations": sum(int(run["dc_violations"]) for run in runs),
                }
            )
    return rows


def _requesting(config: EvidenceConfig, results: Results) -> list[Row]:
    given = config.requesting
    rows = []
    for cap in given.cap_permille:
        for factor in given.factor_permille:
            runs = results.of("requesting", f"{factor}/{cap}", given.network, FAIR_PLAY.name)
            if not runs:
                continue
            row: Row = {"cap_permille": cap, "factor_permille": factor, "seeds": len(runs)}
            for who in ("strategists", "others"):
                chosen = [
                    [flag == (who == "strategists") for flag in run["strategists"]] for run in runs
                ]
                row[f"{who}_useful"] = spread(
                    [_useful(run, rows)[0] for run, rows in zip(runs, chosen, strict=True)]
                )
                row[f"{who}_paid_per_useful_kwh"] = spread(
                    [_paid(run, rows) for run, rows in zip(runs, chosen, strict=True)]
                )
            rows.append(row)
    return rows


def _paid(result: Result, rows: Sequence[bool]) -> float:
    consumers, chosen = result["consumers"], np.array(rows)
    micro = int(np.array(consumers["debit_micro"])[chosen].sum())
    useful = int(np.array(consumers["useful_wh"])[chosen].sum())
    return micro / MICRO_PER_CURRENCY / (useful / WH_PER_KWH)


def _large(config: EvidenceConfig, results: Results) -> list[Row]:
    network, fstar = config.large.network, _fstar(config)
    rows = []
    for mechanism in config.large.mechanisms:
        runs = results.of("large", "", network, mechanism)
        if runs:
            row: Row = {"network": network, "mechanism": mechanism, **_mechanism_row(runs)}
            for name in ("intervals", "certified", "dc_violations"):
                row[name] = sum(int(run[name]) for run in runs)
            row["below_target"] = spread([_below(run, fstar) for run in runs])
            spent = sum(float(run["seconds"]) for run in runs)
            row["ms_per_interval"] = round(1e3 * spent / row["intervals"], 1)
            rows.append(row)
    return rows


def _below(result: Result, fstar: float) -> int:
    """How many consumers were delivered less than a hundredth below F* over the run."""
    consumers = result["consumers"]
    ratio = np.array(consumers["delivered_wh"]) / np.array(consumers["requested_wh"])
    return int((ratio < fstar - 0.01).sum())


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
