"""How fair an outcome was: the figures every report uses, in one place.

Reporting only: these are floating-point numbers derived from exact integer sums, and nothing is
settled by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.units import PPB, Int64Array

FloatArray = npt.NDArray[np.float64]

#: The worst-served tenth of the participants.
_DECILE: Final = 10


@dataclass(frozen=True)
class Fairness:
    """Fairness over a run, of the participants that asked for flexible energy.

    F is the share of the flexible energy asked for that was delivered. It is counted in two ways:
    *delivered* counts every Wh; *counted* counts no more than the contract owes at any time, so
    that it converges to F* from below (docs/theorems.md, the ledger identity and T5).

    Attributes:
        participants: how many asked for anything.
        counted_min: the least counted F.
        counted_mean: the mean counted F.
        counted_max: the greatest counted F.
        target_gap_max: the greatest F* minus counted F; zero when nobody is owed anything.
        target_gap_mean: the mean F* minus counted F.
        delivered_min: the least delivered F.
        delivered_mean: the mean delivered F.
        delivered_max: the greatest delivered F.
        jain: Jain's index of the delivered F, 1 when all are equal.
        gini: Gini coefficient of the delivered F, 0 when all are equal.
        worst_decile: mean delivered F of the worst-served tenth.
    """

    participants: int
    counted_min: float
    counted_mean: float
    counted_max: float
    target_gap_max: float
    target_gap_mean: float
    delivered_min: float
    delivered_mean: float
    delivered_max: float
    jain: float
    gini: float
    worst_decile: float


def jain(values: FloatArray) -> float:
    """Jain's fairness index ``(sum v)^2 / (n sum v^2)`` in [1/n, 1]; 1 if all are zero or none.

    Args:
        values: float64[n], not negative.

    Source: R. Jain, D. Chiu, W. Hawe, DEC-TR-301 (1984).
    """
    squares = float(np.square(values).sum())
    return float(values.sum()) ** 2 / (len(values) * squares) if squares > 0 else 1.0


def gini(values: FloatArray) -> float:
    """Gini coefficient ``sum_ij |v_i - v_j| / (2 n sum v)`` in [0, 1); 0 if all are zero or none.

    Args:
        values: float64[n], not negative.
    """
    total = float(values.sum())
    if total <= 0:
        return 0.0
    n = len(values)
    ranks = np.arange(1, n + 1)
    return float(((2 * ranks - n - 1) * np.sort(values)).sum()) / (n * total)


def worst_decile(values: FloatArray) -> float:
    """Mean of the lowest tenth of the values, at least one of them; NaN of none."""
    if len(values) == 0:
        return float("nan")
    count = -(-len(values) // _DECILE)
    return float(np.sort(values)[:count].mean())


def ratios(part: Int64Array, whole: Int64Array) -> FloatArray:
    """``part / whole`` elementwise, NaN where the whole is zero."""
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def target_gaps(deficit_ppb_wh: npt.NDArray[np.float64], requested_wh: Int64Array) -> FloatArray:
    """F* minus the counted F of every participant: ``D / S`` by the ledger identity.

    Args:
        deficit_ppb_wh: float64[n], deficits in ppb-Wh.
        requested_wh: int64[n], sums of flexible requests.

    Returns:
        float64[n], NaN where nothing was requested.
    """
    out = np.full(len(requested_wh), np.nan)
    np.divide(deficit_ppb_wh / PPB, requested_wh, out=out, where=requested_wh > 0)
    return out


def fairness(
    requested_wh: Int64Array,
    delivered_wh: Int64Array,
    deficit_ppb_wh: FloatArray,
    fstar_ppb: Int64Array,
) -> Fairness:
    """The figures of a run.

    Args:
        requested_wh: int64[n], sums of flexible requests.
        delivered_wh: int64[n], sums of flexible allocations.
        deficit_ppb_wh: float64[n], deficits at the end, in ppb-Wh, zero at the start.
        fstar_ppb: int64[n], targets.
    """
    asked = requested_wh > 0
    delivered = ratios(delivered_wh[asked], requested_wh[asked])
    gap = target_gaps(deficit_ppb_wh[asked], requested_wh[asked])
    counted = fstar_ppb[asked] / PPB - gap
    if not asked.any():
        delivered = gap = counted = np.array([np.nan])
    return Fairness(
        participants=int(asked.sum()),
        counted_min=float(counted.min()),
        counted_mean=float(counted.mean()),
        counted_max=float(counted.max()),
        target_gap_max=float(gap.max()),
        target_gap_mean=float(gap.mean()),
        delivered_min=float(delivered.min()),
        delivered_mean=float(delivered.mean()),
        delivered_max=float(delivered.max()),
        jain=jain(delivered),
        gini=gini(delivered),
        worst_decile=worst_decile(delivered),
    )
