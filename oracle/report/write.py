"""Writes the report of an audit into a file."""

from __future__ import annotations

import datetime
from pathlib import Path

from offchain.audit.history import ReadBundle
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from oracle.report.page import report_page
from oracle.report.series import read_series
from oracle.terminal import Reporter


def write_report(
    path: Path, market: PublishedMarket, verdict: Verdict, read: ReadBundle, reporter: Reporter
) -> None:
    """Write the page.

    Args:
        path: The file; a former one is replaced.
        market: What the chain says.
        verdict: What the audit came to.
        read: Where bundles come from; they are read once more, for the figures.
        reporter: Hears of the progress.

    Raises:
        InputError: When the file cannot be written.
    """
    with reporter.phase("Drawing the report", len(market.headers) + 1) as phase:
        series = read_series(market, read, phase.step)
        now = datetime.datetime.now(datetime.UTC).strftime("%d %B %Y, %H:%M UTC")
        page = report_page(market, verdict, series, now)
        try:
            path.write_text(page, "utf-8")
        except OSError as error:
            raise InputError(
                f"report: cannot write {path} ({error.strerror}); name another file"
            ) from None
        phase.step(f"{path}, {len(page) // 1024} KiB")
