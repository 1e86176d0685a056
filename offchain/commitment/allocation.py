"""The allocation tree: a sum tree per bus over slots, and one over bus positions above.

Its shape comes from the contracts and the holarchy, its leaves from the interval; all buses are
hashed together, level by level (docs/protocol.md, sections 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    HASH_BYTES,
    SALT_BYTES,
    SUM_INNER_TAG,
    Bytes,
    Table,
    leaves,
    node_salts,
    packed_rows,
    tagged,
    words,
)
from offchain.commitment.trees import depth_of, empty_hashes
from offchain.errors import InputError
from offchain.grid.holarchy import Holarchy
from offchain.keccak.rows import keccak_rows
from offchain.records import KIND_ALLOCATION, SUMS

IntpArray = npt.NDArray[np.intp]
Uint64Array = npt.NDArray[np.uint64]

#: A bus's own tree is not deeper.
MAX_BUS_DEPTH: Final = 20
SUM_NAMES: Final = SUMS.names or ()


@dataclass(frozen=True, eq=False)
class _Join:
    """How one level of nodes is made from the level below.

    Attributes:
        left: intp[m], left child's row in the level below.
        right: intp[m], right child's row; -1 where the right subtree is empty.
        bus: intp[m], the bus a node lies in.
        position: intp[m], its position among the nodes of its level in that bus.
    """

    left: IntpArray
    right: IntpArray
    bus: IntpArray
    position: IntpArray


@dataclass(frozen=True, eq=False)
class Layout:
    """The shape of the allocation tree; made once for a contracts table and a holarchy.

    With N participants and n buses:

    Attributes:
        bus: intp[N], bus of each participant.
        slot: intp[N], its slot there.
        order: intp[N], participants by bus and slot: the rows of the lowest level.
        depth: intp[n], depth of each bus's tree.
        starts: per level intp[n], the first row of each bus.
        counts: per level intp[n], how many nodes a bus has; 0 above its root.
        joins: per level above the leaves.
        position: intp[n], position of each bus in the upper tree.
        upper_depth: its depth.
    """

    bus: IntpArray
    slot: IntpArray
    order: IntpArray
    depth: IntpArray
    starts: tuple[IntpArray, ...]
    counts: tuple[IntpArray, ...]
    joins: tuple[_Join, ...]
    position: IntpArray
    upper_depth: int

    @classmethod
    def of(cls, contracts: Table, holarchy: Holarchy) -> Self:
        """The layout of a market.

        Raises:
            InputError: a bus does not exist, or its slots are not 0 ... n_b - 1, each taken once.
        """
        bus, slot = contracts["bus"].astype(np.intp), contracts["slot"].astype(np.intp)
        n_bus = len(holarchy.position)
        if len(bus) and bus.max() >= n_bus:
            raise InputError(f"contracts.bus: {bus.max()} is not a bus; give 0 ... {n_bus - 1}")
        order = np.lexsort((slot, bus))
        count = np.bincount(bus, minlength=n_bus)
        start = np.cumsum(count) - count
        wrong = np.flatnonzero(slot[order] != np.arange(len(order)) - start[bus[order]])
        if len(wrong):
            raise InputError(
                f"contracts.slot: bus {bus[order][wrong[0]]} has a gap or a slot taken twice; "
                "number the participants of each bus 0, 1, 2 ..."
            )
        if count.max() > 1 << MAX_BUS_DEPTH:
            raise InputError(
                f"contracts.bus: {count.max()} participants at bus {count.argmax()}; "
                f"a bus holds {1 << MAX_BUS_DEPTH}"
            )
        starts, counts, joins = [start], [count], []
        while counts[-1].max() > 1:
            join, start, count = _join(starts[-1], counts[-1])
            joins.append(join)
            starts.append(start)
            counts.append(count)
        depth = np.array([depth_of(int(n)) for n in counts[0]], dtype=np.intp)
        return cls(
            bus,
            slot,
            order,
            depth,
            tuple(starts),
            tuple(counts),
            tuple(joins),
            np.asarray(holarchy.position).astype(np.intp),
            holarchy.depth,
        )


def _join(start: IntpArray, count: IntpArray) -> tuple[_Join, IntpArray, IntpArray]:
    """The nodes above a level; a bus that has come to its root stays where it is."""
    above = np.where(count > 1, (count + 1) // 2, 0)
    first = np.cumsum(above) - above
    bus = np.repeat(np.arange(len(count)), above)
    position = np.arange(len(bus)) - first[bus]
    left = start[bus] + 2 * position
    right = np.where(2 * position + 1 < count[bus], left + 1, -1)
    return _Join(left, right, bus, position), first, above


@dataclass(frozen=True, eq=False)
class _Level:
    """Nodes of one height: hashes uint8[m, 32], sums uint64[m, 8], hashes of sums uint8[m, 32]."""

    hashes: Bytes
    sums: Uint64Array
    sums_hashes: Bytes


@dataclass(frozen=True, eq=False)
class BusTrees:
    """The trees of all buses over their participants.

    Attributes:
        layout: their shape.
        levels: from the leaves up.
        roots: uint8[n, 32], root of each bus.
        sums: uint64[n, 8], totals of each bus.
    """

    layout: Layout
    levels: tuple[_Level, ...]
    roots: Bytes
    sums: Uint64Array

    @classmethod
    def of(cls, layout: Layout, allocation: Table, salt_key: bytes) -> Self:
        """The trees over ``records.ALLOCATION[N]``, salts of the records filled in."""
        hashes = leaves(KIND_ALLOCATION, allocation)[layout.order]
        level = _Level(hashes, leaf_sums(allocation)[layout.order], np.empty((0, 32), np.uint8))
        levels = [level]
        roots = empty_hashes(0, len(layout.depth)).copy()
        sums = np.zeros((len(layout.depth), len(SUM_NAMES)), dtype=np.uint64)
        for height in range(len(layout.starts)):
            if height:
                join = layout.joins[height - 1]
                salts = node_salts(salt_key, join.bus, height, join.position)
                level = _joined(levels[-1], join, salts, height)
                levels.append(level)
            done = np.flatnonzero((layout.depth == height) & (layout.counts[height] == 1))
            rows = layout.starts[height][done]
            roots[done], sums[done] = level.hashes[rows], level.sums[rows]
        return cls(layout, tuple(levels), roots, sums)

    def path(self, participant: int) -> bytes:
        """``sibling ‖ sumsHash`` steps from a participant's leaf to its bus's root."""
        layout = self.layout
        bus, slot = int(layout.bus[participant]), int(layout.slot[participant])
        steps = []
        for height in range(int(layout.depth[bus])):
            sibling = (slot >> height) ^ 1
            row = int(layout.starts[height][bus]) + sibling
            inside = sibling < layout.counts[height][bus]
            steps.append(
                self.levels[height].hashes[row].tobytes() if inside else EMPTY_ROOTS[height]
            )
            above = int(layout.starts[height + 1][bus]) + (slot >> (height + 1))
            steps.append(self.levels[height + 1].sums_hashes[above].tobytes())
        return b"".join(steps)


def _joined(below: _Level, join: _Join, salts: Bytes, height: int) -> _Level:
    left, right = below.hashes[join.left], below.hashes[join.right]
    sums = below.sums[join.left]
    empty = join.right < 0
    if empty.any():
        right[empty] = np.frombuffer(EMPTY_ROOTS[height - 1], dtype=np.uint8)
    sums = sums + np.where(empty[:, None], np.uint64(0), below.sums[join.right])
    sums_hashes = keccak_rows(np.concatenate((sums_bytes(sums), salts), axis=1))
    return _Level(keccak_rows(tagged(SUM_INNER_TAG, left, right, sums_hashes)), sums, sums_hashes)


@dataclass(frozen=True, eq=False)
class UpperTree:
    """The sum tree over bus positions: layers of the holarchy are its aligned subtrees.

    Attributes:
        layout: its shape.
        buses: records.BUS[n], complete.
        levels: from the bus nodes up, every position present.
    """

    layout: Layout
    buses: Table
    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, layout: Layout, buses: Table) -> Self:
        """The tree over the records of all buses, in bus order."""
        size = int(layout.position.max()) + 1
        hashes = empty_hashes(0, size).copy()
        hashes[layout.position] = keccak_rows(tagged(BUS_TAG, packed_rows(buses)))
        sums = np.zeros((size, len(SUM_NAMES)), dtype=np.uint64)
        sums[layout.position] = np.stack([buses[name] for name in SUM_NAMES], axis=1)
        taken = np.zeros(size, dtype=bool)
        taken[layout.position] = True
        levels = [_Level(hashes, sums, np.empty((0, HASH_BYTES), np.uint8))]
        for height in range(1, layout.upper_depth + 1):
            left = np.arange(0, size, 2)
            right = np.where(left + 1 < size, left + 1, -1)
            taken = taken[left] | (taken[right] & (right >= 0))
            join = _Join(left, right, left, left)
            salts = np.zeros((len(left), SALT_BYTES), dtype=np.uint8)
            level = _joined(levels[-1], join, salts, height)
            # An empty subtree has the hash of a plain one, so that it is known without its sums.
            hashes = np.where(taken[:, None], level.hashes, empty_hashes(height, len(left)))
            levels.append(_Level(hashes, level.sums, level.sums_hashes))
            size = len(left)
        return cls(layout, buses, tuple(levels))

    @property
    def root(self) -> bytes:
        """The allocation root, 32 bytes."""
        root: bytes = self.levels[-1].hashes[0].tobytes()
        return root

    @property
    def sums(self) -> dict[str, int]:
        """The totals of the whole market, by name."""
        return dict(zip(SUM_NAMES, self.levels[-1].sums[0].tolist(), strict=True))

    def path(self, bus: int, level: int = 0) -> bytes:
        """Steps from a bus node, or from its ancestor at a level, to the allocation root."""
        position = int(self.layout.position[bus])
        steps = []
        for height in range(level, self.layout.upper_depth):
            hashes = self.levels[height].hashes
            sibling = (position >> height) ^ 1
            inside = sibling < len(hashes)
            steps.append(hashes[sibling].tobytes() if inside else EMPTY_ROOTS[height])
            steps.append(self.levels[height + 1].sums_hashes[position >> (height + 1)].tobytes())
        return b"".join(steps)


def leaf_sums(allocation: Table) -> Uint64Array:
    """What each allocation record adds to the sums of its ancestors; uint64[N, 8]."""
    terms = (
        ("essential_q_wh", "flexible_q_wh"),
        ("supply_q_wh",),
        ("essential_x_wh", "flexible_x_wh"),
        ("supply_x_wh",),
        ("supply_pay", "pot_share", "imbalance_credit"),
        ("energy_cost", "shortfall", "subscription", "imbalance_debit"),
        ("supply_pay", "pot_share"),
        ("energy_cost", "shortfall"),
    )
    sums = np.zeros((len(allocation), len(SUM_NAMES)), dtype=np.uint64)
    for column, names in enumerate(terms):
        for name in names:
            sums[:, column] += allocation[name]
    return sums


def sums_bytes(sums: Uint64Array) -> Bytes:
    """Sums as committed: eight big-endian u64 per row; uint8[n, 64]."""
    return words(sums.ravel(), "u8").reshape(len(sums), -1)
