"""Who takes part in a run, and what the past left of everybody's service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.fairness.state import Uint64Array, next_deficits, next_memories
from offchain.units import PPB, Int64Array

#: The community reserve: the account that receives a pot nobody else has a share in.
COMMUNITY_ROW = 0


@dataclass(frozen=True, eq=False)
class Participants:
    """Contracts that do not change during a run; columns over n registration numbers.

    Row 0 is the community reserve, which asks and offers nothing.

    Attributes:
        bus: int32[n].
        rank: int64[n], service level of flexible energy.
        fstar_ppb: int64[n], share of flexible energy that is owed.
        rate_wh: int64[n], contracted rate, Wh per interval.
        value_ticks: int64[n], what each would pay for flexible energy; only an auction asks.
        share_ppb: int64[n], shares of the pot, 1e9 in all.
    """

    bus: npt.NDArray[np.int32]
    rank: Int64Array
    fstar_ppb: Int64Array
    rate_wh: Int64Array
    value_ticks: Int64Array
    share_ppb: Int64Array

    def __post_init__(self) -> None:
        for name in ("rank", "fstar_ppb", "rate_wh", "value_ticks", "share_ppb"):
            if len(getattr(self, name)) != len(self.bus):
                raise InputError(
                    f"participants.{name}: give one value each, {len(self.bus)} in all"
                )

    def __len__(self) -> int:
        return len(self.bus)


def community_shares(participants: int) -> Int64Array:
    """Shares int64[n] that leave every pot in the community reserve, ppb."""
    shares = np.zeros(participants, dtype=np.int64)
    shares[COMMUNITY_ROW] = PPB
    return shares


@dataclass(frozen=True, eq=False)
class Standing:
    """What earlier intervals left; columns over n participants.

    Attributes:
        memory_ppb: int64[n], shortage memory.
        deficit_high: uint64[n], upper half of the deficit, ppb-Wh.
        deficit_low: uint64[n], lower half.
        requested_wh: int64[n], all flexible energy asked for.
        delivered_wh: int64[n], all flexible energy allocated.
    """

    memory_ppb: Int64Array
    deficit_high: Uint64Array
    deficit_low: Uint64Array
    requested_wh: Int64Array
    delivered_wh: Int64Array

    @classmethod
    def genesis(cls, participants: int) -> Self:
        """Nobody is owed anything."""
        nothing = np.zeros(participants, dtype=np.int64)
        zero = np.zeros(participants, dtype=np.uint64)
        return cls(nothing, zero, zero, nothing, nothing)

    def after(
        self,
        participants: Participants,
        beta_ppb: int,
        requested_wh: Int64Array,
        served_wh: Int64Array,
    ) -> Standing:
        """The standing after an interval.

        Args:
            participants: n rows.
            beta_ppb: step of the memory.
            requested_wh: int64[n], flexible requests of the interval.
            served_wh: int64[n], flexible allocations.
        """
        fstar = participants.fstar_ppb
        high, low = next_deficits(
            self.deficit_high, self.deficit_low, fstar, requested_wh, served_wh
        )
        memory = next_memories(self.memory_ppb, fstar, beta_ppb, requested_wh, served_wh)
        return Standing(
            memory,
            high,
            low,
            self.requested_wh + requested_wh,
            self.delivered_wh + served_wh,
        )

    def deficit_ppb_wh(self) -> npt.NDArray[np.float64]:
        """The deficits as floating-point numbers, for reports only; float64[n], ppb-Wh."""
        return np.ldexp(self.deficit_high.astype(np.float64), 64) + self.deficit_low
