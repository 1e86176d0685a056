"""A market between two intervals under other terms: another grid, policy, shares or contracts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from offchain.commitment.hashing import packed_rows
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.bounds import MAX_COUNT
from offchain.grid.model import Grid
from offchain.market.interval import MarketState
from offchain.market.rules import Shape, Table
from offchain.policy import Policy
from offchain.records import KIND_CONTRACT, KIND_SHARE
from offchain.units import PPB

#: What states and settled intervals rest on; the contracts refuse to change it as well.
FIXED = ("version", "interval_s", "essential_rank", "mechanism", "meter_lag", "reserve_micro")


@dataclass(frozen=True)
class ContractChange:
    """One leaf of the contracts tree, before and after.

    Attributes:
        index: whose.
        before: its packed record in force.
        after: its packed record afterwards.
        path: siblings of the leaf, once the changes before this one have been made.
    """

    index: int
    before: bytes
    after: bytes
    path: bytes


def amend(
    state: MarketState,
    *,
    grid: Grid | None = None,
    grid_version: int | None = None,
    policy: Policy | None = None,
    shares: Table | None = None,
    contracts: Table | None = None,
) -> MarketState:
    """The same market, to be cleared under other terms from the next interval on.

    Args:
        state: the market before that interval; not changed.
        grid: its wires; with `grid_version`.
        grid_version: number under which they are registered.
        policy: its numbers.
        shares: records.SHARE[N], one row per participant.
        contracts: records.CONTRACT[N], one row per participant.

    Raises:
        InputError: names the table or field that the market cannot go on with.
    """
    market = state.market
    if (grid is None) != (grid_version is None):
        raise InputError("grid_version: give it together with the grid")
    if policy is not None:
        require_successor(market.policy, policy)
    if shares is not None:
        _check_shares(shares, len(market.state))
    wires = grid or market.grid
    places = market.contracts if contracts is None else contracts
    if contracts is not None:
        check_places(market.contracts, contracts)
    if int(places["bus"].max()) >= wires.n_bus:
        raise InputError(
            f"grid: {wires.n_bus} buses, but a contract names bus {int(places['bus'].max())}; keep every bus"
        )
    n = len(market.state)
    return replace(
        state,
        market=replace(
            market,
            grid=wires,
            policy=policy or market.policy,
            shares=market.shares if shares is None else shares,
            contracts=places,
            shape=market.shape if grid is None and contracts is None else Shape.of(wires, places),
        ),
        grid_version=state.grid_version if grid_version is None else grid_version,
        shares_tree=state.shares_tree
        if shares is None
        else PlainTree.of_table(KIND_SHARE, shares, n),
        contracts_tree=state.contracts_tree
        if contracts is None
        else PlainTree.of_table(KIND_CONTRACT, contracts, n),
    )


def require_successor(policy: Policy, other: Policy) -> None:
    """Refuse a policy that cannot follow another in a running market.

    Raises:
        InputError: names the field that must stay.
    """
    for name in FIXED:
        before, after = getattr(policy, name), getattr(other, name)
        if before != after:
            raise InputError(
                f"policy.{name}: {after} instead of {before}; it stays as long as the market runs, open a new one"
            )


def check_places(before: Table, after: Table) -> None:
    """Refuse contracts that cannot follow others in a running market.

    Raises:
        InputError: numbers or owners differ (but for a vacant place, whose owner is nobody), or the slots of a bus are
            not 0, 1, 2 ... without a gap.
    """
    if not np.array_equal(before["index"], after["index"]):
        raise InputError("contracts.index: give one row for each registration number, ascending")
    nobody = bytes(20)
    for index, (old, new) in enumerate(
        zip(before["owner"].tolist(), after["owner"].tolist(), strict=True)
    ):
        if old not in (new, nobody):
            raise InputError(
                f"contracts.owner: participant {index} has another; a number keeps its owner"
            )
    order = np.lexsort((after["slot"], after["bus"]))
    bus, slot = after["bus"][order].astype(np.int64), after["slot"][order].astype(np.int64)
    wanted = np.arange(len(bus)) - np.searchsorted(bus, bus)
    if not np.array_equal(slot, wanted):
        row = int(np.argmax(slot != wanted))
        raise InputError(
            f"contracts.slot: {slot[row]} at bus {bus[row]}; the slots of a bus are 0, 1, 2 ... without a gap"
        )


def seated(contracts: Table, index: int, bus: int, owner: bytes | None = None) -> Table:
    """Contracts in which one participant has moved to the end of a bus; the last of its old bus takes its slot.

    Args:
        contracts: records.CONTRACT[N] in force; not changed.
        index: who moves, or the vacant place that is taken.
        bus: where to.
        owner: whose it is from then on; as before if not given.

    Raises:
        InputError: there is no such number or bus, or the number has an owner already.
    """
    if not 0 <= bus < MAX_COUNT:
        raise InputError(f"bus: {bus} is not in 0 ... {MAX_COUNT - 1}")
    if not 0 <= index < len(contracts):
        raise InputError(f"index: {index} is not one of 0 ... {len(contracts) - 1}")
    after = contracts.copy()
    old_bus, slot = int(contracts["bus"][index]), int(contracts["slot"][index])
    if bus != old_bus:
        here = np.flatnonzero(contracts["bus"] == old_bus)
        last = int(here[contracts["slot"][here].argmax()])
        after["slot"][last] = slot
        after["bus"][index] = bus
        after["slot"][index] = int((contracts["bus"] == bus).sum())
    if owner is not None:
        after["owner"][index] = owner
    check_places(contracts, after)
    return after


def contract_changes(before: Table, after: Table) -> tuple[list[ContractChange], bytes]:
    """What the registrar brings to the chain: leaf by leaf, each on the root that the one before it left.

    Returns:
        The changes, and the root after them.

    Raises:
        InputError: the contracts cannot follow each other.
    """
    check_places(before, after)
    table, changes = before.copy(), []
    tree = PlainTree.of_table(KIND_CONTRACT, table, len(table))
    for index in range(len(before)):
        row = slice(index, index + 1)
        if before[index] == after[index]:
            continue
        old, new = packed_rows(before[row]).tobytes(), packed_rows(after[row]).tobytes()
        changes.append(ContractChange(index, old, new, tree.path(index)))
        table[index] = after[index]
        tree = PlainTree.of_table(KIND_CONTRACT, table, len(table))
    return changes, tree.root


def _check_shares(shares: Table, participants: int) -> None:
    if not np.array_equal(shares["index"], np.arange(participants)):
        raise InputError(f"shares.index: must be 0 ... {participants - 1}, one row each")
    total = int(shares["share_ppb"].astype(np.int64).sum())
    if total != PPB:
        raise InputError(f"shares.share_ppb: sum to {total}; they must sum to {PPB}")
