"""The pot shares of a demonstration: what the power stations of each bus are worth to the planned run.

The buses with power stations are the players of the Shapley value; what a bus is worth goes to its
suppliers in proportion to what they may offer. Where there are too many buses to value every
coalition quickly, shares are in proportion to what may be offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.records import SHARE
from offchain.settlement import apportion
from offchain.shapley.exact import shapley_shares
from offchain.shapley.period import period_shares
from offchain.shapley.value import Period
from offchain.units import PPB, Int64Array
from oracle.scenario import Scenario

MAX_BUSES: Final = 7
"""With more, valuing every coalition would take longer than the rest of a demonstration."""

_CLEARINGS: Final = 200
"""About so many clearings are spent on each of the three games."""

_WEIGHTS_PPB: Final = (600_000_000, 200_000_000, 200_000_000)
"""Parts of the pot that reward adequacy, flexibility and location."""


@dataclass(frozen=True)
class Worth:
    """Pot shares and how they came about.

    Attributes:
        shares: records.SHARE[N].
        words: what was valued, for a reader.
    """

    shares: np.ndarray
    words: str


def pot_shares(scenario: Scenario) -> Worth:
    """The shares of a scenario's suppliers, committed with its genesis."""
    buses = _station_buses(scenario)
    shares = np.zeros(len(scenario.bus), dtype=SHARE)
    shares["index"] = np.arange(len(scenario.bus))
    offered = scenario.supply_cap_wh
    if len(buses) <= MAX_BUSES:
        worth, intervals = _bus_shares(scenario, buses)
        if worth is not None:
            for bus, part in zip(buses.tolist(), worth.tolist(), strict=True):
                here = np.flatnonzero((scenario.bus == bus) & (offered > 0))
                shares["share_ppb"][here] = apportion(part, offered[here])
            words = (
                f"Shapley value of {len(buses)} buses with power stations, {intervals} half-hours"
            )
            return Worth(shares, words)
    shares["share_ppb"] = apportion(PPB, offered)
    return Worth(shares, "in proportion to what each may offer")


def _station_buses(scenario: Scenario) -> Int64Array:
    stations = np.array([kind == "power station" for kind in scenario.kind])
    buses: Int64Array = np.unique(scenario.bus[stations & (scenario.supply_cap_wh > 0)])
    return buses


def _bus_shares(scenario: Scenario, buses: Int64Array) -> tuple[Int64Array | None, int]:
    """Shares of the buses in ppb, None if nobody is worth anything, and how many intervals count."""
    total = len(scenario.supply_wh)
    count = min(total, max(2, _CLEARINGS >> len(buses)))
    rows = np.arange(count) * total // count
    n_bus = scenario.network.grid.n_bus
    asked = (scenario.essential_wh + scenario.flexible_wh)[rows]
    demand = np.zeros((count, n_bus), dtype=np.int64)
    np.add.at(demand.T, scenario.bus, asked.T)
    offer = np.zeros((count, n_bus), dtype=np.int64)
    np.add.at(offer.T, scenario.bus, scenario.supply_wh[rows].T)
    available = offer[:, buses]
    everything = np.maximum(available.sum(axis=1), 1)[:, None]
    # Dispatch is not known yet: everybody is planned in proportion to what it offers.
    needed = np.minimum(demand.sum(axis=1)[:, None], everything)
    period = Period(
        grid=scenario.network.grid,
        bus=buses.astype(np.int32),
        demand_wh=demand,
        available_wh=available,
        dispatch_wh=available * needed // everything,
        ramp_wh=available.max(axis=0),
        hub=int(buses[np.argmax(available.sum(axis=0))]),
    )
    valued = period_shares(period, buses, _WEIGHTS_PPB, processes=1)
    if not valued.combined.any():
        return None, count
    return np.array(shapley_shares(valued.combined), dtype=np.int64), count
