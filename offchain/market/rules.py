"""The rules of an interval, without any commitment: what simulations run and what is committed.

Pure: no clock, disk, network or randomness; the seed is given (docs/mechanism.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.commitment.allocation import Layout
from offchain.errors import ClearwattError, InputError
from offchain.fairness.draw import draw
from offchain.fairness.key import keys_ticks
from offchain.fairness.state import next_deficits, next_memories
from offchain.grid.model import Grid
from offchain.metering.cover import affordable, charged, rooms
from offchain.metering.imbalance import Corrections, correct, deviations, imbalance
from offchain.metering.readings import ReadingTable, check_readings, no_readings
from offchain.orders.table import (
    ORDERS_PER_PARTICIPANT,
    OrderTable,
    Quantities,
    RampColumns,
    check_orders,
    ramps,
    spread,
)
from offchain.policy import Policy
from offchain.pricing import LayerIndex, Tightness, price_ticks, tightness
from offchain.records import ALLOCATION, RESERVE, SIDES, STATE
from offchain.settlement import Payments, settle
from offchain.units import Int64Array

if TYPE_CHECKING:
    from offchain.clearing.program import Clearing

Table = npt.NDArray[np.void]

SEED_BYTES = 32


class Clears(Protocol):
    """What solves the clearing program of one grid; ``offchain.clearing.program.Clearer`` does."""

    def clear(self, ramps: Ramps) -> Clearing:
        """The certified clearing of some ramps."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What follows from grid and contracts alone, made once.

    Attributes:
        layout: of the allocation tree.
        layers: of the holarchy.
        ramp_bus: int32[3 N], bus of each ramp.
        ramp_supply: bool[3 N], which ramps sell.
    """

    layout: Layout
    layers: LayerIndex
    ramp_bus: npt.NDArray[np.int32]
    ramp_supply: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, grid: Grid, contracts: Table) -> Self:
        """The shape of a market."""
        bus = contracts["bus"].astype(np.int32)
        return cls(
            layout=Layout.of(contracts, grid.holarchy),
            layers=LayerIndex.of(grid.holarchy),
            ramp_bus=np.repeat(bus, ORDERS_PER_PARTICIPANT),
            ramp_supply=np.tile(np.array(SIDES) == "supply", len(bus)),
        )


@dataclass(frozen=True, eq=False)
class Market:
    """A market between two intervals; row i of every table is registration number i.

    Attributes:
        interval: the last interval cleared, 0 before the first.
        policy: its numbers.
        grid: its wires.
        contracts: records.CONTRACT[N].
        shares: records.SHARE[N].
        state: records.STATE[N].
        shape: what follows from grid and contracts.
        past: records.ALLOCATION[N] of the last intervals whose readings are not settled yet, the
            oldest first; at most ``policy.meter_lag`` of them.
        past_policies: the policies that they were cleared by, and are settled by.
    """

    interval: int
    policy: Policy
    grid: Grid
    contracts: Table
    shares: Table
    state: Table
    shape: Shape
    past: tuple[Table, ...] = ()
    past_policies: tuple[Policy, ...] = ()

    @property
    def measured_interval(self) -> int:
        """The interval whose readings the next one settles; 0 where it settles none."""
        lag = self.policy.meter_lag
        return max(0, self.interval + 1 - lag) if lag else 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the rules make of an interval.

    With N participants and n buses:

    Attributes:
        quantities: what was asked and offered, N rows.
        key_ticks: int64[N], keys of the flexible orders.
        ramps: 3 N rows.
        clearing: allocations and certificate.
        tightness: of layers and buses.
        bus_price_ticks: int64[n].
        payments: N rows.
        corrections: N rows.
        readings: records.READING that were settled.
        allocation: records.ALLOCATION[N], without salts.
        market: the market after the interval, its state without salts.
    """

    quantities: Quantities
    key_ticks: Int64Array
    ramps: RampColumns
    clearing: Clearing
    tightness: Tightness
    bus_price_ticks: Int64Array
    payments: Payments
    corrections: Corrections
    readings: ReadingTable
    allocation: Table
    market: Market

    @property
    def served_wh(self) -> Int64Array:
        """Essential and flexible energy that each participant is served, int64[N]."""
        essential: Int64Array = self.allocation["essential_x_wh"].astype(np.int64)
        flexible: Int64Array = self.allocation["flexible_x_wh"].astype(np.int64)
        return essential + flexible


def apply_rules(
    market: Market,
    orders: OrderTable,
    seed: bytes,
    clearer: Clears,
    readings: ReadingTable | None = None,
    collateral: Int64Array | None = None,
) -> Outcome:
    """Clear, price and settle one interval.

    Args:
        market: before the interval.
        orders: records.ORDER, one row at most per participant, ascending; signatures are the
            caller's to check (``offchain.orders.signing``).
        seed: of the interval's draw, 32 bytes.
        clearer: of the market's grid.
        readings: records.READING of ``market.measured_interval``, one row at most per participant,
            ascending; none if not given. Signatures are the caller's to check.
        collateral: int64[N], what everybody has for the interval, micro; without limit if not
            given. An order that it does not cover counts as none.

    Returns:
        Everything that follows; ``market`` itself is not changed.

    Raises:
        InputError: an order or the seed is not admissible.
        ClearwattError: the clearing failed.
    """
    if len(seed) != SEED_BYTES:
        raise InputError(f"seed: {len(seed)} bytes; give {SEED_BYTES}")
    policy, shape, before = market.policy, market.shape, market.state
    state = {name: before[name].astype(np.int64) for name in _SIGNED}
    interval = market.interval + 1
    check_orders(orders, interval, state["demand_cap_wh"], state["supply_cap_wh"], policy)
    readings = no_readings() if readings is None else readings
    check_readings(readings, market.measured_interval, len(before))
    room = rooms(before, collateral)
    quantities = spread(orders[affordable(policy, orders, room)], len(before))
    key = keys_ticks(
        policy,
        state["memory_ppb"],
        before["deficit_hi"],
        before["deficit_lo"],
        state["rate_wh"],
        draw(seed, before["index"]),
    )
    columns = ramps(quantities, state["rank"], key, policy)
    clearing = clearer.clear(
        Ramps(shape.ramp_bus, shape.ramp_supply, columns.q_wh, columns.pa_ticks, columns.pb_ticks)
    )
    x = clearing.x_wh.reshape(-1, ORDERS_PER_PARTICIPANT)
    served, dispatched = x[:, 0] + x[:, 1], x[:, 2]
    if served.sum() != dispatched.sum():
        raise ClearwattError(
            f"clearing: {served.sum()} Wh served and {dispatched.sum()} Wh dispatched; "
            "report this with the interval's bundle"
        )
    tight = tightness(
        shape.layers,
        per_bus(shape.layout, quantities.essential_wh + quantities.flexible_wh),
        per_bus(shape.layout, quantities.supply_wh),
    )
    bus_price = price_ticks(policy, tight.bus_ppb)
    price = bus_price[shape.layout.bus]
    payments = settle(
        price,
        served,
        quantities.bid_ticks,
        dispatched,
        market.shares["share_ppb"].astype(np.int64),
        policy.p_hi_ticks,
    )
    corrections = _corrections(market, state, readings, payments, room)
    allocation = _allocation(market, columns, x, key, price, payments, corrections)
    after = _next_state(
        before, state, policy.beta_ppb, quantities.flexible_wh, x[:, 1], payments, corrections
    )
    unsettled, policies = (*market.past, allocation), (*market.past_policies, policy)
    settled = max(0, len(unsettled) - policy.meter_lag)
    return Outcome(
        quantities=quantities,
        key_ticks=key,
        ramps=columns,
        clearing=clearing,
        tightness=tight,
        bus_price_ticks=bus_price,
        payments=payments,
        corrections=corrections,
        readings=readings,
        allocation=allocation,
        market=replace(
            market,
            interval=interval,
            state=after,
            past=unsettled[settled:],
            past_policies=policies[settled:],
        ),
    )


#: State fields that a contract fixes: no interval changes them.
CONTRACT_FIELDS = (
    "index",
    "rank",
    "fstar_ppb",
    "rate_wh",
    "demand_cap_wh",
    "supply_cap_wh",
    "subscription",
)
#: State fields that fit int64 and are computed with.
_SIGNED = (
    "rank",
    "fstar_ppb",
    "rate_wh",
    "demand_cap_wh",
    "supply_cap_wh",
    "memory_ppb",
    "credit",
    "debit",
    "peak",
    "subscription",
)


def per_bus(layout: Layout, column: Int64Array) -> Int64Array:
    """Sums of a participants' column over each bus; int64[N] to int64[n]."""
    running = np.concatenate(([0], np.cumsum(column[layout.order])))
    start, count = layout.starts[0], layout.counts[0]
    sums: Int64Array = running[start + count] - running[start]
    return sums


def _corrections(
    market: Market,
    state: dict[str, Int64Array],
    readings: ReadingTable,
    payments: Payments,
    room: Int64Array,
) -> Corrections:
    """The fees of the interval, and the imbalance of the one whose readings it settles."""
    subscription, policy = state["subscription"], market.policy
    debit = credit = np.zeros_like(subscription)
    if market.measured_interval:
        # What an interval was cleared by it is settled by, whatever has changed since.
        measured, policy = market.past[0], market.past_policies[0]
        deviation = deviations(measured, readings, state["demand_cap_wh"], state["supply_cap_wh"])
        debit, credit = imbalance(policy, measured, deviation)
    left = room + payments.credit - payments.debit
    subscription, debit = charged(subscription, debit, left)
    held = (int(state["credit"][RESERVE]), int(state["debit"][RESERVE]))
    reserve = (*held, int(state["peak"][RESERVE]))
    other = int(payments.credit[RESERVE]) - int(payments.debit[RESERVE])
    return correct(policy, subscription, debit, credit, reserve, other)


def _allocation(
    market: Market,
    columns: RampColumns,
    x_wh: Int64Array,
    key_ticks: Int64Array,
    price_ticks: Int64Array,
    payments: Payments,
    corrections: Corrections,
) -> Table:
    table = np.zeros(len(x_wh), dtype=ALLOCATION)
    table["index"], table["interval"] = market.contracts["index"], market.interval + 1
    table["bus"], table["slot"] = market.contracts["bus"], market.contracts["slot"]
    three = (-1, ORDERS_PER_PARTICIPANT)
    parts = (
        ("q_wh", columns.q_wh.reshape(three)),
        ("pa_ticks", columns.pa_ticks.reshape(three)),
        ("pb_ticks", columns.pb_ticks.reshape(three)),
        ("x_wh", x_wh),
    )
    for at, side in enumerate(SIDES):
        for name, column in parts:
            table[f"{side}_{name}"] = column[:, at]
    table["key_ticks"], table["price_ticks"] = key_ticks, price_ticks
    table["energy_cost"], table["supply_pay"] = payments.energy_cost, payments.supply_pay
    table["pot_share"], table["shortfall"] = payments.pot_share, payments.shortfall_part
    for name in ("subscription", "imbalance_debit", "imbalance_credit"):
        table[name] = getattr(corrections, name)
    return table


def _next_state(
    before: Table,
    signed: dict[str, Int64Array],
    beta_ppb: int,
    requested_wh: Int64Array,
    served_wh: Int64Array,
    payments: Payments,
    corrections: Corrections,
) -> Table:
    """The state after an interval; contract fields stay as they were, salts are left empty."""
    after = np.zeros(len(before), dtype=STATE)
    for name in CONTRACT_FIELDS:
        after[name] = before[name]
    fstar = signed["fstar_ppb"]
    after["memory_ppb"] = next_memories(
        signed["memory_ppb"], fstar, beta_ppb, requested_wh, served_wh
    )
    after["deficit_hi"], after["deficit_lo"] = next_deficits(
        before["deficit_hi"], before["deficit_lo"], fstar, requested_wh, served_wh
    )
    credit = signed["credit"] + payments.credit + corrections.credit
    debit = signed["debit"] + payments.debit + corrections.debit
    after["credit"], after["debit"] = credit, debit
    after["peak"] = np.maximum(signed["peak"], credit - debit)
    return after
