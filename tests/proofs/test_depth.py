"""A bus's tree is as deep as its participants need: no slot is so far off that nobody can ask for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.commitment.allocation import MAX_BUS_DEPTH, SUM_NAMES, Layout
from offchain.commitment.hashing import BUS_TAG, EMPTY_ROOTS, LEAF_TAG, packed_rows
from offchain.market.amend import seated
from offchain.proofs import FAULTS, Claim, Proof, proofs
from offchain.proofs.claim import NodeAt
from offchain.proofs.preimages import NO_SALT, NO_SUMS, Node, Preimages, Sums
from offchain.proofs.requests import Ask, unanswered
from offchain.records import (
    ALLOCATION,
    BUS,
    KIND_ALLOCATION,
    KIND_STATE,
    RESERVE,
    STATE,
    wire,
)
from oracle.asking import Desk, all_missing
from oracle.challenge import first_proof
from oracle.forgery import deeper, with_leaf, with_node
from oracle.reader import read_market
from tests.proofs.court import LAST, Stage, convict
from tests.proofs.test_lies import a_line, a_node, accepted_when_spoilt, crowded, proof_of
from tests.proofs.test_requests import others

GAIN = 10**6
#: First slot of the right half of the deepest tree.
FAR = 1 << (MAX_BUS_DEPTH - 1)


def sums_with(**by: int) -> Sums:
    """Sums of which some are not zero."""
    return tuple(by.get(name, 0) for name in SUM_NAMES)


def climbed(known: Preimages, node: Node, position: int, height: int, to: int) -> Node:
    """The node of a height above one that is alone in its subtree."""
    for level in range(height, to):
        pair = (node.hash, EMPTY_ROOTS[level])
        node = known.join(*(pair[::-1] if position & 1 else pair), node.sums, NO_SALT)
        position >>= 1
    return node


def phantom_at(claim: Claim, slot: int) -> Claim:
    """All is right, but that the reserve is paid by a line in a far slot of a bus that is said to be 20 deep."""
    reserve = a_node(
        claim, lambda at: a_line(at) and int.from_bytes(at.evidence.preimage[2:6], "big") == RESERVE
    )
    line = np.frombuffer(reserve.evidence.preimage[2:], dtype=wire(ALLOCATION)).copy()
    line["imbalance_credit"] += GAIN
    gained = sums_with(credit=GAIN)
    head = LEAF_TAG + bytes([KIND_ALLOCATION])
    claim = with_node(claim, reserve.evidence, head + line.tobytes(), gained)
    state = np.frombuffer(claim.leaf(claim.header.state_root, RESERVE).record, wire(STATE)).copy()
    state["credit"] += GAIN
    state["peak"] = np.maximum(state["peak"], state["credit"] - state["debit"])
    preimage = LEAF_TAG + bytes([KIND_STATE]) + state.tobytes()
    claim = with_leaf(claim, "state_root", RESERVE, preimage)

    payer = np.zeros(1, dtype=ALLOCATION)
    payer["index"], payer["interval"], payer["imbalance_debit"] = 5, LAST, GAIN
    lost = sums_with(debit=GAIN)
    bus = a_node(claim, crowded)
    row = np.frombuffer(bus.evidence.preimage[1:], dtype=wire(BUS)).copy()
    known, own = claim.known.copy(), tuple(int(row[name][0]) for name in SUM_NAMES)
    phantom = Node(known.add(head + packed_rows(payer).tobytes()), lost)
    right = climbed(known, phantom, slot - FAR, 0, MAX_BUS_DEPTH - 1)
    root = Node(row["root"][0].tobytes(), own)
    left = climbed(known, root, 0, int(row["depth"][0]), MAX_BUS_DEPTH - 1)
    row["debit"] += GAIN
    both = tuple(int(row[name][0]) for name in SUM_NAMES)
    row["depth"] = MAX_BUS_DEPTH
    row["root"] = np.void(known.join(left.hash, right.hash, both, NO_SALT).hash)
    claim = claim.told(claim.header, known)
    return with_node(claim, bus.evidence, BUS_TAG + row.tobytes(), lost)


def repeated(claim: Claim) -> Claim:
    """Twenty nodes, each with the same child on both sides, are a tree of a million lines."""
    known = claim.known.copy()
    bus = a_node(claim, crowded)
    node = Node(known.add(a_node(claim, a_line).evidence.preimage), NO_SUMS)
    for _ in range(MAX_BUS_DEPTH):
        node = known.join(node.hash, node.hash, NO_SUMS, NO_SALT)
    row = np.frombuffer(bus.evidence.preimage[1:], dtype=wire(BUS)).copy()
    row["depth"], row["root"] = MAX_BUS_DEPTH, np.void(node.hash)
    return with_node(claim.told(claim.header, known), bus.evidence, BUS_TAG + row.tobytes())


# HONEST


def test_at_every_honest_bus_of_several_the_far_slot_is_taken(stage: Stage) -> None:
    buses = {at.evidence.position: at.row for at in stage.claim.buses}
    taken = {(line.evidence.position, line.evidence.slot) for line in stage.claim.lines}
    several = {at: 1 << int(row["depth"]) >> 1 for at, row in buses.items() if row["depth"]}
    assert several
    assert set(several.items()) <= taken
    assert all(stage.claim.far_slot(row) is None for row in buses.values())
    assert not any(shows for _, shows in FAULTS["busDepth"](stage.claim))


def test_what_lies_in_a_slot_cannot_be_said_to_be_nothing(stage: Stage) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        for line in stage.claim.lines:
            nothing = Proof("busDepth", (stage.claim.evidence, line.evidence._replace(record=b"")))
            something = replace(nothing, arguments=(stage.claim.evidence, line.evidence))
            assert stage.refusal(nothing) == "Fault_NotCommitted()"
            assert stage.refusal(something) == "Fault_Malformed()"


def test_whoever_moves_leaves_no_gap_behind(stage: Stage) -> None:
    market = stage.run.state.market
    contracts, rng = market.contracts, np.random.default_rng(7)
    for _ in range(40):
        index, bus = int(rng.integers(len(contracts))), int(rng.integers(market.grid.n_bus))
        contracts = seated(contracts, index, bus)
        layout = Layout.of(contracts, market.grid.holarchy)
        far = np.where(layout.depth > 0, 1 << layout.depth >> 1, 0)
        assert (far < np.maximum(layout.counts[0], 1)).all()


# LIES


def test_a_phantom_payer_far_off_is_convicted_by_the_depth_of_its_bus_alone(stage: Stage) -> None:
    lie = phantom_at(stage.claim, 777_777)
    assert [proof.function for proof in proofs(lie)] == ["busDepth"]
    with stage.undone():
        stage.commit(stage.orders)
        stage.post_claim(lie)
        proof = proof_of(lie, "busDepth")
        assert accepted_when_spoilt(stage, proof) == []
        convict(stage, proof)


def test_a_phantom_payer_in_the_far_slot_itself_is_out_of_place(stage: Stage) -> None:
    lie = phantom_at(stage.claim, FAR)
    with stage.undone():
        stage.commit(stage.orders)
        stage.post_claim(lie)
        convict(stage, proof_of(lie, "placement"))


@pytest.mark.parametrize(("slot", "fault"), [(777_777, "busDepth"), (FAR, "misplaced")])
def test_a_bus_that_hides_a_million_slots_is_asked_for_one_of_them(
    stage: Stage, slot: int, fault: str
) -> None:
    lie = phantom_at(stage.claim, slot)
    desk, ledger = Desk.of(stage.court), stage.run.contracts.ledger.address
    with stage.undone():
        stage.commit(stage.orders)
        stage.post_claim(lie)
        asked: list[Ask] = []
        for _ in range(2):
            asks = all_missing(read_market(stage.chain, ledger), others(stage), LAST)
            asked += asks
            for ask in asks:
                desk.ask(ask)
                desk.answer(lie, ask.question)
        deep = [ask.question for ask in asked if ask.question.depth == MAX_BUS_DEPTH]
        assert [(one.height, one.position) for one in deep] == [(0, FAR)]
        market = read_market(stage.chain, ledger)
        assert all_missing(market, others(stage), LAST) == ()
        _, proof = first_proof(stage.court, market, others(stage), (), stage.chain.payer)
        assert proof.function == fault
        convict(stage, proof)


def test_one_question_at_a_time_is_for_the_far_slot_too(stage: Stage) -> None:
    lie = phantom_at(stage.claim, 777_777)
    (deep,) = [at.row for at in lie.buses if at.row["depth"] == MAX_BUS_DEPTH]
    known = Preimages()
    known._known = {
        digest: preimage
        for digest, preimage in lie.known._known.items()
        if digest != deep["root"].tobytes()
    }
    hidden = lie.told(lie.header, known)
    (ask,) = unanswered(hidden)
    assert (ask.function, ask.question.height, ask.question.position) == ("askNode", 0, FAR)


def test_a_tree_of_a_million_lines_out_of_twenty_nodes_is_not_walked(stage: Stage) -> None:
    lie = repeated(stage.claim)

    def below(at: NodeAt) -> bool:
        return at.bus is not None and at.bus["depth"] == MAX_BUS_DEPTH

    assert sum(map(below, lie.nodes)) == MAX_BUS_DEPTH + 1
    assert "placement" in [proof.function for proof in proofs(lie)]


def test_where_contracts_are_hidden_no_bus_is_thought_too_deep(stage: Stage) -> None:
    honest = stage.claim
    bare = replace(honest, header=replace(honest.header, contracts_root=b"\1" * 32), _leaves={})
    assert [node.evidence for node in bare.nodes] == [node.evidence for node in honest.nodes]


def test_a_bus_of_a_single_participant_needs_no_level(stage: Stage) -> None:
    at = next(
        at for at in stage.claim.nodes if at.bus is not None and at.bus["depth"] == 0 and a_line(at)
    )
    bus = a_node(stage.claim, lambda node: node.evidence.preimage == BUS_TAG + at.evidence.bus)
    lie = deeper(stage.claim, bus.evidence)
    with stage.undone():
        stage.commit(stage.orders)
        stage.post_claim(lie)
        convict(stage, proof_of(lie, "busDepth"))
