"""Signed meter readings: EIP-712, one row at most per participant and interval.

``MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)`` in the market's
domain, signed by the metering operator that the policy names: whoever is billed by a reading has no
say in it (docs/protocol.md, section 3; our formulation).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from coincurve import PrivateKey

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.signing import recover, struct_digests, with_signatures
from offchain.records import READING, wire
from offchain.units import MAX_ORDER_WH, U32_MAX, unsigned

ReadingTable = npt.NDArray[np.void]

_FIELDS: Final = ("index", "interval", "consumed_wh", "produced_wh")
_READING_TYPE: Final = keccak(
    b"MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)"
)


def no_readings() -> ReadingTable:
    """A table without rows."""
    return np.zeros(0, dtype=READING)


def readings_from_columns(
    index: npt.ArrayLike, interval: int, consumed_wh: npt.ArrayLike, produced_wh: npt.ArrayLike
) -> ReadingTable:
    """Unsigned readings of one interval.

    Args:
        index: registration numbers, k, ascending.
        interval: the interval that was measured.
        consumed_wh: k energies taken from the grid.
        produced_wh: k energies fed into it.

    Returns:
        ``records.READING[k]`` with empty signatures.

    Raises:
        InputError: a value is out of range.
    """
    table = np.zeros(len(np.asarray(index)), dtype=READING)
    table["index"] = unsigned("readings.index", index, U32_MAX)
    table["interval"] = unsigned("readings.interval", interval, U32_MAX)
    table["consumed_wh"] = unsigned("readings.consumed_wh", consumed_wh, MAX_ORDER_WH)
    table["produced_wh"] = unsigned("readings.produced_wh", produced_wh, MAX_ORDER_WH)
    return table


def reading_digests(separator: bytes, readings: ReadingTable) -> list[bytes]:
    """What the metering operator signs: the EIP-712 digest of each row, 32 bytes each."""
    return struct_digests(separator, _READING_TYPE, readings, _FIELDS)


def signed_readings(readings: ReadingTable, key: PrivateKey, separator: bytes) -> ReadingTable:
    """A copy of the table with every row signed by the metering operator."""
    return with_signatures(readings, [key] * len(readings), reading_digests(separator, readings))


def unsigned_rows(readings: ReadingTable, operator: bytes, separator: bytes) -> list[int]:
    """The rows that the metering operator (an address, 20 bytes) did not sign."""
    digests: Sequence[bytes] = reading_digests(separator, readings)
    return [
        row
        for row, (reading, digest) in enumerate(zip(readings, digests, strict=True))
        if recover(digest, bytes(reading["r"]), bytes(reading["s"]), int(reading["v"])) != operator
    ]


def with_filed(
    readings: ReadingTable,
    filed: Sequence[bytes],
    interval: int,
    participants: int,
    operator: bytes,
    separator: bytes,
) -> ReadingTable:
    """The readings of an interval with those that were filed on the chain for who else has none.

    Taking one up is never a fault, so an honest operator takes up every one that it knows of, also late ones.

    Args:
        readings: what the metering operator delivered, ``records.READING[k]``.
        filed: packed readings, of any interval and perhaps of anybody's signature, in the order of filing.
        interval: the interval that was measured.
        participants: how many are registered.
        operator: the metering operator's address, 20 bytes.
        separator: EIP-712 domain of the market.

    Returns:
        ``records.READING[]``, ascending by participant.
    """
    rows = np.frombuffer(b"".join(filed), dtype=wire(READING)).astype(READING)
    rows = rows[(rows["interval"] == interval) & (rows["index"] < participants)]
    rows = rows[~np.isin(rows["index"], readings["index"])]
    rows = np.delete(rows, unsigned_rows(rows, operator, separator))
    _, first = np.unique(rows["index"], return_index=True)
    every = np.concatenate([readings, rows[first]])
    return every[np.argsort(every["index"], kind="stable")]


def require_signed(readings: ReadingTable, operator: bytes, separator: bytes) -> None:
    """Raise InputError, naming the participants, unless the metering operator signed every row."""
    wrong = unsigned_rows(readings, operator, separator)
    if wrong:
        names = ", ".join(str(readings["index"][row]) for row in wrong[:5])
        raise InputError(
            f"readings.signature: not by the metering operator for participant {names}; "
            "sign them with the key of the policy's meter_operator"
        )


def check_readings(readings: ReadingTable, interval: int, participants: int) -> None:
    """Refuse a table that breaks a rule of the protocol; signatures are checked apart.

    Args:
        readings: the table.
        interval: the interval that it must be of.
        participants: how many are registered.

    Raises:
        InputError: names the field and the bound.
    """
    if readings.dtype != READING:
        raise InputError("readings: not a table of records.READING; use readings_from_columns")
    index = readings["index"].astype(np.int64)
    if np.any(np.diff(index) <= 0):
        raise InputError("readings.index: not ascending; give each participant one reading, sorted")
    if len(index) and index[-1] >= participants:
        raise InputError(
            f"readings.index: {index[-1]} is not registered; the last is {participants - 1}"
        )
    if len(index) and interval < 1:
        raise InputError("readings: none are settled in this interval; give none")
    for name, wrong, remedy in (
        ("interval", readings["interval"] != interval, f"this interval settles {interval}"),
        ("consumed_wh", readings["consumed_wh"] > MAX_ORDER_WH, f"at most {MAX_ORDER_WH}"),
        ("produced_wh", readings["produced_wh"] > MAX_ORDER_WH, f"at most {MAX_ORDER_WH}"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"readings.{name}: {readings[name][row]} of participant {index[row]}; {remedy}"
            )
