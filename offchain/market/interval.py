"""A cleared interval with everything that is committed and published of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from offchain.commitment.allocation import BusTrees, UpperTree, bus_records
from offchain.commitment.bundle import write_body, write_bundle
from offchain.commitment.hashing import Table, record_salts
from offchain.commitment.header import (
    NO_READINGS_ROOT,
    Domain,
    Header,
    bus_vector_hash,
    require_bytes,
)
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.market.rules import Clears, Market, Outcome, apply_rules
from offchain.metering.readings import ReadingTable
from offchain.orders.table import OrderTable
from offchain.records import KIND_ALLOCATION, KIND_ORDER, KIND_READING, KIND_STATE
from offchain.units import Int64Array

SALT_KEY_BYTES = 32


@dataclass(frozen=True, eq=False)
class MarketState:
    """A market and what has been committed of it.

    Attributes:
        market: the market itself.
        domain: what its hashes are bound to.
        grid_version: number under which its grid is registered.
        header_hash: of the last interval, or of the genesis.
        forced_cursor: how many forced orders have been taken up.
        state_tree: over ``market.state``.
        contracts_tree: over ``market.contracts``.
        shares_tree: over ``market.shares``.
    """

    market: Market
    domain: Domain
    grid_version: int
    header_hash: bytes
    forced_cursor: int
    state_tree: PlainTree
    contracts_tree: PlainTree
    shares_tree: PlainTree

    @property
    def interval(self) -> int:
        """The last interval cleared, 0 before the first."""
        return self.market.interval


@dataclass(frozen=True, eq=False)
class Interval:
    """An interval as it is posted, published and proved from.

    Attributes:
        outcome: what the rules made of it.
        orders: records.ORDER, as cleared.
        allocation: records.ALLOCATION[N], with salts.
        buses: records.BUS[n].
        header: what is posted.
        header_hash: its hash.
        certificate: packed, posted with it.
        bundle: what is published.
        orders_tree: over the orders.
        readings_tree: over the readings that were settled.
        bus_trees: over each bus's participants.
        upper_tree: over the buses.
        before: the market before the interval.
        state: the market after it, where the next one starts.
    """

    outcome: Outcome
    orders: Table
    allocation: Table
    buses: Table
    header: Header
    header_hash: bytes
    certificate: bytes
    bundle: bytes
    orders_tree: PlainTree
    readings_tree: PlainTree
    bus_trees: BusTrees
    upper_tree: UpperTree
    before: MarketState
    state: MarketState

    @property
    def payload(self) -> bytes:
        """The posted header payload."""
        return self.header.packed()


def clear_interval(
    state: MarketState,
    orders: OrderTable,
    seed: bytes,
    salt_key: bytes,
    clearer: Clears,
    *,
    readings: ReadingTable | None = None,
    forced_cursor: int | None = None,
    collateral: Int64Array | None = None,
) -> Interval:
    """Clear, settle and commit one interval.

    Args:
        state: before the interval.
        orders: records.ORDER, one row at most per participant, ascending, signatures checked.
        seed: of the draw, 32 bytes.
        salt_key: secret of this interval's salts, 32 bytes.
        clearer: of the market's grid.
        readings: records.READING of the interval whose imbalance this one settles, signatures
            checked; none if not given.
        forced_cursor: how many forced orders have been taken up by this interval; as before if
            not given.
        collateral: int64[N], what everybody's deposit covers in it, micro; without limit if not
            given.

    Raises:
        InputError: orders, seed, salt key or cursor are not admissible; nothing was changed.
        ClearwattError: the clearing failed.
    """
    require_bytes("salt_key", salt_key, SALT_KEY_BYTES)
    cursor = state.forced_cursor if forced_cursor is None else forced_cursor
    if not state.forced_cursor <= cursor < 2**64:
        raise InputError(
            f"forced_cursor: {cursor} after {state.forced_cursor}; forced orders are taken up in "
            "the order of filing, so the cursor only rises"
        )
    outcome = apply_rules(state.market, orders, seed, clearer, readings, collateral)
    return commit(replace(state, forced_cursor=cursor), outcome, orders, seed, salt_key)


def commit(
    before: MarketState, outcome: Outcome, orders: OrderTable, seed: bytes, salt_key: bytes
) -> Interval:
    """Hash, sign off and pack what the rules made of an interval; arguments as `clear_interval`."""
    market = before.market
    index = market.contracts["index"]
    n = len(index)
    allocation = outcome.allocation.copy()
    allocation["salt"] = record_salts(salt_key, KIND_ALLOCATION, index)
    table = outcome.market.state.copy()
    table["salt"] = record_salts(salt_key, KIND_STATE, index)
    state_tree = PlainTree.of_table(KIND_STATE, table, n)
    orders_tree = PlainTree.of_table(KIND_ORDER, orders, n)
    readings_tree = PlainTree.of_table(KIND_READING, outcome.readings, n)
    bus_trees = BusTrees.of(market.shape.layout, allocation, salt_key)
    sent = outcome.clearing.certificate
    buses = bus_records(bus_trees, outcome.bus_price_ticks, sent.theta, sent.pi)
    upper_tree = UpperTree.of(market.shape.layout, buses)
    certificate = sent.packed()
    body = write_body(
        interval=outcome.market.interval,
        grid_version=before.grid_version,
        previous_hash=before.header_hash,
        salt_key=salt_key,
        tables={
            "orders": orders,
            "allocation": allocation,
            "state": table,
            "contracts": market.contracts,
            "shares": market.shares,
            "readings": outcome.readings,
        },
        certificate=certificate,
    )
    injections = (buses["dispatched"].astype(np.int64) - buses["served"].astype(np.int64)).tolist()
    sums = upper_tree.sums
    header = Header(
        interval=outcome.market.interval,
        orders_root=orders_tree.root,
        allocation_root=upper_tree.root,
        pre_state_root=before.state_tree.root,
        state_root=state_tree.root,
        contracts_root=before.contracts_tree.root,
        bus_vector_hash=bus_vector_hash(certificate, injections),
        meter_root=readings_tree.root if market.measured_interval else NO_READINGS_ROOT,
        shares_root=before.shares_tree.root,
        policy_hash=market.policy.hash(),
        grid_version=before.grid_version,
        seed=seed,
        bundle_hash=keccak(body),
        requested=sums["requested"],
        served=sums["served"],
        offered=sums["offered"],
        dispatched=sums["dispatched"],
        credit_sum=sums["credit"],
        debit_sum=sums["debit"],
        pot=outcome.payments.pot,
        shortfall=outcome.payments.shortfall,
        imbalance_scale_ppb=outcome.corrections.scale_ppb,
        forced_cursor=before.forced_cursor,
    )
    header_hash = header.hash(before.domain.hash(), before.header_hash)
    after = replace(
        before,
        market=replace(outcome.market, state=table),
        header_hash=header_hash,
        state_tree=state_tree,
    )
    return Interval(
        outcome=outcome,
        orders=orders,
        allocation=allocation,
        buses=buses,
        header=header,
        header_hash=header_hash,
        certificate=certificate,
        bundle=write_bundle(body, header),
        orders_tree=orders_tree,
        readings_tree=readings_tree,
        bus_trees=bus_trees,
        upper_tree=upper_tree,
        before=before,
        state=after,
    )
