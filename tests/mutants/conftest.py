"""Fixtures of the mutation matrix."""

from tests.proofs.court import stage

__all__ = ["stage"]
