"""Measure the Solidity coverage of the Foundry tests and print it per file, as forge counts it and outside assembly.

With --ir-minimum, which the contracts' stack demands, forge cannot map most statements of assembly blocks back to their
lines and counts them as never run. The second pair of columns leaves these blocks out. Run by `make coverage`; exit code
1 below the targets of 95 % of lines and 90 % of branches outside assembly.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CONTRACTS = Path(__file__).resolve().parent.parent
FORGE = CONTRACTS / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin" / "forge"
BUILD = "cache/coverage"
LCOV = f"{BUILD}/lcov.info"
LINES, BRANCHES = 95.0, 90.0

# They count writes and gas of optimised code; unoptimised code writes a slot field by field, and takes twice the gas.
LEFT_OUT = "test_noNewStorageSlotAfterTheFirstLap|test_noTransactionIsAboveTheCap"


@dataclass
class File:
    """What was hit in a source file: lines and branches as (line, whether hit)."""

    lines: list[tuple[int, bool]] = field(default_factory=list)
    branches: list[tuple[int, bool]] = field(default_factory=list)


def measure() -> int:
    """Run the tests with coverage; returns forge's exit code."""
    (CONTRACTS / BUILD).mkdir(parents=True, exist_ok=True)
    env = os.environ | {
        "FOUNDRY_OUT": f"{BUILD}/out",
        "FOUNDRY_CACHE_PATH": f"{BUILD}/cache",
    }
    command = [
        *(str(FORGE), "coverage", "--ir-minimum", "--report", "lcov", "--report-file", LCOV),
        *("--no-match-path", "test/symbolic/*", "--no-match-test", LEFT_OUT),
    ]
    return subprocess.run(command, cwd=CONTRACTS, env=env, stdout=sys.stderr).returncode


def read(report: Path) -> dict[str, File]:
    """Files below src by name."""
    files: dict[str, File] = {}
    current = File()
    for line in report.read_text().splitlines():
        kind, _, rest = line.partition(":")
        if kind == "SF":
            current = files.setdefault(rest, File())
        elif kind == "DA":
            number, hits = rest.split(",")[:2]
            current.lines.append((int(number), hits != "0"))
        elif kind == "BRDA":
            number, _, _, hits = rest.split(",")
            current.branches.append((int(number), hits not in ("-", "0")))
    return {name: found for name, found in files.items() if name.startswith("src/")}


def assembly(source: Path) -> Iterator[int]:
    """The lines of a source that stand in assembly blocks."""
    depth, inside = 0, False
    for number, line in enumerate(source.read_text().splitlines(), 1):
        if not inside and re.search(r"\bassembly\b.*\{", line):
            inside, depth = True, 0
        if inside:
            yield number
            depth += line.count("{") - line.count("}")
            inside = depth > 0


def cell(hits: list[tuple[int, bool]]) -> str:
    """Hit, all, and per cent."""
    hit = sum(done for _, done in hits)
    return f"{hit:>5}/{len(hits):<5}{share(hits):>6.1f}"


def share(hits: list[tuple[int, bool]]) -> float:
    """Per cent that was hit; all of nothing."""
    return 100 * sum(done for _, done in hits) / len(hits) if hits else 100.0


def main() -> int:
    """Measure and print; returns the exit code."""
    if measure():
        return 1
    files = read(CONTRACTS / LCOV)
    total, plain_total = File(), File()
    print(f"{'':<33}{'as forge counts':^36}{'outside assembly':^36}")
    print(f"{'file':<33}" + 2 * f"{'lines':^18}{'branches':^18}")
    rows = []
    for name, found in sorted(files.items()):
        blocks = set(assembly(CONTRACTS / name))
        plain = File(
            [hit for hit in found.lines if hit[0] not in blocks],
            [hit for hit in found.branches if hit[0] not in blocks],
        )
        for part, whole in ((found, total), (plain, plain_total)):
            whole.lines += part.lines
            whole.branches += part.branches
        rows.append((name.removeprefix("src/"), found, plain))
    for name, found, plain in [*rows, ("all", total, plain_total)]:
        print(
            f"{name:<31}"
            + "".join(f"{cell(hits):>18}" for f in (found, plain) for hits in (f.lines, f.branches))
        )
    lines, branches = share(plain_total.lines), share(plain_total.branches)
    print(f"\noutside assembly: lines {lines:.1f} % of {LINES:.0f}, branches {branches:.1f} % of {BRANCHES:.0f}")
    return 0 if lines >= LINES and branches >= BRANCHES else 1


if __name__ == "__main__":
    sys.exit(main())
