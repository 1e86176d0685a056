"""A table for people, and the same rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from oracle.evidence.results import Row

#: Columns of the summary that hold a whole curve; figures show them.
_CURVES: Final = frozenset(("interval", "median", "least", "most", "gap", "weak_bus_ratio"))


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes:
        name: of its files and of its place in the page.
        title: what it shows.
        note: how to read it.
        headings: of its columns.
        rows: cells.
    """

    name: str
    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [_line(self.headings), _line(["---"] * len(self.headings))]
        return "\n".join([*lines, *(_line(row) for row in self.rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def csv_text(rows: Sequence[Row]) -> str:
    """Rows of the summary as CSV, medians and ranges as columns of their own, curves left out."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return file.getvalue()


def _flat(row: Row) -> Row:
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{name}_{part}": one for part, one in value.items()})
        elif isinstance(value, list):
            if name not in _CURVES:
                flat[name] = " ".join(map(str, value))
        else:
            flat[name] = value
    return flat


def table(
    name: str, title: str, note: str, headings: Sequence[str], rows: Iterable[Sequence[str]]
) -> Table:
    """A table of headings and rows of cells."""
    return Table(name, title, note, tuple(headings), tuple(tuple(row) for row in rows))
