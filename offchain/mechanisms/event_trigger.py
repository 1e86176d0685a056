"""Event-triggered clearing (T4): what it saves to hold an old clearing, and what it costs.

An analysis mode; a committed interval is always cleared. Between events everybody keeps the service
ratio of the last clearing. Keys come from the shortage memory alone, so that something can be held:
a draw or a deficit moves every key in every interval. Because it is an analysis, the run clears
every interval anyway, to know the error that holding really makes; `TriggerReport.held` says which
clearings an event-triggered oracle would have skipped.

Floating-point numbers, except that what is cleared is cleared and certified in integers. The bound
and its proof: docs/theorems.md, T4. Source: our formulation of the theorem's statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing
from offchain.errors import InputError
from offchain.fairness.state import next_memories
from offchain.grid.flows import DcNetwork
from offchain.grid.model import Grid
from offchain.mechanisms.mechanism import placed
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.priority import fair_play_keys
from offchain.orders.table import ORDERS_PER_PARTICIPANT, Quantities, ramps
from offchain.policy import Policy
from offchain.pricing import layer_tightness
from offchain.units import PRICE_FRACTION_BITS, Int64Array

FloatArray = npt.NDArray[np.float64]

_PRICE_UNIT: Final = 2.0**-PRICE_FRACTION_BITS
#: What a held dispatch may be short of what it must deliver, or a line be overfull, in Wh.
_SLACK_WH: Final = 1.0


@dataclass(frozen=True)
class EventTrigger:
    """When to clear again; a held allocation that no longer fits the grid is always an event.

    Attributes:
        sigma_ppb: the most that anybody's memory may move.
        sigma_tightness_ppb: the most that the system's tightness may move.
        error_limit: the most that the bound on the error may reach; infinite for no such rule.
    """

    sigma_ppb: int
    sigma_tightness_ppb: int
    error_limit: float = float("inf")


@dataclass(frozen=True, eq=False)
class TriggerReport:
    """What an event-triggered run did; float64[T] or bool[T] over its intervals.

    The error of an interval is the energy-weighted root mean square difference between the held
    service ratios of demand and those of a fresh clearing.

    Attributes:
        held: whether the interval was held, not cleared.
        error: of the held allocation; zero where it was cleared.
        bound: what docs/theorems.md promises the error does not exceed, known without clearing.
    """

    held: npt.NDArray[np.bool_]
    error: FloatArray
    bound: FloatArray

    @property
    def saved(self) -> float:
        """The share of clearings that were not needed."""
        return float(self.held.mean())


@dataclass(frozen=True, eq=False)
class _Held:
    """A clearing to hold: ratios per order and the prices that came with it."""

    ratio: FloatArray
    price: FloatArray
    line_price: FloatArray
    memory_ppb: Int64Array
    tightness_ppb: int


def run(
    trigger: EventTrigger,
    policy: Policy,
    grid: Grid,
    participants: Participants,
    intervals: Iterable[Quantities],
) -> TriggerReport:
    """Run a market event by event.

    Args:
        trigger: when to clear.
        policy: of the run; its draw and deficit terms are left out of the keys.
        grid: one island.
        participants: n rows.
        intervals: what is asked and offered, one after the other.

    Raises:
        InputError: the grid has several islands.
    """
    analysis = _Analysis(policy, grid, participants)
    memory = np.zeros(len(participants), dtype=np.int64)
    held: _Held | None = None
    rows: list[tuple[bool, float, float]] = []
    for quantities in intervals:
        orders = analysis.orders(memory, quantities)
        tightness = _system_tightness(quantities)
        clearing = analysis.clear(orders)
        x_wh = clearing.x_wh
        bound, error = 0.0, 0.0
        kept = None
        if held is not None and not _moved(trigger, held, memory, tightness):
            kept = analysis.hold(held, orders)
        if held is not None and kept is not None:
            bound = analysis.bound(held, orders, kept)
            if bound > trigger.error_limit:
                kept, bound = None, 0.0
        if kept is None:
            held = analysis.remember(orders, clearing, memory, tightness)
        else:
            error = analysis.error(orders, kept, x_wh)
            x_wh = np.floor(kept).astype(np.int64)
        rows.append((kept is not None, error, bound))
        flexible = x_wh[1::ORDERS_PER_PARTICIPANT]
        memory = next_memories(
            memory, participants.fstar_ppb, policy.beta_ppb, quantities.flexible_wh, flexible
        )
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return TriggerReport(columns[:, 0] > 0, columns[:, 1], columns[:, 2])


def _moved(trigger: EventTrigger, held: _Held, memory: Int64Array, tightness: int) -> bool:
    return (
        int(np.abs(memory - held.memory_ppb).max()) > trigger.sigma_ppb
        or abs(tightness - held.tightness_ppb) > trigger.sigma_tightness_ppb
    )


def _system_tightness(quantities: Quantities) -> int:
    requested = int(quantities.essential_wh.sum() + quantities.flexible_wh.sum())
    offered = int(quantities.supply_wh.sum())
    return layer_tightness(requested, offered, offered, 0)


class _Analysis:
    """The physics and the arithmetic of one run."""

    def __init__(self, policy: Policy, grid: Grid, participants: Participants) -> None:
        self._policy, self._grid, self._participants = policy, grid, participants
        self._clearer = Clearer(grid)
        weight = np.ldexp(grid.b.astype(np.float64), -grid.shift)
        self._network = DcNetwork(grid.n_bus, grid.line_from, grid.line_to, weight)
        if self._network.island.any():
            raise InputError("grid: several islands; analyse each by itself")
        self._capacity = np.maximum(grid.limit_wh - grid.margin_wh, 0).astype(np.float64)

    def orders(self, memory: Int64Array, quantities: Quantities) -> Ramps:
        """Ramps whose keys are the memory's worth."""
        everybody = len(self._participants)
        standing = replace(Standing.genesis(everybody), memory_ppb=memory)
        no_draw = np.zeros(everybody, dtype=np.uint64)
        keys = fair_play_keys(self._policy, self._participants, standing, no_draw)
        columns = ramps(quantities, self._participants.rank, keys, self._policy)
        return placed(columns, self._participants.bus)

    def clear(self, orders: Ramps) -> Clearing:
        """The certified clearing."""
        return self._clearer.clear(orders)

    def remember(
        self, orders: Ramps, clearing: Clearing, memory: Int64Array, tightness: int
    ) -> _Held:
        """Ratios as responses to the cleared prices: defined for orders of nothing, too."""
        price = np.asarray(clearing.certificate.pi, dtype=np.float64) * _PRICE_UNIT
        line_price = np.zeros(self._grid.n_line)
        for line, mu in clearing.certificate.mu:
            line_price[line] = mu * _PRICE_UNIT
        ratio = _response(orders, price[orders.bus])
        return _Held(ratio, price, line_price, memory, tightness)

    def hold(self, held: _Held, orders: Ramps) -> FloatArray | None:
        """The held allocation under today's requests, Wh; None if the grid cannot carry it.

        Demand keeps its ratios. Supply keeps them too, but for one common factor that closes the
        balance: towards nothing if there is too much, towards everything offered if too little.
        """
        x_wh = np.where(orders.supply, 0, np.floor(held.ratio * orders.q_wh))
        needed = float(x_wh.sum())
        offered = np.where(orders.supply, orders.q_wh, 0).astype(np.float64)
        dispatched = held.ratio * offered
        spare = float(offered.sum() - dispatched.sum())
        missing = needed - float(dispatched.sum())
        if missing > spare + _SLACK_WH:
            return None
        if missing <= 0:
            dispatched *= needed / max(float(dispatched.sum()), 1.0)
        else:
            dispatched += (offered - dispatched) * min(1.0, missing / max(spare, 1.0))
        x_wh = np.where(orders.supply, dispatched, x_wh)
        flow = self._flows(orders, x_wh)
        if np.any(np.abs(flow) > self._capacity + _SLACK_WH):
            return None
        return x_wh

    def bound(self, held: _Held, orders: Ramps, x_wh: FloatArray) -> float:
        """The stated bound on the error: from the held prices, without clearing."""
        price = held.price[orders.bus]
        best = _surplus(orders, price, _response(orders, price) * orders.q_wh)
        flow = self._flows(orders, x_wh)
        rent = np.abs(held.line_price) * self._capacity - held.line_price * flow
        gap = float((best - _surplus(orders, price, x_wh)).sum() + rent.sum())
        demand = orders.q_wh[~orders.supply & (orders.q_wh > 0)]
        total = float(demand.sum())
        if total == 0:
            return 0.0
        rounding = 2 * float(np.sqrt((1 / demand).sum() / total))
        width = self._policy.demand_width_ticks
        return float(np.sqrt(2 * max(gap, 0.0) / (width * total))) + rounding

    def error(self, orders: Ramps, x_wh: FloatArray, cleared_wh: Int64Array) -> float:
        """Energy-weighted root mean square difference of the demands' service ratios."""
        asked = ~orders.supply & (orders.q_wh > 0)
        q = orders.q_wh[asked].astype(np.float64)
        if len(q) == 0:
            return 0.0
        difference = (x_wh[asked] - cleared_wh[asked]) / q
        return float(np.sqrt((q * difference**2).sum() / q.sum()))

    def _flows(self, orders: Ramps, x_wh: FloatArray) -> FloatArray:
        injection = np.zeros(self._grid.n_bus)
        np.add.at(injection, orders.bus, np.where(orders.supply, x_wh, -x_wh))
        return self._network.flows(injection)


def _response(orders: Ramps, price: FloatArray) -> FloatArray:
    """Served share of every order at a price in ticks, float64[k]."""
    rise = (price - orders.pa_ticks) / (orders.pb_ticks - orders.pa_ticks)
    ratio: FloatArray = np.clip(np.where(orders.supply, rise, 1 - rise), 0.0, 1.0)
    return ratio


def _surplus(orders: Ramps, price: FloatArray, x_wh: FloatArray) -> FloatArray:
    """Worth of an allocation beyond its price, float64[k], Wh times ticks."""
    width = orders.pb_ticks - orders.pa_ticks
    curve = width * x_wh**2 / (2 * np.maximum(orders.q_wh, 1))
    demand = (orders.pb_ticks - price) * x_wh - curve
    supply = (price - orders.pa_ticks) * x_wh - curve
    surplus: FloatArray = np.where(orders.supply, supply, demand)
    return surplus
