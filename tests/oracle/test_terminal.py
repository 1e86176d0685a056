"""Progress where there is no terminal: a few plain lines, whatever the amount of work."""

from __future__ import annotations

import pytest

from oracle.terminal import Reporter


def test_a_phase_with_nothing_to_do_says_its_title_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Reporter().phase("Auditing", 0) as phase:
        phase.step("7 checks", 0)
    assert capsys.readouterr().err == "Auditing\n"


def test_a_note_before_the_first_step_is_no_step(capsys: pytest.CaptureFixture[str]) -> None:
    with Reporter().phase("Auditing", 1) as phase:
        phase.step("7 checks", 0)
        phase.step("8 checks")
    assert capsys.readouterr().err == "Auditing\n  1/1  8 checks\n"
