"""One way in for names and files, and what `grid show` prints of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from offchain.errors import InputError
from offchain.grid.load import known_names, load_grid
from offchain.grid.pandapower_case import load_case
from offchain.grid.summary import grid_summary
from oracle.commands.grid import grid

RURAL = "1-MVLV-rural-all-0-sw"


def test_a_name_leads_to_its_grid() -> None:
    assert load_grid("ieee14").grid.hash() == load_case("ieee14").grid.hash()
    assert load_grid("case5").grid.n_bus == 5
    assert load_grid("case5", load_wh=1e6).load_wh.sum() == pytest.approx(1e6)


def test_every_name_is_listed() -> None:
    names = known_names()
    assert "ieee118" in names["IEEE cases with limits by headroom"]
    assert "case9241pegase" in names["pandapower"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ieee119", r"grid 'ieee119': no such name or file; did you mean ieee118"),
        ("qqq", "grid 'qqq': no such name or file; see clearwatt grid list"),
        ("nowhere/case.m", "nowhere/case.m: there is no such file"),
        ("nowhere.json", "nowhere.json: there is no such file"),
    ],
)
def test_what_is_not_there_is_named(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_grid(source)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "grid.xlsx"
    path.write_text("")
    with pytest.raises(InputError, match=r"grid.xlsx: unknown kind of file"):
        load_grid(path)
    with pytest.raises(InputError, match="convention: the plain form gives susceptances"):
        load_grid(tmp_path, convention="reactance-tap")
    (tmp_path / "net.json").write_text('{"_module": "pandapower.auxiliary", "_class": "none"}')
    with pytest.raises(InputError, match=r"net.json: pandapower cannot read it"):
        load_grid(tmp_path / "net.json")


def test_the_summary_says_what_was_understood() -> None:
    case = load_grid("example_simple")
    summary = json.loads(json.dumps(grid_summary(case, "example_simple")))
    assert (summary["buses"], summary["lines"], summary["islands"]) == (5, 4, 1)
    assert summary["hash"] == "0x" + case.grid.hash().hex()
    assert summary["packed_bytes"] == len(case.grid.packed())
    assert summary["limit_wh"][0] == case.grid.limit_wh.min()
    assert summary["lines_without_own_limit"] == len(case.unlimited) > 0
    assert (summary["layers"][0]["name"], summary["layers"][0]["buses"]) == ("system", 5)
    assert any("one with bus" in text for text in summary["notes"]["merged"])
    expected = case.grid.eps_grid / 2 ** (case.grid.shift + 24) / summary["p_cap_ticks"]
    assert summary["eps_wh_at_p_cap"] == pytest.approx(expected)
    assert summary["radial"]


def test_show_prints_tables_and_json() -> None:
    runner = CliRunner()
    text = runner.invoke(grid, ["show", "create_cigre_network_mv"], catch_exceptions=False)
    assert text.exit_code == 0
    for words in ("15 buses, 14 lines", "tree", "20 kV", "line 12: open at one end", "eps_grid"):
        assert words in text.output
    result = runner.invoke(
        grid,
        ["show", "ieee14", "--json", "--load-kwh", "50", "--limits", "headroom-2"],
        catch_exceptions=False,
    )
    summary = json.loads(result.output)
    assert (summary["load_wh"], summary["limit_rule"]) == (pytest.approx(50_000), "headroom-2")


def test_show_shortens_long_lists_unless_all_is_asked_for() -> None:
    runner = CliRunner()
    arguments = ["show", "case_illinois200"]
    short = runner.invoke(grid, arguments, catch_exceptions=False).output
    full = runner.invoke(grid, [*arguments, "--all"], catch_exceptions=False).output
    assert "more (--all)" in short
    assert "more (--all)" not in full
    assert len(full) > len(short)


def test_list_prints_the_names() -> None:
    output = CliRunner().invoke(grid, ["list"], catch_exceptions=False).output
    assert "ieee57" in output
    assert "1-MVLV-rural-all-0-sw" in output


def test_a_simbench_feeder_is_a_tree_with_its_areas_as_layers() -> None:
    pytest.importorskip("simbench", reason="simbench comes with the extra 'grids'")
    case = load_grid(RURAL)
    summary = grid_summary(case, RURAL)
    assert summary["radial"]
    assert (summary["buses"], summary["lines"], summary["islands"]) == (5477, 5476, 1)
    assert "trafo 90" in summary["notes"]["merged"][-1]
    areas = [layer for layer in summary["layers"] if layer["name"].startswith("area of LV")]
    assert len(areas) == 90
    with pytest.raises(InputError, match="1-MVLV-nowhere-all-0-sw: simbench has no such grid"):
        load_grid("1-MVLV-nowhere-all-0-sw")


def test_without_simbench_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "simbench", None)
    with pytest.raises(InputError, match="simbench is not installed"):
        load_grid(RURAL)
