"""A drand network of one party, whose rounds a test can make for any time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2
from py_ecc.optimized_bls12_381.optimized_curve import G2, multiply

from offchain.randomness.drand import SUITE, Network, message


@dataclass(frozen=True)
class LocalNetwork:
    """Signs rounds like a drand network.

    Attributes:
        secret: Its key.
        genesis_time: When round 1 came out.
        period_s: Seconds between two rounds.
    """

    secret: int
    genesis_time: int
    period_s: int = 3

    @property
    def network(self) -> Network:
        """What is public of it."""
        high, low = compress_G2(multiply(G2, self.secret))
        key = int(high).to_bytes(48, "big") + int(low).to_bytes(48, "big")
        return Network(key, self.genesis_time, self.period_s)

    def sign(self, round_: int) -> bytes:
        """The signature of a round."""
        hashed = hash_to_G1(message(round_), SUITE, hashlib.sha256)  # type: ignore[arg-type]
        return int(compress_G1(multiply(hashed, self.secret))).to_bytes(48, "big")
