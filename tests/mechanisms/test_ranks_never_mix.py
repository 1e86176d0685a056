"""Ranks never mix, whatever the deficit: through the whole clearing, not only in the key."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.mechanisms.mechanism import Mechanism
from offchain.mechanisms.participants import Standing
from offchain.mechanisms.priority import (
    EQUAL_WEIGHT,
    EQUAL_WEIGHT_RANDOM,
    FAIR_PLAY,
    INVERSE_FAIRNESS,
)
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from offchain.units import PPB
from tests.mechanisms.markets import asked, column, people, seed, triangle

PRIORITY = [FAIR_PLAY, EQUAL_WEIGHT, EQUAL_WEIGHT_RANDOM, INVERSE_FAIRNESS]
RATE = 1000


def owed(units: int, rows: list[int], participants: int) -> Standing:
    """A standing in which these rows are owed this many contracted intervals, and remember it."""
    memory = np.zeros(participants, dtype=np.int64)
    memory[rows] = PPB
    high = np.zeros(participants, dtype=np.uint64)
    low = np.zeros(participants, dtype=np.uint64)
    high[rows], low[rows] = divmod(units * RATE * PPB, 2**64)
    return replace(
        Standing.genesis(participants), memory_ppb=memory, deficit_high=high, deficit_low=low
    )


@pytest.mark.parametrize("mechanism", PRIORITY, ids=lambda m: m.name)
def test_essential_energy_of_someone_owed_nothing_beats_a_deficit_of_a_billion_intervals(
    mechanism: Mechanism,
) -> None:
    """Rows: reserve, the one with the deficit, the one owed nothing, a station short of both."""
    participants = people([0, 0, 0, 0], rate_wh=RATE)
    trial = Trial(mechanism, triangle(), DEFAULT_POLICY, participants)
    trial.standing = owed(10**9, [1], 4)
    orders = asked([0, 1000, 0, 0], [0, 0, 0, 700], essential_wh=[0, 0, 700, 0])
    step = trial.step(orders, seed(1))
    assert step.violations == ()
    assert step.outcome.essential_wh[2] == 700
    assert step.outcome.flexible_wh[1] == 0


@pytest.mark.parametrize("mechanism", PRIORITY, ids=lambda m: m.name)
def test_a_higher_rank_of_someone_owed_nothing_beats_a_lower_with_any_deficit(
    mechanism: Mechanism,
) -> None:
    participants = people([0, 0, 0, 0], rate_wh=RATE, rank=column([0, 0, 1, 0]))
    trial = Trial(mechanism, triangle(), DEFAULT_POLICY, participants)
    trial.standing = owed(10**9, [1], 4)
    step = trial.step(asked([0, 1000, 700, 0], [0, 0, 0, 700]), seed(1))
    assert step.outcome.flexible_wh.tolist() == [0, 0, 700, 0]


@pytest.mark.parametrize(("units", "essential_first"), [(300, True), (700, False)])
def test_across_a_mesh_a_rank_holds_up_to_the_stated_exchange(
    units: int, essential_first: bool
) -> None:
    """On the line 0-2 a Wh at bus 2 takes the room of two at bus 1.

    With essential energy at rank 1 the bound is 1029 / (3 + key + 1): above 2 for a key of 301
    (300 intervals owed and a full memory), below it for 701.
    """
    policy = replace(DEFAULT_POLICY, essential_rank=1, tau_ppb=0)
    participants = people([0, 1, 2, 0], rate_wh=RATE)
    trial = Trial(FAIR_PLAY, triangle(), policy, participants)
    trial.standing = owed(units, [1], 4)
    # The line carries 900 Wh: 2700 at bus 1 alone, or 1350 at bus 2 alone.
    orders = asked([0, 4000, 0, 0], [0, 0, 0, 9000], essential_wh=[0, 0, 2000, 0])
    outcome = trial.step(orders, seed(1)).outcome
    served = (int(outcome.essential_wh[2]), int(outcome.flexible_wh[1]))
    assert served == pytest.approx((1350, 0) if essential_first else (0, 2700), abs=15)


def test_within_a_rank_the_deficit_decides() -> None:
    participants = people([0, 0, 0, 0], rate_wh=RATE)
    trial = Trial(FAIR_PLAY, triangle(), DEFAULT_POLICY, participants)
    trial.standing = owed(10, [1], 4)
    step = trial.step(asked([0, 700, 700, 0], [0, 0, 0, 700]), seed(1))
    assert step.outcome.flexible_wh.tolist() == [0, 700, 0, 0]
