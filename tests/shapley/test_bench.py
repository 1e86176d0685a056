"""The benchmark: it measures what it says, and refuses to compare what does not agree."""

import json

import pytest
from click.testing import CliRunner

from offchain.errors import ClearwattError, InputError
from offchain.shapley.parallel import available_cores
from offchain.shapley.value import Evaluator
from offchain.units import PPB
from oracle.commands import bench_shapley
from oracle.commands.bench_shapley import build_game, naive_served_wh, shapley_bench


def test_it_prints_one_json_object() -> None:
    ran = CliRunner().invoke(
        shapley_bench, ["--players", "4", "--intervals", "5", "--quick", "--json"]
    )
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert set(result["seconds"]) == {"1", str(available_cores())}
    assert result["naive_coalitions"] == 15
    assert result["ratio"] == result["naive_seconds"] / result["interval_seconds"]
    assert sum(result["share_ppb"]) == PPB


def test_it_prints_a_table_for_people() -> None:
    ran = CliRunner().invoke(shapley_bench, ["--players", "6", "--intervals", "2", "--quick"])
    assert ran.exit_code == 0, ran.output
    assert "6 suppliers, 64 coalitions" in ran.stdout
    assert "cvxpy, from 32 coalitions" in ran.stdout
    assert "values agree to" in ran.stdout


def test_a_value_that_does_not_agree_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_shapley, "naive_served_wh", lambda game, mask: -1.0)
    ran = CliRunner().invoke(shapley_bench, ["--players", "2", "--quick"])
    assert isinstance(ran.exception, ClearwattError)
    assert "off the naive optimum" in str(ran.exception)


def test_suppliers_stand_at_the_generators_first() -> None:
    assert build_game("ieee14", 5, 1, 0).bus.tolist() == [0, 1, 2, 5, 7]
    assert len(set(build_game("ieee14", 12, 1, 0).bus.tolist())) == 12


def test_an_unknown_case_is_named() -> None:
    with pytest.raises(InputError, match="case: nowhere is unknown"):
        build_game("nowhere", 2, 1, 0)


def test_the_naive_way_serves_what_a_coalition_can_bring() -> None:
    game = build_game("ieee14", 2, 1, 0)
    assert 0 < naive_served_wh(game, 1) <= game.offer_wh[0, 0]


def test_a_coalition_whose_full_lines_depend_on_each_other_is_cleared() -> None:
    clearing = Evaluator(build_game("ieee14", 12, 24, 0)).clear(8, 916)
    assert clearing.injection_wh.sum() == 0
    assert clearing.report.residual <= clearing.report.eps_grid
