"""The header of an interval: 436 bytes that commit to everything (docs/protocol.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from offchain.commitment.hashing import EMPTY_ROOTS, HASH_BYTES
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.records import HEADER, wire

MARKET_TAG: Final = b"\x07"
GENESIS_TAG: Final = b"\x08"
PROTOCOL_VERSION: Final = 1
ADDRESS_BYTES: Final = 20
#: Root of a tree without leaves: the meter root while no readings are settled.
NO_READINGS_ROOT: Final = EMPTY_ROOTS[0]
#: What is sent to be posted: the hash of the header before, and the payload less what the ledger knows.
SENT_BYTES: Final = 356
_KEPT: Final = (slice(0, 132), slice(164, 228), slice(292, 384), slice(392, 400), slice(408, 436))
_WIRE: Final = wire(HEADER)


@dataclass(frozen=True)
class Header:
    """The payload, field by field in wire order; roots, hashes and the seed have 32 bytes.

    Energies are Wh, money micro; ``imbalance_scale_ppb`` scales imbalance credits, 1e9 = in full.
    """

    interval: int
    orders_root: bytes
    allocation_root: bytes
    pre_state_root: bytes
    state_root: bytes
    contracts_root: bytes
    bus_vector_hash: bytes
    meter_root: bytes
    shares_root: bytes
    policy_hash: bytes
    grid_version: int
    seed: bytes
    bundle_hash: bytes
    requested: int
    served: int
    offered: int
    dispatched: int
    credit_sum: int
    debit_sum: int
    pot: int
    shortfall: int
    imbalance_scale_ppb: int
    forced_cursor: int

    def packed(self) -> bytes:
        """The committed payload, 436 bytes."""
        row = np.zeros(1, dtype=_WIRE)
        for field in fields(self):
            value = getattr(self, field.name)
            row[field.name] = np.void(value) if isinstance(value, bytes) else value
        return row.tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The header of a payload; InputError if it has another length."""
        if len(payload) != _WIRE.itemsize:
            raise InputError(f"header: {len(payload)} bytes; a payload has {_WIRE.itemsize}")
        row = np.frombuffer(payload, dtype=_WIRE)[0]
        # item() of a void is its bytes, of a number an int.
        return cls(**{name: row[name].item() for name in _WIRE.names or ()})

    def sent(self, previous_hash: bytes) -> bytes:
        """What is sent to post the header, 356 bytes: without what the ledger puts in itself."""
        payload = self.packed()
        return previous_hash + b"".join(payload[kept] for kept in _KEPT)

    @classmethod
    def of_sent(
        cls, sent: bytes, contracts_root: bytes, shares_root: bytes, policy_hash: bytes
    ) -> tuple[bytes, Self]:
        """What the ledger made of what was sent: the hash of the header before, and the header.

        Args:
            sent: 356 bytes.
            contracts_root: The market's.
            shares_root: The market's.
            policy_hash: The market's.

        Raises:
            InputError: When it has another length.
        """
        if len(sent) != SENT_BYTES:
            raise InputError(f"header: {len(sent)} bytes were sent; give {SENT_BYTES}")
        known = {132: contracts_root, 228: shares_root + policy_hash}
        known |= {384: sent[304:312], 400: sent[320:328]}
        payload, at = b"", HASH_BYTES
        for kept in _KEPT:
            payload += known.get(len(payload), b"")
            size = kept.stop - kept.start
            payload, at = payload + sent[at : at + size], at + size
        return sent[:HASH_BYTES], cls.unpack(payload)

    def hash(self, domain_hash: bytes, previous_hash: bytes) -> bytes:
        """``H(previous ‖ H(domainHash ‖ payload))``."""
        return keccak(previous_hash + keccak(domain_hash + self.packed()))


@dataclass(frozen=True)
class Domain:
    """What a market's hashes are bound to, so that no other market can replay them.

    Attributes:
        chain_id: of the chain the ledger lives on.
        ledger: its address, 20 bytes.
        market_id: `market_id` of the genesis, 32 bytes.
    """

    chain_id: int
    ledger: bytes
    market_id: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.chain_id < 2**256:
            raise InputError(f"domain.chain_id: {self.chain_id} is not in 0 ... 2^256 - 1")
        for name, size in (("ledger", ADDRESS_BYTES), ("market_id", HASH_BYTES)):
            require_bytes(f"domain.{name}", getattr(self, name), size)

    def hash(self) -> bytes:
        """``H(abi.encode(uint256 version, uint256 chainId, address ledger, bytes32 marketId))``."""
        return keccak(
            PROTOCOL_VERSION.to_bytes(32, "big")
            + self.chain_id.to_bytes(32, "big")
            + self.ledger.rjust(32, b"\0")
            + self.market_id
        )


def market_id(
    policy_hash: bytes, grid_hash: bytes, contracts_root: bytes, state_root: bytes, nonce: bytes
) -> bytes:
    """The market's name for ever: a reset chain starts another one by another nonce."""
    require_bytes("nonce", nonce, HASH_BYTES)
    return keccak(MARKET_TAG + policy_hash + grid_hash + contracts_root + state_root + nonce)


def genesis_hash(domain_hash: bytes, state_root: bytes) -> bytes:
    """The header hash before the first interval."""
    return keccak(GENESIS_TAG + domain_hash + state_root)


def bus_vector_hash(certificate: bytes, injection_wh: list[int]) -> bytes:
    """Hash of the packed certificate and of every bus's injection, i64 Wh."""
    return keccak(certificate + np.array(injection_wh, dtype=">i8").tobytes())


def require_bytes(name: str, value: bytes, size: int) -> None:
    """Raise InputError unless a value has its number of bytes."""
    if len(value) != size:
        raise InputError(f"{name}: {len(value)} bytes; give {size}")
