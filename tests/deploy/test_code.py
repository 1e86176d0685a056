"""Code on a chain is held to the published code wherever an immutable value does not stand, and there to itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from web3 import Web3

from deploy.contracts import Artifact, artifact, has_code_of, immutable_values, masked_code

ADDRESS = Web3.to_checksum_address("0x" + "11" * 20)


def on_chain(code: bytes) -> Any:  # noqa: ANN401 - as little of web3 as is asked
    """A chain with some code at every address."""
    return SimpleNamespace(eth=SimpleNamespace(get_code=lambda address: code))


def with_values(compiled: Artifact, values: dict[str, bytes]) -> bytearray:
    """The code as a constructor leaves it."""
    code = bytearray(compiled.code)
    for name, start, length in compiled.immutables:
        code[start : start + length] = values[name]
    return code


@pytest.fixture
def compiled() -> Artifact:
    """A contract with an immutable value that stands in several places."""
    return artifact("SettlementEscrow")


@pytest.fixture
def values(compiled: Artifact) -> dict[str, bytes]:
    """A value for each."""
    names = dict.fromkeys(name for name, _, _ in compiled.immutables)
    return {name: bytes([k]) * 32 for k, name in enumerate(names, start=1)}


def test_immutable_values_may_be_any(compiled: Artifact, values: dict[str, bytes]) -> None:
    code = bytes(with_values(compiled, values))
    assert code != compiled.code
    assert has_code_of(on_chain(code), "SettlementEscrow", ADDRESS)
    assert immutable_values(code, compiled) == values
    assert {"ledger", "token", "_pathLength"} <= values.keys(), "also those no function shows"


def test_an_immutable_value_that_is_another_elsewhere_is_other_code(
    compiled: Artifact, values: dict[str, bytes]
) -> None:
    """Such code would answer with one ledger when asked, and pay by another."""
    code = with_values(compiled, values)
    places = [start for name, start, _ in compiled.immutables if name == "ledger"]
    assert len(places) > 1
    for place in places:
        lying = code.copy()
        lying[place + 31] ^= 1
        assert not has_code_of(on_chain(bytes(lying)), "SettlementEscrow", ADDRESS)
        assert masked_code(on_chain(bytes(lying)), "SettlementEscrow", ADDRESS) == lying


def test_any_other_byte_is_other_code(compiled: Artifact, values: dict[str, bytes]) -> None:
    code = with_values(compiled, values)
    held = {at for _, start, size in compiled.immutables for at in range(start, start + size)}
    for at in (0, 40, len(code) - 1):
        assert at not in held
        lying = code.copy()
        lying[at] ^= 1
        assert not has_code_of(on_chain(bytes(lying)), "SettlementEscrow", ADDRESS)


@pytest.mark.parametrize("change", ["nothing", "longer", "shorter"])
def test_code_of_another_length_is_other_code(
    compiled: Artifact, values: dict[str, bytes], change: str
) -> None:
    code = bytes(with_values(compiled, values))
    other = {"nothing": b"", "longer": code + b"\0", "shorter": code[:-1]}[change]
    assert not has_code_of(on_chain(other), "SettlementEscrow", ADDRESS)
