"""A committed interval altered node by node: what an oracle could commit to if it built its trees by hand.

Beneath `oracle.lies`, which tell another interval and commit it well, this replaces single nodes and
hashes the path above them again, with or without letting the sums follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from offchain.commitment.allocation import SUM_NAMES
from offchain.commitment.hashing import BUS_TAG, EMPTY_ROOTS, HASH_BYTES, INNER_TAG
from offchain.commitment.header import Header
from offchain.proofs.claim import Claim, NodeEvidence, bus_sums
from offchain.proofs.preimages import (
    NO_SALT,
    NO_SUMS,
    SUMS_BYTES,
    Node,
    Preimages,
    Sums,
    unpacked_sums,
)
from offchain.records import BUS, wire

_STEP: Final = 2 * HASH_BYTES
#: Header fields of those sums of the allocation root that a header repeats, in the order of ``SUM_NAMES``.
_TOTALS: Final = (*SUM_NAMES[:4], "credit_sum", "debit_sum")


def with_leaf(claim: Claim, field: str, index: int, preimage: bytes, height: int = 0) -> Claim:
    """Another node in a plain tree, hashed up into a root of the header.

    Args:
        claim: What to alter.
        field: The root's name in the header.
        index: Position of the node in its level.
        preimage: What it becomes.
        height: Its height above the leaves.
    """
    root = getattr(claim.header, field)
    known = claim.known.copy()
    (path,) = (
        place.path
        for place in known.walk(root, claim.depth, sums=False)
        if (place.height, place.position) == (height, index)
    )
    node = known.add(preimage)
    for at in range(0, len(path), HASH_BYTES):
        sibling = path[at : at + HASH_BYTES]
        node = known.add(INNER_TAG + (sibling + node if index & 1 else node + sibling))
        index >>= 1
    return claim.told(_with(claim.header, **{field: node}), known)


def with_node(
    claim: Claim,
    at: NodeEvidence,
    preimage: bytes,
    change: Sums = NO_SUMS,
    *,
    totals: bool = True,
) -> Claim:
    """Another node in the allocation tree, hashed up into the allocation root.

    Args:
        claim: What to alter.
        at: The node.
        preimage: What it becomes.
        change: By how much its sums differ; every sum above follows.
        totals: Whether the header's totals follow too.
    """
    known = claim.known.copy()
    node = known.add(preimage)
    if at.bus:
        root = _climb(known, node, at.slot, at.lower, change)
        record = np.frombuffer(at.bus, dtype=wire(BUS)).copy()
        record["root"] = np.void(root)
        for name, by in zip(SUM_NAMES, change, strict=True):
            record[name] = int(record[name][0]) + by
        node = known.add(BUS_TAG + record.tobytes())
    root = _climb(known, node, at.position, at.upper, change)
    fields: dict[str, int | bytes] = {"allocation_root": root}
    if totals:
        fields |= {
            name: getattr(claim.header, name) + by
            for name, by in zip(_TOTALS, change, strict=False)
        }
    return claim.told(_with(claim.header, **fields), known)


def deeper(claim: Claim, bus: NodeEvidence) -> Claim:
    """A bus whose tree has a level more than it needs: its right half is empty."""
    row = np.frombuffer(bus.preimage[1:], dtype=wire(BUS)).copy()
    known, empty = claim.known.copy(), EMPTY_ROOTS[int(row["depth"][0])]
    row["root"] = np.void(
        known.join(row["root"][0].tobytes(), empty, bus_sums(row[0]), NO_SALT).hash
    )
    row["depth"] += 1
    return with_node(claim.told(claim.header, known), bus, BUS_TAG + row.tobytes())


def shallower(claim: Claim, bus: NodeEvidence) -> Claim:
    """A bus whose tree is the left half of the one it should have; its sums stay."""
    row = np.frombuffer(bus.preimage[1:], dtype=wire(BUS)).copy()
    row["root"] = np.void(claim.known[row["root"][0].tobytes()][1 : 1 + HASH_BYTES])
    row["depth"] -= 1
    return with_node(claim, bus, BUS_TAG + row.tobytes())


def _climb(known: Preimages, node: bytes, index: int, path: bytes, change: Sums) -> bytes:
    """Hash a path with sums again from a node on."""
    for at in range(0, len(path), _STEP):
        sibling, opened = path[at : at + HASH_BYTES], known[path[at + HASH_BYTES : at + _STEP]]
        sums = tuple(own + by for own, by in zip(unpacked_sums(opened), change, strict=True))
        pair = (sibling, node) if index & 1 else (node, sibling)
        joined: Node = known.join(*pair, sums, opened[SUMS_BYTES:])
        node, index = joined.hash, index >> 1
    return node


def _with(header: Header, **fields: int | bytes) -> Header:
    return replace(header, **fields)  # type: ignore[arg-type]


def with_fields(claim: Claim, **fields: int | bytes) -> Claim:
    """Other header fields, and nothing else."""
    return claim.told(_with(claim.header, **fields), claim.known)
