"""What README shows is what happens."""

import re
from pathlib import Path

import pytest

from oracle import cli

README = Path(__file__).resolve().parent.parent / "README.md"

CHANGING = ("Gas per interval", "Head of the chain", "Audit")
"""Lines whose figures change with every contract; only their words are compared."""


def compared(transcript: str) -> list[str]:
    """The lines of a summary, without the figures that are not compared."""
    return [
        re.sub(r"[0-9a-f,]{3,}", "#", line) if line.startswith(CHANGING) else line
        for line in transcript.strip().splitlines()
    ]


@pytest.mark.slow
def test_the_transcript_is_that_of_a_demo(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```\n(Market .*?)```", README.read_text(), re.DOTALL)
    assert shown is not None
    assert cli.run(["demo"]) == 0
    assert compared(capsys.readouterr().out) == compared(shown.group(1))


def test_every_page_that_is_linked_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert len(links) > 5
    assert [link for link in links if not (README.parent / link).exists()] == []
