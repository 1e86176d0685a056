"""Floats become integers in one place, to the nearest unit, and nothing wraps around."""

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.units import (
    micro_from_currency,
    ppb_from_fraction,
    ticks_from_price,
    unsigned,
    wh_from_kwh,
)


def test_each_quantity_has_its_unit() -> None:
    assert wh_from_kwh("load", 1.234).item() == 1234
    assert ticks_from_price("bid", 0.25).item() == 250_000
    assert ppb_from_fraction("fstar", 0.9).item() == 900_000_000
    assert micro_from_currency("deposit", 12.5).item() == 12_500_000


def test_a_half_goes_to_the_even_unit() -> None:
    assert wh_from_kwh("load", np.array([0.0005, 0.0015, 0.0025])).tolist() == [0, 2, 2]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 2.0**30 / 1000])
def test_what_is_no_admissible_quantity_is_refused_by_name(value: float) -> None:
    with pytest.raises(InputError, match=r"^load: .*; give a number from 0 to 1\.07374e\+06"):
        wh_from_kwh("load", value)


def test_whole_numbers_within_range_pass() -> None:
    assert unsigned("slot", [0, 7], 7).tolist() == [0, 7]
    assert unsigned("slot", [], 7).tolist() == []


@pytest.mark.parametrize("values", [[-1], [8], [2**70], [0, 9]])
def test_a_number_that_would_wrap_around_is_refused(values: list[int]) -> None:
    with pytest.raises(
        InputError, match=r"^slot: -?\d+ is out of range; give integers from 0 to 7"
    ):
        unsigned("slot", values, 7)


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(InputError, match=r"^slot: not whole numbers"):
        unsigned("slot", [0.5], 7)
