"""What each key rule does to the order of service."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.mechanisms.mechanism import Mechanism
from offchain.mechanisms.participants import Standing
from offchain.mechanisms.priority import (
    EQUAL_WEIGHT,
    EQUAL_WEIGHT_RANDOM,
    FAIR_PLAY,
    INVERSE_FAIRNESS,
)
from offchain.mechanisms.registry import MECHANISM_NAMES, mechanism
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from tests.mechanisms.markets import asked, column, people, run, seed, triangle

PEOPLE = people([0, 0, 1, 2, 0])
LOADS = [0, 1200, 600, 300, 0]
SHORT = [0, 0, 0, 0, 1050]


def test_equal_weight_serves_everybody_the_same_share() -> None:
    trial = Trial(EQUAL_WEIGHT, triangle(), DEFAULT_POLICY, PEOPLE)
    for interval in range(3):
        step = trial.step(asked(LOADS, SHORT), seed(interval))
        assert step.outcome.flexible_wh.tolist() == [0, 600, 300, 150, 0]


def test_equal_weight_in_random_order_serves_one_after_the_other() -> None:
    """All six orders of three loads come up, none much more often than another."""
    loads = [0, 1000, 1000, 1000, 0]
    supply = [0, 0, 0, 0, 1500]
    steps = run(EQUAL_WEIGHT_RANDOM, triangle(), PEOPLE, 600, lambda _: asked(loads, supply))
    first_two: Counter[tuple[int, ...]] = Counter()
    for step, _ in steps:
        served = step.outcome.flexible_wh[1:4]
        assert served.sum() == 1500
        first_two[tuple(np.argsort(-served, kind="stable")[:2].tolist())] += 1
    assert set(first_two) == {(i, j) for i in range(3) for j in range(3) if i != j}
    assert min(first_two.values()) > 60


def served_before(requested_wh: int) -> Standing:
    """Of four participants, the second had three quarters of its requests and the third one."""
    quarter = requested_wh // 4
    return replace(
        Standing.genesis(4),
        requested_wh=column([0, requested_wh, requested_wh, 0]),
        delivered_wh=column([0, 3 * quarter, quarter, 0]),
    )


def test_inverse_fairness_draws_the_worse_served_more_often() -> None:
    """Of two loads, one with F = 3/4 and one with F = 1/4, the second comes first in 3 of 4."""
    trial = Trial(INVERSE_FAIRNESS, triangle(), DEFAULT_POLICY, people([0, 0, 0, 0]))
    standing = served_before(1_000_000)
    second = 0.0
    for interval in range(800):
        trial.standing = standing
        step = trial.step(asked([0, 1000, 1000, 0], [0, 0, 0, 1000]), seed(interval))
        second += int(step.outcome.flexible_wh[2]) / 1000
    assert second / 800 == pytest.approx(0.75, abs=0.04)


def test_inverse_fairness_sees_only_proportions() -> None:
    """Weights do not grow with what is owed: ten times the history is the same history."""
    rows = []
    for scale in (1, 10):
        trial = Trial(INVERSE_FAIRNESS, triangle(), DEFAULT_POLICY, people([0, 0, 0, 0]))
        trial.standing = served_before(1_000_000 * scale)
        step = trial.step(asked([0, 1000, 1000, 0], [0, 0, 0, 1000]), seed(1))
        rows.append(step.outcome.flexible_wh.tolist())
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", MECHANISM_NAMES)
def test_with_supply_to_spare_everybody_is_served_whatever_the_mechanism(name: str) -> None:
    chosen: Mechanism = mechanism(name)
    ample = [0, 0, 0, 0, 5000]
    essential = [0, 10, 20, 30, 0]
    ((step, _),) = run(
        chosen,
        triangle((5000, 5000, 5000)),
        PEOPLE,
        1,
        lambda _: asked(LOADS, ample, None, essential),
    )
    assert step.outcome.flexible_wh.tolist() == LOADS
    assert step.outcome.essential_wh.tolist() == essential


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    def served(seed_number: int) -> list[int]:
        trial = Trial(EQUAL_WEIGHT_RANDOM, triangle(), DEFAULT_POLICY, PEOPLE)
        flexible: list[int] = trial.step(
            asked(LOADS, SHORT), seed(seed_number)
        ).outcome.flexible_wh.tolist()
        return flexible

    assert served(1) == served(1)
    assert len({tuple(served(number)) for number in range(8)}) > 1


def test_only_fair_play_has_a_number_in_a_ledgers_policy() -> None:
    codes = {name: mechanism(name).policy_code for name in MECHANISM_NAMES}
    assert codes.pop("fair-play") == DEFAULT_POLICY.mechanism
    assert set(codes.values()) == {None}
    assert mechanism("fair-play") is FAIR_PLAY


def test_an_unknown_mechanism_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"mechanism: there is no 'vcg'; choose one of fair-play"):
        mechanism("vcg")
