"""Pages that need nothing else: one look for all of them, and figures as part of the page."""

from __future__ import annotations

import re
from html import escape
from typing import Final

STYLE: Final = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #1b1b1b;
  max-width: 70rem; margin: 2rem auto; padding: 0 1.25rem; background: #fff; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 3rem; border-bottom: 1px solid #ddd; }
h3 { margin-top: 2rem; font-size: 1.05rem; }
p, li { max-width: 50rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.84rem; margin: 0.75rem 0; }
th, td { padding: 0.3rem 0.7rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #444; } td { border-bottom: 1px solid #e5e5e5; }
figure { margin: 1.5rem 0 0; } figure svg { max-width: 100%; height: auto; }
code { background: #f3f3f3; padding: 0 0.2em; }
"""
_SVG: Final = re.compile(r"<svg.*</svg>", re.DOTALL)
_IDENTIFIER: Final = re.compile(r'(\bid="|url\(#|href="#)')


def page(title: str, body: str, style: str = "") -> str:
    """A whole document.

    Args:
        title: plain text.
        body: HTML.
        style: what this page adds to the common look.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n"
        f"{body}</body>\n</html>\n"
    )


def figure(svg: str, name: str, caption: str) -> str:
    """An SVG file's text as part of a page.

    Args:
        svg: as a drawing library wrote it.
        name: prefix of its identifiers, because a page's figures share one space.
        caption: what it shows, for those who cannot see it.
    """
    found = _SVG.search(svg)
    picture = _IDENTIFIER.sub(rf"\g<1>{name}-", found[0] if found else "")
    label = f'<svg role="img" aria-label="{escape(caption)}" '
    return f"<figure>{picture.replace('<svg ', label, 1)}</figure>"
