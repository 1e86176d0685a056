"""An order that its owner could not pay for counts as none, whoever fixed it: no operator must serve beyond cover."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.devnet import embedded
from offchain.audit.history import audit_market
from offchain.commitment.trees import PlainTree
from offchain.market import Interval
from offchain.metering.cover import affordable, rooms
from offchain.proofs import FAULTS, Proof, proofs, published_claim
from offchain.records import KIND_ORDER, SIDES
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.demo import POLICY, DemoRun
from oracle.reader import read_market
from oracle.scenario import draw_scenario
from oracle.staged import asking, take_deposit_back
from oracle.terminal import Reporter
from tests.proofs.court import CONFIG, LAST, Stage, bond_again, convict
from tests.proofs.test_honest import NOT_PROVEN, SHORT, refusals
from tests.proofs.test_lies import accepted_when_spoilt, proof_of

NEXT = LAST + 1


@pytest.fixture(scope="module")
def poor() -> Iterator[Stage]:
    """A stage on which somebody has taken its deposit back, and its order was fixed all the same."""
    with tempfile.TemporaryDirectory() as directory, embedded() as chain:
        run = DemoRun(
            draw_scenario(CONFIG), chain, BundleDirectory.create(Path(directory)), Reporter()
        )
        run.open()
        take_deposit_back(run, LAST)
        operator = Operator(chain, run.contracts)
        for interval in range(1, LAST):
            run.clear(operator, interval)
        yield Stage(run)


def who(stage: Stage) -> int:
    """Who has no deposit."""
    return asking(stage.run, LAST)


def test_an_uncovered_order_is_in_the_tree_and_counts_as_none(poor: Stage) -> None:
    line = poor.truth.interval.allocation[who(poor)]
    order = poor.orders[poor.orders["index"] == who(poor)]
    assert len(order) == 1
    assert int(order["essential_wh"][0]) > 0
    assert not any(line[f"{side}_q_wh"] or line[f"{side}_x_wh"] for side in SIDES)
    assert line["energy_cost"] == 0
    assert poor.claim.leaf(poor.claim.header.orders_root, who(poor)).record != b""


def test_nothing_can_be_proven_against_who_counts_it_as_none(poor: Stage) -> None:
    assert list(proofs(poor.claim)) == []


@pytest.mark.parametrize("fault", ["copied", "uncovered", "overdrawn", "bracket", "orderTerms"])
def test_the_chain_refuses_all_evidence_against_it(poor: Stage, fault: str) -> None:
    assert refusals(poor, fault, SHORT if fault == "bracket" else 1000) == {NOT_PROVEN}


def served(stage: Stage) -> Interval:
    """The interval with the order served, whatever the deposit covers."""
    return stage.truth.cleared(stage.orders)


def refused(stage: Stage) -> Interval:
    """The interval with another's order, which is covered, counted as none."""
    orders = stage.orders
    asks = orders["essential_wh"].astype(np.int64) + orders["flexible_wh"] > 0
    row = int(np.flatnonzero(asks & (orders["index"] != who(stage)))[0])
    mine = np.flatnonzero(orders["index"] == who(stage))
    return stage.truth.told(stage.truth.cleared(np.delete(orders, [row, *mine])).outcome)


def halved(stage: Stage) -> Interval:
    """The interval with a part of the order served."""
    orders = stage.orders.copy()
    orders["essential_wh"][orders["index"] == who(stage)] //= 2
    return stage.truth.told(stage.truth.cleared(orders).outcome)


@pytest.mark.parametrize("tale", [served, refused, halved])
def test_another_count_is_proven_and_only_by_whole_evidence(
    poor: Stage, tale: Callable[[Stage], Interval]
) -> None:
    with poor.undone():
        poor.commit(poor.orders)
        lie = tale(poor)
        poor.post(lie)
        proof = proof_of(poor.claim_of(lie), "uncovered")
        assert accepted_when_spoilt(poor, proof) == []
        convict(poor, proof)


def test_an_order_that_only_offers_cannot_count_as_none(poor: Stage) -> None:
    orders = poor.orders
    row = int(np.flatnonzero((orders["essential_wh"] == 0) & (orders["supply_wh"] > 0))[0])
    with poor.undone():
        poor.commit(orders)
        lie = poor.truth.told(poor.truth.cleared(np.delete(orders, row)).outcome)
        poor.post(lie)
        convict(poor, proof_of(poor.claim_of(lie), "copied"))


def richer(stage: Stage, index: int) -> Interval:
    """The interval with a state that shows somebody richer than it is."""
    outcome = stage.truth.interval.outcome
    state = outcome.market.state.copy()
    state["credit"][index] += 10**9
    return stage.truth.told(replace(outcome, market=replace(outcome.market, state=state)))


def test_orders_fixed_upon_a_false_header_cannot_make_an_honest_operator_overdraw(
    poor: Stage,
) -> None:
    """Somebody is shown richer than it is, its order is fixed upon that, the header falls: the order stands."""
    run, index = copy(poor.run), who(poor)
    orders, _ = run.signed_orders(NEXT)
    with poor.undone():
        seed = poor.commit(poor.orders)
        truth = poor.truth.interval
        lie = richer(poor, index)
        poor.post(lie)
        # Upon the false header the order is covered, so its signer may fix it.
        collateral = run.collateral(NEXT)
        mine = orders[orders["index"] == index]
        assert affordable(POLICY, mine, rooms(lie.state.market.state, collateral)).all()
        assert not affordable(POLICY, mine, rooms(truth.state.market.state, collateral)).any()
        root = PlainTree.of_table(KIND_ORDER, orders, len(run.scenario.bus)).root
        poor.operator.commit_orders(NEXT, root)
        convict(poor, next(iter(proofs(poor.claim_of(lie)))))
        bond_again(poor)

        assert seed == truth.header.seed
        poor.post(truth)
        run.out.write(LAST, truth.bundle)
        run.state = truth.state
        seed, _ = run.draw_seed(poor.operator, NEXT)
        honest = run.tell(NEXT, orders, seed)
        assert honest.header.orders_root == root
        poor.post(honest)
        run.out.write(NEXT, honest.bundle)

        market = read_market(run.chain, run.contracts.ledger.address)
        *_, verdict = audit_market(market, run.out.read)
        assert verdict.ok, verdict.faults
        assert verdict.uncounted == 2
        claim = published_claim(market, run.out.read, NEXT)
        assert list(proofs(claim)) == []
        for fault in ("copied", "uncovered", "overdrawn", "bracket", "orderTerms"):
            for arguments, _ in FAULTS[fault](claim):
                refusal = poor.refusal(Proof(fault, (claim.evidence, *arguments)))
                assert refusal == NOT_PROVEN, fault
