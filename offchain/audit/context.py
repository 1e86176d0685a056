"""What an interval is judged by: the market, what was fixed on the chain before, and where the interval starts."""

from __future__ import annotations

from dataclasses import dataclass

from offchain.audit.published import Draw, ForcedOrder
from offchain.audit.rebuild import Ints, Table
from offchain.commitment.allocation import Layout
from offchain.commitment.header import Domain
from offchain.commitment.terms import Terms
from offchain.grid.registered import Grid
from offchain.orders.signing import SignatureCheck
from offchain.policy import Policy


@dataclass(frozen=True)
class Inputs:
    """What was fixed on the chain before an interval was cleared.

    Attributes:
        orders_root: 32 bytes; None if no orders were fixed.
        seed: 32 bytes; None if no seed was fixed.
        collateral: int64[n], what everybody's deposit covers in the interval, micro.
        forced: Orders filed on the chain that were due.
        public_key: Of the drand network that makes the seeds; empty where none does.
        draw: What the seed is said to be made of; None where no such network makes it.
    """

    orders_root: bytes | None
    seed: bytes | None
    collateral: Ints
    forced: tuple[ForcedOrder, ...]
    public_key: bytes = b""
    draw: Draw | None = None


@dataclass(frozen=True, eq=False)
class Context:
    """A market whose genesis has been checked: what every interval is judged by.

    Attributes:
        domain: What the market's hashes are bound to.
        terms: What is in force.
        policy: Its policy.
        grids: Its grids by version.
        contracts: records.CONTRACT, one row per participant.
        layouts: Shape of the allocation tree on each grid.
        signatures: Checks the orders' signatures, and remembers those it has seen.
    """

    domain: Domain
    terms: Terms
    policy: Policy
    grids: dict[int, Grid]
    contracts: Table
    layouts: dict[int, Layout]
    signatures: SignatureCheck


@dataclass(frozen=True, eq=False)
class Before:
    """Where an interval starts.

    Attributes:
        header_hash: Hash of the header before it.
        state: State after that interval.
        measured: Allocations of the interval whose readings are settled; None where none are.
        measured_policy: The policy of that interval, whose prices its imbalance is settled at.
    """

    header_hash: bytes
    state: Table
    measured: Table | None = None
    measured_policy: Policy | None = None
