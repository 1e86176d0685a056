"""A reading filed on the chain in time must be settled; filing one convicts nobody who could not know of it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy, deepcopy
from dataclasses import replace

import pytest
from coincurve import PrivateKey

from offchain.commitment.hashing import EMPTY_TAG
from offchain.market import Interval, clear_interval
from offchain.metering.readings import ReadingTable
from offchain.proofs import FAULTS, Claim, Proof, published_claim
from oracle.demo import POLICY, DemoRun
from oracle.forgery import with_leaf
from oracle.reader import read_market
from tests.proofs.court import LAST, Stage, bond_again, file_reading, signed_reading
from tests.proofs.test_honest import NOT_PROVEN
from tests.proofs.test_lies import accepted_when_spoilt, proof_of

#: The first interval whose header may not leave out what is filed on the stage, and what it settles.
DUE = LAST + 1
MEASURED = DUE - POLICY.meter_lag
WHO = 5
FUNCTION = "readingIgnored"


@pytest.fixture
def run(stage: Stage) -> Iterator[DemoRun]:
    """The stage's market to go on with, set back afterwards."""
    own = copy(stage.run)
    own.intervals = []
    own.fair, own.lottery = deepcopy((own.fair, own.lottery))
    with stage.undone():
        yield own


def told(stage: Stage, run: DemoRun, readings: ReadingTable | None = None) -> Claim:
    """The due interval, posted by the rules or with other readings, and opened from chain and bundles."""
    if readings is None:
        done = run.clear(stage.operator, DUE)
    else:
        orders, _ = run.signed_orders(DUE)
        done = settled(run, stage.commit(orders, DUE), readings)
        stage.post(done)
        run.out.write(DUE, done.bundle)
    market = read_market(run.chain, run.contracts.ledger.address)
    return published_claim(market, run.out.read, done.header.interval)


def settled(run: DemoRun, seed: bytes, readings: ReadingTable) -> Interval:
    """The due interval, settling some readings."""
    orders, _ = run.signed_orders(DUE)
    salt = run.secret("salt", DUE)
    return clear_interval(run.state, orders, seed, salt, run.clearer, readings=readings)


def without(run: DemoRun, index: int) -> ReadingTable:
    """What the meters said of the interval to be settled, but for one participant."""
    readings = run.readings()
    assert readings is not None
    return readings[readings["index"] != index]


def by_hand(claim: Claim, record: bytes, index: int) -> Proof:
    """The evidence about a reading, whether the generator would bring it or not."""
    reading = claim.leaf(claim.header.meter_root, index)
    pre = claim.leaf(claim.header.pre_state_root, index)
    return Proof(FUNCTION, (claim.evidence, record, reading, pre, claim.policy.packed()))


def test_a_filed_reading_that_was_ignored_is_proven(stage: Stage, run: DemoRun) -> None:
    file_reading(run, signed_reading(run, WHO, MEASURED))
    run.clear(stage.operator, LAST)
    claim = told(stage, run, without(run, WHO))
    proof = proof_of(claim, FUNCTION)
    assert accepted_when_spoilt(stage, proof) == []
    assert stage.court.submit(DUE, proof).voided


def test_an_operator_that_reads_the_chain_takes_up_what_was_filed(
    stage: Stage, run: DemoRun
) -> None:
    lost = replace(run.meters, missing_permille=1000)
    run.meters = lost
    file_reading(run, signed_reading(run, WHO, MEASURED))
    run.clear(stage.operator, LAST)
    # Late ones too: no rule asks for it, and none forbids it.
    file_reading(run, signed_reading(run, WHO + 1, MEASURED))
    claim = told(stage, run)
    leaves = claim.leaves(claim.header.meter_root)
    assert [index for index, leaf in leaves.items() if leaf.record] == [WHO, WHO + 1]
    assert [shows for _, shows in FAULTS["meterReading"](claim)] == [False, False]
    assert [shows for _, shows in FAULTS[FUNCTION](claim) if shows] == []


def test_what_need_not_be_settled_convicts_nobody(stage: Stage, run: DemoRun) -> None:
    nobody = len(run.scenario.bus)
    for record in (
        signed_reading(run, WHO, MEASURED, key=PrivateKey(b"\7" * 32)),
        signed_reading(run, WHO, MEASURED - 1),
        signed_reading(run, nobody, MEASURED),
        signed_reading(run, WHO + 1, MEASURED, 1),  # the meter's own signed reading stands there
        signed_reading(run, 1 << 31, MEASURED),
    ):
        file_reading(run, record)
    run.clear(stage.operator, LAST)
    readings = without(run, WHO)
    assert WHO + 1 in readings["index"]
    claim = told(stage, run, readings)
    evidence = list(FAULTS[FUNCTION](claim))
    indices = [int.from_bytes(bytes(arguments[0])[:4]) for arguments, _ in evidence]  # type: ignore[call-overload]
    # The stage's own is of an earlier interval; a number beyond the trees has no leaf to show.
    assert indices[1:] == [WHO, WHO, nobody, WHO + 1]
    assert not any(shows for _, shows in evidence)
    refusals = {stage.refusal(Proof(FUNCTION, (claim.evidence, *a))) for a, _ in evidence}
    assert refusals == {NOT_PROVEN}


def test_what_is_filed_once_the_header_before_stands_convicts_nobody(
    stage: Stage, run: DemoRun
) -> None:
    run.clear(stage.operator, LAST)
    readings = without(run, WHO)
    late = signed_reading(run, WHO, MEASURED)
    file_reading(run, late)
    claim = told(stage, run, readings)
    assert late not in [arguments[0] for arguments, _ in FAULTS[FUNCTION](claim)]
    assert stage.refusal(by_hand(claim, late, WHO)) == "Fault_NotCommitted()"


def test_what_is_filed_between_a_void_and_the_next_header_convicts_nobody(stage: Stage) -> None:
    truth = stage.truth
    readings = truth.interval.outcome.readings
    with stage.undone():
        stage.commit(stage.orders)
        honest = clear_interval(
            truth.before,
            stage.orders,
            truth.interval.header.seed,
            stage.salt_key,
            truth.clearer,
            readings=readings[readings["index"] != WHO],
        )
        claim = stage.claim_of(honest)
        stage.post_claim(state_left_out(claim))
        assert stage.court.submit(LAST, proof_of(state_left_out(claim), "transition")).voided
        late = signed_reading(stage.run, WHO, LAST - POLICY.meter_lag)
        file_reading(stage.run, late)
        bond_again(stage)
        stage.operator.post_instead(truth.before.header_hash, honest.payload, honest.certificate)
        assert stage.refusal(by_hand(claim, late, WHO)) == "Fault_NotCommitted()"


def state_left_out(claim: Claim) -> Claim:
    """Another lie, to have the header voided."""
    return with_leaf(claim, "state_root", WHO, EMPTY_TAG)
