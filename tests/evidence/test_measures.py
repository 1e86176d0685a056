"""What is kept of a run says what happened in it."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.fairness.draw import draw
from offchain.mechanisms.trial import Trial
from offchain.policy import DEFAULT_POLICY
from oracle.evidence.draws import kept_draw
from oracle.evidence.jobs import Job, MarketJob, OperatorJob, TriggerJob
from oracle.evidence.linear import EqualWeightLinear
from oracle.evidence.runner import Result
from tests.mechanisms.markets import asked, people, triangle

Pairs = list[tuple[Job, Result]]


def markets(pairs: Pairs, part: str = "main") -> list[tuple[MarketJob, Result]]:
    """The market runs of a part."""
    return [(j, r) for j, r in pairs if isinstance(j, MarketJob) and j.part == part]


def test_every_interval_of_every_run_is_certified(pairs: Pairs) -> None:
    runs = [result for job, result in pairs if isinstance(job, MarketJob)]
    assert len(runs) > 30
    for run in runs:
        assert run["certified"] == run["intervals"] > 0
        assert run["dc_violations"] == run["payments_sum"] == 0


def test_the_last_gap_of_the_trace_is_that_of_the_run(pairs: Pairs) -> None:
    for _, run in markets(pairs):
        last = run["consumers"]["trace"]["last_worst"]
        assert last == pytest.approx(run["fairness"]["target_gap_max"], abs=1e-9)


def test_ratios_are_ratios_of_what_was_delivered(pairs: Pairs) -> None:
    for job, run in markets(pairs):
        consumers = run["consumers"]
        assert sum(consumers["requested_wh"]) == run["requested_wh"]
        assert sum(consumers["delivered_wh"]) == run["served_wh"]
        assert len(consumers["window_ratio"]) == job.study.windows
        overall = [
            got / asked
            for got, asked in zip(consumers["delivered_wh"], consumers["requested_wh"], strict=True)
        ]
        for least, ratio in zip(consumers["least_cumulative"], overall, strict=True):
            assert least <= ratio + 1e-6


def test_no_error_of_a_run_is_below_that_of_a_longer_part_of_it(pairs: Pairs) -> None:
    for _, run in markets(pairs):
        consumers = run["consumers"]
        of_windows = [min(column) for column in zip(*consumers["window_ratio"], strict=True)]
        for interval, window in zip(consumers["least_interval"], of_windows, strict=True):
            assert interval <= window + 1e-6
        assert max(consumers["most_gap"]) >= run["fairness"]["target_gap_max"] - 1e-6


def test_all_mechanisms_see_the_draws_of_the_market() -> None:
    for _ in range(2):
        kept = kept_draw(b"s" * 32, np.array([3, 5, 8]))
        assert kept.tolist() == draw(b"s" * 32, [3, 5, 8]).tolist()
    assert kept_draw(b"s" * 32, np.array([3, 5])).tolist() == kept[:2].tolist()
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 0


def test_the_linear_program_serves_the_first_registered_first() -> None:
    grid = triangle()
    trial = Trial(EqualWeightLinear("lp"), grid, DEFAULT_POLICY, people([0, 0, 0, 0, 0]))
    step = trial.step(asked([0, 500, 600, 300, 0], [0, 0, 0, 0, 800]), bytes(32))
    assert step.violations == ()
    assert step.outcome.flexible_wh.tolist() == [0, 500, 300, 0, 0]


def test_memory_contracts_as_proved_and_stays_in_its_range(pairs: Pairs) -> None:
    for job, run in markets(pairs):
        if job.committed:
            beta = job.policy.beta_ppb / 1e9
            assert run["memory"]["contraction"] == pytest.approx(1 - beta, abs=1e-6)
            assert 0 <= run["memory"]["least_ppb"] <= run["memory"]["greatest_ppb"] <= 10**9


def test_the_operator_contracts_no_slower_than_its_bound(pairs: Pairs) -> None:
    rows = [row for job, run in pairs if isinstance(job, OperatorJob) for row in run["rows"]]
    assert rows
    for row in rows:
        bound = abs(1 - row["eta_permille"] / 1000)
        assert row["greatest"] <= bound + 0.01
        assert row["steps"] > 0
    starts = [row["full"] for row in rows]
    assert starts.count(True) == starts.count(False) > 0


def test_what_is_held_keeps_the_bound(pairs: Pairs) -> None:
    runs = [result for job, result in pairs if isinstance(job, TriggerJob)]
    assert runs
    assert all(run["bound_kept"] and run["error_most"] <= run["bound_most"] for run in runs)


def test_without_a_cap_asking_for_more_brings_more(pairs: Pairs) -> None:
    useful = {}
    for job, run in markets(pairs, "requesting"):
        share = [
            got / need
            for got, need, who in zip(
                run["consumers"]["useful_wh"],
                run["consumers"]["need_wh"],
                run["strategists"],
                strict=True,
            )
            if who
        ]
        useful[job.asking.factor_permille, job.asking.cap_permille] = sum(share) / len(share)
    gain = useful[3000, 0] - useful[1000, 0]
    capped = useful[3000, 1000] - useful[1000, 1000]
    assert gain > 0.01
    assert capped < gain
