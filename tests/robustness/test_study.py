"""A quick run of the robustness study: what must come out whatever is drawn, and what it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracle import cli
from oracle.robustness.assumed import Assumed
from oracle.robustness.document import markdown
from oracle.robustness.study import PARTS, steps
from oracle.robustness.wires import Wires

DOCS = Path(__file__).resolve().parents[2] / "docs" / "evidence"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a quick run wrote."""
    folder = tmp_path_factory.mktemp("robustness")
    assert cli.run(["evidence", "robustness", "--quick", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def summary(out: Path) -> dict[str, Any]:
    """What came out."""
    found: dict[str, Any] = json.loads((out / "robustness.json").read_text("utf-8"))
    return found


def by(rows: list[dict[str, Any]], **wanted: object) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_by_the_rules_no_line_is_overloaded_and_nothing_is_wrong(summary: dict[str, Any]) -> None:
    for row in summary["margins"]:
        assert row["congested"] > 0, "a network on which nothing is full shows nothing"
        assert row["overloaded"] == row["faulty"] == row["unjudged"] == 0


def test_ratings_too_high_overload_by_as_much_and_never_by_more(summary: dict[str, Any]) -> None:
    for row in summary["ratings"]:
        assert 0 < row["worst_percent"] <= row["size"]


def test_the_more_a_rating_is_wrong_the_worse_the_overload(summary: dict[str, Any]) -> None:
    worst = [row["worst_percent"] for row in summary["ratings"]]
    assert worst == sorted(worst)


def test_ratings_that_are_wrong_by_more_than_the_room_for_rounding_overload_lines(
    summary: dict[str, Any],
) -> None:
    [margin] = [row["margin_percent"] for row in summary["margins"]]
    for row in summary["ratings"]:
        if row["size"] > 2 * margin:
            assert row["worst_percent"] > margin


def test_careful_limits_never_serve_more(summary: dict[str, Any]) -> None:
    served = [row["served_wh"] for row in summary["derating"]]
    assert served == sorted(served, reverse=True)
    assert served[0] > served[-1]


def test_the_audit_tells_of_a_network_that_is_not_the_registered_one(
    summary: dict[str, Any],
) -> None:
    for row in summary["beliefs"]:
        if row["belief"] == "the registered network":
            assert row["faulty"] == 0
        elif row["belief"].startswith("limits"):
            assert 0 < row["faulty"] < row["intervals"], "only where they were used"
            assert row["rules"] == ["network"]
        else:
            assert row["faulty"] == row["intervals"]
            assert "network" in row["rules"]


def test_the_audit_says_nothing_about_meters(summary: dict[str, Any]) -> None:
    for row in summary["meters"]:
        assert row["audited"] > 0
        assert row["faulty"] == row["unjudged"] == 0


def test_exact_and_punctual_meters_cost_nobody_anything(summary: dict[str, Any]) -> None:
    [row] = by(summary["meters"], noise=0, missing=0, late=0)
    assert row["house_error_percent"] == row["station_bias_percent"] == 0
    assert row["gained"] == row["lost"] == 0


def test_noise_makes_consumers_pay_more(summary: dict[str, Any]) -> None:
    noisy = [row for row in summary["meters"] if row["noise"]]
    assert noisy
    assert all(row["house_bias_percent"] < 0 for row in noisy)


def test_a_lost_reading_never_pays_a_station(summary: dict[str, Any]) -> None:
    assert all(row["station_bias_percent"] <= 0 for row in summary["meters"] if not row["noise"])


def test_a_longer_lag_makes_fewer_readings_come_too_late(summary: dict[str, Any]) -> None:
    for late in Assumed().quick().late:
        errors = [row["house_error_percent"] for row in by(summary["meters"], late=late)]
        assert errors == sorted(errors, reverse=True)
        assert errors[0] > errors[-1]


def test_it_writes_a_report_and_its_figures(out: Path, summary: dict[str, Any]) -> None:
    text = (out / "robustness.md").read_text("utf-8")
    assert text == markdown(summary, "robustness")
    figures = {path.name for path in (out / "robustness").glob("*.svg")}
    assert figures
    assert all(f"robustness/{name}" in text for name in figures)


def test_every_part_is_told_of_as_progress() -> None:
    assert steps(Assumed().quick()) == len(PARTS)


def test_no_number_of_the_published_page_was_typed() -> None:
    data = json.loads((DOCS / "robustness.json").read_text("utf-8"))
    assert (DOCS / "robustness.md").read_text("utf-8") == markdown(data, "robustness")
    assert len(data["assumed"]["seeds"]) == len(Assumed().seeds), "a full run"


def triangle() -> Wires:
    """Three equal lines of 100 Wh."""
    ends = np.array([0, 1, 0]), np.array([1, 2, 2])
    return Wires(3, *ends, np.ones(3), np.full(3, 100.0))


def test_flows_divide_as_impedances_say_and_a_missing_line_moves_them() -> None:
    wires = triangle()
    injection = np.array([[90.0, 0.0, -90.0]])
    assert wires.flows(injection) == pytest.approx(np.array([[30.0, 30.0, 60.0]]))
    rest = wires.without(2)
    assert rest is not None
    assert rest.flows(injection) == pytest.approx(np.array([[90.0, 90.0]]))
    assert rest.without(0) is None, "that would cut a bus off"


def test_the_fullest_line_decides() -> None:
    wires = triangle()
    injection = np.array([[180.0, 0.0, -180.0], [60.0, 0.0, -60.0]])
    assert wires.overload(injection) == pytest.approx(np.array([0.2, -0.6]))
