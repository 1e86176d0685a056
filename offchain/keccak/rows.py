"""Keccak-256 of many messages of one length: eight side by side in the vector registers.

An interval of a thousand participants takes ten thousand hashes; one by one they cost more than
everything else in the market together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
F = TypeVar("F", bound=Callable[..., object])

DIGEST_BYTES: Final = 32
#: Messages hashed side by side.
W: Final = 8
_STATE_WORDS: Final = 25
#: Words and bytes of a message that one permutation takes in.
_RATE_WORDS: Final = 17
_RATE_BYTES: Final = 8 * _RATE_WORDS
#: The iota constants of the 24 rounds (FIPS 202, section 3.2.5).
_ROUND_CONSTANTS: Final = np.array(
    [
        0x0000000000000001,
        0x0000000000008082,
        0x800000000000808A,
        0x8000000080008000,
        0x000000000000808B,
        0x0000000080000001,
        0x8000000080008081,
        0x8000000000008009,
        0x000000000000008A,
        0x0000000000000088,
        0x0000000080008009,
        0x000000008000000A,
        0x000000008000808B,
        0x800000000000008B,
        0x8000000000008089,
        0x8000000000008003,
        0x8000000000008002,
        0x8000000000000080,
        0x000000000000800A,
        0x800000008000000A,
        0x8000000080008081,
        0x8000000000008080,
        0x0000000080000001,
        0x8000000080008008,
    ],
    dtype=np.uint64,
)


def keccak_rows(rows: Bytes) -> Bytes:
    """`offchain.keccak.keccak` of each row; uint8[n, any length] to uint8[n, 32]."""
    n, size = rows.shape
    blocks = size // _RATE_BYTES + 1
    padded = np.zeros((n, blocks * _RATE_BYTES), dtype=np.uint8)
    padded[:, :size] = rows
    padded[:, size] = 0x01
    padded[:, -1] |= 0x80
    digests = np.empty((n, DIGEST_BYTES // 8), dtype="<u8")
    _absorb(padded.view("<u8"), digests, _ROUND_CONSTANTS)
    return digests.view(np.uint8)


def _compiled(function: F) -> F:
    """Compile on first use and keep the machine code beside the source."""
    return cast(F, numba.njit(cache=True)(function))


@_compiled
def _absorb(messages: Words, digests: Words, constants: Words) -> None:
    """The sponge over padded messages, uint64[n, 17 k], into digests, uint64[n, 4]."""
    n, words = messages.shape
    state = np.empty(_STATE_WORDS * W, dtype=np.uint64)
    for first in range(0, n, W):
        lanes = min(W, n - first)
        state[:] = 0
        for block in range(0, words, _RATE_WORDS):
            for i in range(_RATE_WORDS):
                for w in range(lanes):
                    state[i * W + w] ^= messages[first + w, block + i]
            _permute(state, constants)
        for w in range(lanes):
            for i in range(DIGEST_BYTES // 8):
                digests[first + w, i] = state[i * W + w]


@_compiled
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@_compiled
def _permute(s: Words, constants: Words) -> None:
    """Keccak-f[1600] of every lane; word i of lane w is ``s[i * W + w]``.

    Straight lines with constant offsets are what lets the compiler use the vector registers:
    c and d are theta, b is rho and pi, the last part chi and iota.
    """
    for constant in constants:
        for w in range(W):
            c0 = s[w] ^ s[5 * W + w] ^ s[10 * W + w] ^ s[15 * W + w] ^ s[20 * W + w]
            c1 = s[W + w] ^ s[6 * W + w] ^ s[11 * W + w] ^ s[16 * W + w] ^ s[21 * W + w]
            c2 = s[2 * W + w] ^ s[7 * W + w] ^ s[12 * W + w] ^ s[17 * W + w] ^ s[22 * W + w]
            c3 = s[3 * W + w] ^ s[8 * W + w] ^ s[13 * W + w] ^ s[18 * W + w] ^ s[23 * W + w]
            c4 = s[4 * W + w] ^ s[9 * W + w] ^ s[14 * W + w] ^ s[19 * W + w] ^ s[24 * W + w]
            d0 = c4 ^ _rotated(c1, 1)
            d1 = c0 ^ _rotated(c2, 1)
            d2 = c1 ^ _rotated(c3, 1)
            d3 = c2 ^ _rotated(c4, 1)
            d4 = c3 ^ _rotated(c0, 1)
            b0 = s[w] ^ d0
            b1 = _rotated(s[6 * W + w] ^ d1, 44)
            b2 = _rotated(s[12 * W + w] ^ d2, 43)
            b3 = _rotated(s[18 * W + w] ^ d3, 21)
            b4 = _rotated(s[24 * W + w] ^ d4, 14)
            b5 = _rotated(s[3 * W + w] ^ d3, 28)
            b6 = _rotated(s[9 * W + w] ^ d4, 20)
            b7 = _rotated(s[10 * W + w] ^ d0, 3)
            b8 = _rotated(s[16 * W + w] ^ d1, 45)
            b9 = _rotated(s[22 * W + w] ^ d2, 61)
            b10 = _rotated(s[W + w] ^ d1, 1)
            b11 = _rotated(s[7 * W + w] ^ d2, 6)
            b12 = _rotated(s[13 * W + w] ^ d3, 25)
            b13 = _rotated(s[19 * W + w] ^ d4, 8)
            b14 = _rotated(s[20 * W + w] ^ d0, 18)
            b15 = _rotated(s[4 * W + w] ^ d4, 27)
            b16 = _rotated(s[5 * W + w] ^ d0, 36)
            b17 = _rotated(s[11 * W + w] ^ d1, 10)
            b18 = _rotated(s[17 * W + w] ^ d2, 15)
            b19 = _rotated(s[23 * W + w] ^ d3, 56)
            b20 = _rotated(s[2 * W + w] ^ d2, 62)
            b21 = _rotated(s[8 * W + w] ^ d3, 55)
            b22 = _rotated(s[14 * W + w] ^ d4, 39)
            b23 = _rotated(s[15 * W + w] ^ d0, 41)
            b24 = _rotated(s[21 * W + w] ^ d1, 2)
            s[w] = b0 ^ (~b1 & b2) ^ constant
            s[W + w] = b1 ^ (~b2 & b3)
            s[2 * W + w] = b2 ^ (~b3 & b4)
            s[3 * W + w] = b3 ^ (~b4 & b0)
            s[4 * W + w] = b4 ^ (~b0 & b1)
            s[5 * W + w] = b5 ^ (~b6 & b7)
            s[6 * W + w] = b6 ^ (~b7 & b8)
            s[7 * W + w] = b7 ^ (~b8 & b9)
            s[8 * W + w] = b8 ^ (~b9 & b5)
            s[9 * W + w] = b9 ^ (~b5 & b6)
            s[10 * W + w] = b10 ^ (~b11 & b12)
            s[11 * W + w] = b11 ^ (~b12 & b13)
            s[12 * W + w] = b12 ^ (~b13 & b14)
            s[13 * W + w] = b13 ^ (~b14 & b10)
            s[14 * W + w] = b14 ^ (~b10 & b11)
            s[15 * W + w] = b15 ^ (~b16 & b17)
            s[16 * W + w] = b16 ^ (~b17 & b18)
            s[17 * W + w] = b17 ^ (~b18 & b19)
            s[18 * W + w] = b18 ^ (~b19 & b15)
            s[19 * W + w] = b19 ^ (~b15 & b16)
            s[20 * W + w] = b20 ^ (~b21 & b22)
            s[21 * W + w] = b21 ^ (~b22 & b23)
            s[22 * W + w] = b22 ^ (~b23 & b24)
            s[23 * W + w] = b23 ^ (~b24 & b20)
            s[24 * W + w] = b24 ^ (~b20 & b21)
