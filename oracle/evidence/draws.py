"""Draws kept from one run to the next: all mechanisms on one market see the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.fairness.draw import draw
from offchain.fairness.state import Uint64Array

#: Intervals kept; enough for a market of the paper's length.
_KEPT: Final = 1 << 13


def kept_draw(seed: bytes, indices: npt.NDArray[np.intp]) -> Uint64Array:
    """`offchain.fairness.draw.draw`, remembered; the result is read-only."""
    return _drawn(seed, indices.tobytes())


@lru_cache(maxsize=_KEPT)
def _drawn(seed: bytes, indices: bytes) -> Uint64Array:
    draws = draw(seed, np.frombuffer(indices, dtype=np.intp))
    draws.setflags(write=False)
    return draws
