"""An honest interval cannot be voided: no evidence that can be built from it shows a fault, here or on the chain."""

from __future__ import annotations

import pytest

from offchain.proofs import FAULTS, Proof, proofs
from tests.proofs.court import LAST, Stage

NOT_PROVEN = "Fault_NotProven()"

#: Every fault with evidence in an honest interval: nobody has filed a forced order in it or holds a receipt, and its
#: seed is made of no drand round (test_receipts, test_seeds).
WITH_EVIDENCE = [name for name in FAULTS if name not in ("forcedIgnored", "omitted", "seed")]
#: Pieces of evidence of each kind that are sent to the chain in the default suite.
SHORT = 4


def test_nothing_can_be_proven_against_an_honest_interval(stage: Stage) -> None:
    assert list(proofs(stage.claim)) == []


@pytest.mark.parametrize("fault", WITH_EVIDENCE)
def test_the_chain_refuses_evidence_from_an_honest_interval(stage: Stage, fault: str) -> None:
    assert refusals(stage, fault, SHORT) == {NOT_PROVEN}


@pytest.mark.slow
@pytest.mark.parametrize("fault", WITH_EVIDENCE)
def test_the_chain_refuses_all_evidence_from_an_honest_interval(stage: Stage, fault: str) -> None:
    assert refusals(stage, fault, 1000) == {NOT_PROVEN}


def refusals(stage: Stage, fault: str, at_most: int) -> set[str]:
    """By which errors the chain refuses evidence, spread over all there is."""
    evidence = [arguments for arguments, _ in FAULTS[fault](stage.claim)]
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        told = {
            stage.refusal(Proof(fault, (stage.claim.evidence, *arguments)))
            for arguments in evidence[:: max(len(evidence) // at_most, 1)]
        }
        assert stage.court.ledger.functions.head().call() == LAST
    return told
