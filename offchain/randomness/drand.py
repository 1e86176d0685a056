"""Rounds of a drand network of the quicknet scheme, as DrandBeacon.sol reads them (docs/protocol.md, section 8).

A round's signature is a point of G1 of BLS12-381, compressed to 48 bytes; what is signed is the SHA-256 of the
round's number, hashed to the curve as RFC 9380 says for the suite below.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from offchain.errors import InputError
from offchain.keccak import keccak

SUITE: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
SIGNATURE_BYTES: Final = 48
KEY_BYTES: Final = 96
_WORD: Final = 64
_COMPRESSED, _INFINITE, _FLAGS = 1 << 383, 1 << 382, 0b111 << 381


@dataclass(frozen=True)
class Network:
    """What tells one drand network from another.

    Attributes:
        public_key: Compressed point of G2, 96 bytes.
        genesis_time: When round 1 came out, seconds since 1970.
        period_s: Seconds between two rounds.
    """

    public_key: bytes
    genesis_time: int
    period_s: int

    def round_at(self, committed_at: int, delay_s: int) -> int:
        """The first round that comes out at least so long after a time."""
        earliest = committed_at + delay_s
        if earliest <= self.genesis_time:
            return 1
        return -(-(earliest - self.genesis_time) // self.period_s) + 1

    def time_of(self, round_: int) -> int:
        """When a round comes out, seconds since 1970."""
        return self.genesis_time + (round_ - 1) * self.period_s


#: The League of Entropy's network of this scheme.
QUICKNET: Final = Network(
    bytes.fromhex(
        "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c"
        "8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb"
        "5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
    ),
    1_692_803_367,
    3,
)


def message(round_: int) -> bytes:
    """What is signed of a round, 32 bytes."""
    return hashlib.sha256(round_.to_bytes(8, "big")).digest()


def seed(domain_hash: bytes, interval: int, round_: int, signature: bytes) -> bytes:
    """The seed of an interval that a round makes, 32 bytes."""
    packed = interval.to_bytes(4, "big") + round_.to_bytes(8, "big")
    return keccak(domain_hash + packed + signature)


@lru_cache(maxsize=1024)
def is_signed(public_key: bytes, round_: int, signature: bytes) -> bool:
    """Whether a signature is that of a round; a malformed one is not.

    Raises:
        InputError: The public key is none.
    """
    from py_ecc.bls.g2_primitives import subgroup_check
    from py_ecc.bls.hash_to_curve import hash_to_G1
    from py_ecc.bls.point_compression import decompress_G1
    from py_ecc.optimized_bls12_381.optimized_curve import G2
    from py_ecc.optimized_bls12_381.optimized_pairing import pairing

    number = int.from_bytes(signature, "big")
    if len(signature) != SIGNATURE_BYTES or not number & _COMPRESSED or number & _INFINITE:
        return False
    try:
        point = decompress_G1(number)  # type: ignore[arg-type]
    except ValueError:
        return False
    if not subgroup_check(point):
        return False
    hashed = hash_to_G1(message(round_), SUITE, hashlib.sha256)  # type: ignore[arg-type]
    return bool(pairing(G2, point) == pairing(_key_point(public_key), hashed))


def evm_key(public_key: bytes) -> bytes:
    """A public key as the precompiles of EIP-2537 take it: x0, x1, y0, y1, 64 bytes each.

    Raises:
        InputError: It is none.
    """
    from py_ecc.optimized_bls12_381.optimized_curve import normalize

    x, y = normalize(_key_point(public_key))
    return b"".join(int(part).to_bytes(_WORD, "big") for part in (*x.coeffs, *y.coeffs))


def compressed_key(evm: bytes) -> bytes:
    """The public key whose form for the precompiles this is, 96 bytes."""
    from py_ecc.bls.point_compression import compress_G2
    from py_ecc.fields import optimized_bls12_381_FQ2 as FQ2

    parts = [int.from_bytes(evm[at : at + _WORD], "big") for at in range(0, 4 * _WORD, _WORD)]
    high, low = compress_G2((FQ2(parts[:2]), FQ2(parts[2:]), FQ2.one()))
    half = KEY_BYTES // 2
    return int(high).to_bytes(half, "big") + int(low).to_bytes(half, "big")


def read_round(told: object, expected: int, public_key: bytes) -> bytes:
    """The signature of a round as a relay tells it: ``{"round": 1000, "signature": "b446..."}``.

    Raises:
        InputError: It is of another form, another round, or not signed by the network.
    """
    if not isinstance(told, Mapping) or not {"round", "signature"} <= told.keys():
        raise InputError("round: not a drand round; give an object with round and signature")
    if told["round"] != expected:
        raise InputError(f"round: this is round {told['round']}; fetch round {expected}")
    try:
        signature = bytes.fromhex(str(told["signature"]).removeprefix("0x"))
    except ValueError:
        signature = b""
    if not is_signed(public_key, expected, signature):
        raise InputError(
            f"round.signature: not the network's signature of round {expected}; use another relay"
        )
    return signature


def _key_point(public_key: bytes) -> Any:  # noqa: ANN401 - py_ecc's own tuple of field elements
    from py_ecc.bls.g2_primitives import subgroup_check
    from py_ecc.bls.point_compression import decompress_G2

    half = KEY_BYTES // 2
    high, low = int.from_bytes(public_key[:half], "big"), int.from_bytes(public_key[half:], "big")
    try:
        if len(public_key) != KEY_BYTES or high & _INFINITE:
            raise ValueError  # noqa: TRY301 - one remedy for all
        point = decompress_G2((high, low))  # type: ignore[arg-type]
        if not subgroup_check(point):
            raise ValueError  # noqa: TRY301
    except ValueError:
        raise InputError(
            "public_key: not a key of a drand network of the quicknet scheme; give the 96 bytes of its `public_key`"
        ) from None
    return point
