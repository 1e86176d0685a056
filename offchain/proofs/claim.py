"""What an operator claims of one interval, opened as far as anybody has published it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Final, NamedTuple

import numpy as np

from offchain.audit.published import Draw, FiledReading, ForcedOrder, Question
from offchain.audit.rebuild import Table, bus_prices, ints
from offchain.clearing.certificate import Certificate, check_network
from offchain.commitment.allocation import SUM_NAMES, Layout, leaf_sums
from offchain.commitment.bundle import Bundle
from offchain.commitment.hashing import BUS_TAG, EMPTY_TAG, HASH_BYTES, LEAF_TAG, packed_rows
from offchain.commitment.header import Header
from offchain.commitment.trees import depth_of
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.orders.receipts import Receipt
from offchain.policy import Policy
from offchain.proofs.preimages import (
    NO_SALT,
    Node,
    Preimages,
    Sums,
    UndisclosedError,
    node_salt,
)
from offchain.records import (
    ALLOCATION,
    BUS,
    CONTRACT,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_READING,
    KIND_SHARE,
    KIND_STATE,
    wire,
)

Row = np.void
_ALLOCATION: Final = wire(ALLOCATION)
_BUS: Final = wire(BUS)
_LEAF_HEAD: Final = 2


class HeaderEvidence(NamedTuple):
    """A header as posted; the fields of this and of the following are those of types/Evidence.sol."""

    previous_hash: bytes
    payload: bytes


class LeafEvidence(NamedTuple):
    """A leaf of a plain tree and its path; an empty record is the empty leaf."""

    record: bytes
    path: bytes


class AllocationEvidence(NamedTuple):
    """A leaf of the allocation tree and its whole path; the bus record goes without its root, which the leaf gives."""

    record: bytes
    slot: int
    lower: bytes
    bus: bytes
    position: int
    upper: bytes


class BusEvidence(NamedTuple):
    """A bus node and its path."""

    bus: bytes
    position: int
    upper: bytes


class NodeEvidence(NamedTuple):
    """Any node of the allocation tree and its path."""

    preimage: bytes
    slot: int
    lower: bytes
    bus: bytes
    position: int
    upper: bytes


def slot_evidence(node: NodeEvidence, record: bytes, slot: int) -> AllocationEvidence:
    """A node below a bus as what lies in a slot."""
    bus = node.bus[:-HASH_BYTES]
    return AllocationEvidence(record, slot, node.lower, bus, node.position, node.upper)


class SumEvidence(NamedTuple):
    """An inner node of the allocation tree with both of its children opened."""

    parent: NodeEvidence
    left: bytes
    right: bytes


@dataclass(frozen=True)
class Line:
    """One participant's line where it lies: evidence and what it says."""

    evidence: AllocationEvidence
    row: Row
    bus: Row

    @property
    def index(self) -> int:
        """The registration number that it names."""
        return int(self.row["index"])


@dataclass(frozen=True)
class BusAt:
    """A bus record where it lies: evidence and what it says."""

    evidence: BusEvidence
    row: Row


@dataclass(frozen=True)
class NodeAt:
    """A node of the allocation tree where it lies.

    Attributes:
        evidence: the node and its path.
        height: above the leaves of its tree, which are participants or buses.
        bus: the bus it lies in; None above the buses.
    """

    evidence: NodeEvidence
    height: int
    bus: Row | None


def _bus_row(at: NodeAt) -> tuple[NodeAt, Row] | None:
    """A node with what it says as a bus; None if it is none."""
    record = at.evidence.preimage[1:]
    if at.bus is not None or at.height or at.evidence.preimage[:1] != BUS_TAG:
        return None
    return (at, np.frombuffer(record, dtype=_BUS)[0]) if len(record) == BUS.itemsize else None


@dataclass(frozen=True)
class ChainFacts:
    """What proofs ask of the chain beyond the header.

    Attributes:
        separator: EIP-712 domain separator of the market.
        owners: who acts for each registration number, 20 bytes.
        collateral: what the deposit of each registration number covers in the interval, micro.
        forced: orders filed on the chain, in the order of filing.
        domain_hash: what header hashes and seeds are bound to.
        public_key: of the drand network that makes the seeds; empty where none does.
        draw: what the seed is said to be made of; None where no drand network makes it.
        signers: who may sign receipts, 20 bytes each.
        signatures: how many of them a header, and so a received order, needs.
        receipts: that participants hold.
        overdue: questions about data that were not answered in time.
        filed: meter readings filed on the chain.
    """

    separator: bytes
    owners: dict[int, bytes]
    collateral: dict[int, int]
    forced: tuple[ForcedOrder, ...]
    domain_hash: bytes
    public_key: bytes = b""
    draw: Draw | None = None
    signers: frozenset[bytes] = frozenset()
    signatures: int = 1
    receipts: tuple[Receipt, ...] = ()
    overdue: tuple[Question, ...] = ()
    filed: tuple[FiledReading, ...] = ()


@dataclass(frozen=True, eq=False)
class Claim:
    """One posted interval and what is known of it.

    Attributes:
        previous_hash: header hash of the interval before.
        header: the payload.
        policy: of the header's policy hash.
        grid: of the header's grid version.
        depth: of the trees over registration numbers.
        known: preimages of what was committed.
        facts: what the chain says besides.
        measured: the interval whose readings this one settles; None if none, or not known.
    """

    previous_hash: bytes
    header: Header
    policy: Policy
    grid: Grid
    depth: int
    known: Preimages = field(repr=False)
    facts: ChainFacts = field(repr=False)
    measured: Claim | None = field(default=None, repr=False)
    _leaves: dict[bytes, dict[int, LeafEvidence]] = field(default_factory=dict, repr=False)

    @property
    def evidence(self) -> HeaderEvidence:
        """The header as every proof brings it."""
        return HeaderEvidence(self.previous_hash, self.header.packed())

    @property
    def header_hash(self) -> bytes:
        """Its hash in the market."""
        return self.header.hash(self.facts.domain_hash, self.previous_hash)

    def leaf(self, root: bytes, index: int) -> LeafEvidence:
        """The leaf of an index in a plain tree.

        Raises:
            UndisclosedError: it is not known, is no leaf, or there is no such index.
        """
        leaf = self.leaves(root).get(index)
        # A record at another index than its own proves nothing but that (recordForm).
        if leaf is None or int.from_bytes(leaf.record[:4] or index.to_bytes(4), "big") != index:
            raise UndisclosedError(
                f"commitment: nobody has published leaf {index} under 0x{root.hex()}; "
                "ask the operator for it"
            )
        return leaf

    def leaves(self, root: bytes) -> dict[int, LeafEvidence]:
        """Every leaf of a plain tree that is known, by where it lies."""
        if root not in self._leaves:
            self._leaves[root] = {
                place.position: LeafEvidence(place.preimage[_LEAF_HEAD:], place.path)
                for place in self.known.walk(root, self.depth, sums=False)
                if place.height == 0 and place.preimage[:1] in (LEAF_TAG, EMPTY_TAG)
            }
        return self._leaves[root]

    @cached_property
    def participants(self) -> Counter[int]:
        """How many contracts are known at each bus."""
        leaves = self.leaves(self.header.contracts_root).values()
        records = [leaf.record for leaf in leaves if len(leaf.record) == CONTRACT.itemsize]
        table = np.frombuffer(b"".join(records), dtype=wire(CONTRACT))
        return Counter(table["bus"].tolist())

    def far_slot(self, bus: Row, *, hidden: int = 0) -> int | None:
        """Where nobody lies at a bus whose tree is deeper than its participants need; None if it is not.

        By what lies there alone such a tree is a fault: it may be as large as it likes, and is not to be opened.

        Args:
            bus: its record.
            hidden: how many more may be there than have a contract that is known.
        """
        depth = int(bus["depth"])
        needed = depth_of(self.participants[int(bus["bus"])] + hidden)
        return 1 << (depth - 1) if depth > needed else None

    @cached_property
    def nodes(self) -> list[NodeAt]:
        """Every node of the allocation tree that is known: first above the buses, then below.

        Of a bus whose tree is deeper than its participants can need, those on the way to its far slot.
        """
        depth, root = self.grid.holarchy.depth, self.header.allocation_root
        above = [
            NodeAt(
                NodeEvidence(place.preimage, 0, b"", b"", place.position, place.path),
                place.height,
                None,
            )
            for place in self.known.walk(root, depth, sums=True)
        ]
        below = []
        hidden = (1 << self.depth) - len(self.leaves(self.header.contracts_root))
        for bus in (row for row in map(_bus_row, above) if row is not None):
            at, row = bus
            under = self.known.walk(
                row["root"].tobytes(),
                int(row["depth"]),
                sums=True,
                towards=self.far_slot(row, hidden=hidden),
            )
            record, upper = at.evidence.preimage[1:], at.evidence.upper
            below += [
                NodeAt(
                    NodeEvidence(
                        place.preimage,
                        place.position,
                        place.path,
                        record,
                        at.evidence.position,
                        upper,
                    ),
                    place.height,
                    row,
                )
                for place in under
            ]
        return above + below

    @cached_property
    def buses(self) -> list[BusAt]:
        """Every bus record that is known, where it lies."""
        return [
            BusAt(
                BusEvidence(at.evidence.preimage[1:], at.evidence.position, at.evidence.upper), row
            )
            for at, row in (found for found in map(_bus_row, self.nodes) if found is not None)
        ]

    @cached_property
    def lines(self) -> list[Line]:
        """Every line of every bus that is known, where it lies."""
        found = []
        for at in self.nodes:
            record = at.evidence.preimage[_LEAF_HEAD:]
            if at.bus is None or at.height or at.evidence.preimage[:1] != LEAF_TAG:
                continue
            if len(record) == ALLOCATION.itemsize:
                row = np.frombuffer(record, dtype=_ALLOCATION)[0]
                evidence = slot_evidence(at.evidence, record, at.evidence.slot)
                found.append(Line(evidence, row, at.bus))
        return found

    @cached_property
    def vector(self) -> bytes:
        """The certificate and all injections; UndisclosedError if nobody has published them."""
        return self.known[self.header.bus_vector_hash]

    def told(self, header: Header, known: Preimages) -> Claim:
        """Another claim of the same interval."""
        return replace(self, header=header, known=known, _leaves={})


def open_claim(
    bundle: Bundle,
    pre_state: Table,
    policy: Policy,
    grid: Grid,
    facts: ChainFacts,
    measured: Claim | None = None,
) -> Claim:
    """Open a posted interval from its bundle.

    Args:
        bundle: As published; nothing in it is believed but that its records hash to the roots.
        pre_state: records.STATE[N] of the interval before.
        policy: Of the header's hash.
        grid: Of the header's version.
        facts: What the chain says besides.
        measured: The interval whose readings it settles, opened likewise.
    """
    known, n = Preimages(), len(pre_state)
    depth = depth_of(n)
    for kind, table in (
        (KIND_ORDER, bundle.orders),
        (KIND_STATE, pre_state),
        (KIND_STATE, bundle.state),
        (KIND_CONTRACT, bundle.contracts),
        (KIND_SHARE, bundle.shares),
        (KIND_READING, bundle.readings),
    ):
        open_table(known, kind, table, n)
    _open_vectors(known, bundle, grid)
    _open_allocation(known, bundle, policy, grid)
    return Claim(bundle.previous_hash, bundle.header, policy, grid, depth, known, facts, measured)


def open_table(known: Preimages, kind: int, table: Table, n: int) -> None:
    """Add the plain tree of a table over `n` registration numbers."""
    leaves = [b""] * n
    for index, leaf in zip(table["index"].tolist(), leaf_preimages(kind, table), strict=True):
        if index < n:
            leaves[index] = leaf
    known.plain(leaves, depth_of(n))


def leaf_preimages(kind: int, table: Table) -> list[bytes]:
    """The preimage of each record of a table as a leaf."""
    return [LEAF_TAG + bytes([kind]) + row.tobytes() for row in packed_rows(table)]


def _open_vectors(known: Preimages, bundle: Bundle, grid: Grid) -> None:
    """Add the bus vectors that the certificate, or else the lines, may stand for."""
    bus = np.minimum(ints(bundle.contracts, "bus"), grid.n_bus - 1)
    sums = leaf_sums(bundle.allocation).astype(np.int64)
    by_lines = np.zeros(grid.n_bus, dtype=np.int64)
    served, dispatched = SUM_NAMES.index("served"), SUM_NAMES.index("dispatched")
    np.add.at(by_lines, bus, sums[:, dispatched] - sums[:, served])
    known.add(bundle.certificate + by_lines.astype(">i8").tobytes())
    with suppress(InputError, OverflowError):
        by_angles = check_network(grid, Certificate.unpack(bundle.certificate, grid.n_bus))
        stated = np.array(by_angles.injection_wh, dtype=">i8").tobytes()
        known.add(bundle.certificate + stated)


def _open_allocation(known: Preimages, bundle: Bundle, policy: Policy, grid: Grid) -> None:
    """Add the allocation tree, whose bus records are not published but follow from the lines.

    Only a bus's price may be told in two ways: by the rules, or as its participants' lines repeat
    it. Both are added; the header tells which was committed.
    """
    try:
        layout = Layout.of(bundle.contracts, grid.holarchy)
        certificate = Certificate.unpack(bundle.certificate, grid.n_bus)
    except InputError:
        return
    roots = _bus_roots(known, bundle, layout)
    requested = [int(root.sums[SUM_NAMES.index("requested")]) for root in roots]
    offered = [int(root.sums[SUM_NAMES.index("offered")]) for root in roots]
    by_rule = bus_prices(policy, grid.holarchy, requested, offered).tolist()
    as_told = list(by_rule)
    for bus, price in zip(layout.bus.tolist(), ints(bundle.allocation, "price_ticks"), strict=True):
        as_told[bus] = int(price)
    for prices in (by_rule, as_told):
        buses = bus_table(layout, certificate, prices, roots)
        add_upper(known, buses, layout.position.tolist(), grid.holarchy.depth)


def _bus_roots(known: Preimages, bundle: Bundle, layout: Layout) -> list[Node]:
    """Add the tree of every bus over its participants; returns their roots."""
    sums = [tuple(row) for row in leaf_sums(bundle.allocation).tolist()]
    nodes = [
        Node(known.add(leaf), own)
        for leaf, own in zip(leaf_preimages(KIND_ALLOCATION, bundle.allocation), sums, strict=True)
    ]
    roots = []
    for bus, depth in enumerate(layout.depth.tolist()):
        first, count = int(layout.starts[0][bus]), int(layout.counts[0][bus])
        here: list[Node | None] = [nodes[i] for i in layout.order[first : first + count].tolist()]
        salt = partial(node_salt, bundle.salt_key, bus)
        roots.append(known.with_sums(here, depth, salt))
    return roots


def bus_table(
    layout: Layout, certificate: Certificate, prices: Sequence[int], roots: Sequence[Node]
) -> Table:
    """The record of every bus, records.BUS[n], in bus order."""
    table = np.zeros(len(roots), dtype=BUS)
    table["bus"], table["depth"] = np.arange(len(roots)), layout.depth
    table["price_ticks"] = prices
    table["theta"], table["pi"] = certificate.theta, certificate.pi
    for column, name in enumerate(SUM_NAMES):
        table[name] = [root.sums[column] for root in roots]
    table["root"] = [np.void(root.hash) for root in roots]
    return table


def add_upper(known: Preimages, buses: Table, position: Sequence[int], depth: int) -> Node:
    """Add the tree above the buses; returns its root."""
    nodes: list[Node | None] = [None] * (max(position) + 1)
    for at, record, row in zip(position, packed_rows(buses), buses, strict=True):
        nodes[at] = Node(known.add(BUS_TAG + record.tobytes()), bus_sums(row))
    return known.with_sums(nodes, depth, lambda _level, _at: NO_SALT)


def bus_sums(row: Row) -> Sums:
    """The sums in a bus record."""
    return tuple(int(row[name]) for name in SUM_NAMES)
