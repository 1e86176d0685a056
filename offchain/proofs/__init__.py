"""Faults turned into proofs: the evidence for every function of the contracts' FaultProofs.

Pure: committed bytes go in, arguments of a call come out. Each fault has one generator, which walks
over all the evidence there is and tells of each piece whether it shows the fault, by the same
integers as the contract (docs/faults.md).
"""

from offchain.proofs.claim import Account, ChainFacts, Claim, Forced, open_claim
from offchain.proofs.find import FAULTS, Proof, kebab, proofs

__all__ = [
    "FAULTS",
    "Account",
    "ChainFacts",
    "Claim",
    "Forced",
    "Proof",
    "kebab",
    "open_claim",
    "proofs",
]
