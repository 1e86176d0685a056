"""A header is its 436 bytes, bound to one market and to the header before it."""

from dataclasses import fields, replace
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from offchain.commitment.header import Domain, Header, bus_vector_hash
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.records import HEADER

headers = st.builds(
    Header,
    **{
        name: (
            st.binary(min_size=32, max_size=32)
            if HEADER[name].kind == "V"
            else st.integers(0, 2 ** (8 * HEADER[name].itemsize) - 1)
        )
        for name in HEADER.names or ()
    },
)
DOMAIN = Domain(31337, bytes(range(20)), keccak(b"market"))


@given(headers)
def test_its_bytes_give_it_back(header: Header) -> None:
    assert len(header.packed()) == 436
    assert Header.unpack(header.packed()) == header


@given(headers)
def test_every_field_stands_where_the_protocol_says(header: Header) -> None:
    offset = 0
    for field in fields(Header):
        value = getattr(header, field.name)
        size = HEADER[field.name].itemsize
        packed = value if isinstance(value, bytes) else value.to_bytes(size, "big")
        assert header.packed()[offset : offset + size] == packed
        offset += size
    assert offset == 436


@given(headers, st.sampled_from([field.name for field in fields(Header)]))
def test_every_field_changes_the_hash(header: Header, name: str) -> None:
    value = getattr(header, name)
    other = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value ^ 1
    fields_of: dict[str, Any] = {name: other}
    changed = replace(header, **fields_of)
    assert changed.hash(DOMAIN.hash(), bytes(32)) != header.hash(DOMAIN.hash(), bytes(32))


def test_the_domain_hash_is_the_abi_encoding_of_version_chain_ledger_and_market() -> None:
    ledger = "0x" + DOMAIN.ledger.hex()
    encoded = encode(
        ["uint256", "uint256", "address", "bytes32"], [1, 31337, ledger, DOMAIN.market_id]
    )
    assert DOMAIN.hash() == keccak(encoded)


def test_another_market_or_another_past_gives_another_hash() -> None:
    header = Header.unpack(bytes(436))
    other = replace(DOMAIN, chain_id=1)
    assert header.hash(DOMAIN.hash(), bytes(32)) != header.hash(other.hash(), bytes(32))
    assert header.hash(DOMAIN.hash(), bytes(32)) != header.hash(DOMAIN.hash(), b"\1" * 32)


def test_injections_are_hashed_as_signed_words_after_the_certificate() -> None:
    assert bus_vector_hash(b"cert", [1, -2]) == keccak(
        b"cert" + (1).to_bytes(8, "big") + (-2).to_bytes(8, "big", signed=True)
    )


@pytest.mark.parametrize("size", [0, 435, 437])
def test_a_payload_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=rf"^header: {size} bytes; a payload has 436"):
        Header.unpack(bytes(size))
