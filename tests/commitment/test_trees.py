"""Plain trees: typed, not commutative, with one root for one list, and paths that prove one leaf."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.commitment.hashing import EMPTY_ROOTS, inner, leaf
from offchain.commitment.trees import PlainTree, depth_of, plain_root
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.records import KIND_SHARE, SHARE

sizes = st.integers(1, 40)


def tree(n: int) -> PlainTree:
    hashes = b"".join(keccak(bytes([i])) for i in range(n))
    return PlainTree.of(np.frombuffer(hashes, dtype=np.uint8).reshape(n, 32))


def by_definition(hashes: list[bytes], depth: int) -> bytes:
    """The root of a list padded with empty leaves, straight from the definition."""
    if depth == 0:
        return hashes[0] if hashes else keccak(b"\x04")
    half = 1 << (depth - 1)
    left, right = by_definition(hashes[:half], depth - 1), by_definition(hashes[half:], depth - 1)
    return keccak(b"\x01" + left + right)


@given(sizes)
def test_the_root_is_that_of_the_padded_list(n: int) -> None:
    hashes = [keccak(bytes([i])) for i in range(n)]
    assert tree(n).root == by_definition(hashes, depth_of(n))


@pytest.mark.parametrize(("n", "depth"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (33, 6)])
def test_the_depth_is_the_logarithm_rounded_up(n: int, depth: int) -> None:
    assert depth_of(n) == depth


def test_a_tree_without_leaves_is_the_empty_leaf() -> None:
    assert PlainTree.of(np.empty((0, 32), dtype=np.uint8)).root == keccak(b"\x04")


def test_a_tree_of_one_leaf_is_that_leaf() -> None:
    assert tree(1).root == keccak(b"\x00")
    assert tree(1).path(0) == b""


@given(sizes, st.data())
def test_every_leaf_has_a_path_to_the_root(n: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, n - 1))
    assert plain_root(keccak(bytes([index])), index, tree(n).path(index)) == tree(n).root


@given(sizes, st.data())
def test_absence_has_a_path_too(n: int, data: st.DataObject) -> None:
    capacity = 1 << depth_of(n)
    index = data.draw(st.integers(n, max(n, capacity - 1)))
    if index < capacity:
        assert plain_root(EMPTY_ROOTS[0], index, tree(n).path(index)) == tree(n).root


@given(st.integers(2, 40), st.data())
def test_a_path_proves_nothing_but_its_leaf_at_its_place(n: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    path = bytearray(tree(n).path(index))
    root, node = tree(n).root, keccak(bytes([index]))
    if other != index:
        assert plain_root(keccak(bytes([other])), index, bytes(path)) != root
        assert plain_root(node, other, bytes(path)) != root
    path[data.draw(st.integers(0, len(path) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert plain_root(node, index, bytes(path)) != root


@given(st.integers(2, 40), st.data())
def test_an_inner_node_cannot_pose_as_a_leaf(n: int, data: st.DataObject) -> None:
    """Its preimage starts with another byte, so no record has its hash."""
    index = data.draw(st.integers(0, n - 1))
    path = tree(n).path(index)
    node, sibling = keccak(bytes([index])), path[:32]
    pair = sibling + node if index & 1 else node + sibling
    assert leaf(pair[0], pair[1:]) != inner(pair[:32], pair[32:])
    assert plain_root(inner(pair[:32], pair[32:]), index >> 1, path[32:]) == tree(n).root


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_no_inner_node_is_commutative(left: bytes, right: bytes) -> None:
    assert left == right or inner(left, right) != inner(right, left)


@pytest.mark.parametrize(
    ("index", "path", "message"),
    [
        (0, bytes(33), r"^path: 33 bytes"),
        (0, bytes(33 * 32), r"^path: 1056 bytes"),
        (4, bytes(64), r"^path: 2 steps hold no index 4"),
        (1, b"", r"^path: 0 steps hold no index 1"),
        (-1, bytes(64), r"^path: 2 steps hold no index -1"),
    ],
)
def test_a_malformed_path_is_refused(index: int, path: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plain_root(bytes(32), index, path)


def test_the_rows_of_a_table_stand_at_their_index_and_what_is_missing_is_empty() -> None:
    table = np.array([(1, 7), (4, 9)], dtype=SHARE)
    result = PlainTree.of_table(KIND_SHARE, table, 6)
    first = keccak(b"\x00\x06" + bytes([0, 0, 0, 1, 0, 0, 0, 7]))
    assert plain_root(first, 1, result.path(1)) == result.root
    assert plain_root(keccak(b"\x04"), 3, result.path(3)) == result.root
    assert len(result.path(0)) == 3 * 32
