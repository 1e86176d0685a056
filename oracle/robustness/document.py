"""The study in Markdown, written from its summary alone: no number in it was ever typed."""

from __future__ import annotations

from typing import Final

from oracle.evidence import words
from oracle.evidence.table import Table, table
from oracle.robustness import tables
from oracle.robustness.figures import CAPTIONS
from oracle.robustness.study import Summary
from oracle.robustness.tables import most, percent, pooled, share

#: A mistake of this many percent is what the first table compares.
_COMPARED: Final = 5


def markdown(summary: Summary, figures: str) -> str:
    """The whole document.

    Args:
        summary: of `oracle.robustness.study.run`.
        figures: folder of the figures, relative to the document.
    """
    return "\n\n".join(_parts(summary, figures)) + "\n"


def _parts(summary: Summary, figures: str) -> list[str]:
    assumed = summary["assumed"]
    margin = most(summary["margins"], "margin_percent")
    return [
        "# Robustness: what the audit and the margin catch, and what they cannot",
        "`clearwatt evidence robustness --document docs/evidence` runs the study and writes this "
        "page; do not edit it.",
        "An audit compares what was committed with what the rules make of it. It cannot compare "
        "what was committed with the world: what it believes of wires is the registered grid, "
        "what it believes of use is what the metering operator signed. Here both are wrong in "
        "every way that we could think of, one at a time, and we count what the audit sees, what "
        "the room absorbs that the clearing keeps on every line, and who bears the rest.",
        _setting(summary),
        tables.margins_table(summary).markdown(),
        "## In short",
        _short(summary).markdown(),
        "Two kinds of mistake have to be kept apart. If the *operator* believes in another "
        "network than the registered one, the certificate is one for another network, and the "
        "audit (and an eager ledger before it) tells. If the *registered* grid is wrong, "
        "everything checks, because everything is computed from it. The room for rounding is no "
        f"help: it is at most {percent(margin, 2)} of the limit of a full line here, as it is "
        "made for whole watt-hours and for nothing else. Who registers a grid should therefore "
        "register limits that leave room for what is not known, and put a grid of another "
        "version in force when a line goes out; the contracts let both be seen, and neither be "
        "proved wrong.",
        "## Use is not what was allocated",
        "Every consumer uses up to so much more or less than its allocation, each on its own; "
        "stations follow in proportion. The share of intervals in which some line carries more "
        "than its limit, and the worst overload:",
        tables.wires_table(summary, "use", "", "").markdown(),
        "The same where everybody errs in the same direction, as in a cold snap:",
        tables.together_table(summary, "", "").markdown(),
        "Readings make whoever deviates pay for it afterwards (below). Nothing in the settlement "
        "keeps the line from being overloaded meanwhile: that is what protection on the line is "
        "for.",
        "## Line ratings and impedances are wrong",
        "Every line bears less than is registered, by:",
        tables.wires_table(summary, "ratings", "", "").markdown(),
        "Every line's susceptance is up to so much off, each on its own:",
        tables.wires_table(summary, "impedances", "", "").markdown(),
        _figure(figures, "robustness-wires"),
        "## The topology is out of date",
        "Each line in turn is out of service without a new grid version; lines that would cut a "
        "part off are left out. Energy as it was cleared, on the wires that are left:",
        tables.outages_table(summary).markdown(),
        "## What safety costs",
        "Limits registered below the true ones absorb ratings that are wrong by as much, and the "
        "other mistakes as far as the tables above say; no derating of this size absorbs a line "
        "that is gone. What is served then:",
        tables.derating_table(summary).markdown(),
        _figure(figures, "robustness-derating"),
        "## The operator believes in another network",
        "The market is committed against the registered grid and cleared on another one. Over "
        "all networks and markets:",
        tables.beliefs_table(summary).markdown(),
        _beliefs_words(summary),
        "## Meters err, are late or say nothing",
        f"Use differs from the allocation by up to {assumed['behaviour']} %, each on its own. "
        "Settled with wrong or missing readings, against exact and complete ones; errors have a "
        "normal distribution. A plus in *consumers' bills* means that they pay more. *Late* is "
        "the share of readings that come one interval late; as many of these come two late, and "
        "so on.",
        tables.meters_table(summary).markdown(),
        _figure(figures, "robustness-meters"),
        _meters_words(summary),
        "## What this does not show",
        "DC flows, as everywhere here: voltage, reactive power and losses are not in it. "
        "Mistakes are drawn evenly and on their own; an adversary would choose. Limits are "
        "scaled so that mistakes matter, so shares of intervals say how often a *strained* "
        "network is hurt. IEEE cases stand for networks of their size and for no real place.",
    ]


def _setting(summary: Summary) -> str:
    assumed = summary["assumed"]
    sizes = ", ".join(
        f"{words.network(network)} with {participants} participants"
        for network, participants in assumed["networks"]
    )
    seeds = len(assumed["seeds"])
    markets = "one market each" if seeds == 1 else f"{seeds} markets each"
    return (
        f"{sizes}; {assumed['intervals']} half-hours, {markets}, drawn as in `clearwatt demo`. "
        "Limits are scaled so that in half of the intervals some line would be too full if it "
        "could: on a network with room to spare no mistake of this size matters."
    )


def _short(summary: Summary) -> Table:
    honest = tables.pooled(summary["margins"], ())[0]

    def wires(part: str, *, together: bool = False) -> str:
        rows = [
            row
            for row in summary[part]
            if row["size"] == _COMPARED and row.get("together", False) == together
        ]
        [row] = pooled(rows, ("size",))
        often = share(row["overloaded"], row["intervals"])
        return f"{often} of intervals, worst {percent(row['worst_percent'])}"

    [outage] = pooled(summary["outages"], ())
    believed = [row for row in summary["beliefs"] if row["belief"] != "the registered network"]
    physics = [row for row in believed if row["belief"].startswith("susceptances")]
    seen = pooled(physics, ())[0]
    heard = pooled(summary["meters"], ())[0]
    nothing = "nothing"
    same = f"{words.count(honest['faulty'])} faults: the same bytes"
    return table(
        "short",
        "",
        "",
        ["what is wrong", "the audit sees", "lines overloaded", "who can see it"],
        [
            [f"use differs by {_COMPARED} %", same, wires("use"), "meters, afterwards"],
            [
                f"use differs by {_COMPARED} %, all alike",
                same,
                wires("use", together=True),
                "meters, afterwards",
            ],
            [f"ratings {_COMPARED} % too high", same, wires("ratings"), "who owns the line"],
            [f"impedances {_COMPARED} % off", same, wires("impedances"), "measured flows"],
            [
                "a line out of service, unknown",
                same,
                f"{share(outage['overloaded'], outage['intervals'])} of intervals, worst "
                f"{percent(outage['worst_percent'], 0)}",
                "the network's control room",
            ],
            [
                "operator clears with other impedances",
                f"{share(seen['faulty'], seen['intervals'])} of intervals "
                f"({', '.join(seen['rules'])})",
                "– (voided)",
                "everybody",
            ],
            [
                "meters err, are late, say nothing",
                f"{words.count(heard['faulty'])} faults in {words.count(heard['audited'])} "
                "intervals",
                nothing,
                "who compares with its own meter",
            ],
        ],
    )


def _beliefs_words(summary: Summary) -> str:
    higher = [row for row in summary["beliefs"] if row["belief"].startswith("limits")]
    told, all_of = (sum(row[name] for row in higher) for name in ("faulty", "intervals"))
    return (
        "Other impedances or another topology show at once, because angles that meet the energy on "
        "one network do not on another. Higher limits show wherever a registered one is exceeded: "
        f"in {words.count(told)} of {words.count(all_of)} intervals. In the others no line needed "
        "the room, nothing was done that the registered limits forbid, and there is nothing to tell."
    )


def _meters_words(summary: Summary) -> str:
    rows = pooled(summary["meters"], ("noise", "missing", "late", "lag"))
    noisy = [row for row in rows if row["noise"]]
    lost = [row for row in rows if row["missing"]]
    late = [row for row in rows if row["late"]]
    worst = max(noisy, key=lambda row: row["noise"])
    gone = max(lost, key=lambda row: row["missing"])
    least, longest = (
        min(late, key=lambda row: (-row["late"], row["lag"])),
        max(late, key=lambda row: (row["late"], row["lag"])),
    )
    gained, forgone = sum(row["gained"] for row in lost), sum(row["lost"] for row in lost)
    return (
        "*Errors* average out over a bill but not to zero: with a standard deviation of "
        f"{percent(worst['noise'])} a consumer's bill is off by "
        f"{percent(worst['house_error_percent'], 2)} in the mean, and all together pay "
        f"{percent(-worst['house_bias_percent'], 2)} more, because what is metered beyond an "
        "allocation is bought dear and what is metered short of it is given back cheap: the "
        "spread makes noise a cost. The reserve keeps it.\n\n*A reading that does not arrive* "
        "counts a consumer as having used its allocation, and a station as having delivered "
        f"nothing. With {percent(gone['missing'], 0)} of readings missing stations lose "
        f"{percent(-gone['station_bias_percent'], 1)} of their pay. Of those without a reading, "
        f"some gained {words.number(gained / 1e6, 2)} in all, namely who had used more than "
        f"allocated, and others lost {words.number(forgone / 1e6, 2)}. So it pays a consumer that "
        "uses more than its allocation if its reading gets lost; what stands against it is that "
        "the metering operator reads and signs, not the consumer. The audit cannot know whether "
        "a reading that is not there exists.\n\n*Delay* is the same as loss beyond the lag, and "
        f"a longer lag cures it: with {percent(least['late'], 0)} late, stations lose "
        f"{percent(-least['station_bias_percent'], 1)} of their pay where readings are settled "
        f"after {words.number(least['lag'], 0)} interval, and "
        f"{percent(-longest['station_bias_percent'], 1)} after {words.number(longest['lag'], 0)}."
    )


def _figure(folder: str, name: str) -> str:
    return f"![{CAPTIONS[name]}]({folder}/{name}.svg)"
