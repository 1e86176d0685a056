"""Simulation: many intervals of a market without a chain, under one mechanism or several.

All mechanisms see the same orders and the same seeds. Every interval is put before the integer
checker, and what it finds is counted, not assumed (`offchain.mechanisms.trial`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.keccak import keccak
from offchain.mechanisms.mechanism import Billing, Mechanism
from offchain.mechanisms.participants import Participants, community_shares
from offchain.mechanisms.tally import BillTally, Tally
from offchain.mechanisms.trial import Trial
from offchain.orders.table import Quantities
from offchain.policy import Policy
from offchain.units import (
    MICRO_PER_CURRENCY,
    TICKS_PER_PRICE,
    WH_TICKS_PER_MICRO,
)
from oracle.scenario import Scenario
from oracle.study import Study

#: Flexible energy is worth half to all of the highest price to its consumer, drawn evenly: what an
#: auction is told, because orders carry no such number.
VALUE_PERMILLE: Final = (500, 1000)
_SEED_TAG: Final = b"clearwatt simulation"


#: A drawn market; both kinds have the same columns.
Market = Study | Scenario


@dataclass(frozen=True, eq=False)
class Run:
    """A finished simulation under one mechanism.

    Attributes:
        mechanism: which.
        billing: the name of its own way of billing, a key of ``tally.bills``.
        participants: who took part.
        tally: sums and traces.
        seconds: float64[T], time to clear, check and bill each interval.
    """

    mechanism: Mechanism
    billing: str
    participants: Participants
    tally: Tally
    seconds: npt.NDArray[np.float64]

    def report(self) -> dict[str, object]:
        """The run as one JSON object; energies in Wh, money in currency, prices per kWh."""
        tally = self.tally
        milliseconds = 1e3 * self.seconds
        return {
            "mechanism": self.mechanism.name,
            "intervals": tally.intervals,
            "dc_violations": tally.dc_violations,
            "certified": tally.certified,
            "requested_wh": tally.requested_wh,
            "served_wh": tally.served_wh,
            "offered_wh": tally.offered_wh,
            "supply_cost": tally.supply_cost / MICRO_PER_CURRENCY,
            "fairness": asdict(tally.fairness()),
            "windows": _windows_report(tally),
            "billing": self.billing,
            "bills": {
                name: _bill_report(bill, tally.served_wh) for name, bill in tally.bills.items()
            },
            "binding_lines": {
                "mean": float(np.mean(tally.binding)),
                "max": max(tally.binding),
            },
            "engines": dict(tally.engines),
            "timing": {
                "total_s": float(self.seconds.sum()),
                "median_ms": float(np.median(milliseconds)),
                "mean_ms": float(milliseconds.mean()),
                "p95_ms": float(np.quantile(milliseconds, 0.95)),
            },
        }


def _windows_report(tally: Tally) -> dict[str, object]:
    """Delivery in the scarcity windows: of everybody, and of the worst served in each window."""
    windows = tally.windows
    requested = int(windows.requested_wh.sum())
    if requested == 0:
        return {"count": 0, "delivered": None, "worst_delivered": None}
    return {
        "count": len(windows.requested_wh),
        "delivered": int(windows.delivered_wh.sum()) / requested,
        "worst_delivered": float(np.nanmin(windows.delivery_ratios())),
    }


def _bill_report(bill: BillTally, served_wh: int) -> dict[str, object]:
    served = served_wh > 0
    mean_price = bill.energy_cost * WH_TICKS_PER_MICRO / served_wh if served else None
    return {
        "energy_cost": bill.energy_cost / MICRO_PER_CURRENCY,
        "supply_pay": bill.supply_pay / MICRO_PER_CURRENCY,
        "pot": bill.pot / MICRO_PER_CURRENCY,
        "shortfall": bill.shortfall / MICRO_PER_CURRENCY,
        "payments_sum": bill.payments_sum,
        "price_mean": mean_price / TICKS_PER_PRICE if mean_price is not None else None,
        "price_low": bill.price_low_ticks / TICKS_PER_PRICE if served else None,
        "price_high": bill.price_high_ticks / TICKS_PER_PRICE if served else None,
    }


def interval_seed(seed: int, interval: int) -> bytes:
    """The seed of an interval, numbered from 1, of a simulation: 32 bytes, no public beacon."""
    return keccak(_SEED_TAG + seed.to_bytes(8, "big") + interval.to_bytes(4, "big"))


def simulate(
    market: Market,
    mechanism: Mechanism,
    policy: Policy,
    seed: int,
    *,
    tariffs: Sequence[Billing] = (),
    advance: Callable[[], None] = lambda: None,
) -> Run:
    """Run a market under a mechanism.

    Args:
        market: T intervals, n participants.
        mechanism: which.
        policy: of the run.
        seed: names the draws; the same for mechanisms that are to be compared.
        tariffs: further ways to bill the same clearings.
        advance: called after each interval.

    Raises:
        InputError: a quantity or bid is out of range.
        ClearingError: an interval could not be cleared.
    """
    participants = _participants(market, policy, seed)
    trial = Trial(mechanism, market.network.grid, policy, participants)
    tally = Tally(participants, market.scarce)
    billings: dict[str, Billing] = {b.name: b for b in (mechanism.billing, *tariffs)}
    seconds = np.zeros(len(market.scarce))
    for interval in range(len(seconds)):
        quantities = Quantities(
            market.essential_wh[interval],
            market.flexible_wh[interval],
            market.supply_wh[interval],
            market.bid_ticks,
        )
        started = time.perf_counter()
        step = trial.step(quantities, interval_seed(seed, interval + 1))
        bills = {name: billing.bill(step.outcome) for name, billing in billings.items()}
        seconds[interval] = time.perf_counter() - started
        tally.add(step, trial.standing, bills)
        advance()
    return Run(mechanism, mechanism.billing.name, participants, tally, seconds)


def _participants(market: Market, policy: Policy, seed: int) -> Participants:
    """The market's contracts; the pot goes to the community reserve."""
    n = len(market.bus)
    rng = np.random.Generator(np.random.PCG64(seed))
    value = rng.integers(*VALUE_PERMILLE, size=n, endpoint=True) * policy.p_hi_ticks // 1000
    return Participants(
        bus=market.bus.astype(np.int32),
        rank=market.rank,
        fstar_ppb=market.fstar_ppb,
        rate_wh=market.rate_wh,
        value_ticks=value,
        share_ppb=community_shares(n),
    )
