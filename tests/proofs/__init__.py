"""The builders of fault proofs, each against the contracts on an embedded chain."""
