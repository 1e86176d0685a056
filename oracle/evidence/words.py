"""How things are called in tables, figures and text, and how numbers are written."""

from __future__ import annotations

from typing import Any, Final

NETWORKS: Final = {
    "ieee14": "IEEE-14",
    "ieee57": "IEEE-57",
    "ieee118": "IEEE-118",
    "case1354pegase": "PEGASE-1354",
}
MECHANISMS: Final = {
    "fair-play": "Fair Play",
    "memory-only": "memory only",
    "equal-weight": "equal weight",
    "equal-weight-random": "equal weight, random order",
    "equal-weight-lp": "equal weight, LP",
    "inverse-fairness": "literal 1/F",
    "lmp": "LMP",
}
REGIMES: Final = {
    "slack": "feasible with slack",
    "boundary": "at the boundary",
    "infeasible": "infeasible",
}


def network(name: str) -> str:
    """A network's name for people."""
    return NETWORKS.get(name, name)


def mechanism(name: str) -> str:
    """A mechanism's name for people."""
    return MECHANISMS.get(name, name)


def number(value: float | None, digits: int) -> str:
    """A number with a proper minus sign, or a dash for none."""
    if value is None:
        return "–"
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def with_error(value: float | None, error: float | None, digits: int) -> str:
    """A number and its standard error, if there is one."""
    text = number(value, digits)
    return text if value is None or error is None else f"{text} ± {number(error, digits)}"


def small(value: float | None) -> str:
    """A small error: 0.0001 and more as a decimal, less as below."""
    if value is None:
        return "–"
    return "0" if value == 0 else number(value, 4) if value >= 1e-4 else "< 0.0001"


def ranged(spread: dict[str, Any], digits: int) -> str:
    """Median and range over seeds: `61 (43 to 66)`; the median alone where all agree."""
    median, least, most = (spread[name] for name in ("median", "least", "most"))
    if median is None:
        return "–"
    texts = [number(value, digits) for value in (median, least, most)]
    if texts[1] == texts[2]:
        return texts[0]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def percent(spread: dict[str, Any], digits: int = 1) -> str:
    """A spread of shares as percentages."""
    scaled = {k: None if v is None else 100 * v for k, v in spread.items()}
    return ranged(scaled, digits)


def count(value: int) -> str:
    """A whole number with separators."""
    return f"{value:,}"
