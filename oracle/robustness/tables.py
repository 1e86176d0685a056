"""Rows of the study, pooled over markets and written as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from oracle.evidence import words
from oracle.evidence.table import Table, table
from oracle.robustness.physical import Row
from oracle.robustness.study import Summary

#: How a field of several markets becomes one: added up, or the largest; means of the rest.
_ADDED: Final = frozenset(
    (
        "intervals",
        "overloaded",
        "faulty",
        "unjudged",
        "asked_wh",
        "served_wh",
        "congested",
        "gained",
        "lost",
        "lines",
        "harmless",
        "would_cut",
        "audited",
        "full_lines",
    )
)
_LARGEST: Final = frozenset(("worst_percent", "margin_percent"))


def networks(summary: Summary) -> list[str]:
    """The networks, in the order in which they were run."""
    return list(dict.fromkeys(row["network"] for row in summary["margins"]))


def most(rows: Iterable[Row], name: str) -> float:
    """The largest value of a field."""
    return max(float(row[name]) for row in rows)


def pooled(rows: Iterable[Row], keys: Sequence[str]) -> list[Row]:
    """One row for each combination of keys, in order of appearance, over all markets."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [
        {**dict(zip(keys, values, strict=True)), **_pool(group, keys)}
        for values, group in groups.items()
    ]


def _pool(group: list[Row], keys: Sequence[str]) -> Row:
    result: Row = {}
    for name in group[0]:
        values = [row[name] for row in group]
        if name in keys or name == "seed":
            continue
        if name == "rules":
            result[name] = sorted({rule for value in values for rule in value})
        elif name in _ADDED:
            result[name] = sum(values)
        elif name in _LARGEST:
            result[name] = max(values)
        elif isinstance(values[0], (int, float)):
            result[name] = sum(values) / len(values)
    return result


def share(part: int, whole: int) -> str:
    """A part of a whole in percent."""
    return f"{words.number(100 * part / whole if whole else 0.0, 0)} %"


def percent(value: float, digits: int = 1) -> str:
    """A number of percent; below one with two decimals."""
    return f"{words.number(value, max(digits, 2) if 0 < abs(value) < 1 else digits)} %"


def wires_table(summary: Summary, part: str, title: str, note: str) -> Table:
    """Overloads by size of a mistake, one column per network."""
    names = networks(summary)
    rows = [row for row in summary[part] if not row.get("together")]
    return _by_size(part, title, note, names, pooled(rows, ("size", "network")))


def together_table(summary: Summary, title: str, note: str) -> Table:
    """Overloads where everybody's use differs by the same."""
    rows = [row for row in summary["use"] if row["together"]]
    return _by_size("together", title, note, networks(summary), pooled(rows, ("size", "network")))


def _by_size(name: str, title: str, note: str, names: list[str], rows: list[Row]) -> Table:
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    cell = {
        (row["size"], row["network"]): f"{share(row['overloaded'], row['intervals'])}, worst "
        f"{percent(row['worst_percent'])}"
        for row in rows
    }
    return table(
        name,
        title,
        note,
        ["by, %", *(words.network(n) for n in names)],
        [[words.number(size, 1), *(cell[size, n] for n in names)] for size in sizes],
    )


def margins_table(summary: Summary) -> Table:
    """Each network as it was strained, cleared honestly."""
    rows = pooled(summary["margins"], ("network",))
    return table(
        "margins",
        "The markets, cleared by the rules on the network as it is",
        "",
        [
            "network",
            "intervals",
            "with a full line",
            "overloaded",
            "faults in the audit",
            "room for rounding on full lines, at most",
        ],
        [
            [
                words.network(row["network"]),
                words.count(row["intervals"]),
                words.count(row["congested"]),
                words.count(row["overloaded"]),
                words.count(row["faulty"]),
                percent(row["margin_percent"], 2),
            ]
            for row in rows
        ],
    )


def outages_table(summary: Summary) -> Table:
    """Lines out of service of which the registered grid does not know."""
    return table(
        "outages",
        "A line is out of service and the grid in force does not say so",
        "",
        ["network", "lines tried", "of which harmless", "intervals overloaded", "worst overload"],
        [
            [
                words.network(row["network"]),
                words.count(row["lines"]),
                words.count(row["harmless"]),
                share(row["overloaded"], row["intervals"]),
                percent(row["worst_percent"], 0),
            ]
            for row in pooled(summary["outages"], ("network",))
        ],
    )


def derating_table(summary: Summary) -> Table:
    """What careful limits cost."""
    names = networks(summary)
    rows = pooled(summary["derating"], ("size", "network"))
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    cell = {(row["size"], row["network"]): share(row["served_wh"], row["asked_wh"]) for row in rows}
    return table(
        "derating",
        "Flexible energy served, where limits are registered below the true ones",
        "",
        ["below by, %", *(words.network(n) for n in names)],
        [[words.number(size, 0), *(cell[size, n] for n in names)] for size in sizes],
    )


def beliefs_table(summary: Summary) -> Table:
    """An operator that clears on another network than the registered one."""
    rows = pooled(summary["beliefs"], ("belief",))
    return table(
        "beliefs",
        "The operator clears on another network than the registered one",
        "",
        [
            "the operator's network",
            "intervals",
            "of which with a full line",
            "told by the audit",
            "rules",
        ],
        [
            [
                row["belief"],
                words.count(row["intervals"]),
                words.count(row["congested"]),
                words.count(row["faulty"]),
                ", ".join(row["rules"]) or "–",
            ]
            for row in rows
        ],
    )


def meters_table(summary: Summary) -> Table:
    """Meters that err, are late or say nothing."""
    rows = pooled(summary["meters"], ("noise", "missing", "late", "lag"))
    return table(
        "meters",
        "What meters cost that err, are late or say nothing",
        "",
        [
            "error",
            "never arrive",
            "late",
            "settled after",
            "consumer's bill, mean error",
            "consumers' bills, all together",
            "stations' pay, all together",
            "faults in the audit",
        ],
        [
            [
                percent(row["noise"]),
                percent(row["missing"], 0),
                percent(row["late"], 0),
                words.number(row["lag"], 0),
                percent(row["house_error_percent"], 2),
                percent(-row["house_bias_percent"], 2),
                percent(row["station_bias_percent"], 1),
                f"{words.count(row['faulty'])} of {words.count(row['audited'])}",
            ]
            for row in rows
        ],
    )
