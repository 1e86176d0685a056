"""Orders are signed as wallets sign them, and only the owner's canonical signature counts."""

import numpy as np
import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.signing import (
    SignatureCheck,
    address,
    digests,
    domain_separator,
    recover,
    signed,
)
from offchain.orders.table import OrderTable, Quantities, orders_from_columns

LEDGER = bytes(range(1, 21))
MARKET = keccak(b"a market")
SEPARATOR = domain_separator(31337, LEDGER, MARKET)
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEYS = [PrivateKey.from_int(i + 1) for i in range(6)]
OWNERS = np.array([address(key.public_key) for key in KEYS], dtype="V20")

words = st.integers(0, 2**32 - 1)


def typed_data(row: tuple[int, ...]) -> dict[str, object]:
    """The order as a wallet is given it."""
    names = (
        "index",
        "seq",
        "validFrom",
        "validTo",
        "essentialWh",
        "flexibleWh",
        "supplyWh",
        "bidTicks",
    )
    domain_types = {
        "name": "string",
        "version": "string",
        "chainId": "uint256",
        "verifyingContract": "address",
        "salt": "bytes32",
    }
    return {
        "types": {
            "EIP712Domain": [{"name": n, "type": t} for n, t in domain_types.items()],
            "Order": [{"name": name, "type": "uint32"} for name in names],
        },
        "primaryType": "Order",
        "domain": {
            "name": "clearwatt",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": "0x" + LEDGER.hex(),
            "salt": MARKET,
        },
        "message": dict(zip(names, row, strict=True)),
    }


def table(rows: list[tuple[int, ...]]) -> OrderTable:
    index, seq, valid_from, valid_to, *quantities = (np.array(c) for c in zip(*rows, strict=True))
    return orders_from_columns(
        index, Quantities(*quantities), seq=seq, valid_from=valid_from, valid_to=valid_to
    )


def standing_orders() -> OrderTable:
    return signed(table([(i, 1, 1, 99, 10, 20, 30, 40) for i in range(6)]), KEYS, SEPARATOR)


@settings(max_examples=25)
@given(st.tuples(*[words] * 8))
def test_the_digest_and_the_signature_are_those_of_a_wallet(row: tuple[int, ...]) -> None:
    order = signed(table([row]), [KEYS[2]], SEPARATOR)
    message = encode_typed_data(full_message=typed_data(row))
    expected = Account.sign_message(message, KEYS[2].secret)
    assert digests(SEPARATOR, order) == [bytes(expected.message_hash)]
    signature = order[0]["r"].tobytes() + order[0]["s"].tobytes() + bytes([order[0]["v"]])
    assert signature == bytes(expected.signature)


def test_an_order_is_recovered_to_the_address_of_its_key() -> None:
    orders = standing_orders()
    owner = Account.from_key(KEYS[0].secret).address
    assert address(KEYS[0].public_key).hex() == owner.removeprefix("0x").lower()
    digest = digests(SEPARATOR, orders)[0]
    first = orders[0]
    assert recover(digest, first["r"].tobytes(), first["s"].tobytes(), int(first["v"])) == (
        OWNERS[0].tobytes()
    )


def test_a_table_of_its_owners_orders_is_valid() -> None:
    assert SignatureCheck(SEPARATOR).invalid(standing_orders(), OWNERS) == []


@pytest.mark.parametrize(
    "field", ["seq", "valid_from", "valid_to", "essential_wh", "flexible_wh", "supply_wh", "v"]
)
def test_a_changed_field_is_found_even_after_the_table_was_checked(field: str) -> None:
    check = SignatureCheck(SEPARATOR)
    orders = standing_orders()
    assert check.invalid(orders, OWNERS) == []
    orders[field][3] ^= 1
    assert check.invalid(orders, OWNERS) == [3]


def test_an_order_signed_by_somebody_else_is_found_even_when_it_was_seen_before() -> None:
    check = SignatureCheck(SEPARATOR)
    orders = standing_orders()
    others = np.roll(OWNERS, 1)
    assert check.invalid(orders, OWNERS) == []
    assert check.invalid(orders, others) == [0, 1, 2, 3, 4, 5]


def test_a_signature_for_another_market_does_not_count() -> None:
    other = domain_separator(31337, LEDGER, keccak(b"the market after a reset"))
    assert SignatureCheck(other).invalid(standing_orders(), OWNERS) == [0, 1, 2, 3, 4, 5]


def test_the_twin_signature_with_the_higher_s_does_not_count() -> None:
    orders = standing_orders()
    s = CURVE_ORDER - int.from_bytes(orders[1]["s"].tobytes(), "big")
    orders["s"][1] = np.void(s.to_bytes(32, "big"))
    orders["v"][1] = 55 - orders["v"][1]
    assert SignatureCheck(SEPARATOR).invalid(orders, OWNERS) == [1]


@given(r=st.binary(min_size=32, max_size=32), s=st.binary(min_size=32, max_size=32), v=words)
def test_no_bytes_make_recovery_fail_otherwise_than_by_saying_no(
    r: bytes, s: bytes, v: int
) -> None:
    signer = recover(keccak(b"x"), r, s, v % 256)
    assert signer is None or len(signer) == 20


def test_the_refusal_names_the_participants() -> None:
    orders = standing_orders()
    orders["seq"][[2, 4]] += 1
    with pytest.raises(InputError, match=r"^orders\.signature: .* participant 2, 4; sign"):
        SignatureCheck(SEPARATOR).require(orders, OWNERS)


def test_an_unsigned_table_is_refused() -> None:
    unsigned = table([(0, 1, 1, 99, 10, 20, 30, 40)])
    with pytest.raises(InputError, match=r"^orders\.signature: "):
        SignatureCheck(SEPARATOR).require(unsigned, OWNERS)
