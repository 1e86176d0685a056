"""What becomes of a mutant: refused when posted, voided by a proof, harmless, or it survives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from offchain.clearing.certificate import Certificate, check_network
from offchain.commitment.header import Header, bus_vector_hash
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.proofs import Proof, kebab, proofs
from offchain.proofs.requests import Ask, unanswered
from tests.mutants.breed import Mutant

REFUSED: Final = "refused"
VOIDED: Final = "voided"
TOLERATED: Final = "tolerated"
SURVIVOR: Final = "SURVIVOR"

#: Header fields that the ledger compares with what it knows.
_KNOWN: Final = (
    "interval",
    "pre_state_root",
    "orders_root",
    "seed",
    "policy_hash",
    "contracts_root",
    "shares_root",
    "grid_version",
)
#: What no payment, proof or later interval reads.
_UNREAD: Final = {
    "bundle_hash": "the records are the same; who looks for this hash finds no bundle",
}
_ROUNDING_WH: Final = 1
_ROUNDING_MICRO: Final = 1


@dataclass(frozen=True)
class Judgement:
    """What becomes of a mutant.

    Attributes:
        verdict: one of the four above.
        by: the ledger's check, the proof, or why it is harmless and what it is worth.
        proof: what voids it.
        ask: the question that has to stay unanswered before.
    """

    verdict: str
    by: str
    proof: Proof | None = None
    ask: Ask | None = None


def judge(mutant: Mutant, honest: Header, grid: Grid) -> Judgement:
    """Judge a mutant by the twins of the contracts."""
    refusal = eager(mutant, honest, grid)
    if refusal:
        return Judgement(REFUSED, refusal)
    found = next(proofs(mutant.claim), None)
    if found is not None:
        return Judgement(VOIDED, kebab(found.function), found)
    return _without_proof(mutant)


def eager(mutant: Mutant, honest: Header, grid: Grid) -> str:
    """By which check the ledger refuses a header, empty if it takes it."""
    header = mutant.claim.header
    for name in _KNOWN:
        if name == "orders_root" and mutant.committed_orders:
            continue
        if getattr(header, name) != getattr(honest, name):
            return name
    if header.served != header.dispatched:
        return "energy balance"
    if header.credit_sum != header.debit_sum:
        return "money balance"
    try:
        check = check_network(grid, Certificate.unpack(mutant.certificate, grid.n_bus))
    except InputError:
        return "network"
    if not check.ok:
        return "network"
    vector = bus_vector_hash(mutant.certificate, list(check.injection_wh))
    return "" if vector == header.bus_vector_hash else "bus vector"


def _without_proof(mutant: Mutant) -> Judgement:
    if mutant.kind == "header" and mutant.field in _UNREAD:
        return Judgement(TOLERATED, f"0: {_UNREAD[mutant.field]}")
    if mutant.kind == "header" and mutant.field == "pot":
        return Judgement(
            TOLERATED, "0: the parts are the same, and each within a micro of its share"
        )
    if mutant.field == "salt":
        return Judgement(TOLERATED, "0: it hides the record and says nothing")
    if mutant.kind == "certificate":
        return Judgement(TOLERATED, "0: another certificate of the same allocations")
    small = mutant.moved_wh <= _ROUNDING_WH and mutant.moved_micro > 0
    if small and (mutant.moved_wh or mutant.moved_micro <= _ROUNDING_MICRO):
        worth = f"{mutant.moved_wh} Wh, " if mutant.moved_wh else ""
        return Judgement(TOLERATED, f"{worth}{mutant.moved_micro} micro: rounding")
    ask = next(unanswered(mutant.claim), None)
    if ask is not None:
        proof = Proof("withheld", (mutant.claim.evidence, ask.question))
        return Judgement(VOIDED, kebab(proof.function), proof, ask)
    return Judgement(SURVIVOR, "nothing stops it")
