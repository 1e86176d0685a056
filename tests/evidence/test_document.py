"""The published page is what the generator makes of the published data, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oracle.evidence.config import load_config
from oracle.evidence.document import markdown
from oracle.evidence.figures import drawings, write_figures
from oracle.plain import plain

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


@pytest.mark.slow
def test_no_figure_of_the_page_was_drawn_by_hand(
    published: dict[str, object], tmp_path: Path
) -> None:
    write_figures(published, tmp_path, kinds=("svg",))
    for drawing in drawings(published):
        drawn = (tmp_path / f"{drawing.name}.svg").read_bytes()
        assert drawn == (DOCS / "figures" / f"{drawing.name}.svg").read_bytes(), drawing.name


def test_what_is_published_is_the_full_run_that_the_configuration_asks_for(
    published: dict[str, Any],
) -> None:
    assert published["quick"] is False
    assert published["config"] == json.loads(json.dumps(plain(load_config())))


def test_the_page_rests_on_at_least_ten_seeds_of_every_mechanism(
    published: dict[str, Any],
) -> None:
    compared = {(row["network"], row["mechanism"]): row for row in published["mechanisms"]}
    assert len(compared) == 3 * len(published["config"]["run"]["mechanisms"])
    assert min(row["seeds"] for row in compared.values()) >= 10
    stated = [row for row in published["reductions"] if "each_seed" in row]
    assert min(len(row["each_seed"]) for row in stated) >= 10


def test_every_interval_that_is_published_was_certified(published: dict[str, Any]) -> None:
    committed = [row for row in published["checked"] if row["part"] == "main, committed"]
    assert sum(row["committed"] for row in committed) == 3 * 10 * 5000
    for row in published["checked"]:
        assert row["certified"] == row["intervals"]
        assert row["dc_violations"] == row["payments_sum"] == 0
    heads = {row["last_header_hash"] for row in published["roots"]}
    assert len(heads) == 3 * 10
