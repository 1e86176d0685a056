"""The published page is what the generator makes of the published data, to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oracle.evidence.document import markdown
from oracle.evidence.figures import drawings

DOCS = Path(__file__).resolve().parents[2] / "docs" / "evidence"


@pytest.fixture(scope="module")
def published() -> dict[str, object]:
    """The committed data of the full run."""
    if not (DOCS / "fair-play.json").exists():
        pytest.skip(
            "no full run is published yet: clearwatt evidence fair-play, about an hour on two idle cores"
        )
    data: dict[str, object] = json.loads((DOCS / "fair-play.json").read_text("utf-8"))
    return data


def test_no_number_of_the_page_was_typed(published: dict[str, object]) -> None:
    assert (DOCS / "fair-play.md").read_text("utf-8") == markdown(published, "figures")


def test_the_page_has_its_figures(published: dict[str, object]) -> None:
    kept = {path.stem for path in (DOCS / "figures").glob("*.svg")}
    assert kept == {drawing.name for drawing in drawings(published)}


def test_what_is_published_is_a_full_run(published: dict[str, object]) -> None:
    assert published["quick"] is False
