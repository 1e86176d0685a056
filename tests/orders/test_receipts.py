"""Receipts say what they say of one order and one interval, and read back from JSON."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.receipts import read_receipts, receipt, receipt_digest
from offchain.orders.signing import address, recover

SEPARATOR = keccak(b"separator")
KEY = PrivateKey(keccak(b"signer"))
ORDER = bytes(range(97))


def test_a_receipt_is_its_signers_and_of_one_order_and_interval() -> None:
    made = receipt(SEPARATOR, ORDER, 3, KEY)
    parts = made.signature[:32], made.signature[32:64], made.signature[64]
    signer = address(KEY.public_key)
    assert recover(receipt_digest(SEPARATOR, ORDER, 3), *parts) == signer
    for other in (
        receipt_digest(SEPARATOR, ORDER, 4),
        receipt_digest(SEPARATOR, ORDER[:-1] + b"\0", 3),
        receipt_digest(keccak(b"another market"), ORDER, 3),
    ):
        assert recover(other, *parts) != signer


def test_receipts_survive_json() -> None:
    made = receipt(SEPARATOR, ORDER, 3, KEY)
    assert read_receipts([made.to_json()]) == (made,)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"interval": 0}, r"receipts\[0\].interval: 0 will not do"),
        ({"interval": True}, r"receipts\[0\].interval: True will not do"),
        ({"order": "0x00"}, r"receipts\[0\].order: give 0x and 194"),
        ({"signature": "no"}, r"receipts\[0\].signature: give 0x and 130"),
        ({"more": 1}, r"receipts\[0\]: give an object"),
    ],
)
def test_what_is_no_receipt_is_refused_by_field(change: dict[str, object], reason: str) -> None:
    told = receipt(SEPARATOR, ORDER, 3, KEY).to_json() | change
    with pytest.raises(InputError, match=reason):
        read_receipts([told])


def test_receipts_are_a_list() -> None:
    with pytest.raises(InputError, match="receipts: not a list"):
        read_receipts({})
