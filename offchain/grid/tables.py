"""The plain form of a network: two tables, as one JSON file or as buses.csv and lines.csv.

Fields and defaults: docs/grids.md. Power is in kW, so that a street can be written down by hand.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from offchain.errors import InputError
from offchain.grid.raw import NO_LIMIT, Note, RawBus, RawGenerator, RawLine, RawNetwork
from offchain.grid.reduce import is_forest

FORMAT: Final = "clearwatt-grid-1"
BUSES_CSV: Final = "buses.csv"
LINES_CSV: Final = "lines.csv"

_KW_PER_MW: Final = 1000.0
#: A tree may leave out susceptances; its lines then reach their limit at this angle.
_TREE_ANGLE_RAD: Final = 0.01

_BUS_FIELDS: Final = ("name", "load_kw", "generation_kw", "cost_per_kwh", "kv", "area")
_LINE_FIELDS: Final = (
    *("name", "from", "to", "limit_kw", "susceptance_kw_per_rad", "x_ohm"),
    *("in_service", "transformer"),
)
_FLAGS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_json(path: Path) -> RawNetwork:
    """Read the JSON form.

    Raises:
        InputError: naming the field and the row.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: cannot be read as JSON ({error}); correct it") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f'{path.name}: format must be "{FORMAT}"; see docs/grids.md')
    unknown = sorted(set(document) - {"format", "name", "buses", "lines"})
    if unknown:
        raise InputError(f"{path.name}: field {unknown[0]!r} is unknown; see docs/grids.md")
    tables = []
    for table in ("buses", "lines"):
        rows = document.get(table)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{path.name}: {table} must be a list of objects; see docs/grids.md")
        tables.append([_Row(row, f"{table}[{n}]") for n, row in enumerate(rows)])
    return _network(str(document.get("name", path.stem)), *tables)


def read_csv_pair(folder: Path) -> RawNetwork:
    """Read ``buses.csv`` and ``lines.csv`` in a folder.

    Raises:
        InputError: naming the file, the line and the column.
    """
    return _network(
        folder.resolve().name,
        list(_csv_rows(folder / BUSES_CSV)),
        list(_csv_rows(folder / LINES_CSV)),
    )


def _csv_rows(path: Path) -> Iterable[_Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name}: cannot be read ({error}); put it there") from error
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        where = f"{path.name} line {number}"
        if None in row or None in row.values():
            raise InputError(f"{where}: has not as many cells as the heading; correct it")
        given = {key.strip(): cell.strip() for key, cell in row.items()}
        yield _Row({key: cell for key, cell in given.items() if cell}, where)


@dataclass(frozen=True)
class _Row:
    """One row of a table and where it stands."""

    fields: Mapping[str, Any]
    where: str

    def only(self, known: tuple[str, ...]) -> None:
        for field in self.fields:
            if field not in known:
                raise InputError(f"{self.where}: field {field!r} is unknown; see docs/grids.md")

    def text(self, field: str, default: str | None = None) -> str:
        value = self.fields.get(field, default)
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise InputError(f"{self.where}: {field} must be a name; give one")
        return str(value)

    def number(self, field: str, default: float) -> float:
        value = self.fields.get(field, default)
        try:
            result = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            result = math.nan
        if field in self.fields and not (math.isfinite(result) and result >= 0):
            raise InputError(f"{self.where}: {field} must be a number of 0 or more; correct it")
        return result

    def flag(self, field: str, default: bool) -> bool:
        value = self.fields.get(field, default)
        flag = _FLAGS.get(str(value).lower())
        if flag is None:
            raise InputError(f"{self.where}: {field} must be true or false; correct it")
        return flag


def _network(name: str, bus_rows: list[_Row], line_rows: list[_Row]) -> RawNetwork:
    place: dict[str, int] = {}
    buses: list[RawBus] = []
    generators: list[RawGenerator] = []
    for row in bus_rows:
        row.only(_BUS_FIELDS)
        bus = RawBus(
            row.text("name"),
            row.number("load_kw", 0.0) / _KW_PER_MW,
            row.number("kv", 0.0),
            _areas(row),
        )
        if bus.name in place:
            raise InputError(f"{row.where}: bus {bus.name} is there twice; give each its own name")
        place[bus.name] = len(buses)
        buses.append(bus)
        most_mw = row.number("generation_kw", 0.0) / _KW_PER_MW
        if most_mw:
            cost = (0.0, row.number("cost_per_kwh", 0.0) * _KW_PER_MW, 0.0)
            generators.append(
                RawGenerator(f"generation at {bus.name}", place[bus.name], 0.0, 0.0, most_mw, cost)
            )
    lines: list[RawLine] = []
    notes: list[Note] = []
    missing: list[str] = []
    for number, row in enumerate(line_rows):
        row.only(_LINE_FIELDS)
        label = row.text("name", f"line {number}")
        start, end = _end(row, "from", place), _end(row, "to", place)
        if not row.flag("in_service", default=True):
            notes.append(Note("dropped", f"{label}: out of service"))
            continue
        susceptance = _susceptance_mw(row, label, buses[start])
        if susceptance is None:
            missing.append(label)
        lines.append(
            RawLine(
                label,
                start,
                end,
                susceptance_mw=susceptance or 0.0,
                limit_mw=row.number("limit_kw", NO_LIMIT) / _KW_PER_MW,
                transformer=row.flag("transformer", default=False),
            )
        )
    if missing:
        lines = _tree_susceptances(lines, missing, len(buses))
    return RawNetwork(name, tuple(buses), tuple(lines), tuple(generators), "given", tuple(notes))


def _areas(row: _Row) -> tuple[str, ...]:
    if "area" not in row.fields:
        return ()
    return tuple(part.strip() for part in row.text("area").split("/") if part.strip())


def _end(row: _Row, field: str, place: dict[str, int]) -> int:
    name = row.text(field)
    if name not in place:
        raise InputError(f"{row.where}: {field} names bus {name}, which is not there; add it")
    return place[name]


def _susceptance_mw(row: _Row, label: str, start: RawBus) -> float | None:
    """MW per radian: as given, or kV^2 / ohm; None where the row gives neither."""
    given = [field for field in ("susceptance_kw_per_rad", "x_ohm") if field in row.fields]
    if not given:
        return None
    if len(given) == 2:
        raise InputError(f"{row.where}: {label} has both {' and '.join(given)}; give one")
    value = row.number(given[0], math.nan)
    if given[0] == "x_ohm":
        if start.kv == 0:
            raise InputError(f"{row.where}: x_ohm needs the kv of bus {start.name}; give it")
        return start.kv**2 / value if value else math.inf
    if value == 0:
        raise InputError(f"{row.where}: {label} has no susceptance; leave the line out")
    return value / _KW_PER_MW


def _tree_susceptances(lines: list[RawLine], missing: list[str], n_bus: int) -> list[RawLine]:
    """Susceptances for a tree, where they decide nothing: in proportion to the limits."""
    forest = is_forest(n_bus, ((line.start, line.end) for line in lines))
    if len(missing) < len(lines) or not forest:
        raise InputError(
            f"{missing[0]}: needs susceptance_kw_per_rad or x_ohm; only a tree in which no line "
            "has one can do without"
        )
    largest = max((line.limit_mw for line in lines if line.limit_mw < NO_LIMIT), default=1.0)
    return [
        replace(line, susceptance_mw=(min(line.limit_mw, largest) or largest) / _TREE_ANGLE_RAD)
        for line in lines
    ]
