"""Fairness figures on values that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.mechanisms.metrics import fairness, gini, jain, worst_decile


def test_equal_service_is_perfectly_fair() -> None:
    same = np.full(7, 0.4)
    assert jain(same) == pytest.approx(1)
    assert gini(same) == pytest.approx(0)
    assert worst_decile(same) == pytest.approx(0.4)


def test_when_one_of_n_has_everything() -> None:
    one = np.array([0.0, 0.0, 0.0, 1.0])
    assert jain(one) == pytest.approx(1 / 4)
    assert gini(one) == pytest.approx(3 / 4)


def test_textbook_values() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert jain(values) == pytest.approx(100 / (4 * 30))
    assert gini(values) == pytest.approx(0.25)


def test_serving_nobody_is_equal() -> None:
    assert jain(np.zeros(3)) == 1.0
    assert gini(np.zeros(3)) == 0.0


def test_the_worst_tenth_has_at_least_one_member() -> None:
    assert worst_decile(np.arange(5.0)) == 0.0
    assert worst_decile(np.arange(20.0)) == 0.5
    assert worst_decile(np.arange(21.0)) == 1.0


def test_those_who_asked_for_nothing_do_not_count() -> None:
    figures = fairness(
        requested_wh=np.array([0, 100, 200]),
        delivered_wh=np.array([0, 95, 150]),
        deficit_ppb_wh=np.array([0.0, 0.0, 30e9]),
        fstar_ppb=np.array([0, 900_000_000, 900_000_000]),
    )
    assert figures.participants == 2
    assert figures.delivered_min == pytest.approx(0.75)
    assert figures.delivered_max == pytest.approx(0.95)
    assert figures.counted_min == pytest.approx(0.75)
    assert figures.counted_max == pytest.approx(0.9)
    assert figures.target_gap_max == pytest.approx(0.15)
    assert figures.target_gap_mean == pytest.approx(0.075)
