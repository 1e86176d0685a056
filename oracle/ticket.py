"""The escape ticket: a participant's newest state leaf with its path, which gets its money out without any bundle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from web3 import Web3

from offchain.commitment.hashing import HASH_BYTES, LEAF_TAG
from offchain.commitment.trees import plain_root
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.proofs.lines import state_of
from offchain.records import KIND_STATE, STATE

_FORMAT: Final = 1
_KIND: Final = "clearwatt ticket"
_REMEDY: Final = "`clearwatt verify-mine` makes one"


@dataclass(frozen=True)
class Ticket:
    """A state leaf under a header.

    Attributes:
        chain_id: Of the market's chain.
        ledger: Its ledger.
        escrow: Where the money is.
        interval: Of the header.
        header_hash: The header's hash, 32 bytes.
        state_root: The header's state root, 32 bytes.
        index: Registration number.
        owner: Who is paid.
        record: The packed state.
        path: Its siblings, from below.
    """

    chain_id: int
    ledger: str
    escrow: str
    interval: int
    header_hash: bytes
    state_root: bytes
    index: int
    owner: str
    record: bytes
    path: bytes

    @property
    def state(self) -> dict[str, int]:
        """The state, by field."""
        return state_of(self.record)

    @property
    def name(self) -> str:
        """What its file is called."""
        return f"ticket-{self.index}-{self.interval:05d}.json"

    def check(self) -> None:
        """See that the leaf lies under the state root.

        Raises:
            InputError: When it does not; the file was changed or cut.
        """
        if len(self.record) != STATE.itemsize or self.state["index"] != self.index:
            raise InputError(
                f"ticket: its record is not the state of participant {self.index}; "
                f"the file was changed, {_REMEDY}"
            )
        leaf = keccak(LEAF_TAG + bytes([KIND_STATE]) + self.record)
        if plain_root(leaf, self.index, self.path) != self.state_root:
            raise InputError(
                "ticket: its leaf does not lie under its state root; the file was changed, "
                f"{_REMEDY}"
            )

    @property
    def evidence(self) -> tuple[tuple[int, bytes, bytes], tuple[bytes, bytes]]:
        """State and leaf as the escrow takes them."""
        return (self.interval, self.header_hash, self.state_root), (self.record, self.path)

    def text(self) -> str:
        """The ticket as JSON, with what it says in numbers for whoever opens the file."""
        named = {
            name: f"0x{value.hex()}" if isinstance(value, bytes) else value
            for name, value in asdict(self).items()
        }
        said = {name: self.state[name] for name in ("credit", "debit")}
        return (
            json.dumps({"kind": _KIND, "format": _FORMAT, **named, "says": said}, indent=1) + "\n"
        )


def write_ticket(ticket: Ticket, folder: Path) -> Path:
    """Keep a ticket; older ones stay, because a newer header may still be voided.

    Raises:
        InputError: When it cannot be written.
    """
    place = folder / ticket.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = place.with_suffix(".part")
        written.write_text(ticket.text(), "utf-8")
        written.replace(place)
    except OSError as error:
        raise InputError(
            f"tickets: cannot write {place} ({error.strerror}); name another folder"
        ) from None
    return place


def read_ticket(path: Path) -> Ticket:
    """Read a ticket and check it.

    Raises:
        InputError: When the file cannot be read or is no ticket.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            f"ticket: cannot read {path} ({type(error).__name__}); {_REMEDY}"
        ) from None
    if not isinstance(data, dict) or data.get("kind") != _KIND or data.get("format") != _FORMAT:
        raise InputError(f"ticket: {path} is no clearwatt ticket of format {_FORMAT}; {_REMEDY}")
    ticket = Ticket(
        **{field.name: _value(data, field.name, field.type) for field in fields(Ticket)}
    )
    ticket.check()
    return ticket


def _value(data: dict[str, Any], name: str, kind: object) -> Any:  # noqa: ANN401 - JSON
    value = data.get(name)
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        if kind == "str" and Web3.is_address(value):
            return Web3.to_checksum_address(value)
        if kind == "bytes" and value.startswith("0x"):
            try:
                found = bytes.fromhex(value[2:])
            except ValueError:
                found = b""
            if found and (name not in ("header_hash", "state_root") or len(found) == HASH_BYTES):
                return found
    raise InputError(f"ticket: its {name} is missing or wrong; the file was changed, {_REMEDY}")
