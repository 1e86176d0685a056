"""Typed hashes of leaves and nodes, one row or whole tables (docs/protocol.md, section 2)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.keccak import keccak
from offchain.keccak.rows import keccak_rows
from offchain.records import wire

Bytes = npt.NDArray[np.uint8]
Table = npt.NDArray[np.void]

HASH_BYTES: Final = 32
SALT_BYTES: Final = 16
LEAF_TAG: Final = b"\x00"
INNER_TAG: Final = b"\x01"
SUM_INNER_TAG: Final = b"\x02"
BUS_TAG: Final = b"\x03"
EMPTY_TAG: Final = b"\x04"
NODE_SALT_TAG: Final = b"\x05"
RECORD_SALT_TAG: Final = b"\x06"
#: No tree is deeper; an index has 32 bits.
MAX_DEPTH: Final = 32


def inner(left: bytes, right: bytes) -> bytes:
    """Inner node of a plain tree."""
    return keccak(INNER_TAG + left + right)


def sum_inner(left: bytes, right: bytes, sums_hash: bytes) -> bytes:
    """Inner node of a sum tree; ``sums_hash`` is ``H(sums ‖ salt)``."""
    return keccak(SUM_INNER_TAG + left + right + sums_hash)


def leaf(kind: int, record: bytes) -> bytes:
    """Leaf of a packed record."""
    return keccak(LEAF_TAG + bytes([kind]) + record)


def bus_node(record: bytes) -> bytes:
    """Node of a packed bus record."""
    return keccak(BUS_TAG + record)


def _empty_roots() -> tuple[bytes, ...]:
    roots = [keccak(EMPTY_TAG)]
    for _ in range(MAX_DEPTH):
        roots.append(inner(roots[-1], roots[-1]))
    return tuple(roots)


#: Root of the empty plain subtree of each height; the first is the empty leaf.
EMPTY_ROOTS: Final = _empty_roots()


def packed_rows(table: Table) -> Bytes:
    """The committed bytes of a table of records; uint8[n, record size]."""
    size = table.dtype.itemsize
    return table.astype(wire(table.dtype)).view(np.uint8).reshape(len(table), size)


def tagged(tag: bytes, *columns: Bytes) -> Bytes:
    """Rows of ``tag ‖ column ‖ column ...``; columns are uint8[n, any]."""
    n = len(columns[0])
    head = np.broadcast_to(np.frombuffer(tag, dtype=np.uint8), (n, len(tag)))
    return np.concatenate((head, *columns), axis=1)


def words(values: npt.ArrayLike, code: str) -> Bytes:
    """Integers as big-endian bytes: numpy type code without byte order, such as ``u4``."""
    column = np.atleast_1d(np.asarray(values)).astype(f">{code}")
    return column.view(np.uint8).reshape(len(column), column.itemsize)


def leaves(kind: int, table: Table) -> Bytes:
    """Leaf of each record of a table; uint8[n, 32]."""
    return keccak_rows(tagged(LEAF_TAG + bytes([kind]), packed_rows(table)))


def record_salts(salt_key: bytes, kind: int, index: npt.ArrayLike) -> npt.NDArray[np.void]:
    """Salt of each record, V16[n], from the interval's key and the record's kind and index."""
    digests = keccak_rows(tagged(RECORD_SALT_TAG + salt_key + bytes([kind]), words(index, "u4")))
    return np.ascontiguousarray(digests[:, :SALT_BYTES]).view(f"V{SALT_BYTES}").ravel()


def node_salts(salt_key: bytes, bus: npt.ArrayLike, level: int, position: npt.ArrayLike) -> Bytes:
    """Salt of inner nodes inside buses, uint8[n, 16]; level 1 is just above the leaves."""
    place = np.concatenate(
        (
            words(bus, "u2"),
            np.full((len(np.asarray(bus)), 1), level, np.uint8),
            words(position, "u4"),
        ),
        axis=1,
    )
    return keccak_rows(tagged(NODE_SALT_TAG + salt_key, place))[:, :SALT_BYTES]
