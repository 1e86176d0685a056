"""The paper's theorems, measured: rates of convergence, memory, clearing operator, event trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from offchain.mechanisms.priority import FAIR_PLAY
from offchain.units import PPB
from oracle.evidence.config import EvidenceConfig

if TYPE_CHECKING:
    from oracle.evidence.results import Results, Row

_LOG_POINTS = 60
_EXPECTED = {"slack": -1.0, "boundary": -0.5, "infeasible": 0.0}


def rates(config: EvidenceConfig, results: Results) -> list[Row]:
    """T5: how fast the mean gap to F* closes, as the slope of its logarithm."""
    rows: list[Row] = []
    for network in config.run.networks:
        for regime, fstar in config.rates.regimes.items():
            runs = results.of("rates", regime, network, FAIR_PLAY.name)
            if not runs:
                continue
            traces = [run["consumers"]["trace"] for run in runs]
            each = np.array([trace["gap_mean"] for trace in traces])
            # Means over whole frames: inside a frame the gap comes and goes.
            frame = max(1, config.rates.frame_intervals // int(traces[0]["block"]))
            whole = each.shape[1] // frame * frame
            each = each[:, :whole].reshape(len(each), -1, frame).mean(axis=2)
            gap = each.mean(axis=0)
            t = (np.arange(len(gap)) + 1) * int(traces[0]["block"]) * frame
            if not len(gap):
                continue
            fit_from = config.rates.fit_from_permille / 1000
            slope = _slope(t, gap, fit_from)
            shown = np.unique(np.geomspace(1, len(gap), _LOG_POINTS).astype(int)) - 1
            rows.append(
                {
                    "network": network,
                    "regime": regime,
                    "fstar": fstar / 1000,
                    "seeds": len(runs),
                    "slope": slope,
                    "slope_error": jackknife(t, each, fit_from),
                    "expected": _EXPECTED[regime],
                    "last_mean": float(f"{np.mean([r['last_mean'] for r in traces]):.4g}"),
                    "last_worst": float(f"{np.max([r['last_worst'] for r in traces]):.4g}"),
                    "interval": t[shown].tolist(),
                    "gap": [float(f"{value:.4g}") for value in gap[shown]],
                }
            )
    return rows


def _slope(t: npt.NDArray[np.int64], gap: npt.NDArray[np.float64], fit_from: float) -> float | None:
    """Least-squares slope of ln gap over ln t, past the start; None if the gap vanished."""
    fitted = (t >= fit_from * t[-1]) & (gap > 0)
    if fitted.sum() < 3:
        return None
    return round(float(np.polyfit(np.log(t[fitted]), np.log(gap[fitted]), 1)[0]), 3)


def jackknife(
    t: npt.NDArray[np.int64], each: npt.NDArray[np.float64], fit_from: float
) -> float | None:
    """Standard error of the slope of the mean gap, each seed left out once; None of one seed.

    Source: B. Efron, C. Stein, Annals of Statistics 9 (1981).
    """
    count = len(each)
    if count < 2:
        return None
    without = [np.delete(each, seed, axis=0).mean(axis=0) for seed in range(count)]
    slopes = [_slope(t, gap, fit_from) for gap in without]
    if None in slopes:
        return None
    known = np.array(slopes, dtype=np.float64)
    return round(float(np.sqrt((count - 1) / count * np.square(known - known.mean()).sum())), 3)


def memory(config: EvidenceConfig, results: Results) -> list[Row]:
    """T1: what two memories that saw the same service did, over all seeds."""
    rows: list[Row] = []
    for network in config.run.networks:
        kept = [run["memory"] for run in results.of("main", "", network, FAIR_PLAY.name)]
        if not kept:
            continue
        met: list[Any] = [one["met"] for one in kept]
        rows.append(
            {
                "network": network,
                "seeds": len(kept),
                "bound": 1 - config.policy.beta_ppb / PPB,
                "contraction": max(one["contraction"] for one in kept),
                "least": min(one["least_ppb"] for one in kept) / PPB,
                "greatest": max(one["greatest_ppb"] for one in kept) / PPB,
                "met": None if None in met else max(met),
            }
        )
    return rows


def operator(config: EvidenceConfig, results: Results) -> list[Row]:
    """T2: measured contraction of the clearing operator against |1 - eta|."""
    rows: list[Row] = []
    for network in config.run.networks:
        found = [
            {**row, "seed": run["job"]["study"]["seed"]}
            for run in results.of("operator", "", network)
            for row in run["rows"]
        ]
        for eta in config.operator.eta_permille:
            mine = [row for row in found if row["eta_permille"] == eta]
            if not mine:
                continue
            rows.append(
                {
                    "network": network,
                    "seeds": len({row["seed"] for row in mine}),
                    "eta": eta / 1000,
                    "bound": round(abs(1 - eta / 1000), 3),
                    "greatest": round(max(row["greatest"] for row in mine), 5),
                    "mean": round(float(np.mean([row["mean"] for row in mine])), 5),
                    "steps": sum(row["steps"] for row in mine),
                    "clearings": len(mine),
                }
            )
    return rows


def event_trigger(config: EvidenceConfig, results: Results) -> list[Row]:
    """T4: what holding saves, and what it costs."""
    rows: list[Row] = []
    given = config.event_trigger
    for network in config.run.networks:
        for noise in given.noise_permille:
            for sigma in given.sigma_permille:
                runs = results.of("event trigger", f"{noise}/{sigma}", network)
                if not runs:
                    continue
                rows.append(
                    {
                        "network": network,
                        "noise_permille": noise,
                        "sigma": sigma / 1000,
                        "seeds": len(runs),
                        "intervals": sum(run["intervals"] for run in runs),
                        "saved": float(f"{np.median([run['saved'] for run in runs]):.4g}"),
                        "saved_least": min(float(f"{run['saved']:.4g}") for run in runs),
                        "saved_most": max(float(f"{run['saved']:.4g}") for run in runs),
                        "error_mean": float(f"{np.mean([r['error_mean'] for r in runs]):.4g}"),
                        "error_most": max(float(f"{run['error_most']:.4g}") for run in runs),
                        "bound_most": max(float(f"{run['bound_most']:.4g}") for run in runs),
                        "bound_kept": all(run["bound_kept"] for run in runs),
                    }
                )
    return rows
