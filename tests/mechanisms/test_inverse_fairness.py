"""Why dividing by F is not enough: one unit for two loads (docs/theorems.md)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from offchain.mechanisms.mechanism import Mechanism
from offchain.mechanisms.priority import FAIR_PLAY, INVERSE_FAIRNESS
from offchain.units import Int64Array
from tests.mechanisms.markets import asked, column, people, replicas, run

UNIT = 10_000
COPIES = 32
INTERVALS = 1500


def delivered_shares(mechanism: Mechanism) -> tuple[float, float]:
    """Mean delivered share of the loads that ask for one and for three units.

    In every island a station offers one unit per interval; many islands stand for many seeds.
    """
    # The reserve, then a station and the two loads of each island, all at its first bus.
    bus = np.concatenate(([0], np.repeat(2 * np.arange(COPIES), 3)))
    load = column([0, *[0, UNIT, 3 * UNIT] * COPIES])
    station: Int64Array = column([0, *[UNIT, 0, 0] * COPIES])
    participants = people(bus, rate_wh=np.maximum(load, 1), fstar_ppb=250_000_000)
    orders = asked(load, station)
    for _, trial in run(mechanism, replicas(COPIES), participants, INTERVALS, lambda _: orders):
        standing = trial.standing
    share = standing.delivered_wh[1:] / np.maximum(standing.requested_wh[1:], 1)
    return float(share[1::3].mean()), float(share[2::3].mean())


def test_drawing_by_one_over_f_settles_at_its_fixed_point_and_misses_the_target() -> None:
    small, large = delivered_shares(INVERSE_FAIRNESS)
    fixed_point = 1 / (1 + math.sqrt(3))
    assert small == pytest.approx(fixed_point, abs=0.01)
    assert large == pytest.approx((1 - fixed_point) / 3, abs=0.01)


def test_the_deficit_brings_both_to_the_target() -> None:
    small, large = delivered_shares(FAIR_PLAY)
    assert small == pytest.approx(0.25, abs=0.002)
    assert large == pytest.approx(0.25, abs=0.002)
