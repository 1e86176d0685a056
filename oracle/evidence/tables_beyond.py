"""Tables of what the paper does not report."""

from __future__ import annotations

from oracle.evidence import words
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table, table


def sensitivity(summary: Summary) -> Table:
    """One parameter moved at a time."""
    given = summary["config"]["sensitivity"]
    return table(
        "sensitivity",
        f"One parameter moved, {words.network(given['network'])}",
        "An asterisk marks the usual value. The reduction is that of the stated reading.",
        ("mechanism", "parameter", "value", "worst gap to F* at the end", "worst bus", "Jain", "reduction, %"),
        (
            (
                words.mechanism(row["mechanism"]),
                "F*" if row["parameter"] == "fstar" else row["parameter"],
                f"{row['permille'] / 1000:g}{' *' if row['usual'] else ''}",
                words.ranged(row["target_gap_max"], 4),
                words.ranged(row["delivered_min"], 3),
                words.ranged(row["jain"], 5),
                words.ranged(row["percent"], 0),
            )
            for row in summary["sensitivity"]
        ),
    )  # fmt: skip


def forecast(summary: Summary) -> Table:
    """Requests that miss the need."""
    given = summary["config"]["forecast"]
    return table(
        "forecast",
        f"Requests that are forecasts, {words.network(given['network'])}",
        "Useful is what was delivered and needed; the error is lognormal, each consumer's own.",
        ("mechanism", "forecast error, %", "useful share of the need", "worst bus",
         "worst gap to F* of what was asked", "DC violations"),
        (
            (
                words.mechanism(row["mechanism"]),
                words.number(row["error_permille"] / 10, 0),
                words.ranged(row["useful"], 3),
                words.ranged(row["useful_worst"], 3),
                words.small(row["target_gap_max"]["median"]),
                words.count(row["dc_violations"]),
            )
            for row in summary["forecast"]
        ),
    )  # fmt: skip


def requesting(summary: Summary) -> Table:
    """Over-asking with and without a cap."""
    given = summary["config"]["requesting"]
    return table(
        "requesting",
        f"Asking for more than one needs, {words.network(given['network'])}",
        f"{given['strategist_permille'] / 10:g} % of the consumers always ask for a multiple of "
        "their need. The cap is on every request of everybody, in contracted rates. Paid is per "
        "useful kWh, in currency.",
        ("cap", "asked, of the need", "strategists: useful", "others: useful",
         "strategists: paid", "others: paid"),
        (
            (
                f"{row['cap_permille'] / 1000:g}" if row["cap_permille"] else "none",
                f"{row['factor_permille'] / 1000:g}",
                words.ranged(row["strategists_useful"], 3),
                words.ranged(row["others_useful"], 3),
                words.ranged(row["strategists_paid_per_useful_kwh"], 3),
                words.ranged(row["others_paid_per_useful_kwh"], 3),
            )
            for row in summary["requesting"]
        ),
    )  # fmt: skip


def large(summary: Summary) -> Table:
    """Beyond the paper's networks."""
    return table(
        "large",
        "A network beyond the paper's",
        "Lines are limited as the case has it, and some loads lie behind lines too thin for them: no "
        "mechanism can serve those F*. Time includes drawing, clearing, checking and billing.",
        ("network", "mechanism", "intervals", "certified", "DC violations", "energy served, %",
         "worst-served tenth", "worst bus", "consumers below F*", "ms per interval"),
        (
            (
                words.network(row["network"]),
                words.mechanism(row["mechanism"]),
                words.count(row["intervals"]),
                words.count(row["certified"]),
                words.count(row["dc_violations"]),
                words.percent(row["energy_served"], 2),
                words.ranged(row["worst_decile"], 3),
                words.ranged(row["delivered_min"], 3),
                words.ranged(row["below_target"], 0),
                words.number(row["ms_per_interval"], 1),
            )
            for row in summary["large"]
        ),
    )  # fmt: skip
