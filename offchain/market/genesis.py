"""How a market starts: who takes part, with what contract, on which wires, by which policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.commitment.bundle import GenesisBundle, write_genesis
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import Domain, genesis_hash, market_id, require_bytes
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.market.interval import SALT_KEY_BYTES, MarketState
from offchain.market.products import MAX_SUBSCRIPTION
from offchain.market.rules import Market, Shape, Table
from offchain.policy import Policy
from offchain.records import CONTRACT, KIND_CONTRACT, KIND_SHARE, KIND_STATE, SHARE, STATE
from offchain.units import MAX_ORDER_WH, PPB, unsigned

#: What must be zero in the first state: nothing is owed before the first interval (D_0 = 0).
_FRESH = ("deficit_hi", "deficit_lo", "credit", "debit", "peak")


@dataclass(frozen=True, eq=False)
class Genesis:
    """A market before its first interval.

    Attributes:
        state: where it starts.
        bundle: what is published of it.
    """

    state: MarketState
    bundle: bytes


def register(
    owner: npt.ArrayLike,
    bus: npt.ArrayLike,
    rank: npt.ArrayLike,
    fstar_ppb: npt.ArrayLike,
    rate_wh: npt.ArrayLike,
    demand_cap_wh: npt.ArrayLike,
    supply_cap_wh: npt.ArrayLike,
    subscription: npt.ArrayLike = 0,
) -> tuple[Table, Table]:
    """Contracts and first state of participants 0 ... N-1; 0 is the community reserve.

    Args:
        owner: N addresses, V20.
        bus: N bus numbers; slots are given in order of registration.
        rank: N service levels of flexible energy.
        fstar_ppb: N target shares.
        rate_wh: N contracted rates, Wh per interval.
        demand_cap_wh: N caps on what may be asked in an interval.
        supply_cap_wh: N caps on what may be offered.
        subscription: N fees of an interval, micro, or one for all.

    Returns:
        records.CONTRACT[N] and records.STATE[N], salts left empty.

    Raises:
        InputError: a value does not fit its field.
    """
    buses = unsigned("contracts.bus", bus, 2**16 - 1)
    n = len(buses)
    contracts = np.zeros(n, dtype=CONTRACT)
    contracts["index"], contracts["owner"], contracts["bus"] = np.arange(n), owner, buses
    order = np.argsort(buses, kind="stable")
    first = np.searchsorted(buses[order], buses[order])
    contracts["slot"][order] = np.arange(n) - first
    state = np.zeros(n, dtype=STATE)
    columns = {
        "rank": rank,
        "fstar_ppb": fstar_ppb,
        "rate_wh": rate_wh,
        "demand_cap_wh": demand_cap_wh,
        "supply_cap_wh": supply_cap_wh,
    }
    state["index"] = np.arange(n)
    for name, column in columns.items():
        highest = 2 ** (8 * state.dtype[name].itemsize) - 1
        state[name] = unsigned(f"state.{name}", column, highest)
    state["subscription"] = unsigned("state.subscription", subscription, MAX_SUBSCRIPTION)
    return contracts, state


def genesis(
    *,
    policy: Policy,
    grid: Grid,
    contracts: Table,
    state: Table,
    shares: Table,
    chain_id: int,
    ledger: bytes,
    nonce: bytes,
    salt_key: bytes,
    grid_version: int = 1,
) -> Genesis:
    """Start a market.

    Args:
        policy: its numbers.
        grid: its wires.
        contracts: records.CONTRACT[N], row i for registration number i.
        state: records.STATE[N]; nothing owed or paid yet.
        shares: records.SHARE, ascending; who is missing has no share of the pot.
        chain_id: of the chain the ledger lives on.
        ledger: its address, 20 bytes.
        nonce: 32 bytes that no other market has.
        salt_key: 32 secret bytes for the salts of the first state.
        grid_version: number under which the grid is registered.

    Raises:
        InputError: names the table, the field and the remedy.
    """
    require_bytes("salt_key", salt_key, SALT_KEY_BYTES)
    if not 0 <= grid_version < 2**32:
        raise InputError(f"grid_version: {grid_version} is not in 0 ... {2**32 - 1}")
    contracts, state, shares = contracts.copy(), state.copy(), _every_share(shares, len(contracts))
    _check(policy, contracts, state, shares)
    state["salt"] = record_salts(salt_key, KIND_STATE, state["index"])
    n = len(contracts)
    contracts_tree = PlainTree.of_table(KIND_CONTRACT, contracts, n)
    state_tree = PlainTree.of_table(KIND_STATE, state, n)
    domain = Domain(
        chain_id,
        ledger,
        market_id(policy.hash(), grid.hash(), contracts_tree.root, state_tree.root, nonce),
    )
    market = Market(0, policy, grid, contracts, shares, state, Shape.of(grid, contracts))
    head = MarketState(
        market=market,
        domain=domain,
        grid_version=grid_version,
        header_hash=genesis_hash(domain.hash(), state_tree.root),
        forced_cursor=0,
        state_tree=state_tree,
        contracts_tree=contracts_tree,
        shares_tree=PlainTree.of_table(KIND_SHARE, shares, n),
    )
    bundle = GenesisBundle(
        domain=domain,
        grid_version=grid_version,
        policy=policy.packed(),
        grid=grid.packed(),
        nonce=nonce,
        salt_key=salt_key,
        contracts=contracts,
        shares=shares,
        state=state,
    )
    return Genesis(head, write_genesis(bundle))


def _every_share(shares: Table, n: int) -> Table:
    """One row per participant."""
    index = shares["index"].astype(np.int64)
    if np.any(np.diff(index) <= 0) or (len(index) and index[-1] >= n):
        raise InputError(f"shares.index: give registered numbers below {n} once each, ascending")
    table = np.zeros(n, dtype=SHARE)
    table["index"] = np.arange(n)
    table["share_ppb"][index] = shares["share_ppb"]
    return table


def _check(policy: Policy, contracts: Table, state: Table, shares: Table) -> None:
    n = len(contracts)
    if n == 0:
        raise InputError("contracts: empty; register at least the community reserve, index 0")
    for name, table in (("contracts", contracts), ("state", state)):
        if not np.array_equal(table["index"], np.arange(n)):
            raise InputError(f"{name}.index: must be 0 ... {n - 1}, one row each")
    total = int(shares["share_ppb"].astype(np.int64).sum())
    if total != PPB:
        raise InputError(f"shares.share_ppb: sum to {total}; they must sum to {PPB}")
    top = policy.essential_rank - 1
    rules = (
        ("rank", state["rank"] > top, f"must be 0 ... {top}; {top + 1} is for essential energy"),
        ("fstar_ppb", state["fstar_ppb"] > PPB, f"must be at most {PPB}"),
        ("memory_ppb", state["memory_ppb"] > PPB, f"must be at most {PPB}"),
        ("demand_cap_wh", state["demand_cap_wh"] > MAX_ORDER_WH, f"must be <= {MAX_ORDER_WH}"),
        ("supply_cap_wh", state["supply_cap_wh"] > MAX_ORDER_WH, f"must be <= {MAX_ORDER_WH}"),
        (
            "rate_wh",
            (state["rate_wh"] == 0) & (state["demand_cap_wh"] > 0),
            "must be positive where demand_cap_wh is",
        ),
        ("subscription", state["subscription"] > MAX_SUBSCRIPTION, f"at most {MAX_SUBSCRIPTION}"),
        *((name, state[name] != 0, "must be 0 before the first interval") for name in _FRESH),
    )
    for name, wrong, remedy in rules:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(f"state.{name}: {state[name][row]} of participant {row}; {remedy}")
