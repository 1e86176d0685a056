"""Machine code for the inner loops: one place for the compiler and its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function on first use and keep the machine code beside the source.

    Floating-point operations stay in the order written (no fastmath, no contraction), so a result
    does not depend on the processor.
    """
    return cast(F, numba.njit(cache=True, error_model="numpy")(function))
