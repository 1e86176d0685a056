"""What a pilot operator gives to change a market's terms: limits, policies, shares, signatures."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from web3 import Web3

from offchain.commitment.bundle import GenesisBundle, read_bundle, read_genesis
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.market.amend import require_successor, seated
from offchain.policy import PRICE_CURVES, Policy
from offchain.records import KIND_CONTRACT, KIND_SHARE, SHARE
from offchain.units import PPB


def limits_of(texts: tuple[str, ...]) -> dict[int, int]:
    """Limits by line, from LINE=WH."""
    limits = {}
    for text in texts:
        line, _, limit = text.partition("=")
        if not (line.isdecimal() and limit.isdecimal()):
            raise InputError(f"limit: '{text}' will not do; give LINE=WH, such as 3=9000")
        limits[int(line)] = int(limit)
    return limits


def signature_of(text: str) -> bytes:
    """A signature in hexadecimal."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise InputError(
            f"signature: '{text}' is not hexadecimal; give 0x and its digits"
        ) from None


def changed_policy(before: Policy, changes: tuple[str, ...]) -> Policy:
    """A policy with other numbers, from FIELD=VALUE, which can follow it in a running market."""
    values: dict[str, Any] = {}
    for text in changes:
        name, _, value = text.partition("=")
        if name not in Policy.__dataclass_fields__:
            raise InputError(f"set: a policy has no {name}; see docs/protocol.md, section 6")
        if name == "price_curve" and value in PRICE_CURVES:
            values[name] = PRICE_CURVES.index(value)
        elif name == "meter_operator":
            values[name] = signature_of(value)
        elif value.isdecimal():
            values[name] = int(value)
        else:
            raise InputError(f"set: {name} is a whole number, not '{value}'")
    after = replace(before, **values)
    require_successor(before, after)
    return after


def genesis_of(path: Path) -> GenesisBundle:
    """The genesis bundle in a file."""
    try:
        return read_genesis(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"genesis: cannot read {path} ({error.strerror}); check the path"
        ) from None


def shares_root_of(path: Path, participants: int) -> bytes:
    """Root of the shares in a CSV of index,share_ppb; who is not named has none."""
    shares = np.zeros(participants, dtype=SHARE)
    shares["index"] = np.arange(participants)
    try:
        rows = list(csv.reader(path.read_text().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"file: cannot read {path} ({error}); check the path") from None
    if not rows or rows[0] != ["index", "share_ppb"]:
        raise InputError(f"file: the first line of {path.name} must be index,share_ppb")
    for line, row in enumerate(rows[1:], 2):
        if (
            len(row) != 2
            or not all(cell.isdecimal() for cell in row)
            or int(row[0]) >= participants
        ):
            raise InputError(
                f"file: {path.name}, line {line}: give a registration number below {participants} and whole ppb"
            )
        shares["share_ppb"][int(row[0])] = int(row[1])
    total = int(shares["share_ppb"].astype(np.int64).sum())
    if total != PPB:
        raise InputError(f"file: the shares sum to {total} ppb; they must sum to {PPB}")
    return PlainTree.of_table(KIND_SHARE, shares, participants).root


def contracts_of(path: Path, root: bytes) -> np.ndarray[Any, np.dtype[np.void]]:
    """The contracts in a bundle, which must be those in force."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"bundle: cannot read {path} ({error.strerror}); check the path") from None
    try:
        contracts = read_genesis(data).contracts
    except InputError:
        contracts = read_bundle(data).contracts
    if PlainTree.of_table(KIND_CONTRACT, contracts, len(contracts)).root != root:
        raise InputError(
            f"bundle: {path.name} has other contracts than those in force; give a newer one"
        )
    return contracts


def moved(
    contracts: np.ndarray[Any, np.dtype[np.void]],
    moves: tuple[str, ...],
    owner: str | None,
    buses: int,
) -> np.ndarray[Any, np.dtype[np.void]]:
    """Contracts after some have moved, from INDEX=BUS, on a grid of so many buses."""
    taker = None
    if owner is not None:
        if not Web3.is_address(owner) or len(moves) != 1:
            raise InputError("owner: give one --move, and an address of 0x and 40 digits")
        taker = bytes.fromhex(owner.removeprefix("0x"))
    for text in moves:
        index, _, bus = text.partition("=")
        if not (index.isdecimal() and bus.isdecimal()):
            raise InputError(f"move: '{text}' will not do; give INDEX=BUS, such as 4=12")
        if int(bus) >= buses:
            raise InputError(f"move: {bus} is not a bus; the grid in force has 0 ... {buses - 1}")
        contracts = seated(contracts, int(index), int(bus), taker)
    return contracts


def signatures_of(path: Path, names: list[str]) -> dict[str, bytes]:
    """Signatures by name from a JSON file."""
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"signatures: cannot read {path} ({error}); give a JSON object") from None
    for name in names:
        if not isinstance(given, dict) or name not in given:
            raise InputError(f"signatures: that of {name} is missing; add it to {path.name}")
    return {name: signature_of(str(text)) for name, text in given.items()}
