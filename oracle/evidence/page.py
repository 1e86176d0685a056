"""The report as one HTML page that needs nothing else: styles and figures are inside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1b1b1b;
  max-width: 70rem; margin: 2rem auto; padding: 0 1.25rem; background: #fff; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 3rem; border-bottom: 1px solid #ddd; }
h3 { margin-top: 2rem; font-size: 1.05rem; }
p, li { max-width: 50rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.84rem; margin: 0.75rem 0; }
th, td { padding: 0.3rem 0.7rem; text-align: left; vertical-align: top; }
td { white-space: nowrap; } .wide:first-of-type td { white-space: normal; }
th { border-bottom: 2px solid #444; } td { border-bottom: 1px solid #e5e5e5; }
tbody tr:hover { background: #f6f6f6; }
figure { margin: 1.5rem 0 0; } figure svg { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: 0 0.2em; }
"""
_IMAGE: Final = re.compile(r'<p><img src="([^"]+)" alt="([^"]*)"\s*/?></p>')
_SVG: Final = re.compile(r"<svg.*</svg>", re.DOTALL)
_IDENTIFIER: Final = re.compile(r'(\bid="|url\(#|href="#)')


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
    title = re.sub(r"<[^>]+>", "", body.partition("</h1>")[0]).strip()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def _figure(path: Path, caption: str) -> str:
    """An SVG as part of the page; its identifiers get a prefix, because pages share one space."""
    found = _SVG.search(path.read_text("utf-8"))
    picture = found[0] if found else ""
    picture = _IDENTIFIER.sub(rf"\g<1>{path.stem}-", picture)
    picture = picture.replace("<svg ", f'<svg role="img" aria-label="{caption}" ', 1)
    return f"<figure>{picture}</figure>"
