"""Rounds of drand: genuine ones prove themselves, everything else is told apart as the contract does."""

from __future__ import annotations

import hashlib
import json

import pytest

from offchain.errors import InputError
from offchain.randomness.drand import (
    QUICKNET,
    compressed_key,
    evm_key,
    is_signed,
    read_round,
)
from tests.randomness.network import LocalNetwork
from tests.vectors.make import HERE, dumped
from tests.vectors.make_drand import GENUINE, drand, forged

SIGNATURE = bytes.fromhex(GENUINE[1000])
#: What the League of Entropy's relays tell as the randomness of round 1000.
RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"


@pytest.mark.parametrize("round_", GENUINE)
def test_a_genuine_round_of_quicknet_is_signed(round_: int) -> None:
    assert is_signed(QUICKNET.public_key, round_, bytes.fromhex(GENUINE[round_]))


def test_the_genuine_round_is_the_one_that_the_world_knows() -> None:
    assert hashlib.sha256(SIGNATURE).hexdigest() == RANDOMNESS


@pytest.mark.parametrize("name", forged())
def test_a_forged_round_is_not_signed(name: str) -> None:
    round_, number = forged()[name]
    assert not is_signed(QUICKNET.public_key, round_, number.to_bytes(48, "big"))


@pytest.mark.parametrize("length", [0, 47, 49])
def test_a_signature_has_48_bytes(length: int) -> None:
    assert not is_signed(QUICKNET.public_key, 1000, SIGNATURE.ljust(49, b"\0")[:length])


def test_the_vectors_are_what_the_code_computes() -> None:
    remedy = "run python -m tests.vectors.make_drand and review every changed number"
    assert json.loads((HERE / "drand.json").read_text()) == json.loads(dumped(drand())), remedy


def test_a_key_survives_its_form_for_the_precompiles() -> None:
    for key in (QUICKNET.public_key, LocalNetwork(7, 100).network.public_key):
        assert compressed_key(evm_key(key)) == key


@pytest.mark.parametrize(
    "key",
    [
        b"",
        bytes(96),
        QUICKNET.public_key[:-1],
        QUICKNET.public_key[:-1] + b"\0",
        b"\xc0" + bytes(95),
    ],
)
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(InputError, match="public_key: not a key"):
        evm_key(key)


@pytest.mark.parametrize(
    ("committed_at", "delay_s", "expected"),
    [(100, 1, 2), (99, 1, 1), (0, 5, 1), (100, 3, 2), (100, 4, 3), (102, 1, 2), (103, 1, 3)],
)
def test_the_round_is_the_first_that_comes_out_late_enough(
    committed_at: int, delay_s: int, expected: int
) -> None:
    network = LocalNetwork(7, 100).network
    round_ = network.round_at(committed_at, delay_s)
    assert round_ == expected
    assert network.time_of(round_) >= committed_at + delay_s
    assert round_ == 1 or network.time_of(round_ - 1) < committed_at + delay_s


def test_a_relays_answer_is_believed_only_when_signed() -> None:
    told: dict[str, object] = {"round": 1000, "randomness": RANDOMNESS, "signature": GENUINE[1000]}
    assert read_round(told, 1000, QUICKNET.public_key) == SIGNATURE
    for wrong, reason in (
        ([], "not a drand round"),
        ({"round": 1000}, "not a drand round"),
        (told | {"round": 1001}, "this is round 1001; fetch round 1000"),
        (told | {"signature": GENUINE[1001]}, "not the network's signature"),
        (told | {"signature": "xyz"}, "not the network's signature"),
    ):
        with pytest.raises(InputError, match=reason):
            read_round(wrong, 1000, QUICKNET.public_key)


def test_a_local_networks_rounds_are_signed_by_its_key_only() -> None:
    local = LocalNetwork(7, 100)
    assert is_signed(local.network.public_key, 5, local.sign(5))
    assert not is_signed(local.network.public_key, 6, local.sign(5))
    assert not is_signed(QUICKNET.public_key, 5, local.sign(5))
