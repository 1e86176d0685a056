"""What others rely on in each contract, for a reviewer to read: contracts/snapshots/interfaces/<Contract>.json.

The interface by signature (with selectors, return types and mutability) and the storage slot by slot, both taken from
the artefacts. A change of either is a change for wallets, indexers and auditors, so it must show in a review;

    python -m deploy.snapshots

writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from deploy.contracts import ARTIFACTS
from offchain.keccak import keccak

SNAPSHOTS: Final = ARTIFACTS.parent.parent / "contracts" / "snapshots" / "interfaces"

_SELECTOR_BYTES: Final = 4


def snapshots(artifacts: Path = ARTIFACTS) -> dict[str, str]:
    """The text of every snapshot by file name, as the artefacts give it."""
    return {
        path.name: json.dumps(_snapshot(json.loads(path.read_text())), indent=1) + "\n"
        for path in sorted(artifacts.glob("*.json"))
    }


def _snapshot(compiled: dict[str, Any]) -> dict[str, Any]:
    layout = compiled["storageLayout"]
    types = layout["types"] or {}
    return {
        "contract": compiled["contractName"],
        "interface": sorted(_entry(entry) for entry in compiled["abi"]),
        "storage": [_slot(entry, types) for entry in layout["storage"]],
        "structs": {
            kind["label"]: [_slot(member, types) for member in kind["members"]]
            for _, kind in sorted(types.items())
            if "members" in kind
        },
    }


def _entry(entry: dict[str, Any]) -> str:
    kind, name = entry["type"], entry.get("name", "")
    types = [_canonical(i) for i in entry.get("inputs", [])]
    signature = f"{name}({','.join(types)})"
    if kind == "function":
        outputs = ",".join(_canonical(o) for o in entry["outputs"])
        returns = f" returns ({outputs})" if outputs else ""
        return f"function {signature} {entry['stateMutability']}{returns} = {_selector(signature)}"
    if kind == "error":
        return f"error {signature} = {_selector(signature)}"
    if kind == "event":
        shown = (
            f"{t} indexed" if i["indexed"] else t
            for t, i in zip(types, entry["inputs"], strict=True)
        )
        return f"event {name}({','.join(shown)})"
    return f"{kind}({','.join(types)}) {entry['stateMutability']}"


def _selector(signature: str) -> str:
    return "0x" + keccak(signature.encode())[:_SELECTOR_BYTES].hex()


def _canonical(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    if kind.startswith("tuple"):
        inner = ",".join(_canonical(component) for component in parameter["components"])
        return f"({inner}){kind.removeprefix('tuple')}"
    return kind


def _slot(entry: dict[str, Any], types: dict[str, Any]) -> str:
    kind = types[entry["type"]]["label"]
    return f"slot {entry['slot']} byte {entry['offset']}: {kind} {entry['label']}"


def main() -> None:
    """Make contracts/snapshots/interfaces hold exactly the present snapshots."""
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    wanted = snapshots()
    for path in SNAPSHOTS.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (SNAPSHOTS / name).write_text(text)
    print(f"{len(wanted)} snapshots in contracts/snapshots/{SNAPSHOTS.name}")


if __name__ == "__main__":
    main()
