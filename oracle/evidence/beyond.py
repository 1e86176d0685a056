"""The summary of what the paper does not report: sensitivity, forecasts, over-asking, a large network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from offchain.mechanisms.priority import FAIR_PLAY
from offchain.units import MICRO_PER_CURRENCY, WH_PER_KWH
from oracle.evidence.config import MEMORY_ONLY, EvidenceConfig
from oracle.evidence.readings import reduction
from oracle.evidence.results import Results, Row, fstar_of, mechanism_row, paired, spread
from oracle.evidence.runner import Result

_PERMILLE: Final = 1000


def sensitivity(config: EvidenceConfig, results: Results) -> list[Row]:
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
            fstar = value / _PERMILLE if name == "fstar" else fstar_of(config)
            row: Row = {"mechanism": mechanism, "parameter": name, "permille": value}
            row |= {"usual": value == at, **mechanism_row(runs)}
            row["percent"] = _stated_reduction(config, results, runs, network, fstar)
            rows.append(row)
    return rows


def _stated_reduction(
    config: EvidenceConfig, results: Results, runs: Sequence[Result], network: str, fstar: float
) -> Row:
    """The figure of the stated reading, for runs on the markets of the comparison."""
    weak, error, base = config.readings.stated
    pairs = paired(runs, results.of("main", "", network, base))
    found = [reduction(mine, other, weak, error, fstar) for mine, other in pairs]
    return spread([100 * value for value in found if value is not None])


def _useful(result: Result, rows: Sequence[bool] | None = None) -> tuple[float, float]:
    """Useful energy over need: of all together, and of the worst of them."""
    consumers = result["consumers"]
    useful, need = np.array(consumers["useful_wh"]), np.array(consumers["need_wh"])
    chosen = np.ones(len(need), dtype=np.bool_) if rows is None else np.array(rows)
    share = useful[chosen] / need[chosen]
    return float(useful[chosen].sum() / need[chosen].sum()), float(share.min())


def forecast(config: EvidenceConfig, results: Results) -> list[Row]:
    """Requests that miss the need by a forecast's error."""
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


def requesting(config: EvidenceConfig, results: Results) -> list[Row]:
    """Requests above the need, with and without a contract cap."""
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


def large(config: EvidenceConfig, results: Results) -> list[Row]:
    """A network beyond the paper's."""
    network, fstar = config.large.network, fstar_of(config)
    rows = []
    for mechanism in config.large.mechanisms:
        runs = results.of("large", "", network, mechanism)
        if runs:
            row: Row = {"network": network, "mechanism": mechanism, **mechanism_row(runs)}
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
