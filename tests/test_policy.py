"""A policy is its packed bytes, and one that breaks a promise is refused by field."""

from dataclasses import replace

import pytest

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.policy import DEFAULT_POLICY, Policy


def test_it_is_packed_field_by_field() -> None:
    assert DEFAULT_POLICY.packed().hex() == (
        "0001"
        "00000708"
        "000493e0"
        "000186a0"
        "00000001"
        "00000400"
        "00000400"
        "02"
        "000000003b9aca00"
        "0000000002faf080"
        "02faf080"
        "0000c350"
        "000493e0"
        "0003d090"
        "00"
        "00"
        "00"
        "00004e20"
        "0000000000000000"
        "0000000000000000000000000000000000000000"
    )
    assert DEFAULT_POLICY.hash() == keccak(b"\x0a" + DEFAULT_POLICY.packed())


def test_its_bytes_give_it_back() -> None:
    assert Policy.unpack(DEFAULT_POLICY.packed()) == DEFAULT_POLICY


def test_bytes_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"^policy: 5 bytes"):
        Policy.unpack(bytes(5))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("interval_s", 0),
        ("p_cap_ticks", 251_023),
        ("v_ticks", 0),
        ("v_ticks", 2**17),
        ("kappa", 0),
        ("w_s_ticks", 0),
        ("w_s_ticks", 2**17),
        ("k_max", 0),
        ("essential_rank", 0),
        ("essential_rank", 6),
        ("gamma_ppb", 2**62),
        ("tau_ppb", 2**62),
        ("beta_ppb", 10**9 + 1),
        ("p_lo_ticks", 300_001),
        ("p_hi_ticks", 300_500),
        ("p_hi_ticks", 250_000),
        ("p_hi_ticks", 2**32),
        ("max_bid_ticks", -1),
        ("mechanism", 1),
        ("price_curve", 3),
        ("meter_lag", 256),
        ("spread_ticks", 50_001),
        ("reserve_micro", 2**62),
        ("meter_operator", bytes(19)),
    ],
)
def test_a_field_that_breaks_a_promise_is_named(field: str, value: int | bytes) -> None:
    with pytest.raises(InputError, match=rf"^policy\.{field}: "):
        replace(DEFAULT_POLICY, **{field: value})  # type: ignore[arg-type]


def test_readings_are_settled_only_where_somebody_s_signature_makes_them_count() -> None:
    with pytest.raises(InputError, match=r"^policy\.meter_operator: must be the metering operator"):
        replace(DEFAULT_POLICY, meter_lag=1)
    policy = replace(DEFAULT_POLICY, meter_lag=1, meter_operator=b"\1" * 20)
    assert Policy.unpack(policy.packed()) == policy
