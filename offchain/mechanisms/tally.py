"""Adds up a trial: exact sums first, figures for people from them at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.mechanisms.metrics import Fairness, fairness, ratios, target_gaps
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.trial import Step
from offchain.settlement import Payments
from offchain.units import PPB, WH_TICKS_PER_MICRO, Int64Array

#: Intervals before which a cumulative ratio says more about the start than about the mechanism.
_SETTLING: Final = 200


class BillTally:
    """Sums of one way of billing over a run; money in micro (1e-6 currency).

    Attributes:
        energy_cost: paid for energy.
        supply_pay: paid to suppliers.
        pot: left beyond that.
        shortfall: missing for that.
        payments_sum: credits minus debits of everybody; zero, or the settlement is broken.
        price_low_ticks: the lowest mean price of an interval; infinite before the first.
        price_high_ticks: the highest mean price of an interval.
    """

    def __init__(self) -> None:
        self.energy_cost = 0
        self.supply_pay = 0
        self.pot = 0
        self.shortfall = 0
        self.payments_sum = 0
        self.price_low_ticks = float("inf")
        self.price_high_ticks = float("-inf")

    def add(self, payments: Payments, served_wh: int) -> None:
        """Add one interval, in which ``served_wh`` was served."""
        cost = int(payments.energy_cost.sum())
        self.energy_cost += cost
        self.supply_pay += int(payments.supply_pay.sum())
        self.pot += payments.pot
        self.shortfall += payments.shortfall
        self.payments_sum += int(payments.credit.sum()) - int(payments.debit.sum())
        if served_wh > 0:
            price = cost * WH_TICKS_PER_MICRO / served_wh
            self.price_low_ticks = min(self.price_low_ticks, price)
            self.price_high_ticks = max(self.price_high_ticks, price)


@dataclass(frozen=True, eq=False)
class Windows:
    """Flexible energy in the scarcity windows: int64[windows, n], Wh.

    Attributes:
        requested_wh: asked for in each window by each participant.
        delivered_wh: served.
    """

    requested_wh: Int64Array
    delivered_wh: Int64Array

    def delivery_ratios(self) -> npt.NDArray[np.float64]:
        """Delivered over asked, float64[windows, n]; NaN where nothing was asked."""
        flat = ratios(self.delivered_wh.ravel(), self.requested_wh.ravel())
        return flat.reshape(self.requested_wh.shape)


class Tally:
    """Everything that reports need of one run.

    Args:
        participants: n rows.
        scarce: bool[T], which intervals lie in a scarcity window.

    Attributes:
        intervals: added so far.
        certified: of these, how many the integer checker accepted.
        dc_violations: what it found wrong, counted.
        requested_wh: energy asked for.
        served_wh: energy served.
        offered_wh: energy offered.
        supply_cost: cost of the dispatch at the bids, micro, whatever suppliers were paid.
        binding: binding lines of each interval.
        engines: how often each engine cleared.
        target_gap: float64[T], greatest F* minus counted F after each interval.
        peak_shortfall: float64[n], greatest F* minus delivered F, after the first 200 intervals.
    """

    def __init__(self, participants: Participants, scarce: npt.NDArray[np.bool_]) -> None:
        n = len(participants)
        self._participants = participants
        self._scarce = scarce
        # The number of the window each interval lies in, from 0; -1 outside.
        begins = scarce & ~np.concatenate(([False], scarce[:-1]))
        self._window = np.where(scarce, np.cumsum(begins) - 1, -1)
        self._window_requested = np.zeros((int(begins.sum()), n), dtype=np.int64)
        self._window_delivered = np.zeros_like(self._window_requested)
        self.intervals = 0
        self.certified = 0
        self.dc_violations = 0
        self.requested_wh = 0
        self.served_wh = 0
        self.offered_wh = 0
        self.supply_cost = 0
        self.binding: list[int] = []
        self.engines: Counter[str] = Counter()
        self.target_gap = np.zeros(len(scarce))
        self.peak_shortfall = np.zeros(n)
        self._bills: dict[str, BillTally] = {}
        self._standing = Standing.genesis(n)

    @property
    def bills(self) -> dict[str, BillTally]:
        """The sums of each way of billing, by its name."""
        return self._bills

    @property
    def windows(self) -> Windows:
        """What was asked and served in each scarcity window."""
        return Windows(self._window_requested, self._window_delivered)

    def add(self, step: Step, standing: Standing, bills: dict[str, Payments]) -> None:
        """Add one interval.

        Args:
            step: the interval.
            standing: after it.
            bills: its payments, by the name of the billing.
        """
        outcome = step.outcome
        quantities = outcome.quantities
        served = int(outcome.served_wh.sum())
        self.certified += not step.violations
        self.dc_violations += len(step.violations)
        self.requested_wh += int(quantities.essential_wh.sum() + quantities.flexible_wh.sum())
        self.served_wh += served
        self.offered_wh += int(quantities.supply_wh.sum())
        self.supply_cost += int(
            (quantities.bid_ticks * outcome.supply_wh // WH_TICKS_PER_MICRO).sum()
        )
        self.binding.append(len(step.clearing.report.binding_lines))
        self.engines[step.clearing.report.engine] += 1
        for name, payments in bills.items():
            self._bills.setdefault(name, BillTally()).add(payments, served)
        window = int(self._window[self.intervals])
        if window >= 0:
            self._window_requested[window] += quantities.flexible_wh
            self._window_delivered[window] += outcome.flexible_wh
        self._trace(standing)
        self._standing = standing
        self.intervals += 1

    def _trace(self, standing: Standing) -> None:
        asked = standing.requested_wh > 0
        gaps = target_gaps(standing.deficit_ppb_wh(), standing.requested_wh)
        self.target_gap[self.intervals] = gaps[asked].max(initial=0.0)
        if self.intervals >= _SETTLING:
            delivered = ratios(standing.delivered_wh, standing.requested_wh)
            shortfall = self._participants.fstar_ppb / PPB - delivered
            np.fmax(self.peak_shortfall, shortfall, out=self.peak_shortfall)

    def fairness(self) -> Fairness:
        """Fairness over the run so far."""
        standing = self._standing
        return fairness(
            standing.requested_wh,
            standing.delivered_wh,
            standing.deficit_ppb_wh(),
            self._participants.fstar_ppb,
        )
