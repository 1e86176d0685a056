"""Intervals by rules, narrow enough for any screen: thousands of intervals share a few dozen columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

from offchain.audit.findings import Rule
from offchain.audit.verdict import Verdict
from oracle.report.rules import WORDS

COLUMNS: Final = 48
#: Every so manieth column says where it begins.
_LABELLED: Final = 8
#: So many columns are wide on any screen.
_FEW: Final = 12
#: An interval with such a fault is judged no further: nothing can be reckoned with its numbers.
_STOPS: Final = frozenset({Rule.RANGE, Rule.GRID})
#: Hold of the market, and not of one of its intervals.
WHOLE: Final = (Rule.CODE, Rule.ESCROW, Rule.OMITTED)


class Mark(StrEnum):
    """What became of a rule in some intervals; the value is its class in the page."""

    KEPT = "k"
    OPEN = "o"
    BROKEN = "b"


_SIGNS: Final = {Mark.KEPT: "", Mark.OPEN: "?", Mark.BROKEN: "✕"}
_READ: Final = {Mark.KEPT: "kept", Mark.OPEN: "not judged", Mark.BROKEN: "broken"}


@dataclass(frozen=True)
class Matrix:
    """The marks of every rule.

    Attributes:
        columns: First and last interval of each column.
        rows: One mark per column, by rule; without those that nothing was compared for.
    """

    columns: tuple[tuple[int, int], ...]
    rows: dict[Rule, tuple[Mark, ...]]

    @classmethod
    def of(cls, verdict: Verdict) -> Matrix:
        """The matrix of a verdict over its intervals; broken outweighs open, open outweighs kept."""
        first, last = verdict.first, verdict.last
        count = max(0, last - first + 1)
        width = max(1, -(-count // COLUMNS))
        columns = tuple((t, min(t + width - 1, last)) for t in range(first, last + 1, width))
        broken: dict[int, set[Rule]] = {}
        for fault in verdict.faults:
            broken.setdefault(fault.interval, set()).add(fault.rule)
        named = {rule for rules in broken.values() for rule in rules}
        rows = {
            rule: [Mark.KEPT] * len(columns)
            for rule in WORDS
            if rule not in WHOLE and (verdict.compared[rule] or rule in named)
        }
        for at, (begin, end) in enumerate(columns):
            for interval in range(begin, end + 1):
                wrong = broken.get(interval, set())
                stopped = interval not in verdict.judged or bool(wrong & _STOPS)
                if not (wrong or stopped):
                    continue
                for rule, marks in rows.items():
                    if rule in wrong:
                        marks[at] = Mark.BROKEN
                    elif stopped and marks[at] is Mark.KEPT:
                        marks[at] = Mark.OPEN
        return cls(columns, {rule: tuple(marks) for rule, marks in rows.items()})

    def html(self) -> str:
        """The matrix as a table; every cell can be read aloud."""
        last = len(self.columns) - 1
        heads = "".join(
            f"<th>{column[0] if at % _LABELLED == 0 or at == last else ''}</th>"
            for at, column in enumerate(self.columns)
        )
        rows = "".join(
            f"<tr><th>{rule.value}<small>{escape(WORDS[rule])}</small></th>"
            + "".join(self._cell(at, mark) for at, mark in enumerate(marks))
            + "</tr>\n"
            for rule, marks in self.rows.items()
        )
        few = " few" if len(self.columns) <= _FEW else ""
        return (
            f'<div class="wide"><table class="matrix{few}"><thead><tr><th>rule</th>{heads}</tr></thead>\n'
            f"<tbody>{rows}</tbody></table></div>\n"
        )

    def _cell(self, at: int, mark: Mark) -> str:
        if mark is Mark.KEPT:
            return "<td></td>"
        title = f"{_named(self.columns[at])}: {_READ[mark]}"
        return f'<td class="{mark}" title="{title}">{_SIGNS[mark]}</td>'


def _named(column: tuple[int, int]) -> str:
    begin, end = column
    return f"interval {begin}" if begin == end else f"intervals {begin} to {end}"


def runs(numbers: dict[int, str]) -> list[tuple[int, int, str]]:
    """Neighbouring numbers with the same text, put together: first, last, text."""
    found: list[tuple[int, int, str]] = []
    for number, text in sorted(numbers.items()):
        if found and found[-1][1] == number - 1 and found[-1][2] == text:
            found[-1] = (found[-1][0], number, text)
        else:
            found.append((number, number, text))
    return found
