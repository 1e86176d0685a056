"""Receipts: a signer's word that an order came in time for an interval (docs/protocol.md, section 3).

``Receipt(uint32 index,uint32 seq,uint32 interval,bytes32 orderHash)`` in the domain of orders. A header that holds
neither that order nor a later one of its owner is void, once as many signers have given one as a header needs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from coincurve import PrivateKey

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.signing import recover
from offchain.records import ORDER

_TYPE: Final = keccak(b"Receipt(uint32 index,uint32 seq,uint32 interval,bytes32 orderHash)")
_SIGNATURE_BYTES: Final = 65
_V_BASE: Final = 27


@dataclass(frozen=True)
class Receipt:
    """A receipt with the order that it is for.

    Attributes:
        interval: for which the order came in time.
        order: the packed order with its owner's signature.
        signature: of the signer, ``r ‖ s ‖ v``.
    """

    interval: int
    order: bytes
    signature: bytes

    def to_json(self) -> dict[str, object]:
        """The receipt as its holder keeps it."""
        return {
            "interval": self.interval,
            "order": "0x" + self.order.hex(),
            "signature": "0x" + self.signature.hex(),
        }


def receipt_digest(separator: bytes, order: bytes, interval: int) -> bytes:
    """What a signer signs: the EIP-712 digest, 32 bytes.

    Args:
        separator: the market's domain separator.
        order: the packed order with its owner's signature.
        interval: for which it came in time.
    """
    index, seq = order[:4].rjust(32, b"\0"), order[4:8].rjust(32, b"\0")
    struct = keccak(_TYPE + index + seq + interval.to_bytes(32, "big") + keccak(order))
    return keccak(b"\x19\x01" + separator + struct)


def receipt(separator: bytes, order: bytes, interval: int, key: PrivateKey) -> Receipt:
    """Sign a receipt; the caller has checked the order's owner, terms and number."""
    digest = receipt_digest(separator, order, interval)
    signature = key.sign_recoverable(digest, hasher=None)
    return Receipt(interval, order, signature[:64] + bytes([signature[64] + _V_BASE]))


def joint_signatures(
    separator: bytes, receipts: Iterable[Receipt], signers: Collection[bytes], needed: int
) -> bytes | None:
    """The signatures of receipts for one order and interval as the contract takes them: in ascending order of signer.

    Args:
        separator: the market's domain separator.
        receipts: for the same order and interval, in any order; what is no signer's counts for nothing.
        signers: who may sign, 20 bytes each.
        needed: of how many signers, as many as a header needs.

    Returns:
        ``r ‖ s ‖ v`` of each, one after the other; None where they are too few.
    """
    found: dict[bytes, bytes] = {}
    for given in receipts:
        digest, signature = receipt_digest(separator, given.order, given.interval), given.signature
        signer = recover(digest, signature[:32], signature[32:64], signature[64])
        if signer is not None and signer in signers:
            found[signer] = signature
    if len(found) < needed:
        return None
    return b"".join(found[signer] for signer in sorted(found)[:needed])


def read_receipts(told: object) -> tuple[Receipt, ...]:
    """Receipts out of JSON, a list of ``{"interval": 3, "order": "0x...", "signature": "0x..."}``.

    Raises:
        InputError: The first thing that is wrong, by field.
    """
    if not isinstance(told, list):
        raise InputError("receipts: not a list; give [{interval, order, signature}, ...]")
    return tuple(_read(f"receipts[{i}]", entry) for i, entry in enumerate(told))


def _read(where: str, entry: object) -> Receipt:
    if not isinstance(entry, Mapping) or entry.keys() != {"interval", "order", "signature"}:
        raise InputError(
            f"{where}: give an object with interval, order and signature, nothing else"
        )
    interval = entry["interval"]
    if not isinstance(interval, int) or isinstance(interval, bool) or not 0 < interval < 2**32:
        raise InputError(f"{where}.interval: {interval!r} will not do; give an interval from 1")
    sizes: Iterable[tuple[str, int]] = (("order", ORDER.itemsize), ("signature", _SIGNATURE_BYTES))
    found = {}
    for name, size in sizes:
        try:
            found[name] = bytes.fromhex(str(entry[name]).removeprefix("0x"))
        except ValueError:
            found[name] = b""
        if len(found[name]) != size:
            raise InputError(f"{where}.{name}: give 0x and {2 * size} hexadecimal digits")
    return Receipt(interval, found["order"], found["signature"])
