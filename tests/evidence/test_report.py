"""What a run reports: complete, from its own numbers alone, and the same every time."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from oracle.evidence.claims import claims
from oracle.evidence.document import markdown
from oracle.evidence.report import summary_text, write_report
from oracle.evidence.summary import Summary
from oracle.evidence.tables import CSV_FILES, tables
from oracle.evidence.theorems import jackknife


@pytest.fixture(scope="module")
def folder(summary: Summary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run."""
    place = tmp_path_factory.mktemp("report")
    write_report(summary, place)
    return place


def test_the_page_needs_nothing_but_itself(folder: Path) -> None:
    page = (folder / "fair-play.html").read_text()
    assert page.count("<svg") == len(list((folder / "figures").glob("*.svg"))) == 8
    outside = re.findall(r'(?:src|href)="(?!#)([^"]*)"', page)
    assert outside == []
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(set(identifiers)) == len(identifiers)
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(identifiers)


def test_every_figure_comes_as_png_and_svg(folder: Path) -> None:
    names = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert names == {path.stem for path in (folder / "figures").glob("*.png")}


def test_every_table_comes_as_csv_and_markdown(folder: Path, summary: Summary) -> None:
    for name, rows in CSV_FILES.items():
        if summary[rows]:
            with (folder / "tables" / f"{name}.csv").open() as file:
                assert len(list(csv.DictReader(file))) == len(summary[rows])
    for name in ("claims", *tables(summary)):
        assert (folder / "tables" / f"{name}.md").read_text().startswith("| ")


def test_a_report_is_made_from_the_summary_alone(summary: Summary) -> None:
    read_back = json.loads(summary_text(summary))
    assert markdown(read_back, "figures") == markdown(summary, "figures")
    assert summary_text(read_back) == summary_text(summary)


def test_the_paper_stands_beside_ours(summary: Summary) -> None:
    text = markdown(summary, "figures")
    made = claims(summary)
    assert len(made) == 10
    for claim in made:
        assert claim.claim in text
        assert claim.ours
    assert "## What does not reproduce" in text
    assert "our reading" in text


def test_a_violation_would_be_told(summary: Summary) -> None:
    altered = json.loads(summary_text(summary))
    altered["checked"][0]["dc_violations"] = 3
    verdicts = {claim.claim: claim for claim in claims(altered)}
    told = verdicts["DC feasibility is maintained throughout"]
    assert told.verdict == "not reproduced"
    assert told.ours.startswith("3 violations")


def test_a_scenario_that_is_missing_is_named(summary: Summary) -> None:
    assert summary["missing"] == []
    altered = json.loads(summary_text(summary))
    altered["missing"] = [
        {
            "part": "forecast",
            "variant": "400",
            "mechanism": "fair-play",
            "network": "ieee57",
            "seed": 3,
        }
    ]
    text = markdown(altered, "figures")
    assert (
        "1 scenarios are missing**, not run or not cleared: IEEE-57 forecast 400 Fair Play seed 3"
        in text
    )


def test_a_rate_comes_with_its_error_over_seeds() -> None:
    t = np.arange(1, 101)
    noise = np.random.default_rng(1).normal(1, 0.05, (10, 100))
    each = np.asarray(np.abs(noise) * t**-0.5, dtype=np.float64)
    error = jackknife(t, each, 0.1)
    assert error is not None
    assert 0 < error < 0.1
    assert jackknife(t, np.tile(each[0], (10, 1)), 0.1) == 0
    assert jackknife(t, each[:1], 0.1) is None


def test_the_contract_accepts_the_sample_and_refuses_what_was_altered(summary: Summary) -> None:
    (row,) = summary["evm"]
    assert row["checked"] == row["accepted"] == row["as_committed"] == row["chained"] > 0
    assert row["altered"] == row["altered_refused"] == 1
