"""`clearwatt simulate`: one JSON object or a table, and one line for bad input."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from offchain.errors import InputError
from oracle.commands.simulate import simulate


def output(*arguments: str) -> str:
    result = CliRunner().invoke(simulate, [*arguments, "--case", "ieee14"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_is_one_object_with_the_figures() -> None:
    report = json.loads(output("--intervals", "30", "--mechanism", "fair-play", "--json"))
    assert report["dc_violations"] == 0
    assert report["certified"] == report["intervals"] == 30
    assert report["scenario"]["case"] == "ieee14"
    (run,) = report["runs"]
    assert 0 < run["served_wh"] <= run["requested_wh"]
    assert 0 <= run["fairness"]["counted_min"] <= run["fairness"]["counted_max"] <= 0.9
    assert run["bills"]["amm"]["payments_sum"] == 0
    assert {"jain", "gini", "worst_decile", "target_gap_max"} <= set(run["fairness"])
    assert {"median_ms", "total_s"} <= set(run["timing"])
    assert {"mean", "max"} == set(run["binding_lines"])


def test_mechanisms_and_tariffs_stand_side_by_side() -> None:
    text = output(
        "--intervals", "10", "--mechanism", "fair-play", "--mechanism", "lmp",
        "--tariff", "time-of-use",
    )  # fmt: skip
    for word in ("fair-play", "lmp", "Jain index", "grid violations", "time-of-use", "amm"):
        assert word in text


def test_all_means_all() -> None:
    report = json.loads(
        output("--intervals", "4", "--mechanism", "all", "--tariff", "all", "--json")
    )
    assert len(report["runs"]) == 7
    assert set(report["runs"][0]["bills"]) == {
        "amm", "flat", "time-of-use", "real-time", "critical-peak",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [["--mechanism", "vcg"], ["--tariff", "free"], ["--case", "x"]]
)
def test_names_that_do_not_exist_are_refused_with_the_ones_that_do(arguments: list[str]) -> None:
    result = CliRunner().invoke(simulate, arguments)
    assert result.exit_code == 2
    assert "is not one of" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--intervals", "0"], "intervals: 0"), (["--participants", "-1"], "participants: -1")],
)
def test_counts_out_of_range_are_refused_by_name(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(simulate, arguments, catch_exceptions=False)
