"""What can be asked on the chain about a header, and the answers; the other half of DataRequests.sol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offchain.audit.published import Question
from offchain.commitment.allocation import MAX_BUS_DEPTH
from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    HASH_BYTES,
    INNER_TAG,
    LEAF_TAG,
    SUM_INNER_TAG,
)
from offchain.proofs.claim import BusEvidence, Claim, LeafEvidence
from offchain.proofs.preimages import UndisclosedError
from offchain.proofs.subtrees import (
    KIND_BUSES,
    KIND_LINES,
    KIND_STATE_BEFORE,
    answer_bytes,
    hidden_subtrees,
    hides,
    shown,
)
from offchain.records import (
    ALLOCATION,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_READING,
    KIND_SHARE,
    KIND_STATE,
    ORDER,
)

if TYPE_CHECKING:
    from offchain.proofs.lines import Arguments

#: Of a question for the bus vector.
KIND_VECTOR: Final = 7
#: The price of a question doubles with each full step of what was asked lately, at most so often.
MOST_DOUBLINGS: Final = 32
_ANSWER_GAS: Final = 90_000
_GAS_PER_BYTE: Final = 40
_NO_BUS: Final = BusEvidence(b"", 0, b"")
_PLAIN: Final = (
    (KIND_STATE, KIND_STATE, "state_root"),
    (KIND_ORDER, KIND_ORDER, "orders_root"),
    (KIND_STATE_BEFORE, KIND_STATE, "pre_state_root"),
    (KIND_CONTRACT, KIND_CONTRACT, "contracts_root"),
    (KIND_SHARE, KIND_SHARE, "shares_root"),
    (KIND_READING, KIND_READING, "meter_root"),
)


@dataclass(frozen=True)
class Ask:
    """A call that asks.

    Attributes:
        function: of DataRequests.
        arguments: all of them, the header first.
        question: what it asks.
        size: most bytes of record and path that the answer has.
        known: whether the answer can be built from what is published.
    """

    function: str
    arguments: Arguments
    question: Question
    size: int
    known: bool


def answer_gas(size: int) -> int:
    """What an answer of so many bytes is reckoned to use, in gas."""
    return _ANSWER_GAS + _GAS_PER_BYTE * size


def leaf_question(claim: Claim, kind: int, index: int) -> Ask:
    """Ask for a leaf of a plain tree, whether it is known or not."""
    ((_, of, name),) = [row for row in _PLAIN if row[0] == kind]
    root = getattr(claim.header, name)
    question = Question(claim.header_hash, root, of, claim.depth, 0, index)
    try:
        claim.leaf(root, index)
    except UndisclosedError:
        known = False
    else:
        known = True
    size = ORDER.itemsize + HASH_BYTES * claim.depth
    return Ask("askLeaf", (claim.evidence, kind, index), question, size, known)


def questions(claim: Claim) -> Iterator[Ask]:
    """What to ask of a header: for each hash that nobody can open one node that it hides, and some that are known."""
    header = claim.header
    for kind, _, name in _PLAIN:
        root = getattr(header, name)
        if kind == KIND_READING and root == EMPTY_ROOTS[0]:
            continue
        hidden = _hidden(claim, root, claim.depth, INNER_TAG, 1 + 2 * HASH_BYTES)
        first = next(hidden, None)
        yield leaf_question(claim, kind, 0 if first is None else first[1] << first[0])
    yield from _allocation(claim)
    yield _vector(claim)


def unanswered(claim: Claim) -> Iterator[Ask]:
    """What only the operator can show of a header, if anybody can."""
    return (ask for ask in questions(claim) if not ask.known)


def everything_hidden(claim: Claim) -> Iterator[Ask]:
    """All that nobody has shown of a header, 32 leaves to a question."""
    for question, arguments in hidden_subtrees(claim):
        yield Ask("askLeaves", arguments, question, answer_bytes(question), known=False)
    if not claim.known.has(claim.header.bus_vector_hash):
        yield _vector(claim)


def _vector(claim: Claim) -> Ask:
    root = claim.header.bus_vector_hash
    question = Question(claim.header_hash, root, KIND_VECTOR, 0, 0, 0)
    size = 24 * claim.grid.n_bus + 10 * claim.grid.n_line
    arguments = (claim.evidence, KIND_VECTOR, 0)
    return Ask("askLeaf", arguments, question, size, claim.known.has(root))


def _allocation(claim: Claim) -> Iterator[Ask]:
    root, depth = claim.header.allocation_root, claim.grid.holarchy.depth
    yield from _nodes(claim, _NO_BUS, root, depth)
    for at in claim.buses:
        if int(at.row["depth"]) <= MAX_BUS_DEPTH:
            below, deep = at.row["root"].tobytes(), int(at.row["depth"])
            slot = claim.far_slot(at.row)
            if slot is None:
                yield from _nodes(claim, at.evidence, below, deep)
            else:
                known = not hides(claim.known, below, deep, slot)
                yield _node(claim, at.evidence, below, deep, (0, slot), known=known)


def _nodes(claim: Claim, bus: BusEvidence, root: bytes, depth: int) -> Iterator[Ask]:
    """The first hidden node of a tree with sums, or else its first leaf."""
    found = next(_hidden(claim, root, depth, SUM_INNER_TAG, 1 + 3 * HASH_BYTES), None)
    yield _node(claim, bus, root, depth, found or (0, 0), known=found is None)


def _node(
    claim: Claim,
    bus: BusEvidence,
    root: bytes,
    depth: int,
    place: tuple[int, int],
    *,
    known: bool,
) -> Ask:
    """Ask for a node of a tree with sums by its height and position."""
    height, position = place
    question = Question(claim.header_hash, root, KIND_ALLOCATION, depth, height, position)
    arguments = (claim.evidence, bus, height, position)
    size = ALLOCATION.itemsize + 2 * HASH_BYTES * depth
    return Ask("askNode", arguments, question, size, known)


def _hidden(
    claim: Claim, root: bytes, depth: int, tag: bytes, size: int
) -> Iterator[tuple[int, int]]:
    """Height and position of nodes whose preimage, or sums, nobody can show."""
    waiting = [(root, depth, 0)]
    while waiting:
        node, height, position = waiting.pop()
        if not claim.known.has(node):
            yield height, position
            continue
        preimage = claim.known[node]
        if height == 0 or preimage[:1] != tag or len(preimage) != size:
            continue  # a leaf, an empty subtree, or of a wrong form, which has its own proof
        left, right, *sums = (preimage[at : at + HASH_BYTES] for at in range(1, size, HASH_BYTES))
        if not all(map(claim.known.has, sums)):
            yield height, position
        waiting.append((right, height - 1, 2 * position + 1))
        waiting.append((left, height - 1, 2 * position))


def answer(claim: Claim, question: Question) -> tuple[str, Arguments]:
    """The call of DataRequests that answers a question.

    Raises:
        UndisclosedError: What it asks for is not known.
    """
    if question.kind == KIND_VECTOR:
        return "answerVector", (question, claim.known[question.root])
    if question.kind in (KIND_LINES, KIND_BUSES) or (
        question.kind != KIND_ALLOCATION and question.height
    ):
        return "answerLeaves", (question, *shown(claim, question))
    if question.kind == KIND_ALLOCATION:
        opening, path = _opened(claim, question)
        return "answerNode", (question, opening, path)
    leaf: LeafEvidence = claim.leaf(question.root, question.position)
    return "answerLeaf", (question, leaf)


def _opened(claim: Claim, question: Question) -> tuple[bytes, bytes]:
    """A node of a tree with sums as the contract opens it, and the steps from it to the root."""
    node, path = question.root, b""
    for height in range(question.depth, question.height, -1):
        if node == EMPTY_ROOTS[height]:
            return bytes([height]), path
        preimage = claim.known[node]
        left, right, sums = (
            preimage[at : at + HASH_BYTES] for at in range(1, 1 + 3 * HASH_BYTES, HASH_BYTES)
        )
        to_right = question.position >> (height - 1 - question.height) & 1
        path = (left if to_right else right) + sums + path
        node = right if to_right else left
    if node == EMPTY_ROOTS[question.height]:
        return bytes([question.height]), path
    preimage = claim.known[node]
    if preimage[:1] == SUM_INNER_TAG:
        return claim.known.opened(preimage), path
    return preimage[len(BUS_TAG) if preimage[:1] == BUS_TAG else len(LEAF_TAG) + 1 :], path
