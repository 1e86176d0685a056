"""Write the vectors that Python and Solidity both check: python tests/vectors/make.py.

Every file is one JSON object of tables, a table is equally long columns; integers are decimal
strings and bytes are 0x hex, so that no reader loses a bit. Inputs come from hashes of labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from offchain.fairness.draw import gumbel, log2_complement, uniform
from offchain.keccak import keccak

HERE = Path(__file__).resolve().parent
Columns = dict[str, list[str]]


def number(label: str, below: int) -> int:
    """A number in 0 ... below - 1 that depends on the label only."""
    return int.from_bytes(keccak(label.encode()), "big") % below


def columns(rows: list[dict[str, int | bytes]]) -> Columns:
    """Rows of integers and bytes as columns of strings."""
    return {name: [text(row[name]) for row in rows] for name in rows[0]}


def text(value: int | bytes) -> str:
    """The vector form of a value."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def draw() -> dict[str, Columns]:
    """Draws from seed and index, and the routine alone at its joints and ends."""
    draws: list[dict[str, int | bytes]] = []
    for i in range(64):
        seed = keccak(f"seed {i // 4}".encode())
        index = (0, 1, 2**32 - 1)[i] if i < 3 else number(f"index {i}", 2**32)
        h = uniform(seed, index)
        draws.append({"seed": seed, "index": index, "h": h, "g": gumbel(h)})
    last, tail = 2**52 - 1, 2**52 - 2**44
    ends = [0, 1, 2, 3, tail - 1, tail, tail + 1, 2**51, last - 1, last]
    spread = [number(f"h {i}", 2**52) >> (i % 52) for i in range(104)]
    hs = [*ends, *spread, *(last - h for h in spread)]
    joints = [((8 + k) << 49) >> (7 * n) for k in range(8) for n in range(7)]
    xs = [1, 2, 3, 2**53 - 1, *(joint + step for joint in joints for step in (-1, 0, 1))]
    return {
        "draws": columns(draws),
        "gumbel": columns([{"h": h, "g": gumbel(h)} for h in hs]),
        "log2Complement": columns([{"x": x, "y": log2_complement(x)} for x in xs]),
    }


FILES: dict[str, Callable[[], dict[str, Columns]]] = {"draw": draw}


def content(name: str) -> str:
    """The text of a vector file."""
    return json.dumps(FILES[name](), indent=1) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (HERE / f"{file}.json").write_text(content(file))
