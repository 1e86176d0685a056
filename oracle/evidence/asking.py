"""What consumers ask for, where it differs from what they need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.policy import DEFAULT_POLICY
from offchain.units import PPB, Int64Array
from oracle.study import Study, StudyConfig, draw_study

_PERMILLE: Final = 1000
#: Keeps the errors of forecasts apart from the draws of the study.
_FORECAST_STREAM: Final = 77


@dataclass(frozen=True)
class Asking:
    """How requests follow from needs; the plain value asks for exactly what is needed.

    Attributes:
        error_permille: standard deviation of the logarithm of the forecast's error.
        strategist_permille: share of the consumers who always ask for more.
        factor_permille: how much more they ask for.
        cap_permille: contract cap on every request, of the contracted rate; 0 for none.
    """

    error_permille: int = 0
    strategist_permille: int = 0
    factor_permille: int = _PERMILLE
    cap_permille: int = 0


def drawn(config: StudyConfig) -> Study:
    """The study of a configuration; drawn once for all targets and mechanisms that share it."""
    study = _drawn(replace(config, fstar_ppb=PPB))
    return replace(study, config=config, fstar_ppb=study.fstar_ppb // PPB * config.fstar_ppb)


@lru_cache(maxsize=4)
def _drawn(config: StudyConfig) -> Study:
    return draw_study(config, max_bid_ticks=DEFAULT_POLICY.max_bid_ticks)


def strategists(study: Study, asking: Asking) -> npt.NDArray[np.bool_]:
    """Who asks for more than needed: evenly spread over the consumers; bool[n]."""
    consumers = np.flatnonzero(study.fstar_ppb)
    count = len(consumers) * asking.strategist_permille // _PERMILLE
    chosen = np.zeros(len(study.bus), dtype=np.bool_)
    chosen[consumers[(2 * np.arange(count) + 1) * len(consumers) // (2 * max(count, 1))]] = True
    return chosen


def requests(study: Study, asking: Asking) -> Int64Array:
    """What is asked for, int64[T, n], Wh.

    Args:
        study: its flexible demand is what is needed.
        asking: how to ask.
    """
    wanted = study.flexible_wh
    if asking.error_permille:
        rng = np.random.Generator(np.random.PCG64([study.config.seed, _FORECAST_STREAM]))
        error = np.exp(rng.normal(0, asking.error_permille / _PERMILLE, wanted.shape))
        wanted = np.rint(wanted * error).astype(np.int64)
    if asking.factor_permille != _PERMILLE:
        factor = np.where(strategists(study, asking), asking.factor_permille, _PERMILLE)
        wanted = wanted * factor // _PERMILLE
    if asking.cap_permille:
        wanted = np.minimum(wanted, study.rate_wh * asking.cap_permille // _PERMILLE)
    return wanted


def with_requests(study: Study, wanted_wh: Int64Array) -> Study:
    """The study with other requests; supply stays as it was drawn for the needs."""
    return replace(study, flexible_wh=wanted_wh)
