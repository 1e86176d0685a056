"""The integer units of clearwatt and the only conversions from floating-point numbers.

Everything committed, settled or disputed is an integer in one of these units
(docs/protocol.md, section 1).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError

#: Parts per billion: the denominator of fractions (memory, F*, beta, shares, tightness).
PPB: Final = 10**9
#: Nodal and line prices are committed in 2^-16 tick.
PRICE_FRACTION_BITS: Final = 16
#: Flows inside the certificate are in 2^-8 Wh.
FLOW_FRACTION_BITS: Final = 8
#: Fraction bits of the draw and of the key's random term.
DRAW_FRACTION_BITS: Final = 24
#: The largest order; with it quantity times ramp width stays below 2^63.
MAX_ORDER_WH: Final = 2**30 - 1
#: The largest number of four bytes.
U32_MAX: Final = 2**32 - 1
#: Bids, prices and ramp ends are below this.
MAX_TICKS: Final = 2**29
#: The widest ramp, pb - pa.
MAX_RAMP_TICKS: Final = 2**17 - 1
#: Wh times ticks, divided by this, is money in micro (1e-6 currency).
WH_TICKS_PER_MICRO: Final = 1000
#: Ticks per currency unit per kWh, and micro per currency unit.
TICKS_PER_PRICE: Final = 10**6
MICRO_PER_CURRENCY: Final = 10**6
#: Collateral where there is no escrow, or more of it: beyond what anybody can owe, and safe to add to.
UNLIMITED: Final = 2**61
WH_PER_KWH: Final = 1000

Int64Array = npt.NDArray[np.int64]
FloatLike = float | npt.NDArray[np.float64]


def _whole(name: str, value: FloatLike, scale: int, highest: int) -> Int64Array:
    """Nearest integers of ``value * scale`` (ties to even), all in 0 ... highest."""
    scaled = np.asarray(value, dtype=np.float64) * scale
    if not np.all(np.isfinite(scaled)):
        raise InputError(
            f"{name}: not a finite number; give a number from 0 to {highest / scale:g}"
        )
    if np.any(scaled < -0.5) or np.any(scaled > highest + 0.5):
        raise InputError(f"{name}: out of range; give a number from 0 to {highest / scale:g}")
    return np.clip(np.rint(scaled), 0, highest).astype(np.int64)


def unsigned(name: str, values: npt.ArrayLike, highest: int) -> Int64Array:
    """A column of whole numbers in 0 ... highest as int64, of any shape.

    Raises:
        InputError: a value is no whole number or out of range; a plain cast would wrap around.
    """
    column = np.asarray(values)
    if column.dtype.kind not in "iu" and not (column.dtype.kind == "O" or column.size == 0):
        raise InputError(f"{name}: not whole numbers; give integers from 0 to {highest}")
    wrong = (column < 0) | (column > highest)
    if wrong.any():
        value = column[wrong].flat[0]
        raise InputError(f"{name}: {value} is out of range; give integers from 0 to {highest}")
    return column.astype(np.int64)


def wh_from_kwh(name: str, kwh: FloatLike) -> Int64Array:
    """Energy in Wh from kWh per interval, for one order or limit.

    Args:
        name: the field, for the error message.
        kwh: any shape, kWh per interval, not negative.

    Returns:
        int64 of the same shape, 0 ... ``MAX_ORDER_WH``.

    Raises:
        InputError: not finite or out of range.
    """
    return _whole(name, kwh, WH_PER_KWH, MAX_ORDER_WH)


def ticks_from_price(name: str, currency_per_kwh: FloatLike) -> Int64Array:
    """Ticks from currency per kWh; arguments and errors as `wh_from_kwh`."""
    return _whole(name, currency_per_kwh, TICKS_PER_PRICE, MAX_TICKS - 1)


def ppb_from_fraction(name: str, fraction: FloatLike) -> Int64Array:
    """Parts per billion from a fraction in [0, 1]; arguments and errors as `wh_from_kwh`."""
    return _whole(name, fraction, PPB, PPB)


def micro_from_currency(name: str, currency: FloatLike) -> Int64Array:
    """Money in micro (1e-6 currency) from currency units; arguments and errors as `wh_from_kwh`."""
    return _whole(name, currency, MICRO_PER_CURRENCY, 2**53)
