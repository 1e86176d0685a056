"""Writes everything that a run reports into its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from oracle.evidence.document import claims_table, markdown
from oracle.evidence.figures import write_figures
from oracle.evidence.page import html
from oracle.evidence.summary import Summary
from oracle.evidence.table import csv_text
from oracle.evidence.tables import CSV_FILES, tables

SUMMARY_FILE: Final = "summary.json"
PAGE_FILE: Final = "fair-play.html"
REPORT_FILE: Final = "fair-play.md"
FIGURES_FOLDER: Final = "figures"
TABLES_FOLDER: Final = "tables"


def write_report(summary: Summary, folder: Path) -> Path:
    """Write summary, tables, figures, report and page.

    Returns:
        The page.
    """
    (folder / SUMMARY_FILE).write_text(summary_text(summary), "utf-8")
    place = folder / TABLES_FOLDER
    place.mkdir(exist_ok=True)
    for table in (claims_table(summary), *tables(summary).values()):
        (place / f"{table.name}.md").write_text(f"{table.markdown()}\n\n{table.note}\n", "utf-8")
    for name, rows in CSV_FILES.items():
        if summary[rows]:
            (place / f"{name}.csv").write_text(csv_text(summary[rows]), "utf-8")
    write_figures(summary, folder / FIGURES_FOLDER)
    report = markdown(summary, FIGURES_FOLDER)
    (folder / REPORT_FILE).write_text(report, "utf-8")
    page = folder / PAGE_FILE
    page.write_text(html(report, folder), "utf-8")
    return page


def write_document(summary: Summary, folder: Path) -> None:
    """Write the report with its data and figures as documentation, small enough to be kept."""
    (folder / "fair-play.json").write_text(summary_text(summary), "utf-8")
    (folder / REPORT_FILE).write_text(markdown(summary, FIGURES_FOLDER), "utf-8")
    write_figures(summary, folder / FIGURES_FOLDER, kinds=("svg",))


def summary_text(summary: Summary) -> str:
    """The summary as it is kept: a row per line, so that changes can be read."""
    parts = []
    for name, value in summary.items():
        if isinstance(value, list) and value:
            rows = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in value)
            parts.append(f' "{name}": [\n  {rows}\n ]')
        else:
            parts.append(f' "{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
