"""A trial counts what the integer checker finds; it does not believe the clearing program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from offchain.clearing.certificate import Certificate, Ramps
from offchain.clearing.program import Clearer, Clearing
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.mechanisms.tally import Tally
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from tests.mechanisms.markets import asked, people, seed, triangle

PEOPLE = people([0, 0, 1, 2, 0, 2])
ORDERS = asked([0, 400, 1200, 1500, 0, 0], [0, 0, 0, 0, 6000, 700], [0, 0, 0, 0, 120_000, 250_000])


def certificate(clearing: Clearing, **changes: object) -> Clearing:
    fields = {name: getattr(clearing.certificate, name) for name in ("theta", "pi", "mu")}
    return replace(clearing, certificate=Certificate(**(fields | changes)))


def wrong_allocation(clearing: Clearing) -> Clearing:
    """Five Wh from one load to another: beyond their brackets."""
    x_wh = clearing.x_wh.copy()
    x_wh[[4, 7]] += [-5, 5]
    return replace(clearing, x_wh=x_wh)


def wrong_angle(clearing: Clearing) -> Clearing:
    theta = clearing.certificate.theta
    return certificate(clearing, theta=(theta[0] + 2**30, *theta[1:]))


def wrong_price(clearing: Clearing) -> Clearing:
    pi = clearing.certificate.pi
    return certificate(clearing, pi=(pi[0] + 2**24, *pi[1:]))


def wrong_line(clearing: Clearing) -> Clearing:
    return certificate(clearing, mu=((0, 2**16), *clearing.certificate.mu))


@pytest.mark.parametrize(
    "lie", [wrong_allocation, wrong_angle, wrong_price, wrong_line], ids=lambda lie: lie.__name__
)
def test_a_clearing_that_lies_is_counted(
    lie: Callable[[Clearing], Clearing], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Clearer.clear

    def clear(self: Clearer, ramps: Ramps) -> Clearing:
        return lie(honest(self, ramps))

    monkeypatch.setattr(Clearer, "clear", clear)
    trial = Trial(FAIR_PLAY, triangle(), DEFAULT_POLICY, PEOPLE)
    step = trial.step(ORDERS, seed(0))
    tally = Tally(PEOPLE, np.array([False]))
    tally.add(step, trial.standing, {})
    assert tally.dc_violations > 0
    assert tally.certified == 0


def test_an_honest_clearing_is_certified() -> None:
    trial = Trial(FAIR_PLAY, triangle(), DEFAULT_POLICY, PEOPLE)
    tally = Tally(PEOPLE, np.array([True, False, True]))
    for interval in range(3):
        step = trial.step(ORDERS, seed(interval))
        tally.add(step, trial.standing, {"amm": FAIR_PLAY.billing.bill(step.outcome)})
    assert (tally.certified, tally.dc_violations) == (3, 0)
    assert tally.requested_wh == 3 * 3100
    assert tally.windows.requested_wh.sum(axis=1).tolist() == [3100, 3100]
    assert tally.bills["amm"].payments_sum == 0
