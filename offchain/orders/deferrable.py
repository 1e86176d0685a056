"""Deferrable requests: so much energy by then, at most so fast ("3 kWh by 07:00, at most 2 kW").

A request becomes flexible demand interval by interval until it is served or expires (our
formulation). It asks for an even part of what is missing in each interval that is left, and no more
than its contracted power. What an interval does not serve counts as shortage there and is asked
again, so energy that expires unserved has counted at least once: expiry is shortage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.units import MAX_ORDER_WH, U32_MAX, WH_PER_KWH, Int64Array, unsigned

_HOUR_S = 3600


@dataclass(frozen=True)
class Request:
    """Energy that may come at any time in a window.

    Attributes:
        index: registration number.
        energy_wh: how much, Wh.
        most_wh: at most this in one interval, Wh.
        first: first interval in which it can be served.
        last: last one; what is missing after it has expired.
    """

    index: int
    energy_wh: int
    most_wh: int
    first: int
    last: int

    def __post_init__(self) -> None:
        unsigned("request.index", self.index, U32_MAX)
        for name in ("energy_wh", "most_wh"):
            unsigned(f"request.{name}", getattr(self, name), MAX_ORDER_WH)
        if not 1 <= self.first <= self.last <= U32_MAX:
            raise InputError(
                f"request.last: the window {self.first} ... {self.last} is empty; "
                "give intervals 1 <= first <= last"
            )
        possible = self.most_wh * (self.last - self.first + 1)
        if self.energy_wh > possible:
            raise InputError(
                f"request.energy_wh: {self.energy_wh} Wh do not fit into the window, which holds "
                f"{possible} Wh; start earlier, end later or allow more power"
            )


def most_wh(power_kw: float, interval_s: int) -> int:
    """The energy of a power over one interval, Wh, rounded down.

    Raises:
        InputError: not a finite, positive power.
    """
    energy = power_kw * WH_PER_KWH * interval_s / _HOUR_S
    if not 0 < energy <= MAX_ORDER_WH:
        raise InputError(f"power_kw: {power_kw:g} is out of range; give a positive power")
    return int(energy)


@dataclass(frozen=True, eq=False)
class Backlog:
    """Requests that are neither served nor expired, in the order in which they came.

    With k requests:

    Attributes:
        index: int64[k], who asked.
        most_wh: int64[k], at most this in an interval.
        first: int64[k].
        last: int64[k].
        missing_wh: int64[k], what is still to come.
    """

    index: Int64Array
    most_wh: Int64Array
    first: Int64Array
    last: Int64Array
    missing_wh: Int64Array

    @classmethod
    def of(cls, requests: Sequence[Request] = ()) -> Self:
        """The backlog of new requests."""
        rows = [(r.index, r.most_wh, r.first, r.last, r.energy_wh) for r in requests]
        columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
        return cls(*columns.copy())

    def __len__(self) -> int:
        return len(self.index)

    def joined(self, other: Self) -> Self:
        """This backlog with the requests of another after its own."""
        return replace(
            self,
            **{
                name: np.concatenate((getattr(self, name), getattr(other, name)))
                for name in self.__dataclass_fields__
            },
        )

    def asks(self, interval: int, room_wh: Int64Array) -> Int64Array:
        """What each request asks in an interval.

        Args:
            interval: its number.
            room_wh: int64[n], what each participant's contract leaves for flexible demand.

        Returns:
            int64[k], Wh; a participant's requests together stay within its room, the earliest
            deadlines first.
        """
        is_open = (self.first <= interval) & (interval <= self.last)
        left = np.maximum(self.last - interval + 1, 1)
        even = -(-self.missing_wh // left)
        wanted = np.where(is_open, np.minimum(even, self.most_wh), 0)
        return self._by_deadline(wanted, room_wh)

    def after(self, interval: int, asked_wh: Int64Array, served_wh: Int64Array) -> Step:
        """What an interval leaves of the backlog.

        Args:
            interval: its number.
            asked_wh: int64[k], as `asks` gave it.
            served_wh: int64[n], what each participant was served for these asks in all.
        """
        given = self._by_deadline(asked_wh, served_wh)
        missing = self.missing_wh - given
        expired = (self.last <= interval) & (missing > 0)
        stays = (missing > 0) & ~expired
        columns = {name: getattr(self, name)[stays] for name in self.__dataclass_fields__}
        columns["missing_wh"] = missing[stays]
        return Step(
            backlog=replace(self, **columns),
            given_wh=given,
            expired=np.flatnonzero(expired),
            expired_wh=missing[expired],
        )

    def demand_wh(self, asked_wh: Int64Array, participants: int) -> Int64Array:
        """The flexible demand of each participant, int64[n]: the sum of its asks."""
        total = np.zeros(participants, dtype=np.int64)
        np.add.at(total, self.index, asked_wh)
        return total

    def _by_deadline(self, wanted_wh: Int64Array, available_wh: Int64Array) -> Int64Array:
        """Divide what each participant has among its requests, the earliest deadline first."""
        order = np.lexsort((np.arange(len(self)), self.last, self.index))
        index, wanted = self.index[order], wanted_wh[order]
        before = np.cumsum(wanted) - wanted
        starts = np.searchsorted(index, index)
        before -= before[starts]
        given = np.empty_like(wanted)
        given[order] = np.clip(available_wh[index] - before, 0, wanted)
        return given


@dataclass(frozen=True, eq=False)
class Step:
    """What an interval did to a backlog of k requests.

    Attributes:
        backlog: what is left.
        given_wh: int64[k], what each request was served.
        expired: rows of requests that ran out.
        expired_wh: what they still missed, Wh.
    """

    backlog: Backlog
    given_wh: Int64Array
    expired: npt.NDArray[np.intp]
    expired_wh: Int64Array
