"""Nobody's money depends on the operator: from a frozen market everybody leaves with all they own, to the last unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy import devnet
from offchain.errors import InputError
from oracle import cli
from oracle.bundles import BundleDirectory
from oracle.drill import LATE_DEPOSIT_MICRO, DrillResult, run_drill
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

PARTICIPANTS = 8


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DrillResult:
    """A small drill on the embedded chain."""
    config = ScenarioConfig(participants=PARTICIPANTS, intervals=6, seed=3)
    folder: Path = tmp_path_factory.mktemp("bundles")
    with devnet.embedded() as chain:
        return run_drill(draw_scenario(config), chain, BundleDirectory.create(folder), Reporter())


def test_the_ledger_is_frozen_after_its_deadline_and_not_before(result: DrillResult) -> None:
    assert "Ledger_NotLate" in result.refused
    assert result.late_s > 7 * 24 * 3600


def test_everybody_receives_to_the_unit_what_deposit_and_last_header_say(
    result: DrillResult,
) -> None:
    assert [way.index for way in result.exits] == list(range(PARTICIPANTS + 2))
    for way in result.exits:
        assert way.received == way.deposit + way.credit - way.debit - way.paid


def test_the_escrow_ends_at_exactly_nothing(result: DrillResult) -> None:
    assert result.held_micro == sum(way.received for way in result.exits) > 0
    assert result.left_micro == 0
    assert result.ok


def test_half_settled_business_was_part_of_it(result: DrillResult) -> None:
    *members, late = result.exits
    assert any(way.paid for way in members)
    assert any(way.debit for way in members)
    assert sum(way.credit for way in members) == sum(way.debit for way in members)
    assert late.received == LATE_DEPOSIT_MICRO


def test_fewer_intervals_than_the_window_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["drill", "--intervals", "5"]) == 2
    assert "intervals: 5; give at least 6" in capsys.readouterr().err


def test_the_table_is_for_people(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = ["drill", "--participants", "2", "--intervals", "6"]
    assert cli.run(small) == 0
    shown = capsys.readouterr().out
    assert "in the escrow now   0.000000" in shown
    assert "Everybody left with all they were owed" in shown


@pytest.mark.anvil
def test_anvil_lets_everybody_out_too(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        devnet.anvil_binary()
    except InputError as error:
        pytest.skip(str(error))
    command = ["drill", "--participants", "4", "--intervals", "6", "--chain", "anvil", "--json"]
    assert cli.run(command) == 0
    drilled = json.loads(capsys.readouterr().out)
    assert drilled["ok"] is True
    assert drilled["left_micro"] == 0
