"""Requests that differ from needs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oracle.evidence.asking import Asking, drawn, requests, strategists
from oracle.study import Study
from tests.evidence.small import small_config


@pytest.fixture(scope="module")
def study() -> Study:
    config = small_config()
    return drawn(replace(config.study, case="ieee14", intervals=30))


def test_the_plain_request_is_the_need(study: Study) -> None:
    assert np.array_equal(requests(study, Asking()), study.flexible_wh)


def test_strategists_ask_for_a_multiple_and_others_do_not(study: Study) -> None:
    asking = Asking(0, 200, 3000)
    who = strategists(study, asking)
    wanted = requests(study, asking)
    assert who.sum() == 2
    assert np.array_equal(wanted[:, who], 3 * study.flexible_wh[:, who])
    assert np.array_equal(wanted[:, ~who], study.flexible_wh[:, ~who])


def test_a_cap_binds_everybody(study: Study) -> None:
    wanted = requests(study, Asking(0, 200, 3000, 1000))
    assert np.all(wanted <= study.rate_wh)
    assert np.all(wanted <= 3 * study.flexible_wh)


def test_forecasts_err_the_same_way_every_time(study: Study) -> None:
    wanted = requests(study, Asking(error_permille=100))
    assert np.array_equal(wanted, requests(study, Asking(error_permille=100)))
    asked = study.flexible_wh > 0
    error = np.log(wanted[asked] / study.flexible_wh[asked])
    assert error.std() == pytest.approx(0.1, rel=0.2)


def test_a_study_is_the_same_at_every_target(study: Study) -> None:
    other = drawn(replace(study.config, fstar_ppb=950_000_000))
    assert np.array_equal(other.flexible_wh, study.flexible_wh)
    assert set(other.fstar_ppb.tolist()) == {0, 950_000_000}
