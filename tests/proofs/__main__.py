"""Print what each proof takes on a small market, for docs/faults.md: `python -m tests.proofs`."""

from __future__ import annotations

from offchain.audit.findings import Rule
from oracle.lies import NAMES
from tests.proofs.court import LAST, opened_stage
from tests.proofs.test_lies import FORGERIES, answering, proof_of, told


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
    for proof, used in gas.items():
        print(f"{proof} {used}")


if __name__ == "__main__":
    main()
