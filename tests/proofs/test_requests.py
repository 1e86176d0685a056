"""Data asked for on the chain: from a bundle everything can be answered, without one the header is void."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.chain import ChainError, development_key
from offchain.keccak import keccak
from offchain.proofs import Claim, Proof, bare_claim, proofs
from offchain.proofs.preimages import UndisclosedError
from offchain.proofs.requests import Ask, answer, leaf_question, questions, unanswered
from offchain.records import KIND_STATE
from oracle.asking import Desk, asked_about, hidden_leaf
from oracle.reader import read_market
from tests.proofs.court import LAST, Stage, bond_again, convict

#: Header fields that can be the hash of nothing; each is refused by no check of the ledger.
HOLLOW = ("allocation_root", "state_root", "meter_root")


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk.of(stage.court)


def test_nothing_of_an_honest_interval_is_hidden(stage: Stage) -> None:
    assert list(unanswered(stage.claim)) == []
    assert len(list(questions(stage.claim))) > 20


def test_every_question_about_an_honest_interval_is_answered_and_its_answer_paid(
    stage: Stage, desk: Desk
) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        helper = development_key("helper", 0)
        stage.chain.transfer(helper.address, 10**19)
        for ask in questions(stage.claim):
            if desk.answer_by(ask.question):
                continue  # buses without participants are one and the same question
            desk.ask(ask)
            had = stage.chain.web3.eth.get_balance(helper.address)
            used = desk.answer(stage.claim, ask.question, helper)
            assert desk.answer_by(ask.question) == 1
            gained = stage.chain.web3.eth.get_balance(helper.address) - had
            assert gained > 0, f"{ask.function} {ask.question} cost {used['gasUsed']} gas"
        stage.chain.wait_until(stage.chain.now() + 24 * 3600)
        refusal = stage.refusal(Proof("withheld", (stage.claim.evidence, ask.question)))
        assert refusal == "Fault_NotProven()"


@pytest.mark.parametrize("field", HOLLOW)
def test_a_root_of_nothing_is_asked_for_and_voided(stage: Stage, desk: Desk, field: str) -> None:
    nothing = keccak(b"nothing")
    header = replace(stage.claim.header, **{field: nothing})  # type: ignore[arg-type]
    lie = replace(stage.claim, header=header, _leaves={})
    with stage.undone():
        stage.commit(stage.orders)
        stage.post_claim(lie)
        ask = next(unanswered(lie))
        assert ask.question.root == nothing
        with pytest.raises(UndisclosedError):
            answer(lie, ask.question)
        _overdue(stage, desk, ask)
        facts = replace(lie.facts, overdue=(ask.question,))
        proof = Proof("withheld", (lie.evidence, ask.question))
        assert proof.arguments[1] in replace(lie, facts=facts).facts.overdue
        convict(stage, proof)


def withheld(claim: Claim) -> Proof | None:
    """The proof that data were asked for in vain, if there is one."""
    return next((proof for proof in proofs(claim) if proof.function == "withheld"), None)


def test_a_bundle_that_nobody_shows_voids_its_interval(stage: Stage, desk: Desk) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        ledger = stage.run.contracts.ledger.address
        market = read_market(stage.chain, ledger)
        assert withheld(bare_claim(market, stage.run.out.read, LAST)) is None
        ask = hidden_leaf(market, stage.run.out.read, LAST, 5)
        assert not ask.known
        answer_by = desk.ask(ask)
        market = read_market(stage.chain, ledger)
        (asked,) = asked_about(market, LAST)
        assert (asked.question, asked.answer_by) == (ask.question, answer_by)
        assert withheld(bare_claim(market, stage.run.out.read, LAST)) is None
        stage.chain.wait_until(answer_by + 1)
        market = read_market(stage.chain, ledger)
        proof = withheld(bare_claim(market, stage.run.out.read, LAST))
        assert proof == Proof(
            "withheld", (bare_claim(market, stage.run.out.read, LAST).evidence, ask.question)
        )
        assert proof is not None
        convict(stage, proof)
        desk.refund(ask.question)
        assert stage.chain.web3.eth.get_balance(desk.requests.address) == 0


def test_an_answered_question_is_no_longer_open(stage: Stage, desk: Desk) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        ask = next(questions(stage.claim))
        desk.ask(ask)
        desk.answer(stage.claim, ask.question)
        market = read_market(stage.chain, stage.run.contracts.ledger.address)
        assert asked_about(market, LAST) == ()
        with pytest.raises(ChainError, match="Requests_AlreadyAsked"):
            desk.ask(ask)


def test_a_header_posted_again_is_asked_about_anew(stage: Stage, desk: Desk) -> None:
    """What went unanswered before it was posted again is held against nobody."""
    ledger = stage.run.contracts.ledger.address
    with stage.undone():
        stage.commit(stage.orders)
        told = stage.truth.interval
        stage.post(told)
        ask = leaf_question(stage.claim, KIND_STATE, 1)
        _overdue(stage, desk, ask)
        proof = Proof("withheld", (stage.claim.evidence, ask.question))
        convict(stage, proof)
        bond_again(stage)
        stage.operator.post_instead(told.before.header_hash, told.payload, told.certificate)
        assert stage.refusal(proof) == "Fault_NotProven()"
        market = read_market(stage.chain, ledger)
        assert asked_about(market, LAST) == ()
        assert withheld(bare_claim(market, stage.run.out.read, LAST)) is None
        stage.chain.wait_until(desk.ask(ask) + 1)
        market = read_market(stage.chain, ledger)
        assert [asked.question for asked in asked_about(market, LAST)] == [ask.question]
        found = withheld(bare_claim(market, stage.run.out.read, LAST))
        assert found is not None
        convict(stage, found)


def test_orders_that_nobody_shows_are_committed_anew(stage: Stage, desk: Desk) -> None:
    nothing = keccak(b"nothing")
    with stage.undone():
        seed = stage.commit_root(nothing)
        header = replace(stage.claim.header, orders_root=nothing, seed=seed)
        lie = replace(stage.claim, header=header, _leaves={})
        stage.post_claim(lie)
        ask = next(ask for ask in unanswered(lie) if ask.question.root == nothing)
        _overdue(stage, desk, ask)
        convict(stage, Proof("withheld", (lie.evidence, ask.question)))
        bond_again(stage)
        committed = stage.run.contracts.ledger.functions.ordersCommittedAt(LAST)
        assert committed.call() == 0
        stage.operator.commit_orders(LAST, stage.claim.header.orders_root)
        assert committed.call() == stage.chain.now()


def _overdue(stage: Stage, desk: Desk, ask: Ask) -> None:
    """Ask, and wait for an answer that does not come."""
    stage.chain.wait_until(desk.ask(ask) + 1)


def test_questions_of_a_claim_without_records_are_all_hidden(stage: Stage) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        market = read_market(stage.chain, stage.run.contracts.ledger.address)
    bare: Claim = bare_claim(market, stage.run.out.read, LAST)
    assert {ask.known for ask in questions(bare)} == {False}
    assert bare.header_hash == stage.truth.interval.header_hash
