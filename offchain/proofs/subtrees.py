"""All leaves of a subtree, asked for and shown at once; the other half of Subtrees.sol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from offchain.audit.published import Question
from offchain.commitment.allocation import MAX_BUS_DEPTH, SUM_NAMES
from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    EMPTY_TAG,
    HASH_BYTES,
    INNER_TAG,
    LEAF_TAG,
    SALT_BYTES,
    SUM_INNER_TAG,
)
from offchain.proofs.claim import BusEvidence, Claim
from offchain.proofs.preimages import Preimages, UndisclosedError
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
    ORDER,
    READING,
    SHARE,
    STATE,
)

if TYPE_CHECKING:
    from offchain.proofs.lines import Arguments

#: Kinds of a question beside those of records: all lines of a part of a bus, all buses of a part of the tree above.
KIND_LINES: Final = 9
KIND_BUSES: Final = 10
#: Of asking for the state before; the question is then one about a state.
KIND_STATE_BEFORE: Final = 8
WITH_SUMS: Final = (KIND_ALLOCATION, KIND_LINES, KIND_BUSES)
#: The most levels of a subtree that is asked for at once: 32 leaves.
MAX_HEIGHT: Final = 5
_MASK_BYTES: Final = 4
_SUM_BYTES: Final = 8 * len(SUM_NAMES) + SALT_BYTES
_RECORD_BYTES: Final = {
    KIND_ORDER: ORDER.itemsize,
    KIND_STATE: STATE.itemsize,
    KIND_CONTRACT: CONTRACT.itemsize,
    KIND_READING: READING.itemsize,
    KIND_SHARE: SHARE.itemsize,
    KIND_LINES: ALLOCATION.itemsize,
    KIND_BUSES: BUS.itemsize,
}
_NO_BUS: Final = BusEvidence(b"", 0, b"")
_PLACES: Final = (
    (KIND_ORDER, "orders_root"),
    (KIND_STATE, "state_root"),
    (KIND_READING, "meter_root"),
    (KIND_CONTRACT, "contracts_root"),
    (KIND_SHARE, "shares_root"),
    (KIND_STATE_BEFORE, "pre_state_root"),
)


def answer_bytes(question: Question) -> int:
    """Most bytes that the leaves of a subtree and their path are shown with."""
    kind, height = question.kind, question.height
    width, step = 1 << height, 2 * HASH_BYTES if kind in WITH_SUMS else HASH_BYTES
    sums = (width - 1) * _SUM_BYTES if kind in WITH_SUMS else 0
    path = step * (question.depth - height)
    return _MASK_BYTES + width * _RECORD_BYTES[kind] + sums + path


def hidden_subtrees(claim: Claim) -> Iterator[tuple[Question, Arguments]]:
    """What nobody has shown of a header, in as few questions as there can be, each with the arguments of askLeaves.

    Lines can be asked for once their bus is known; until then its subtree of buses is asked for. Of a bus whose tree is
    deeper than the participants known there need, only the far slot is: what lies there decides.
    """
    header = claim.header
    for kind, name in _PLACES:
        root = getattr(header, name)
        if kind != KIND_READING or root != EMPTY_ROOTS[0]:
            yield from _questions(claim, kind, root, claim.depth, _NO_BUS)
    depth = claim.grid.holarchy.depth
    yield from _questions(claim, KIND_BUSES, header.allocation_root, depth, _NO_BUS)
    for at in claim.buses:
        root, deep = at.row["root"].tobytes(), int(at.row["depth"])
        if deep > MAX_BUS_DEPTH:
            continue
        slot = claim.far_slot(at.row)
        if slot is None:
            yield from _questions(claim, KIND_LINES, root, deep, at.evidence)
        elif hides(claim.known, root, deep, slot):
            arguments = (claim.evidence, at.evidence, KIND_ALLOCATION, 0, slot)
            yield Question(claim.header_hash, root, KIND_LINES, deep, 0, slot), arguments


def hides(known: Preimages, root: bytes, depth: int, slot: int) -> bool:
    """Whether nobody has shown what lies in a slot of a tree with sums, if only that it is in an empty subtree."""
    node = root
    for level in range(depth - 1, -1, -1):
        children = _children(known, node, sums=True) if known.has(node) else None
        if children is None:
            break
        node = children[slot >> level & 1]
    return not known.has(node)


def _questions(
    claim: Claim, kind: int, root: bytes, depth: int, bus: BusEvidence
) -> Iterator[tuple[Question, Arguments]]:
    height = min(MAX_HEIGHT, depth)
    asked = KIND_ALLOCATION if kind in WITH_SUMS else kind
    kind = KIND_STATE if kind == KIND_STATE_BEFORE else kind
    for position in _positions(claim.known, root, depth, height, kind in WITH_SUMS):
        question = Question(claim.header_hash, root, kind, depth, height, position)
        yield question, (claim.evidence, bus, asked, height, position)


def _positions(known: Preimages, root: bytes, depth: int, height: int, sums: bool) -> Iterable[int]:
    """Of a height, the subtrees below which something is hidden, in order."""
    found: set[int] = set()
    waiting = [(root, depth, 0)]
    while waiting:
        node, level, position = waiting.pop()
        children = _children(known, node, sums) if known.has(node) else None
        if children is None and known.has(node):
            continue  # a leaf, an empty subtree, or of a wrong form, which has its own proof
        if children is None or not all(map(known.has, children[2:])):
            above = max(level - height, 0)
            first = position << above if level >= height else position >> (height - level)
            found |= set(range(first, first + (1 << above)))
        if children is not None and level > 0:
            waiting += [(children[side], level - 1, 2 * position + side) for side in (0, 1)]
    return sorted(found)


def _children(known: Preimages, node: bytes, sums: bool) -> list[bytes] | None:
    """Left, right and, in a tree with sums, what these hash to; None of a node that has none."""
    preimage = known[node]
    tag, size = (SUM_INNER_TAG, 3) if sums else (INNER_TAG, 2)
    if preimage[:1] != tag or len(preimage) != 1 + size * HASH_BYTES:
        return None
    return [preimage[at : at + HASH_BYTES] for at in range(1, len(preimage), HASH_BYTES)]


def shown(claim: Claim, question: Question) -> tuple[bytes, bytes]:
    """The leaves of a subtree as answerLeaves takes them, and the path from it to the root.

    Raises:
        UndisclosedError: Something of it is not known, or of a form that cannot be shown.
    """
    known, sums = claim.known, question.kind in WITH_SUMS
    node, path = question.root, b""
    for level in range(question.depth, question.height, -1):
        if sums and node == EMPTY_ROOTS[level]:
            return bytes([level]), path
        children = _children(known, node, sums)
        if children is None:
            raise UndisclosedError("commitment: a node of a wrong form lies above it")
        to_right = question.position >> (level - 1 - question.height) & 1
        path = children[1 - to_right] + b"".join(children[2:]) + path
        node = children[to_right]
    if node == EMPTY_ROOTS[question.height]:
        return bytes([question.height]), path
    nodes, between = [node], []
    for level in range(question.height, 0, -1):
        below, opened = [], b""
        for each in nodes:
            if each == EMPTY_ROOTS[level]:
                below += [EMPTY_ROOTS[level - 1]] * 2
                continue
            children = _children(known, each, sums)
            if children is None:
                raise UndisclosedError("commitment: a node of a wrong form lies there")
            below += children[:2]
            opened += b"".join(known[digest] for digest in children[2:])
        between.append(opened)
        nodes = below
    records = [_record(known[leaf], question.kind) for leaf in nodes]
    mask = sum(1 << place for place, record in enumerate(records) if record)
    data = mask.to_bytes(_MASK_BYTES, "big") + b"".join(records)
    return data + b"".join(reversed(between)), path


def _record(preimage: bytes, kind: int) -> bytes:
    if preimage == EMPTY_TAG:
        return b""
    head = _head(kind)
    if not preimage.startswith(head) or len(preimage) != len(head) + _RECORD_BYTES[kind]:
        raise UndisclosedError("commitment: a leaf of a wrong form lies there")
    return preimage[len(head) :]


def _head(kind: int) -> bytes:
    if kind == KIND_BUSES:
        return BUS_TAG
    return LEAF_TAG + bytes([KIND_ALLOCATION if kind == KIND_LINES else kind])


def learn(known: Preimages, question: Question, data: bytes, path: bytes) -> None:
    """Know what an answer that the contract has accepted shows.

    Args:
        known: Added to.
        question: What was asked.
        data: As of `shown`.
        path: As of `shown`.
    """
    position = question.position
    if len(data) == 1:
        position >>= data[0] - question.height
        node = EMPTY_ROOTS[data[0]]
    else:
        node = _grow(known, question.kind, question.height, data)
    _climb(known, node, position, path, sums=question.kind in WITH_SUMS)


def _climb(known: Preimages, node: bytes, position: int, path: bytes, *, sums: bool) -> None:
    """Know the nodes from one to the root."""
    step = 2 * HASH_BYTES if sums else HASH_BYTES
    for at in range(0, len(path), step):
        sibling, rest = path[at : at + HASH_BYTES], path[at + HASH_BYTES : at + step]
        pair = sibling + node if position & 1 else node + sibling
        node = known.add((SUM_INNER_TAG if sums else INNER_TAG) + pair + rest)
        position >>= 1


def _grow(known: Preimages, kind: int, height: int, data: bytes) -> bytes:
    """Know a subtree from its leaves; returns its node."""
    mask, at = int.from_bytes(data[:_MASK_BYTES], "big"), _MASK_BYTES
    nodes = []
    for place in range(1 << height):
        if mask >> place & 1:
            record = data[at : at + _RECORD_BYTES[kind]]
            at += len(record)
            nodes.append(known.add(_head(kind) + record))
        else:
            nodes.append(EMPTY_ROOTS[0])
    for level in range(1, height + 1):
        above = []
        for left, right in zip(nodes[::2], nodes[1::2], strict=True):
            pair = left + right
            if pair == 2 * EMPTY_ROOTS[level - 1]:
                above.append(EMPTY_ROOTS[level])
            elif kind in WITH_SUMS:
                hashed = known.add(data[at : at + _SUM_BYTES])
                at += _SUM_BYTES
                above.append(known.add(SUM_INNER_TAG + pair + hashed))
            else:
                above.append(known.add(INNER_TAG + pair))
        nodes = above
    return nodes[0]


def learn_answer(
    known: Preimages, question: Question, function: str, given: tuple[bytes, bytes]
) -> None:
    """Know what any answer shows.

    Args:
        known: Added to.
        question: What was asked.
        function: Of DataRequests.
        given: What it showed, a record, leaves, a node or the bus vector, and the path of that.
    """
    if function == "answerVector":
        known.add(given[0])
    elif function == "answerLeaf":
        record, path = given
        if record:
            # as it was shown: one of a wrong length is a fault that can be proven
            leaf = known.add(_head(question.kind) + record)
            sums = question.kind in WITH_SUMS
            _climb(known, leaf, question.position, path, sums=sums)
        else:
            learn(known, question, b"\0", path)
    elif function == "answerLeaves":
        learn(known, question, *given)
    elif len(given[0]) in (ALLOCATION.itemsize, BUS.itemsize):
        kind = KIND_BUSES if len(given[0]) == BUS.itemsize else KIND_LINES
        learn(known, question._replace(kind=kind), b"\0\0\0\1" + given[0], given[1])
    elif len(given[0]) > 1:
        pair, hashed = given[0][: 2 * HASH_BYTES], given[0][2 * HASH_BYTES :]
        node = known.add(SUM_INNER_TAG + pair + known.add(hashed))
        _climb(known, node, question.position, given[1], sums=True)
    else:
        learn(known, question, *given)
