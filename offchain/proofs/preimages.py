"""What committed hashes are the hashes of, and paths read off them (docs/protocol.md, section 2).

A tree is not kept as a tree: whoever knows the preimage of a root finds its children, and so on
down. So a tree that was built wrongly on purpose is read as well as an honest one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from offchain.commitment.hashing import (
    EMPTY_ROOTS,
    EMPTY_TAG,
    HASH_BYTES,
    INNER_TAG,
    NODE_SALT_TAG,
    SALT_BYTES,
    SUM_INNER_TAG,
)
from offchain.errors import ClearwattError
from offchain.keccak import keccak
from offchain.records import SUMS

#: The sums of a node, in the order of ``records.SUMS``.
Sums = tuple[int, ...]
NO_SUMS: Final[Sums] = (0,) * len(SUMS.names or ())
#: Bytes of packed sums.
SUMS_BYTES: Final = SUMS.itemsize
NO_SALT: Final = bytes(SALT_BYTES)
#: Bytes of the preimage of an inner node, and of one with sums.
PLAIN_BYTES: Final = 1 + 2 * HASH_BYTES
SUM_BYTES: Final = 1 + 3 * HASH_BYTES


class UndisclosedError(ClearwattError):
    """The preimage of a committed hash is not known."""


@dataclass(frozen=True)
class Node:
    """A node of a tree with sums: its hash and what its leaves add up to."""

    hash: bytes
    sums: Sums


@dataclass(frozen=True)
class Place:
    """A node of a tree where it lies.

    Attributes:
        preimage: what it is the hash of.
        height: above the leaves.
        position: among the nodes of its height.
        path: siblings from the node up; in a tree with sums each with the hash of sums above it.
    """

    preimage: bytes
    height: int
    position: int
    path: bytes


class Preimages:
    """Everything that is known of what was committed, by its hash."""

    def __init__(self) -> None:
        self._known = {keccak(EMPTY_TAG): EMPTY_TAG}
        for below, root in pairwise(EMPTY_ROOTS):
            self._known[root] = INNER_TAG + below + below

    def copy(self) -> Preimages:
        """The same, to be added to on its own."""
        other = Preimages()
        other._known = dict(self._known)
        return other

    def add(self, preimage: bytes) -> bytes:
        """Know one more preimage; returns its hash."""
        digest = keccak(preimage)
        self._known[digest] = preimage
        return digest

    def has(self, digest: bytes) -> bool:
        """Whether a preimage is known."""
        return digest in self._known

    def __getitem__(self, digest: bytes) -> bytes:
        try:
            return self._known[digest]
        except KeyError:
            raise UndisclosedError(
                f"commitment: nobody has published what 0x{digest.hex()} is the hash of; "
                "ask the operator for it"
            ) from None

    # BUILDING

    def plain(self, leaves: Sequence[bytes], depth: int) -> bytes:
        """Add a plain tree over leaf preimages, empty bytes for an empty leaf; returns its root."""
        level = [self.add(leaf or EMPTY_TAG) for leaf in leaves]
        for height in range(depth):
            level += [EMPTY_ROOTS[height]] * (len(level) % 2)
            level = [
                self.add(INNER_TAG + level[at] + level[at + 1]) for at in range(0, len(level), 2)
            ]
        return level[0] if level else EMPTY_ROOTS[depth]

    def with_sums(
        self, nodes: Sequence[Node | None], depth: int, salt: Callable[[int, int], bytes]
    ) -> Node:
        """Add a tree with sums over nodes, None for an empty one.

        Args:
            nodes: The lowest level; their preimages are added by the caller.
            depth: Of the tree.
            salt: The salt of a node by its level (1 just above the lowest) and position.
        """
        level = list(nodes)
        for height in range(1, depth + 1):
            level += [None] * (len(level) % 2)
            level = [
                self._join(level[2 * at], level[2 * at + 1], height, salt(height, at))
                for at in range(len(level) // 2)
            ]
        return (level[0] if level else None) or Node(EMPTY_ROOTS[depth], NO_SUMS)

    def _join(self, left: Node | None, right: Node | None, height: int, salt: bytes) -> Node | None:
        if left is None and right is None:
            return None
        empty = Node(EMPTY_ROOTS[height - 1], NO_SUMS)
        left, right = left or empty, right or empty
        return self.join(left.hash, right.hash, add(left.sums, right.sums), salt)

    def join(self, left: bytes, right: bytes, sums: Sums, salt: bytes) -> Node:
        """Add one inner node with sums, true or not."""
        sums_hash = self.add(packed_sums(sums) + salt)
        return Node(self.add(SUM_INNER_TAG + left + right + sums_hash), sums)

    # READING

    def walk(
        self, root: bytes, depth: int, *, sums: bool, towards: int | None = None
    ) -> Iterator[Place]:
        """Every node of a tree that is known, parents before their children, left to right.

        Args:
            root: Where to start.
            depth: Of the tree.
            sums: Whether its inner nodes carry sums; otherwise it is a plain tree.
            towards: Only the nodes on the way to this leaf, where the tree may hold more than can be walked.
        """
        tag, size = (SUM_INNER_TAG, SUM_BYTES) if sums else (INNER_TAG, PLAIN_BYTES)
        waiting = [(root, depth, 0, b"")]
        while waiting:
            node, height, position, path = waiting.pop()
            preimage = self._known.get(node)
            if preimage is None:
                continue
            yield Place(preimage, height, position, path)
            if height == 0 or preimage[:1] != tag or len(preimage) != size:
                continue
            left, right, *rest = (
                preimage[at : at + HASH_BYTES] for at in range(1, size, HASH_BYTES)
            )
            step = b"".join(rest)
            right_at = (right, height - 1, 2 * position + 1, left + step + path)
            left_at = (left, height - 1, 2 * position, right + step + path)
            waiting += [
                child
                for child in (right_at, left_at)
                if towards is None or towards >> child[1] == child[2]
            ]

    def opened(self, preimage: bytes) -> bytes:
        """An inner node with sums as the contracts open it: ``left ‖ right ‖ sums ‖ salt``."""
        return preimage[1 : 1 + 2 * HASH_BYTES] + self[preimage[1 + 2 * HASH_BYTES :]]


def node_salt(salt_key: bytes, bus: int, level: int, position: int) -> bytes:
    """The salt of an inner node inside a bus."""
    place = bus.to_bytes(2, "big") + bytes([level]) + position.to_bytes(4, "big")
    return keccak(NODE_SALT_TAG + salt_key + place)[:SALT_BYTES]


def packed_sums(sums: Sums) -> bytes:
    """Sums as committed: big-endian u64."""
    return b"".join(number.to_bytes(8, "big") for number in sums)


def unpacked_sums(data: bytes) -> Sums:
    """The sums that some bytes begin with."""
    return tuple(int.from_bytes(data[at : at + 8], "big") for at in range(0, SUMS_BYTES, 8))


def add(left: Sums, right: Sums) -> Sums:
    """Sums of two nodes together."""
    return tuple(a + b for a, b in zip(left, right, strict=True))
