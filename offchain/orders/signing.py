"""Signatures of orders: EIP-712, by hand, because a table of orders is hashed each interval.

``Order(uint32 index,uint32 seq,uint32 validFrom,uint32 validTo,uint32 essentialWh,
uint32 flexibleWh,uint32 supplyWh,uint32 bidTicks)`` in the domain ``(name "clearwatt",
version "1", chainId, verifyingContract = ledger, salt = marketId)`` (docs/protocol.md, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from coincurve import PrivateKey, PublicKey

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.keccak.rows import keccak_rows
from offchain.records import ORDER, wire

if TYPE_CHECKING:
    from offchain.orders.table import OrderTable

_FIELDS: Final = (
    "index",
    "seq",
    "valid_from",
    "valid_to",
    "essential_wh",
    "flexible_wh",
    "supply_wh",
    "bid_ticks",
)
_ORDER_TYPE: Final = keccak(
    b"Order(uint32 index,uint32 seq,uint32 validFrom,uint32 validTo,uint32 essentialWh,"
    b"uint32 flexibleWh,uint32 supplyWh,uint32 bidTicks)"
)
_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,"
    b"address verifyingContract,bytes32 salt)"
)
_NAME: Final = keccak(b"clearwatt")
_VERSION: Final = keccak(b"1")
#: Half the order of secp256k1: of the two signatures of a message the one with the lower s counts.
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
#: Ethereum's v is the recovery number plus this.
_V_BASE: Final = 27
_WORD: Final = 32


def domain_separator(chain_id: int, ledger: bytes, market_id: bytes) -> bytes:
    """The EIP-712 domain separator.

    Args:
        chain_id: of the chain the ledger lives on.
        ledger: its address, 20 bytes.
        market_id: 32 bytes.
    """
    return keccak(
        _DOMAIN_TYPE
        + _NAME
        + _VERSION
        + chain_id.to_bytes(_WORD, "big")
        + ledger.rjust(_WORD, b"\0")
        + market_id
    )


def digests(separator: bytes, orders: OrderTable) -> list[bytes]:
    """What the owners sign: the EIP-712 digest of each row, 32 bytes each."""
    return struct_digests(separator, _ORDER_TYPE, orders, _FIELDS)


def struct_digests(
    separator: bytes, type_hash: bytes, table: npt.NDArray[np.void], fields: Sequence[str]
) -> list[bytes]:
    """The EIP-712 digest of each row of a table, 32 bytes each.

    Args:
        separator: the market's domain separator.
        type_hash: hash of the struct's type.
        table: records of k rows.
        fields: those that are signed, in the type's order, all uint32.
    """
    words = np.zeros((len(table), 1 + len(fields), _WORD), dtype=np.uint8)
    words[:, 0] = np.frombuffer(type_hash, dtype=np.uint8)
    for at, name in enumerate(fields, start=1):
        values = np.ascontiguousarray(table[name]).astype(">u4")
        words[:, at, -4:] = values.view(np.uint8).reshape(-1, 4)
    structs = keccak_rows(words.reshape(len(table), _WORD * (1 + len(fields))))
    head = b"\x19\x01" + separator
    return [keccak(head + struct.tobytes()) for struct in structs]


def address(key: PublicKey) -> bytes:
    """The Ethereum address of a public key, 20 bytes."""
    return keccak(key.format(compressed=False)[1:])[12:]


def signed(orders: OrderTable, keys: list[PrivateKey], separator: bytes) -> OrderTable:
    """A copy of the table with row i signed by ``keys[i]``."""
    return with_signatures(orders, keys, digests(separator, orders))


def with_signatures(
    table: npt.NDArray[np.void], keys: Sequence[PrivateKey], digests: Sequence[bytes]
) -> npt.NDArray[np.void]:
    """A copy of a table of signed records with ``digests[i]`` signed by ``keys[i]``."""
    result = table.copy()
    for row, (key, digest) in enumerate(zip(keys, digests, strict=True)):
        signature = key.sign_recoverable(digest, hasher=None)
        result["r"][row] = np.void(signature[:32])
        result["s"][row] = np.void(signature[32:64])
        result["v"][row] = signature[64] + _V_BASE
    return result


def recover(digest: bytes, r: bytes, s: bytes, v: int) -> bytes | None:
    """The address that signed a digest, or None where r, s, v are no canonical signature."""
    if v - _V_BASE not in (0, 1) or int.from_bytes(s, "big") > _HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            r + s + bytes([v - _V_BASE]), digest, hasher=None
        )
    except ValueError:  # what coincurve raises for r or s out of range or no such point
        return None
    return address(key)


@dataclass
class SignatureCheck:
    """Checks the signatures of order tables; a row seen in the last table costs no recovery.

    Standing orders repeat from interval to interval, so what was recovered for a table is kept,
    by the bytes of the whole row, until the next table has been checked.

    Attributes:
        separator: the EIP-712 domain separator of the market.
    """

    separator: bytes
    _signers: dict[bytes, bytes | None] = field(default_factory=dict, repr=False)

    def invalid(self, orders: OrderTable, owners: npt.NDArray[np.void]) -> list[int]:
        """The rows that their participant's owner did not sign.

        Args:
            orders: ``records.ORDER[k]``, every index registered.
            owners: V20[n], the owner of each registration number.

        Returns:
            Row numbers, ascending.
        """
        packed = orders.astype(wire(ORDER)).tobytes()
        size = ORDER.itemsize
        rows = [packed[at : at + size] for at in range(0, len(packed), size)]
        fresh = [row for row, record in enumerate(rows) if record not in self._signers]
        signers = {record: self._signers[record] for record in rows if record in self._signers}
        for row, digest in zip(fresh, digests(self.separator, orders[fresh]), strict=True):
            record = rows[row]
            signers[record] = recover(digest, record[-65:-33], record[-33:-1], record[-1])
        self._signers = signers
        expected = owners[orders["index"]].tolist()
        return [row for row, record in enumerate(rows) if signers[record] != expected[row]]

    def require(self, orders: OrderTable, owners: npt.NDArray[np.void]) -> None:
        """Raise InputError, naming the participants, unless every row is signed by its owner."""
        wrong = self.invalid(orders, owners)
        if wrong:
            names = ", ".join(str(orders["index"][row]) for row in wrong[:5])
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise InputError(
                f"orders.signature: not by the registered owner of participant {names}{more}; "
                "sign the order with the owner's key for this market"
            )
