"""Write the vectors of what tightens a grid: python -m tests.vectors.make_tightening.

Pairs of packed grids and whether the second only tightens the first: real and random grids with lower limits and with
lines taken out, their reverse, and each with a byte changed somewhere.
"""

from __future__ import annotations

from offchain.errors import InputError
from offchain.grid.load import load_grid
from offchain.grid.model import Grid, build_grid, unpack
from offchain.grid.tighten import loosened, tighten
from tests.vectors.make import HERE, Row, Tables, columns, dumped, number


def holds(old: bytes, new: bytes) -> bool:
    """Whether one packed grid only tightens another."""
    try:
        return loosened(unpack(old), unpack(new)) is None
    except InputError:
        return False


def tree(label: str) -> Grid:
    """A random tree of buses, two more lines that close loops, and areas."""
    n = 5 + number(f"{label} n", 8)
    ends = [(number(f"{label} {i}", i), i) for i in range(1, n)]
    ends += [(0, 1 + number(f"{label} a", n - 1)), (1, 2 + number(f"{label} b", n - 2))]
    return build_grid(
        label,
        [f"bus {i}" for i in range(n)],
        [a for a, _ in ends],
        [b for _, b in ends],
        [1e4 * (1 + number(f"{label} s {i}", 1000)) for i in range(len(ends))],
        [500 + number(f"{label} l {i}", 50_000) for i in range(len(ends))],
        areas=[(f"area {i % 2}",) for i in range(n)],
    )


def _lower(grid: Grid, label: str) -> dict[int, int]:
    least, most = grid.margin_wh + 1, grid.limit_wh
    return {
        line: int(least[line]) + number(f"{label} {line}", int(most[line] - least[line]) + 1)
        for line in range(grid.n_line)
        if number(f"{label} {line} lower", 3) == 0
    }


def tightening() -> Tables:
    """All tables of the file."""
    rows: list[Row] = []

    def add(old: bytes, new: bytes) -> None:
        rows.append({"old": old, "new": new, "tightens": int(holds(old, new))})

    grids = [load_grid("ieee14").grid, *(tree(f"tree {i}") for i in range(8))]
    for i, grid in enumerate(grids):
        old = grid.packed()
        tight = tighten(grid, _lower(grid, f"lower {i}"))
        cuts = []
        for line in range(grid.n_line):
            try:
                cuts.append(tighten(tight, {}, (line,)))
            except InputError:
                continue
        for other in (tight, *cuts[:4]):
            new = other.packed()
            add(old, new)
            add(new, old)
            for turn in range(6):
                where = number(f"byte {i} {turn} {len(new)}", len(new))
                changed = bytearray(new)
                changed[where] ^= 1 << number(f"bit {i} {turn}", 8)
                add(old, bytes(changed))
    return {"pairs": columns(rows)}


if __name__ == "__main__":
    (HERE / "tightening.json").write_text(dumped(tightening()))
