"""MATPOWER and PGLib case files: a reader of the matrices in a ``.m`` file, format version 2.

Only assignments of numbers are understood. A file that goes on computing with its matrices is
refused, because reading it halfway would give another network than MATPOWER sees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from offchain.errors import InputError
from offchain.grid.raw import (
    NO_LIMIT,
    Convention,
    Note,
    RawBus,
    RawGenerator,
    RawLine,
    RawNetwork,
    check_convention,
    susceptance_mw,
)

#: Columns of the matrices (MATPOWER manual, appendix B).
_BUS_I, _BUS_TYPE, _PD, _GS, _BASE_KV = 0, 1, 2, 4, 9
_GEN_BUS, _PG, _GEN_STATUS, _PMAX, _PMIN = 0, 1, 7, 8, 9
_F_BUS, _T_BUS, _BR_R, _BR_X, _RATE_A, _TAP, _SHIFT, _BR_STATUS = 0, 1, 2, 3, 5, 8, 9, 10
_ANGMIN, _ANGMAX = 11, 12
_COST_MODEL, _N_COST, _COST = 0, 3, 4
_POLYNOMIAL: Final = 2
_REFERENCE, _ISOLATED = 3, 4
_LEAST_COLUMNS: Final = {"bus": 10, "gen": 10, "branch": 11}
#: Beyond this an angle limit is none.
_FULL_CIRCLE_DEG: Final = 360.0

_ASSIGNMENT: Final = re.compile(r"^\s*mpc\.(\w+)\s*=\s*(.*)$")
_INDEXED: Final = re.compile(r"^\s*mpc\.(bus|gen|branch|gencost|baseMVA)\s*[({.]")
_NAME: Final = re.compile(r"^\s*function\s+\w+\s*=\s*(\w+)")

Row = Sequence[float]


def read_matpower(path: Path, convention: str = "reactance-tap") -> RawNetwork:
    """Read a case file.

    Args:
        path: a ``.m`` file.
        convention: ``reactance-tap`` (MATPOWER's) or ``series-reactance`` (PGLib's DC optima).

    Raises:
        InputError: the file is not a case, or an element cannot be carried; the message names the
            line or the element.
    """
    checked = check_convention(convention)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a .m file") from error
    name, tables, base_mva = _parse(text, path.name)
    return _network(name or path.stem, tables, base_mva, checked)


def _parse(text: str, file: str) -> tuple[str, dict[str, list[list[float]]], float]:
    """The function's name, the numeric matrices and baseMVA of a file."""
    tables: dict[str, list[list[float]]] = {}
    name, base_mva = "", math.nan
    lines = _statements(text)
    for number, code in lines:
        if _INDEXED.match(code):
            raise InputError(
                f"{file} line {number}: computes with the matrices; save the finished case with "
                "MATPOWER's savecase first"
            )
        if found := _NAME.match(code):
            name = found.group(1)
        elif found := _ASSIGNMENT.match(code):
            field, value = found.groups()
            if field == "baseMVA":
                base_mva = _number(value.rstrip("; "), file, number)
            elif value.startswith("["):
                tables[field] = _matrix(field, number, value[1:], lines, file)
    for field, columns in _LEAST_COLUMNS.items():
        if not tables.get(field):
            raise InputError(f"{file}: has no mpc.{field}; name a MATPOWER case, version 2")
        for row, values in enumerate(tables[field], start=1):
            if len(values) < columns:
                raise InputError(
                    f"{file}: row {row} of mpc.{field} has {len(values)} columns; give {columns}"
                )
    if not (math.isfinite(base_mva) and base_mva > 0):
        raise InputError(f"{file}: mpc.baseMVA is missing or not above 0; set it")
    return name, tables, base_mva


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, with their numbers."""
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start if joined else number
        code, mark, _ = line.partition("%")[0].partition("...")
        joined += code.strip() + " "
        if not mark:
            yield start, joined.strip()
            joined = ""


def _matrix(
    field: str, start: int, first: str, lines: Iterator[tuple[int, str]], file: str
) -> list[list[float]]:
    """The rows up to the closing bracket; takes the statements it needs from ``lines``."""
    rows: list[list[float]] = []
    number, code = start, first
    while True:
        inside, closing, _ = code.partition("]")
        for part in inside.split(";"):
            words = part.replace(",", " ").split()
            if words:
                rows.append([_number(word, file, number) for word in words])
        if closing:
            return rows
        number, code = next(lines, (start, "mpc."))
        if code.startswith("mpc."):
            raise InputError(f"{file} line {start}: mpc.{field} has no closing bracket; add one")


def _number(word: str, file: str, line: int) -> float:
    try:
        return float(word)
    except ValueError:
        raise InputError(f"{file} line {line}: {word!r} is not a number; write it out") from None


def _network(
    name: str, tables: dict[str, list[list[float]]], base_mva: float, convention: Convention
) -> RawNetwork:
    notes: list[Note] = []
    direct = tables.get("dcline", [])
    for number, row in enumerate(direct, start=1):
        if len(row) < 3 or row[2] != 0:
            raise InputError(
                f"dcline {number}: a DC flow does not determine its power; replace it with a load "
                "and a generator"
            )
    place, names, buses, feeds = _buses(tables["bus"], notes)
    reference = {int(row[_BUS_I]) for row in tables["bus"] if row[_BUS_TYPE] == _REFERENCE}
    generators = _generators(tables, place, reference, notes)
    lines = _lines(tables["branch"], place, names, base_mva, convention, notes)
    return RawNetwork(
        name, tuple(buses), tuple(lines), (*generators, *feeds), convention, tuple(notes)
    )


def _buses(
    rows: list[list[float]], notes: list[Note]
) -> tuple[dict[int, int], set[int], list[RawBus], list[RawGenerator]]:
    """Places of the buses in service by number, all numbers, the buses, and negative loads."""
    place: dict[int, int] = {}
    names: set[int] = set()
    buses: list[RawBus] = []
    feeds: list[RawGenerator] = []
    for row in rows:
        number = int(row[_BUS_I])
        if number != row[_BUS_I] or number in names:
            raise InputError(f"bus {row[_BUS_I]:g}: not a whole number, or given twice; renumber")
        names.add(number)
        if row[_BUS_TYPE] == _ISOLATED:
            notes.append(Note("dropped", f"bus {number}: isolated"))
            continue
        load = row[_PD] + row[_GS]
        if not math.isfinite(load):
            raise InputError(f"bus {number}: Pd or Gs is not a finite number; correct it")
        place[number] = len(buses)
        buses.append(RawBus(str(number), max(load, 0.0), row[_BASE_KV]))
        if load < 0:
            feeds.append(RawGenerator(f"feed-in at bus {number}", place[number], -load, 0.0, -load))
    return place, names, buses, feeds


def _generators(
    tables: dict[str, list[list[float]]],
    place: dict[int, int],
    reference: set[int],
    notes: list[Note],
) -> list[RawGenerator]:
    costs = tables.get("gencost", [])
    if costs and len(costs) < len(tables["gen"]):
        raise InputError(
            f"gencost: {len(costs)} rows for {len(tables['gen'])} generators; give one each"
        )
    generators = []
    for index, row in enumerate(tables["gen"]):
        name, bus = f"generator {index + 1}", int(row[_GEN_BUS])
        if row[_GEN_STATUS] <= 0 or bus not in place:
            why = "out of service" if row[_GEN_STATUS] <= 0 else f"bus {bus} is not in service"
            notes.append(Note("dropped", f"{name}: {why}"))
            continue
        least, most = row[_PMIN], row[_PMAX]
        if not (math.isfinite(least) and math.isfinite(most) and least <= most):
            raise InputError(f"{name}: Pmin {least:g} and Pmax {most:g} give no range; correct it")
        cost = _cost(costs[index], name) if costs else (0.0, 0.0, 0.0)
        generators.append(
            RawGenerator(name, place[bus], row[_PG], least, most, cost, bus in reference)
        )
    return generators


def _cost(row: Row, name: str) -> tuple[float, float, float]:
    """Quadratic, linear and constant coefficient of a polynomial cost."""
    if row[_COST_MODEL] != _POLYNOMIAL:
        raise InputError(f"{name}: its cost is piecewise linear; give a polynomial of degree 2")
    count = int(row[_N_COST])
    coefficients = list(row[_COST : _COST + count])
    if len(coefficients) != count:
        raise InputError(f"{name}: gencost names {count} coefficients, but has fewer; add them")
    if any(coefficients[:-3]):
        raise InputError(f"{name}: its cost is above degree 2; give a polynomial of degree 2")
    quadratic, linear, constant = ([0.0] * 3 + coefficients)[-3:]
    return quadratic, linear, constant


def _lines(
    rows: list[list[float]],
    place: dict[int, int],
    names: set[int],
    base_mva: float,
    convention: Convention,
    notes: list[Note],
) -> list[RawLine]:
    lines = []
    for index, row in enumerate(rows, start=1):
        ends = int(row[_F_BUS]), int(row[_T_BUS])
        name = f"branch {index} ({ends[0]} - {ends[1]})"
        for end in ends:
            if end not in names:
                raise InputError(f"{name}: there is no bus {end}; correct its ends")
        if row[_BR_STATUS] == 0 or not all(end in place for end in ends):
            why = "out of service" if row[_BR_STATUS] == 0 else "an end is isolated"
            notes.append(Note("dropped", f"{name}: {why}"))
            continue
        series = convention == "series-reactance"
        b = susceptance_mw(name, base_mva, row[_BR_R], row[_BR_X], row[_TAP] or 1.0, convention)
        shift = 0.0 if series else math.radians(row[_SHIFT])
        rate = row[_RATE_A] if row[_RATE_A] != 0 else NO_LIMIT
        lines.append(
            RawLine(
                name,
                place[ends[0]],
                place[ends[1]],
                b,
                shift,
                min(rate, _angle_limit(name, row, b, shift, notes)),
                transformer=row[_TAP] != 0 or row[_SHIFT] != 0,
            )
        )
    return lines


def _angle_limit(name: str, row: Row, b: float, shift: float, notes: list[Note]) -> float:
    """The flow that the branch's angle-difference limits allow in both directions, MW."""
    if len(row) <= _ANGMAX or not math.isfinite(b):
        return NO_LIMIT
    low, high = row[_ANGMIN], row[_ANGMAX]
    if low == 0 == high:
        return NO_LIMIT
    down = math.inf if low <= -_FULL_CIRCLE_DEG else shift - math.radians(low)
    up = math.inf if high >= _FULL_CIRCLE_DEG else math.radians(high) - shift
    if down <= 0 or up <= 0:
        raise InputError(
            f"{name}: its angle limits {low:g} ... {high:g} degrees leave no room on both sides of "
            "no flow; widen them"
        )
    if down != up:
        notes.append(Note("changed", f"{name}: angle limits differ, the narrower counts both ways"))
    return abs(b) * min(down, up)
