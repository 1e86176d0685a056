"""Data asked for on the chain: from a bundle everything can be answered, without one the header is void."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.chain import ChainError, development_key
from offchain.audit.findings import Rule
from offchain.audit.history import ReadBundle
from offchain.commitment.hashing import EMPTY_ROOTS
from offchain.keccak import keccak
from offchain.proofs import Claim, Proof, bare_claim, proofs
from offchain.proofs.preimages import Preimages, UndisclosedError
from offchain.proofs.requests import Ask, answer, leaf_question, questions, unanswered
from offchain.proofs.subtrees import learn_answer
from offchain.records import KIND_STATE
from oracle.asking import Desk, all_missing, asked_about, hidden_leaf
from oracle.challenge import first_proof
from oracle.lies import tell
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
        stage.post(told)  # by anybody bonded, as the void left it
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


def test_of_a_claim_without_its_bundle_only_what_was_there_before_is_known(stage: Stage) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        market = read_market(stage.chain, stage.run.contracts.ledger.address)
    bare: Claim = bare_claim(market, stage.run.out.read, LAST)
    header = bare.header
    before = {header.contracts_root, header.shares_root, header.pre_state_root}
    assert {ask.question.root for ask in questions(bare) if ask.known} == before
    assert {ask.question.root for ask in unanswered(bare)}.isdisjoint(before)
    assert bare.header_hash == stage.truth.interval.header_hash


def others(stage: Stage) -> ReadBundle:
    """Every bundle but that of the last interval."""
    return lambda interval: None if interval == LAST else stage.run.out.read(interval)


def test_a_hidden_bundle_is_forced_out_whole_and_then_known(stage: Stage, desk: Desk) -> None:
    """The buses first, then the lines below them; what was shown is read back from the chain."""
    ledger = stage.run.contracts.ledger.address
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        rounds = []
        for _ in range(2):
            market = read_market(stage.chain, ledger)
            asks = all_missing(market, others(stage), LAST)
            rounds.append(len(asks))
            expected = desk.price_of(asks)
            paid = 0
            for ask in asks:
                paid += desk.price(ask)
                until = desk.ask(ask)
                assert until > stage.chain.now()
            assert paid == expected
            for ask in asks:
                name, arguments = answer(stage.claim, ask.question)
                shown_bytes = sum(len(part) for part in flat(arguments[1:]))
                assert shown_bytes <= ask.size
                assert name in ("answerLeaves", "answerVector")
                desk.answer(stage.claim, ask.question)
        # 18 participants: orders, state, readings, buses and the bus vector, then each bus with lines
        assert rounds[0] == 5
        roots = {at.row["root"].tobytes() for at in stage.claim.buses}
        assert rounds[1] == len(roots - {EMPTY_ROOTS[0]})
        market = read_market(stage.chain, ledger)
        assert all_missing(market, others(stage), LAST) == ()
        bare = bare_claim(market, stage.run.out.read, LAST)
        assert [line.row["index"] for line in bare.lines] == [
            line.row["index"] for line in stage.claim.lines
        ]
        assert [node.evidence for node in bare.nodes] == [
            node.evidence for node in stage.claim.nodes
        ]
        assert bare.vector == stage.claim.vector


def flat(arguments: object) -> list[bytes]:
    """The byte strings of arguments."""
    if isinstance(arguments, bytes):
        return [arguments]
    return (
        [part for each in arguments for part in flat(each)] if isinstance(arguments, tuple) else []
    )


def test_every_kind_of_answer_is_learnt_from(stage: Stage) -> None:
    for ask in questions(stage.claim):
        known = Preimages()
        name, (_, *given) = answer(stage.claim, ask.question)
        shown, *path = flat(tuple(given))
        learn_answer(known, ask.question, name, (shown, b"".join(path)))
        assert known.has(ask.question.root), name


def test_orders_opened_again_await_links_that_nobody_has_seen(stage: Stage, desk: Desk) -> None:
    """The operator has a fault of its orders proven while the links of the next interval wait to be mined."""
    beacon, chains = stage.run.contracts.beacon, stage.run.beacons
    with stage.undone():
        nothing = keccak(b"nothing")
        seed = stage.commit_root(nothing)
        header = replace(stage.claim.header, orders_root=nothing, seed=seed)
        lie = replace(stage.claim, header=header, _leaves={})
        stage.post_claim(lie)
        stage.operator.commit_orders(LAST + 1, keccak(b"the next orders"))
        tips = [bytes(beacon.functions.tip(p).call()) for p in range(len(chains))]
        seen = [chain.link(tip) for chain, tip in zip(chains, tips, strict=True)]
        ask = next(ask for ask in unanswered(lie) if ask.question.root == nothing)
        _overdue(stage, desk, ask)
        convict(stage, Proof("withheld", (lie.evidence, ask.question)))
        assert beacon.functions.skipped().call() == 1
        root = stage.claim.header.orders_root
        stage.operator.commit_orders(LAST, root)
        with pytest.raises(ChainError, match="CommitReveal_WrongPreimage"):
            stage.chain.transact(beacon.functions.reveal(LAST, seen))
        # the honest retry
        fresh, _ = stage.operator.reveal(LAST, chains)
        assert fresh != seed
        told = stage.run.tell(LAST, stage.orders, fresh)
        stage.post(told)
        assert stage.run.contracts.ledger.functions.head().call() == LAST
        stage.operator.reveal(LAST + 1, chains)


def test_a_lie_in_a_hidden_bundle_is_proven_by_what_the_operator_had_to_show(
    stage: Stage, desk: Desk
) -> None:
    ledger = stage.run.contracts.ledger.address
    with stage.undone():
        told = tell(Rule.PAYMENT, stage.truth, stage.earlier)
        stage.commit(stage.orders)
        stage.post(told)
        lie = stage.claim_of(told)
        for _ in range(2):
            for ask in all_missing(read_market(stage.chain, ledger), others(stage), LAST):
                desk.ask(ask)
                desk.answer(lie, ask.question)
        market = read_market(stage.chain, ledger)
        interval, proof = first_proof(stage.court, market, others(stage), (), stage.chain.payer)
        assert (interval, proof.function) == (LAST, "payment")
        convict(stage, proof)
