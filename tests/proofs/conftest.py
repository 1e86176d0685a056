"""Fixtures of the proofs' tests."""

from tests.proofs.court import stage

__all__ = ["stage"]
