"""Nodes of the allocation tree as the contracts open them: by what they are, with their sums."""

from __future__ import annotations

import numpy as np

from offchain.commitment.allocation import leaf_sums
from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    HASH_BYTES,
    LEAF_TAG,
    SUM_INNER_TAG,
)
from offchain.proofs.claim import Claim, bus_sums
from offchain.proofs.preimages import NO_SUMS, SUM_BYTES, Sums, UndisclosedError, unpacked_sums
from offchain.records import ALLOCATION, BUS, KIND_ALLOCATION, wire


def opening(claim: Claim, digest: bytes) -> tuple[bytes, Sums]:
    """A node with sums as the contracts open it, by what it is, and its sums.

    Raises:
        UndisclosedError: it is not known, or is nothing that has sums.
    """
    if digest in EMPTY_ROOTS:
        return bytes([EMPTY_ROOTS.index(digest)]), NO_SUMS
    preimage = claim.known[digest]
    if preimage[:1] == SUM_INNER_TAG and len(preimage) == SUM_BYTES:
        opened = claim.known.opened(preimage)
        return opened, unpacked_sums(opened[2 * HASH_BYTES :])
    if preimage[:1] == BUS_TAG and len(preimage) == 1 + BUS.itemsize:
        return preimage[1:], bus_sums(np.frombuffer(preimage[1:], dtype=wire(BUS))[0])
    if preimage[:2] == LEAF_TAG + bytes([KIND_ALLOCATION]):
        record = preimage[2:]
        if len(record) == ALLOCATION.itemsize:
            table = np.frombuffer(record, dtype=wire(ALLOCATION)).astype(ALLOCATION)
            return record, tuple(leaf_sums(table)[0].tolist())
    raise UndisclosedError(f"commitment: 0x{digest.hex()} has no sums")
