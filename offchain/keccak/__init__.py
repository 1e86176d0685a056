"""Keccak-256, the one hash of the protocol (docs/protocol.md, section 1)."""

from __future__ import annotations

import sha3


def keccak(data: bytes) -> bytes:
    """Keccak-256 of ``data``, as the EVM computes it (not NIST SHA3-256): 32 bytes."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest
