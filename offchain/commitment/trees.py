"""Plain trees over registration numbers, their paths and the check of a path.

Orders, state, contracts and shares have one each (docs/protocol.md, section 2 and 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from offchain.commitment.hashing import (
    EMPTY_ROOTS,
    HASH_BYTES,
    INNER_TAG,
    MAX_DEPTH,
    Bytes,
    Table,
    inner,
    leaves,
    sum_inner,
    tagged,
)
from offchain.errors import InputError
from offchain.keccak.rows import keccak_rows

_STEP_BYTES: Final = 2 * HASH_BYTES


def depth_of(n: int) -> int:
    """Depth of a tree over n indices: ``ceil(log2(max(n, 1)))``."""
    return max(n - 1, 0).bit_length()


def empty_hashes(level: int, n: int) -> Bytes:
    """Hash of the empty plain subtree of a height, n times; uint8[n, 32], read-only."""
    return np.broadcast_to(np.frombuffer(EMPTY_ROOTS[level], dtype=np.uint8), (n, HASH_BYTES))


@dataclass(frozen=True, eq=False)
class PlainTree:
    """A plain tree with all its nodes.

    Attributes:
        levels: from the leaves up, uint8[m, 32] each; nodes right of the last are empty subtrees.
    """

    levels: tuple[Bytes, ...]

    @classmethod
    def of(cls, hashes: Bytes) -> Self:
        """The tree over leaf hashes uint8[n, 32]; with no leaves its root is the empty leaf."""
        level = hashes if len(hashes) else empty_hashes(0, 1)
        levels = [level]
        while len(level) > 1:
            if len(level) % 2:
                level = np.concatenate((level, empty_hashes(len(levels) - 1, 1)))
            level = keccak_rows(tagged(INNER_TAG, level.reshape(-1, _STEP_BYTES)))
            levels.append(level)
        return cls(tuple(levels))

    @classmethod
    def of_table(cls, kind: int, table: Table, n: int) -> Self:
        """The tree over n indices of a table with an ``index`` column; missing rows are empty."""
        hashes = empty_hashes(0, n).copy()
        hashes[table["index"]] = leaves(kind, table)
        return cls.of(hashes)

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self.levels[-1].tobytes()

    def path(self, index: int) -> bytes:
        """Siblings from the leaf up, 32 bytes each."""
        return b"".join(
            _node(level, height, (index >> height) ^ 1)
            for height, level in enumerate(self.levels[:-1])
        )


def _node(level: Bytes, height: int, position: int) -> bytes:
    return level[position].tobytes() if position < len(level) else EMPTY_ROOTS[height]


def plain_root(node: bytes, index: int, path: bytes) -> bytes:
    """The root that a node and its path lead to.

    Args:
        node: hash at the lower end.
        index: its position in its level.
        path: siblings from below, 32 bytes each.

    Raises:
        InputError: the path is no whole number of steps, or too short for the index.
    """
    for sibling in _steps(index, path, HASH_BYTES):
        node = inner(sibling, node) if index & 1 else inner(node, sibling)
        index >>= 1
    return node


def sum_root(node: bytes, index: int, path: bytes) -> bytes:
    """As `plain_root` in a sum tree, where a step is ``sibling ‖ sumsHash`` of the node above."""
    for step in _steps(index, path, _STEP_BYTES):
        sibling, sums_hash = step[:HASH_BYTES], step[HASH_BYTES:]
        pair = (sibling, node) if index & 1 else (node, sibling)
        node = sum_inner(*pair, sums_hash)
        index >>= 1
    return node


def _steps(index: int, path: bytes, size: int) -> list[bytes]:
    count, rest = divmod(len(path), size)
    if rest or count > MAX_DEPTH:
        raise InputError(f"path: {len(path)} bytes; give at most {MAX_DEPTH} steps of {size} bytes")
    if index < 0 or index >> count:
        raise InputError(f"path: {count} steps hold no index {index}; give the whole path")
    return [path[at : at + size] for at in range(0, len(path), size)]


def index_column(table: Table) -> npt.NDArray[np.int64]:
    """The registration numbers of a table."""
    return table["index"].astype(np.int64)
