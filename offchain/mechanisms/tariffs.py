"""Tariffs: what consumers pay per kWh. Everything else of the settlement stays the same.

The AMM price and its comparators differ in one column, the price at each participant's bus.
Suppliers are paid their bid under every tariff; what is collected beyond the bids is the pot, shared
by the committed shares, and what is short of them is a line of its own, shared by headroom
(docs/mechanism.md, section 5). So every tariff sums to zero exactly, nobody pays above p_hi, and two
tariffs on the same clearing differ in prices, pot and shortfall alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from offchain.errors import InputError
from offchain.mechanisms.mechanism import Outcome
from offchain.policy import Policy
from offchain.pricing import price_ticks
from offchain.settlement import Payments, settle
from offchain.units import PRICE_FRACTION_BITS, Int64Array

_HOUR_S: Final = 3600
_DAY_HOURS: Final = 24


class _Priced(Protocol):
    """A tariff's one formula."""

    def prices(self, outcome: Outcome) -> Int64Array:
        """The price of each participant's bus, ticks; int64[n]."""


class _Tariff:
    """Bills any price column through the settlement."""

    def bill(self: _Priced, outcome: Outcome) -> Payments:
        """The payments of an interval at this tariff."""
        return settle(
            self.prices(outcome),
            outcome.served_wh,
            outcome.quantities.bid_ticks,
            outcome.supply_wh,
            outcome.participants.share_ppb,
            outcome.policy.p_hi_ticks,
        )


@dataclass(frozen=True)
class Amm(_Tariff):
    """The price of clearwatt: linear in the tightness that the bus inherits."""

    name: str = "amm"

    def prices(self, outcome: Outcome) -> Int64Array:
        """The AMM price; int64[n], ticks."""
        return price_ticks(outcome.policy, outcome.tightness_ppb)[outcome.participants.bus]


@dataclass(frozen=True)
class Flat(_Tariff):
    """One price, always and everywhere.

    Attributes:
        price: ticks.
    """

    price: int
    name: str = "flat"

    def prices(self, outcome: Outcome) -> Int64Array:
        """The flat price; int64[n], ticks."""
        return np.full(len(outcome.participants), self.price, dtype=np.int64)


@dataclass(frozen=True)
class TimeOfUse(_Tariff):
    """A price for each hour of the day, known in advance; interval 0 begins at midnight.

    Attributes:
        hourly: 24 prices, ticks.
    """

    hourly: tuple[int, ...]
    name: str = "time-of-use"

    def __post_init__(self) -> None:
        if len(self.hourly) != _DAY_HOURS:
            raise InputError(f"tariff.hourly: {len(self.hourly)} prices; give one per hour, 24")

    def prices(self, outcome: Outcome) -> Int64Array:
        """The price of the hour in which the interval begins; int64[n], ticks."""
        hour = outcome.interval * outcome.policy.interval_s // _HOUR_S % _DAY_HOURS
        return np.full(len(outcome.participants), self.hourly[hour], dtype=np.int64)


@dataclass(frozen=True)
class RealTime(_Tariff):
    """The nodal price of the clearing, held between zero and p_hi."""

    name: str = "real-time"

    def prices(self, outcome: Outcome) -> Int64Array:
        """The nodal price rounded down to a tick; int64[n], ticks."""
        price: Int64Array = outcome.pi >> PRICE_FRACTION_BITS
        return np.clip(price, 0, outcome.policy.p_hi_ticks)


@dataclass(frozen=True)
class CriticalPeak(_Tariff):
    """Time of use, and a much higher price while the system as a whole is short.

    Attributes:
        usual: the price at other times.
        critical: price while the system's tightness is above zero, ticks.
    """

    usual: TimeOfUse
    critical: int
    name: str = "critical-peak"

    def prices(self, outcome: Outcome) -> Int64Array:
        """The critical price when the system is short, else that of the hour; int64[n], ticks."""
        if outcome.system_tightness_ppb == 0:
            return self.usual.prices(outcome)
        return np.full(len(outcome.participants), self.critical, dtype=np.int64)


Tariff = Amm | Flat | TimeOfUse | RealTime | CriticalPeak

TARIFF_NAMES: Final = ("amm", "flat", "time-of-use", "real-time", "critical-peak")

#: Where each level lies between p_lo and p_hi, in percent: a working assumption of the comparison.
_FLAT, _NIGHT, _DAY, _EVENING = 30, 15, 30, 60
#: Night to 7, day to 17, evening to 21, night again.
_NIGHT_END, _DAY_END, _EVENING_END = 7, 17, 21


def tariff(name: str, policy: Policy) -> Tariff:
    """The tariff of a name, with the usual levels between the policy's price bounds.

    Raises:
        InputError: there is no such tariff.
    """
    span = policy.p_hi_ticks - policy.p_lo_ticks

    def level(percent: int) -> int:
        return policy.p_lo_ticks + span * percent // 100

    usual = TimeOfUse(
        (level(_NIGHT),) * _NIGHT_END
        + (level(_DAY),) * (_DAY_END - _NIGHT_END)
        + (level(_EVENING),) * (_EVENING_END - _DAY_END)
        + (level(_NIGHT),) * (_DAY_HOURS - _EVENING_END)
    )
    tariffs: dict[str, Tariff] = {
        "amm": Amm(),
        "flat": Flat(level(_FLAT)),
        "time-of-use": usual,
        "real-time": RealTime(),
        "critical-peak": CriticalPeak(usual, policy.p_hi_ticks),
    }
    if name not in tariffs:
        raise InputError(f"tariff: there is no '{name}'; choose one of {', '.join(TARIFF_NAMES)}")
    return tariffs[name]
