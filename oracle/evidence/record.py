"""What is kept of a run: who asked for how much, who got how much, and when.

Whole tables are kept while a scenario runs; what is written is small and derived from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.fairness.state import next_memories
from offchain.mechanisms.metrics import ratios
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.trial import Step
from offchain.settlement import Payments
from offchain.units import PPB, Int64Array

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: A trace is written as the means of this many equal blocks at most.
_BLOCKS = 500
#: Beyond this difference, in ppb, flooring does not hide the contraction of the memory.
_LARGE_PPB = 10_000_000


@dataclass(frozen=True)
class Span:
    """Lengths by which a run is measured: what to leave out at the start, and a rolling day."""

    settling_intervals: int
    day_intervals: int


class Record:
    """The tables of one run.

    Args:
        participants: n rows.
        need_wh: int64[T, n], what each really needs; requests may differ.
        scarce: bool[T].
        span: how to measure.
    """

    def __init__(
        self, participants: Participants, need_wh: Int64Array, scarce: BoolArray, span: Span
    ) -> None:
        self._participants, self._need, self._scarce = participants, need_wh, scarce
        self._span = span
        self._requested = np.zeros_like(need_wh)
        self._delivered = np.zeros_like(need_wh)
        self._deficit = np.zeros(need_wh.shape)
        self._debit = np.zeros(need_wh.shape[1], dtype=np.int64)
        self._at = 0

    def add(self, step: Step, standing: Standing, payments: Payments) -> None:
        """Add one interval with the standing after it."""
        outcome = step.outcome
        self._requested[self._at] = outcome.quantities.flexible_wh
        self._delivered[self._at] = outcome.flexible_wh
        self._deficit[self._at] = standing.deficit_ppb_wh() / PPB
        self._debit += payments.debit
        self._at += 1

    def report(self) -> dict[str, Any]:
        """Sums and ratios of the consumers, as lists in their order."""
        asking = self._need.any(axis=0)
        requested, delivered = self._requested[:, asking], self._delivered[:, asking]
        need = self._need[:, asking]
        useful = np.minimum(delivered, need)
        gap = self._deficit[:, asking] / np.maximum(requested.cumsum(axis=0), 1)
        return {
            "bus": self._participants.bus[asking].tolist(),
            "rate_wh": self._participants.rate_wh[asking].tolist(),
            "need_wh": need.sum(axis=0).tolist(),
            "useful_wh": useful.sum(axis=0).tolist(),
            "requested_wh": requested.sum(axis=0).tolist(),
            "delivered_wh": delivered.sum(axis=0).tolist(),
            "debit_micro": self._debit[asking].tolist(),
            "window_ratio": self._window_ratios(requested, delivered).round(6).tolist(),
            "least_cumulative": self._least_cumulative(requested, delivered).round(6).tolist(),
            "least_day": self._least_day(requested, delivered).round(6).tolist(),
            "least_interval": self._least_interval(requested, delivered).round(6).tolist(),
            "most_gap": gap[self._settled(len(gap)) :].max(axis=0).round(6).tolist(),
            "trace": self._trace(gap),
        }

    def memory_contraction(self, beta_ppb: int) -> dict[str, Any]:
        """T1 on the service of this run: two memories, 0 and 1 at the start, that see the same.

        Returns:
            The greatest ratio of successive differences while they are large, the least and
            greatest memory, and after how many intervals nobody's two memories differed by more
            than 1 / beta ppb.
        """
        fstar = self._participants.fstar_ppb
        low = np.zeros(len(fstar), dtype=np.int64)
        high = np.where(fstar > 0, PPB, 0)
        greatest, met, seen = 0.0, None, [0, PPB]
        for interval in range(self._at):
            before = high - low
            service = (self._requested[interval], self._delivered[interval])
            low = next_memories(low, fstar, beta_ppb, *service)
            high = next_memories(high, fstar, beta_ppb, *service)
            moved = (before > _LARGE_PPB) & (service[0] * fstar >= PPB)
            ratio = (high - low)[moved] / before[moved]
            greatest = max(greatest, float(ratio.max(initial=0.0)))
            seen = [min(seen[0], int(low.min())), max(seen[1], int(high.max()))]
            if met is None and (high - low).max() <= PPB // beta_ppb:
                met = interval + 1
        return {"contraction": greatest, "least_ppb": seen[0], "greatest_ppb": seen[1], "met": met}

    def _window_ratios(self, requested: Int64Array, delivered: Int64Array) -> FloatArray:
        begins = self._scarce & ~np.concatenate(([False], self._scarce[:-1]))
        window = np.where(self._scarce, np.cumsum(begins) - 1, -1)
        rows = [
            ratios(delivered[window == w].sum(axis=0), requested[window == w].sum(axis=0))
            for w in range(int(begins.sum()))
        ]
        return np.array(rows).reshape(len(rows), requested.shape[1])

    def _least_cumulative(self, requested: Int64Array, delivered: Int64Array) -> FloatArray:
        """The least delivered ratio to date, once the run has settled; float64[consumers]."""
        settled = self._settled(len(requested))
        ratio = delivered.cumsum(axis=0)[settled:] / np.maximum(
            requested.cumsum(axis=0)[settled:], 1
        )
        least: FloatArray = ratio.min(axis=0)
        return least

    def _settled(self, intervals: int) -> int:
        return min(self._span.settling_intervals, intervals - 1)

    def _least_interval(self, requested: Int64Array, delivered: Int64Array) -> FloatArray:
        """The least delivered ratio of one scarce interval; 1 where none was, float64[consumers]."""
        asked, got = requested[self._scarce], delivered[self._scarce]
        ratio = np.where(asked > 0, got / np.maximum(asked, 1), 1.0)
        least: FloatArray = ratio.min(axis=0, initial=1.0)
        return least

    def _least_day(self, requested: Int64Array, delivered: Int64Array) -> FloatArray:
        """The least delivered ratio of a rolling day that ends in a window; float64[consumers]."""
        day = min(self._span.day_intervals, len(requested))
        sums = [
            np.vstack((np.zeros(t.shape[1], t.dtype), t.cumsum(axis=0)))
            for t in (requested, delivered)
        ]
        asked, got = (s[day:] - s[:-day] for s in sums)
        in_window = self._scarce[day - 1 :]
        if not in_window.any():
            return np.ones(requested.shape[1])
        least: FloatArray = (got[in_window] / np.maximum(asked[in_window], 1)).min(axis=0)
        return least

    def _trace(self, gap: FloatArray) -> dict[str, Any]:
        """F* minus counted F over time: block means of the mean and of the worst consumer."""
        block = max(1, -(-len(gap) // _BLOCKS))
        whole = len(gap) // block * block

        def blocks(values: FloatArray) -> list[float]:
            means: FloatArray = values[:whole].reshape(-1, block).mean(axis=1)
            return [float(f"{value:.4g}") for value in means]

        return {
            "block": block,
            "gap_mean": blocks(gap.mean(axis=1)),
            "gap_worst": blocks(gap.max(axis=1)),
            "last_mean": float(gap[-1].mean()),
            "last_worst": float(gap[-1].max()),
        }
