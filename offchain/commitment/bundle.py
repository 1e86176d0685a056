"""What is published of an interval, and of the start of a market, for anyone to check.

An interval's bundle hash covers all sections but the last; the last is the header payload, which
itself carries that hash (docs/protocol.md, section 7). What a bundle says is not believed here:
reading checks shapes, an audit checks the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.commitment.container import (
    read_manifest,
    read_sections,
    write_manifest,
    write_sections,
)
from offchain.commitment.hashing import HASH_BYTES, Table, packed_rows
from offchain.commitment.header import Domain, Header, require_bytes
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.records import ALLOCATION, CONTRACT, ORDER, READING, SHARE, STATE, wire

#: Tables by section name; all but orders and readings have one row per registration number.
_TABLES: Final = {
    "orders": ORDER,
    "allocation": ALLOCATION,
    "state": STATE,
    "contracts": CONTRACT,
    "shares": SHARE,
    "readings": READING,
}
#: Tables without a row for those of whom there is nothing to say.
_SPARSE: Final = ("orders", "readings")
_INTERVAL_SECTIONS: Final = (
    "manifest",
    "previous_hash",
    "salt_key",
    *_TABLES,
    "certificate",
    "header",
)
_GENESIS_SECTIONS: Final = (
    "manifest",
    "policy",
    "grid",
    "nonce",
    "salt_key",
    "contracts",
    "shares",
    "state",
)
_INTERVAL_KEYS: Final = ("format", "grid_version", "interval", "participants")
_GENESIS_KEYS: Final = (
    "chain_id",
    "format",
    "grid_version",
    "interval",
    "ledger",
    "market_id",
    "participants",
)
_FORMAT: Final = 1
_HEADER_BYTES: Final = 436
#: Bytes of the header section with its name and length.
_HEADER_SECTION_BYTES: Final = 1 + len("header") + 8 + _HEADER_BYTES


@dataclass(frozen=True, eq=False)
class Bundle:
    """An interval as published; tables are native ``records`` arrays.

    Attributes:
        interval: its number.
        grid_version: of the grid it was cleared on.
        previous_hash: header hash of the interval before.
        salt_key: what the salts of records and nodes are made from, 32 bytes.
        orders: records.ORDER, the rows of those who have an order.
        allocation: records.ALLOCATION[N].
        state: records.STATE[N], after the interval.
        contracts: records.CONTRACT[N].
        shares: records.SHARE[N].
        readings: records.READING, the rows of those whose meter was read.
        certificate: packed.
        header: the payload.
        hash: of the published bytes, as the header must carry it.
    """

    interval: int
    grid_version: int
    previous_hash: bytes
    salt_key: bytes
    orders: Table
    allocation: Table
    state: Table
    contracts: Table
    shares: Table
    readings: Table
    certificate: bytes
    header: Header
    hash: bytes


@dataclass(frozen=True, eq=False)
class GenesisBundle:
    """A market before its first interval.

    Attributes:
        domain: what its hashes are bound to.
        grid_version: of the first grid.
        policy: packed.
        grid: packed.
        nonce: what tells this market from another with the same start, 32 bytes.
        salt_key: of the first state's salts.
        contracts: records.CONTRACT[N].
        shares: records.SHARE[N].
        state: records.STATE[N].
    """

    domain: Domain
    grid_version: int
    policy: bytes
    grid: bytes
    nonce: bytes
    salt_key: bytes
    contracts: Table
    shares: Table
    state: Table


def write_body(
    interval: int,
    grid_version: int,
    previous_hash: bytes,
    salt_key: bytes,
    tables: dict[str, Table],
    certificate: bytes,
) -> bytes:
    """The sections that the bundle hash covers; ``tables`` has one of each of the six names."""
    manifest = {
        "format": _FORMAT,
        "grid_version": grid_version,
        "interval": interval,
        "participants": len(tables["state"]),
    }
    return write_sections(
        {
            "manifest": write_manifest(manifest),
            "previous_hash": previous_hash,
            "salt_key": salt_key,
            **{name: packed_rows(tables[name]).tobytes() for name in _TABLES},
            "certificate": certificate,
        }
    )


def write_bundle(body: bytes, header: Header) -> bytes:
    """The bundle of a body and the header that carries the body's hash."""
    return body + write_sections({"header": header.packed()}, magic=b"")


def read_bundle(data: bytes) -> Bundle:
    """Read an interval's bundle.

    Raises:
        InputError: names the section that is not as it must be.
    """
    sections = read_sections(data, _INTERVAL_SECTIONS)
    manifest = read_manifest(sections["manifest"], _INTERVAL_KEYS)
    participants = _number(manifest, "participants")
    _require_format(manifest)
    for name in ("previous_hash", "salt_key"):
        require_bytes(f"bundle.{name}", sections[name], HASH_BYTES)
    return Bundle(
        interval=_number(manifest, "interval"),
        grid_version=_number(manifest, "grid_version"),
        previous_hash=sections["previous_hash"],
        salt_key=sections["salt_key"],
        **{name: _table(name, sections[name], participants) for name in _TABLES},
        certificate=sections["certificate"],
        header=Header.unpack(sections["header"]),
        hash=keccak(data[:-_HEADER_SECTION_BYTES]),
    )


def write_genesis(genesis: GenesisBundle) -> bytes:
    """The published bytes of a genesis."""
    manifest = {
        "chain_id": str(genesis.domain.chain_id),
        "format": _FORMAT,
        "grid_version": genesis.grid_version,
        "interval": 0,
        "ledger": genesis.domain.ledger.hex(),
        "market_id": genesis.domain.market_id.hex(),
        "participants": len(genesis.state),
    }
    tables = {name: getattr(genesis, name) for name in ("contracts", "shares", "state")}
    return write_sections(
        {
            "manifest": write_manifest(manifest),
            "policy": genesis.policy,
            "grid": genesis.grid,
            "nonce": genesis.nonce,
            "salt_key": genesis.salt_key,
            **{name: packed_rows(table).tobytes() for name, table in tables.items()},
        }
    )


def read_genesis(data: bytes) -> GenesisBundle:
    """Read a genesis bundle; arguments and errors as `read_bundle`."""
    sections = read_sections(data, _GENESIS_SECTIONS)
    manifest = read_manifest(sections["manifest"], _GENESIS_KEYS)
    participants = _number(manifest, "participants")
    _require_format(manifest)
    if _number(manifest, "interval") != 0:
        raise InputError("bundle.manifest.interval: a genesis is interval 0")
    for name in ("nonce", "salt_key"):
        require_bytes(f"bundle.{name}", sections[name], HASH_BYTES)
    tables = {
        name: _table(name, sections[name], participants)
        for name in ("contracts", "shares", "state")
    }
    return GenesisBundle(
        domain=Domain(
            chain_id=_decimal(manifest, "chain_id"),
            ledger=_bytes(manifest, "ledger"),
            market_id=_bytes(manifest, "market_id"),
        ),
        grid_version=_number(manifest, "grid_version"),
        policy=sections["policy"],
        grid=sections["grid"],
        nonce=sections["nonce"],
        salt_key=sections["salt_key"],
        **tables,
    )


def _table(name: str, data: bytes, participants: int) -> Table:
    """The records of a section: one per registration number, orders at most one."""
    layout = _TABLES[name]
    rows, rest = divmod(len(data), layout.itemsize)
    fits = rows <= participants if name in _SPARSE else rows == participants
    if rest or not fits:
        at_most = "at most " if name in _SPARSE else ""
        raise InputError(
            f"bundle.{name}: {len(data)} bytes; {at_most}{participants} records of "
            f"{layout.itemsize} bytes are announced"
        )
    return np.frombuffer(data, dtype=wire(layout)).astype(layout)


def _require_format(manifest: dict[str, int | str]) -> None:
    if manifest["format"] != _FORMAT:
        raise InputError(f"bundle.manifest.format: must be {_FORMAT}; use a newer clearwatt")


def _number(manifest: dict[str, int | str], key: str) -> int:
    value = manifest[key]
    if not isinstance(value, int) or value >= 2**32:
        raise InputError(f"bundle.manifest.{key}: must be a whole number below 2^32")
    return value


def _decimal(manifest: dict[str, int | str], key: str) -> int:
    value = manifest[key]
    if not isinstance(value, str) or not (
        value.isascii() and value.isdigit() and len(value) <= 78 and value == str(int(value))
    ):
        raise InputError(f"bundle.manifest.{key}: must be a whole number, written as a text")
    return int(value)


def _bytes(manifest: dict[str, int | str], key: str) -> bytes:
    text = str(manifest[key])
    if len(text) % 2 or not set(text) <= set("0123456789abcdef"):
        raise InputError(f"bundle.manifest.{key}: must be pairs of hexadecimal digits")
    return bytes.fromhex(text)
