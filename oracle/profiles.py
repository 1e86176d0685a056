"""When people use electricity, and when the sun shines: a year of half-hours, as integers.

Demand follows the standard load profiles that the German energy industry association (BDEW)
publishes, as packaged by demandlib: quarter-hours, added up in pairs. The sun follows geometry: a
clear sky, no weather. Both end in parts per billion of the year's energy, so that floating-point
numbers stop here.
"""

import datetime
import math
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError

YEAR = 2024
"""The calendar of the profiles: a leap year, 17,568 half-hours."""

HALF_HOURS = 366 * 48

PROFILES = ("h0", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "l0", "l1", "l2")
"""h0 households; g0 ... g6 businesses; l0 ... l2 farms."""

_PPB = 10**9
_TILT = math.radians(23.44)


@lru_cache(maxsize=len(PROFILES))
def demand_profile(name: str) -> NDArray[np.int64]:
    """The share of a year's energy used in each half-hour.

    Args:
        name: One of PROFILES.

    Returns:
        int64[HALF_HOURS], parts per billion of the annual energy; they add up to a billion but for
        rounding.

    Raises:
        InputError: When there is no profile of that name.
    """
    if name not in PROFILES:
        msg = f"profile: there is no '{name}'; choose one of {', '.join(PROFILES)}"
        raise InputError(msg)
    with (
        warnings.catch_warnings()
    ):  # demandlib turns every later warning of the process into an error
        from demandlib import bdew

        quarters = bdew.ElecSlp(YEAR).get_profiles(name)[name].to_numpy(dtype=np.float64)
    halves = quarters.reshape(HALF_HOURS, 2).sum(axis=1)
    ppb: NDArray[np.int64] = np.rint(halves * _PPB).astype(np.int64)
    return ppb


def half_hour_of_year(start: datetime.datetime) -> int:
    """The number, from 0, of the half-hour of YEAR in which a moment lies."""
    return int((start - datetime.datetime(YEAR, 1, 1)).total_seconds() // 1800)


def sunshine(half_hour: int, latitude_deg: int) -> int:
    """How high the sun stands in the middle of a half-hour; 0 at night.

    Args:
        half_hour: Number of the half-hour in YEAR, local solar time.
        latitude_deg: Degrees north.

    Returns:
        Parts per billion: 1e9 times the sine of the sun's elevation, not below 0; the power of a
        level solar module under a clear sky is in proportion to it.
    """
    day, slot = divmod(half_hour, 48)
    declination = _TILT * math.sin(2 * math.pi * (day - 80) / 366)
    hour_angle = 2 * math.pi * ((slot + 0.5) / 48 - 0.5)
    latitude = math.radians(latitude_deg)
    height = math.sin(latitude) * math.sin(declination)
    height += math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    return max(0, round(height * _PPB))
