"""What the calldata of each proof costs at most, whatever it does with them: ``python -m tests.contracts.floors``.

By the floor of EIP-7623, for trees of depth 20 and with no byte zero that can be another: an upper bound of what a
proof pays for its evidence, and a lower bound of the whole where the floor is what counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from eth_abi.abi import encode

from deploy.contracts import artifact
from offchain.policy import Policy
from offchain.records import (
    ALLOCATION,
    BUS,
    CONTRACT,
    HEADER,
    ORDER,
    READING,
    SHARE,
    STATE,
    wire,
)

_BASE, _ZERO, _OTHER = 21_000, 10, 40
DEPTH: Final = 20
#: Levels of buses among them, where a proof shows these alone.
BUS_DEPTH: Final = 10
_HASH, _OPENED = 32, 144
_SIGNATURE = 65
_BUS: Final = wire(BUS).itemsize - _HASH

#: Bytes of each part of a proof, by the name of the argument and of the field in it; or of the field alone.
_BYTES: Final[Mapping[str, int]] = {
    "payload": wire(HEADER).itemsize,
    "path": DEPTH * _HASH,
    "allocation.record": wire(ALLOCATION).itemsize,
    "earlier.record": wire(ALLOCATION).itemsize,
    "slot.record": 0,
    "slot.bus": _BUS,
    "lower": (DEPTH - BUS_DEPTH) * 2 * _HASH,
    "upper": BUS_DEPTH * 2 * _HASH,
    "allocation.bus": _BUS,
    "earlier.bus": _BUS,
    "bus": wire(BUS).itemsize,
    "order.record": wire(ORDER).itemsize,
    "preState.record": wire(STATE).itemsize,
    "postState.record": wire(STATE).itemsize,
    "contract_.record": wire(CONTRACT).itemsize,
    "share.record": wire(SHARE).itemsize,
    "reading.record": wire(READING).itemsize,
    "preimage": _OPENED,
    "left": _OPENED,
    "right": _OPENED,
    "states": 1 + 2 * (wire(STATE).itemsize + DEPTH * _HASH),
    "sums": BUS_DEPTH * _OPENED,
    "root": _OPENED,
    "policy": len(Policy().packed()),
    "filed": wire(ORDER).itemsize,
    "received": wire(ORDER).itemsize,
    "receipts": _SIGNATURE,
    "signature": 48,
}
#: As long as the grid has buses.
EXEMPT: Final = ("busVector", "network", "seed", "seedAhead")


def floors() -> dict[str, int]:
    """The floor of each proof's calldata, by its function; those of `EXEMPT` left out."""
    found = {}
    for contract in ("FaultProofs", "FaultsAnnex"):
        entries: list[dict[str, Any]] = json.loads(json.dumps(artifact(contract).abi))
        for entry in entries:
            name, mutates = entry.get("name"), entry.get("stateMutability") == "nonpayable"
            if entry["type"] == "function" and mutates and name not in (*EXEMPT, "commit"):
                found[str(name)] = _floor(entry["inputs"])
    return dict(sorted(found.items(), key=lambda each: each[1]))


def _floor(inputs: Sequence[Mapping[str, Any]]) -> int:
    data = encode([_type(each) for each in inputs], [_largest(each, "") for each in inputs])
    zeros = data.count(0)
    return _BASE + _ZERO * zeros + _OTHER * (4 + len(data) - zeros)


def _type(each: Mapping[str, Any]) -> str:
    kind = str(each["type"])
    return f"({','.join(map(_type, each['components']))})" if kind == "tuple" else kind


def _largest(each: Mapping[str, Any], within: str) -> object:
    """A value without a byte of zero, as long as it can be."""
    kind, name = str(each["type"]), str(each["name"])
    if kind == "tuple":
        return tuple(_largest(part, name) for part in each["components"])
    if kind == "bytes":
        size = _BYTES.get(f"{within}.{name}", _BYTES.get(name))
        if size is None:
            raise KeyError(f"{within}.{name}: say in floors.py how long it can be")
        return b"\xff" * size
    if kind == "bytes32":
        return b"\xff" * _HASH
    return 2 ** int(kind.removeprefix("uint")) - 1


def main() -> int:
    """Print the table."""
    for name, gas in floors().items():
        print(f"{name:20}{gas:>10,}")
    print(f"without {', '.join(EXEMPT)}: as long as the grid, or a pairing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
