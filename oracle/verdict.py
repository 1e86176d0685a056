"""An audit's verdict as the commands print it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Console
from rich.table import Table

from offchain.audit.findings import Rule
from offchain.audit.genesis import GENESIS
from offchain.audit.verdict import Verdict
from oracle.unjudged import place, unjudged_lines

NOT_CHECKABLE: Final = (
    "that orders which nobody filed on the chain reached the operator",
    "that contracts, shares and first states were fair: only that the market opened with them",
    "that the registered grid is the one in the ground, and that its lines carry what it says",
    "that meters measured right: only that the metering operator signed what was settled",
    "that at least one party of the randomness beacon kept its secret until the orders were fixed",
    "the code of the currency's token, and what its issuer may do",
    "that the data were published to everybody, and in time",
    "differences within the protocol's tolerances: a watt-hour of an order, a micro of a payment",
)
"""What no audit of this kind can see, however complete its data."""


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """A verdict as a JSON object; `faults` names the broken rules, `findings` tells each in words."""
    return {
        "ok": verdict.ok,
        "from": verdict.first,
        "to": verdict.last,
        "intervals": verdict.intervals,
        "checks": verdict.checks,
        "rules": {rule.value: verdict.compared[rule] for rule in Rule},
        "faults": sorted({fault.rule.value for fault in verdict.faults}),
        "findings": [str(fault) for fault in verdict.faults],
        "broken": [
            {
                "interval": fault.interval,
                "rule": fault.rule.value,
                "where": fault.where,
                "expected": fault.expected,
                "found": fault.found,
            }
            for fault in verdict.faults
        ],
        "unjudged": {str(interval): reason for interval, reason in verdict.unjudged.items()},
        "assumed": verdict.assumed,
        "not_checkable": list(NOT_CHECKABLE),
    }


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Tell a person what was found: each fault, each rule, what is not known, what was taken on trust."""
    for fault in verdict.faults:
        console.print(str(fault), soft_wrap=True)
    for line in unjudged_lines(verdict):
        console.print(line, soft_wrap=True)
    if verdict.checks:
        console.print(_rules(verdict))
    for words in verdict.assumed:
        console.print(f"Not checked here: {words}.", soft_wrap=True)
    if verdict.ok:
        judged = f"{verdict.intervals} intervals, {verdict.checks:,} checks"
        if not verdict.last:
            judged = (
                f"No header stands yet, so the genesis alone was judged, {verdict.checks:,} checks"
            )
        console.print(f"{judged}: every rule was kept.", soft_wrap=True)


def _rules(verdict: Verdict) -> Table:
    """Every rule: how much was compared, and where it was broken."""
    broken = Counter(fault.rule for fault in verdict.faults)
    first = {fault.rule: fault.interval for fault in reversed(verdict.faults)}
    table = Table(box=None, pad_edge=False)
    for title, justify in (
        ("rule", "left"),
        ("values compared", "right"),
        (_where(verdict), "left"),
    ):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for rule in Rule:
        if rule in broken:
            more = f" and {broken[rule] - 1} more" if broken[rule] > 1 else ""
            told = f"broken in {place(first[rule])}{more}"
        else:
            told = "kept" if verdict.compared[rule] else "not looked at"
        table.add_row(rule.value, f"{verdict.compared[rule]:,}", told)
    return table


def _where(verdict: Verdict) -> str:
    """In how many intervals the rules were looked at."""
    intervals = len({*verdict.judged, *verdict.unjudged} - {GENESIS})
    if not verdict.intervals:
        return "in the genesis alone"
    part = "all" if verdict.intervals == intervals else f"{verdict.intervals} of"
    return f"in {part} {intervals} intervals" if intervals > 1 else "in 1 interval"
