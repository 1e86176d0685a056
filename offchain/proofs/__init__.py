"""Faults turned into proofs: the evidence for every function of the contracts' FaultProofs.

Pure: committed bytes go in, arguments of a call come out. Each fault has one generator, which walks
over all the evidence there is and tells of each piece whether it shows the fault, by the same
integers as the contract (docs/faults.md).
"""

from offchain.proofs import inputs
from offchain.proofs.claim import ChainFacts, Claim, open_claim
from offchain.proofs.find import FAULTS, RULES, Proof, kebab, proofs
from offchain.proofs.published import bare_claim, published_claim

__all__ = [
    "FAULTS",
    "RULES",
    "ChainFacts",
    "Claim",
    "Proof",
    "bare_claim",
    "inputs",
    "kebab",
    "open_claim",
    "proofs",
    "published_claim",
]
