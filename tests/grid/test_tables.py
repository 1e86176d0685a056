"""The plain form of a network, as JSON and as a pair of CSV files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid.case import CaseGrid
from offchain.grid.load import load_grid

STREET: dict[str, Any] = {
    "format": "clearwatt-grid-1",
    "name": "street",
    "buses": [
        {"name": "station", "generation_kw": 100, "cost_per_kwh": 0.21, "kv": 0.4},
        {"name": "house 1", "load_kw": 4, "kv": 0.4, "area": "left/near"},
        {"name": "house 2", "load_kw": 3.5, "kv": 0.4, "area": "left/near"},
        {"name": "house 3", "load_kw": 2, "kv": 0.4, "area": "right"},
    ],
    "lines": [
        {"name": "main", "from": "station", "to": "house 1", "limit_kw": 30, "x_ohm": 0.02},
        {"from": "house 1", "to": "house 2", "limit_kw": 17, "susceptance_kw_per_rad": 9000},
        {"from": "station", "to": "house 3", "limit_kw": 17, "x_ohm": 0.04},
        {"name": "tie", "from": "house 3", "to": "house 2", "in_service": False},
    ],
}
BUSES_CSV = """name,load_kw,generation_kw,cost_per_kwh,kv,area
station,,100,0.21,0.4,
house 1,4,,,0.4,left/near
house 2,3.5,,,0.4,left/near
house 3,2,,,0.4,right
"""
LINES_CSV = """name,from,to,limit_kw,x_ohm,susceptance_kw_per_rad,in_service
main,station,house 1,30,0.02,,
,house 1,house 2,17,,9000,true
,station,house 3,17,0.04,,yes
tie,house 3,house 2,,,,no
"""


def load(tmp_path: Path, document: object, **choices: Any) -> CaseGrid:  # noqa: ANN401
    path = tmp_path / "street.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return load_grid(path, **choices)


def altered(table: str, row: int, **fields: object) -> dict[str, Any]:
    """The street with other fields in one row; None takes a field out."""
    document: dict[str, Any] = json.loads(json.dumps(STREET))
    document[table][row].update(fields)
    document[table][row] = {k: v for k, v in document[table][row].items() if v is not None}
    return document


def write_csv(folder: Path, buses: str = BUSES_CSV, lines: str = LINES_CSV) -> Path:
    (folder / "buses.csv").write_text(buses)
    (folder / "lines.csv").write_text(lines)
    return folder


def test_a_street_is_read(tmp_path: Path) -> None:
    case = load(tmp_path, STREET, interval_s=900)
    grid = case.grid
    assert (grid.name, grid.bus_names[0]) == ("street", "station")
    assert grid.line_names == ("main", "line 1", "line 2")
    assert grid.limit_wh.tolist() == [7500, 4250, 4250]
    assert case.load_wh.tolist() == [0, 1000, 875, 500]
    assert (grid.b / grid.b[0]).tolist() == pytest.approx([1, 9 / (0.16 / 0.02), 0.5])
    (generator,) = case.generators
    assert (generator.bus, generator.p_max_wh) == (0, 25_000)
    assert case.bid_hint_ticks(generator) == 210_000
    assert [note.text for note in case.notes] == ["tie: out of service"]
    names = [layer.name for layer in grid.holarchy.layers if layer.level > 0]
    assert names == ["system", "left"]


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "street"
    folder.mkdir()
    write_csv(folder)
    expected = load(tmp_path, STREET).grid
    for source in (folder, folder / "buses.csv", folder / "lines.csv"):
        assert load_grid(source).grid.packed() == expected.packed()


def test_a_tree_needs_no_susceptances(tmp_path: Path) -> None:
    document = altered("lines", 0, x_ohm=None)
    document["lines"][1].pop("susceptance_kw_per_rad")
    document["lines"][2].pop("x_ohm")
    document["lines"][2].pop("limit_kw")
    case = load(tmp_path, document)
    assert case.unlimited == (2,)
    assert case.base_flow_wh.tolist() == pytest.approx([3750, 1750, 1000])


def test_a_mesh_needs_them_all(tmp_path: Path) -> None:
    document = altered("lines", 3, in_service=True, limit_kw=9)
    with pytest.raises(InputError, match="tie: needs susceptance_kw_per_rad or x_ohm"):
        load(tmp_path, document)
    np.testing.assert_equal(load(tmp_path, altered("lines", 3, in_service=False)).grid.n_line, 3)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", r"street.json: cannot be read as JSON"),
        ({"format": "other"}, 'street.json: format must be "clearwatt-grid-1"'),
        ([], "street.json: format must be"),
        ({**STREET, "colour": 1}, "street.json: field 'colour' is unknown"),
        ({**STREET, "lines": {}}, "street.json: lines must be a list of objects"),
        (altered("buses", 1, colour=1), r"buses\[1\]: field 'colour' is unknown"),
        (altered("buses", 1, name=None), r"buses\[1\]: name must be a name"),
        (altered("buses", 1, name="station"), r"buses\[1\]: bus station is there twice"),
        (altered("buses", 2, load_kw=-1), r"buses\[2\]: load_kw must be a number of 0 or more"),
        (altered("buses", 2, load_kw="many"), r"buses\[2\]: load_kw must be a number"),
        (altered("buses", 2, load_kw=True), r"buses\[2\]: load_kw must be a number"),
        (altered("buses", 0, kv=None), r"lines\[0\]: x_ohm needs the kv of bus station"),
        (altered("lines", 1, to="house 9"), r"lines\[1\]: to names bus house 9, which is not"),
        (altered("lines", 1, x_ohm=1), r"lines\[1\]: line 1 has both susceptance_kw_per_rad and"),
        (altered("lines", 1, susceptance_kw_per_rad=0), r"lines\[1\]: line 1 has no susceptance"),
        (altered("lines", 1, in_service="maybe"), r"lines\[1\]: in_service must be true or false"),
        (altered("lines", 1, susceptance_kw_per_rad=None), "line 1: needs susceptance_kw_per_rad"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, document)


def test_mistakes_in_csv_are_named_by_file_and_line(tmp_path: Path) -> None:
    write_csv(tmp_path, BUSES_CSV.replace("3.5,", "3.5x,"))
    with pytest.raises(InputError, match=r"buses.csv line 4: load_kw must be a number"):
        load_grid(tmp_path)
    write_csv(tmp_path, BUSES_CSV + "house 4,1\n")
    with pytest.raises(InputError, match=r"buses.csv line 6: has not as many cells"):
        load_grid(tmp_path)
    write_csv(tmp_path, lines=LINES_CSV.replace("limit_kw", "limit_mw"))
    with pytest.raises(InputError, match=r"lines.csv line 2: field 'limit_mw' is unknown"):
        load_grid(tmp_path)
    (tmp_path / "lines.csv").unlink()
    with pytest.raises(InputError, match=r"lines.csv: cannot be read"):
        load_grid(tmp_path)
