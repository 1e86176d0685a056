"""Print what each proof takes on a small market, for docs/faults.md: `python -m tests.proofs`."""

from __future__ import annotations

from offchain.audit.findings import Rule
from offchain.proofs import Proof, inputs, published_claim
from offchain.proofs.requests import leaf_question
from offchain.records import KIND_STATE
from oracle.asking import Desk
from oracle.challenge import Court
from oracle.lies import NAMES
from oracle.reader import read_market
from tests.proofs.court import LAST, Stage, opened_stage
from tests.proofs.test_lies import FORGERIES, answering, proof_of, told
from tests.proofs.test_receipts import newer_receipt
from tests.proofs.test_seeds import LAST as FORGED
from tests.proofs.test_seeds import drand_market


def ask_in_vain(stage: Stage) -> Proof:
    """Nobody answers for an honest interval."""
    stage.commit(stage.orders)
    stage.post(stage.truth.interval)
    ask = leaf_question(stage.claim, KIND_STATE, 5)
    stage.chain.wait_until(Desk.of(stage.court).ask(ask) + 1)
    return Proof("withheld", (stage.claim.evidence, ask.question))


def break_a_receipt(stage: Stage) -> Proof:
    """An order is not the newest that has a receipt."""
    stage.commit(stage.orders)
    stage.post(stage.truth.interval)
    lie = newer_receipt(stage)
    ((arguments, _),) = inputs.omitted(lie)
    return Proof("omitted", (lie.evidence, *arguments))


def main() -> None:
    """Prove each lie once and print the gas of its proof."""
    gas: dict[str, int] = {}
    with opened_stage() as stage:
        for name in NAMES:
            with stage.undone():
                lie = stage.claim_of(told(stage, Rule(name)))
                done = stage.court.submit(LAST, answering(lie, Rule(name)))
                gas.setdefault(done.proof, done.gas)
        for fault, forge in FORGERIES.values():
            with stage.undone():
                stage.commit(stage.orders)
                forged = forge(stage.claim)
                stage.post_claim(forged)
                done = stage.court.submit(LAST, proof_of(forged, fault))
                gas.setdefault(done.proof, done.gas)
        for tell_it in (ask_in_vain, break_a_receipt):
            with stage.undone():
                done = stage.court.submit(LAST, tell_it(stage))
                gas.setdefault(done.proof, done.gas)
    with drand_market() as run:
        market = read_market(run.chain, run.contracts.ledger.address)
        claim = published_claim(market, run.out.read, FORGED)
        ((arguments, _),) = inputs.seed(claim)
        court = Court.of(run.chain, run.contracts.ledger.address)
        gas["seed"] = court.submit(FORGED, Proof("seed", (claim.evidence, *arguments))).gas
    for proof, used in gas.items():
        print(f"{proof} {used}")


if __name__ == "__main__":
    main()
