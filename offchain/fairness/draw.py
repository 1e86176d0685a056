"""The seeded draw of the key: integer Gumbel variates that anyone can replay, also in the EVM.

Our formulation. ``h`` is the first 52 bits of ``H(0x0b ‖ seed ‖ index u32)``,
``u = (h + 1/2) / 2^52``, ``E = -ln u``, and the draw is ``g = ln E_max - ln E >= 0`` in 2^-24: a
Gumbel variate ``-ln E`` minus the least one, which is at ``h = 0``. Both logarithms are one integer
routine, ``log2_complement``, which is cheap in the EVM (one division, no loop) and never leaves
64-bit words (docs/mechanism.md, section 2, gives it in full).

The draw is nondecreasing in ``h`` and within 3.5 * 2^-24 of the exact value for every ``h``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.keccak import keccak
from offchain.keccak.rows import keccak_rows

#: First byte of the draw's preimage.
DRAW_TAG: Final = b"\x0b"
#: Bits of the hash that make one uniform variate.
UNIFORM_BITS: Final = 52
#: Fraction bits of the logarithms.
_LOG_BITS: Final = 36
#: round(2^36 log2(16 / (9 + k))): the logarithm at the upper end of the k-th eighth of an octave.
_OCTAVE: Final = (
    57042319553,
    46596746509,
    37147576307,
    28521159776,
    20585625820,
    13238468952,
    6398429549,
    0,
)
#: round(2^30 * 2 / (ln 2 * d)), d = 1, 3, 5, 7: log2((1 + z) / (1 - z)) = sum of c_d z^d.
_SERIES: Final = (3098164009, 1032721336, 619632802, 442594858)
#: round(2^28 ln 2).
_LN2: Final = 186065279
#: Below this complement of u (in 2^-53), that is 1 - u < 2^-8, E comes from its own series.
_TAIL: Final = 1 << 45
#: round(2^36 (log2(53 ln 2) + 7)): turns the complement of E * 2^60 into log2(E_max / E).
_TAIL_OFFSET: Final = 838319485111
#: log2_complement(log2_complement(1)): the draw of h = 0 is zero.
_ORIGIN: Final = 774611408087

#: The powers of two that a variate can reach: how many are not above it is its bit length.
_POWERS: Final = np.uint64(1) << np.arange(53, dtype=np.uint64)

Uint64Array = npt.NDArray[np.uint64]


def log2_complement(x: int) -> int:
    """``53 - log2(x)`` in 2^-36, for 1 <= x < 2^53: never increasing in x, error below 2^-30.

    The mantissa's eighth of an octave gives the upper end c; the rest is log2(c / m) by the odd
    series in z = (c - m) / (c + m) < 1/17, every step rounded down.
    """
    zeros = 53 - x.bit_length()
    m = x << zeros
    eighth = (m >> 49) - 8
    c = (eighth + 9) << 49
    z = ((c - m) << 14) // ((c + m) >> 22)
    z2 = z * z >> 36
    s = _SERIES[3]
    for coefficient in _SERIES[2::-1]:
        s = coefficient + (s * z2 >> 36)
    return (zeros << _LOG_BITS) + _OCTAVE[eighth] + (s * z >> 30)


def gumbel(h: int) -> int:
    """The draw of the uniform variate ``(h + 1/2) / 2^52``, in 2^-24; 0 <= h < 2^52."""
    u = 2 * h + 1
    v = (1 << 53) - u
    if v < _TAIL:
        v1 = v >> 13
        square = v1 * v1
        e = (v << 7) + (square >> 21) + (square >> 32) * v1 // (3 << 28)
        log2_ratio = log2_complement(e) + _TAIL_OFFSET
    else:
        log2_ratio = log2_complement(log2_complement(u)) - _ORIGIN
    return (log2_ratio >> 6) * _LN2 >> 34


def uniform(seed: bytes, index: int) -> int:
    """The first 52 bits of ``H(0x0b ‖ seed ‖ index u32)``; seed of 32 bytes, 0 <= index < 2^32."""
    digest = keccak(DRAW_TAG + seed + index.to_bytes(4, "big"))
    return int.from_bytes(digest[:8], "big") >> (64 - UNIFORM_BITS)


def _log2_complements(x: Uint64Array) -> Uint64Array:
    """`log2_complement` of each element; uint64 of any shape."""
    zeros = np.uint64(53) - np.searchsorted(_POWERS, x, side="right").astype(np.uint64)
    m = x << zeros
    eighth = (m >> np.uint64(49)) - np.uint64(8)
    c = (eighth + np.uint64(9)) << np.uint64(49)
    z = ((c - m) << np.uint64(14)) // ((c + m) >> np.uint64(22))
    z2 = z * z >> np.uint64(36)
    s = np.full_like(x, _SERIES[3])
    for coefficient in _SERIES[2::-1]:
        s = np.uint64(coefficient) + (s * z2 >> np.uint64(36))
    octave = np.array(_OCTAVE, dtype=np.uint64)[eighth.astype(np.intp)]
    return (zeros << np.uint64(_LOG_BITS)) + octave + (s * z >> np.uint64(30))


def gumbels(h: Uint64Array) -> Uint64Array:
    """`gumbel` of each element; uint64 below 2^52 of any shape, to uint64 in 2^-24."""
    u = np.uint64(2) * h + np.uint64(1)
    v = np.uint64(1 << 53) - u
    tail = v < np.uint64(_TAIL)
    log2_ratio = _log2_complements(_log2_complements(u)) - np.uint64(_ORIGIN)
    if tail.any():
        v = v[tail]
        v1 = v >> np.uint64(13)
        square = v1 * v1
        e = (v << np.uint64(7)) + (square >> np.uint64(21))
        e += (square >> np.uint64(32)) * v1 // np.uint64(3 << 28)
        log2_ratio[tail] = _log2_complements(e) + np.uint64(_TAIL_OFFSET)
    return (log2_ratio >> np.uint64(6)) * np.uint64(_LN2) >> np.uint64(34)


def draw(seed: bytes, indices: npt.ArrayLike) -> Uint64Array:
    """The draw of every participant.

    Args:
        seed: the interval's seed, 32 bytes.
        indices: registration numbers, shape (k,).

    Returns:
        uint64 of shape (k,), unsigned, in 2^-24; below 2^30.
    """
    numbers = np.atleast_1d(np.asarray(indices)).astype(">u4")
    head = np.frombuffer(DRAW_TAG + seed, dtype=np.uint8)
    preimages = np.empty((len(numbers), len(head) + numbers.itemsize), dtype=np.uint8)
    preimages[:, : len(head)] = head
    preimages[:, len(head) :] = numbers.view(np.uint8).reshape(-1, numbers.itemsize)
    words = keccak_rows(preimages).view(">u8")[:, 0].astype(np.uint64)
    return gumbels(words >> np.uint64(64 - UNIFORM_BITS))
