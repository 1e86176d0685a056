"""The report as one HTML page that needs nothing else: styles and figures are inside."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Final

from oracle.pages import figure, page

_STYLE: Final = """
td { white-space: nowrap; } .wide:first-of-type td { white-space: normal; }
tbody tr:hover { background: #f6f6f6; }
"""
_IMAGE: Final = re.compile(r'<p><img src="([^"]+)" alt="([^"]*)"\s*/?></p>')


def html(report: str, folder: Path) -> str:
    """The page.

    Args:
        report: Markdown; its figures are named relative to the folder.
        folder: where they are.
    """
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(report)
    body = _IMAGE.sub(lambda match: _figure(folder / match[1], match[2]), body)
    body = body.replace("<table>", '<div class="wide"><table>').replace(
        "</table>", "</table></div>"
    )
    title = unescape(re.sub(r"<[^>]+>", "", body.partition("</h1>")[0]).strip())
    return page(title, body, _STYLE)


def _figure(path: Path, caption: str) -> str:
    """The caption comes from rendered HTML and is escaped already."""
    return figure(path.read_text("utf-8"), path.stem, unescape(caption))
