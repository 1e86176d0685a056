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
    """A price for each hour of the day, known in advance; interval 1 begins at midnight.

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
        hour = (outcome.interval - 1) * outcome.policy.interval_s // _HOUR_S % _DAY_HOURS
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

#: Where each level lies between p_lo and p_hi, in percent: working assumptions, chosen so that on
#: the study market every tariff collects about what the AMM price collects.
_FLAT: Final = 7
#: Night, day and evening, without and with a critical price of its own.
_USUAL: Final = (3, 7, 15)
_USUAL_BESIDE_CRITICAL: Final = (1, 2, 4)
_CRITICAL: Final = 20
#: Hours of night before the day, of day, of evening, and of night after it.
_HOURS: Final = (7, 10, 4, 3)


def tariff(name: str, policy: Policy) -> Tariff:
    """The tariff of a name, with the usual levels between the policy's price bounds.

    Raises:
        InputError: there is no such tariff.
    """
    span = policy.p_hi_ticks - policy.p_lo_ticks

    def level(percent: int) -> int:
        return policy.p_lo_ticks + span * percent // 100

    def by_hour(night: int, day: int, evening: int) -> TimeOfUse:
        levels = (level(night), level(day), level(evening), level(night))
        return TimeOfUse(
            tuple(price for price, hours in zip(levels, _HOURS, strict=True) for _ in range(hours))
        )

    tariffs: dict[str, Tariff] = {
        "amm": Amm(),
        "flat": Flat(level(_FLAT)),
        "time-of-use": by_hour(*_USUAL),
        "real-time": RealTime(),
        "critical-peak": CriticalPeak(by_hour(*_USUAL_BESIDE_CRITICAL), level(_CRITICAL)),
    }
    if name not in tariffs:
        raise InputError(f"tariff: there is no '{name}'; choose one of {', '.join(TARIFF_NAMES)}")
    return tariffs[name]
