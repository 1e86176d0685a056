"""A demo whose operator lies ends with the rule named, the header void and the bond slashed."""

from __future__ import annotations

import json

import pytest

from oracle import cli
from oracle.inject import INJECTABLE

SMALL = ["demo", "--json", "--participants", "15", "--intervals", "3", "--inject"]


def test_the_lies_are_listed_one_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", "--inject", "list"]) == 0
    assert tuple(capsys.readouterr().out.split("\n")[:-1]) == INJECTABLE


def test_an_unknown_lie_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*SMALL, "nonsense"]) == 2
    assert "inject: 'nonsense' is no fault; give one of" in capsys.readouterr().err


def test_a_lie_is_named_voided_and_slashed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*SMALL, "balance"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["audit"]["ok"] is False
    assert result["audit"]["faults"] == ["balance"]
    challenge = result["challenge"]
    assert (challenge["fault"], challenge["proof"]) == ("balance", "transition")
    assert challenge["voided"] is True
    assert challenge["interval"] == 3
    assert challenge["reward"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "proof"),
    [
        ("malformed", "key"),
        ("network", "network"),
        ("overdrawn", "overdrawn"),
        ("forced-order", "forced-ignored"),
        ("ignored-reading", "reading-ignored"),
        ("root", "withheld"),
        ("withheld", "withheld"),
    ],
)
def test_a_lie_that_needs_more_than_a_table_is_named_voided_and_slashed_too(
    name: str, proof: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*SMALL, name]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["audit"]["ok"] is False
    assert name in result["audit"]["faults"]
    challenge = result["challenge"]
    assert (challenge["fault"], challenge["proof"]) == (name, proof)
    assert challenge["voided"] is True
    assert challenge["interval"] == 3


def test_what_is_prepared_ahead_needs_the_intervals_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["demo", "--json", "--participants", "15", "--intervals", "2", "--inject"]
    assert cli.run([*command, "overdrawn"]) == 2
    assert "give --intervals 3 or more" in capsys.readouterr().err
