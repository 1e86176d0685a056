"""Tables of who was served how much: the weak bus, convergence, all mechanisms."""

from __future__ import annotations

from typing import Any

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.readings import ERRORS, WEAK_BUSES, WORST
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table, table


def readings(summary: Summary) -> Table:
    """Fair Play in every reading at the study's target."""
    fstar, stations = usual(summary)
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in summary["reductions"]:
        wanted = (row["fstar"], row["stations"], row["mechanism"])
        if wanted == (fstar, stations, FAIR_PLAY.name):
            place = (row["network"], row["baseline"], row["weak_bus"])
            cells.setdefault(place, {})[row["error"]] = words.ranged(row["percent"], 0)
    errors = summary["config"]["readings"]["errors"]
    return table(
        "readings",
        f"Fair Play's reduction of the peak weak-bus fairness error, %, at F* = {fstar:.2f}",
        "Median over seeds, range in brackets; positive is better than the baseline. A dash: the "
        "baseline made no error there. Errors: "
        + "; ".join(f"*{k}*, {v}" for k, v in ERRORS.items())
        + ". Weak bus: "
        + "; ".join(f"*{k}*, {v}" for k, v in WEAK_BUSES.items())
        + ".",
        ("network", "against", "weak bus", *errors),
        (
            (
                words.network(network),
                words.mechanism(baseline),
                weak,
                *(row.get(error, "–") for error in errors),
            )
            for (network, baseline, weak), row in cells.items()
        ),
    )


def comparators(summary: Summary) -> Table:
    """All mechanisms in the stated weak bus and error."""
    fstar, stations = usual(summary)
    weak, error, _ = summary["config"]["readings"]["stated"]
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in summary["reductions"]:
        mine = (row["fstar"], row["stations"], row["error"]) == (fstar, stations, error)
        if mine and row["weak_bus"] in (weak, WORST):
            place = (row["network"], row["baseline"], row["weak_bus"])
            cells.setdefault(place, {})[row["mechanism"]] = words.ranged(row["percent"], 0)
    compared = summary["config"]["run"]["mechanisms"]
    return table(
        "comparators",
        f"The same figure under every mechanism, {error} error, %",
        "What a mechanism without memory reaches, too, is not an effect of memory. All other "
        "readings of all mechanisms: `tables/readings.csv`.",
        ("network", "against", "weak bus", *map(words.mechanism, compared)),
        (
            (words.network(n), words.mechanism(b), w, *(row.get(m, "–") for m in compared))
            for (n, b, w), row in cells.items()
        ),
    )


def targets(summary: Summary) -> Table:
    """How the figure moves with F*, in the window error."""
    network = summary["config"]["readings"]["other_network"]
    rows: dict[tuple[str, str, str], dict[float, str]] = {}
    fstars: set[float] = set()
    for row in summary["reductions"]:
        if (row["network"], row["error"]) != (network, "window"):
            continue
        if row["stations"] != usual(summary)[1]:
            continue
        if row["mechanism"] not in ("fair-play", "memory-only"):
            continue
        fstars.add(row["fstar"])
        place = (row["mechanism"], row["baseline"], row["weak_bus"])
        rows.setdefault(place, {})[row["fstar"]] = words.ranged(row["percent"], 0)
    order = sorted(fstars)
    return table(
        "targets",
        f"The same figure at other targets, {words.network(network)}, window error, %",
        "It is no constant of a mechanism: it compares two shortfalls below F*.",
        ("mechanism", "against", "weak bus", *(f"F* = {fstar:.2f}" for fstar in order)),
        (
            (words.mechanism(m), words.mechanism(b), weak, *(row.get(f, "–") for f in order))
            for (m, b, weak), row in rows.items()
        ),
    )


def stations(summary: Summary) -> Table:
    """The figure when part of the scarce supply is stranded."""
    network, other = (
        summary["config"]["readings"][name] for name in ("other_network", "other_stations")
    )
    errors = summary["config"]["readings"]["errors"]
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in summary["reductions"]:
        if row["stations"] == other and row["network"] == network:
            place = (row["mechanism"], row["baseline"], row["weak_bus"])
            rows.setdefault(place, {})[row["error"]] = words.ranged(row["percent"], 0)
    return table(
        "stations",
        f"The same figure when all stations share the scarce supply, {words.network(network)}, %",
        "In a window every station offers in proportion to its capacity, so that part of the supply "
        "is stranded behind thin lines and the baselines serve buses unequally.",
        ("mechanism", "against", "weak bus", *errors),
        (
            (words.mechanism(m), words.mechanism(b), weak, *(row.get(e, "–") for e in errors))
            for (m, b, weak), row in rows.items()
        ),
    )


def convergence(summary: Summary) -> Table:
    """The worst bus's gap to F* on its way."""
    marks = (20, 40, 60, 80, 100)
    return table(
        "convergence",
        "The worst bus's F* less counted F, after shares of the run",
        "Medians over seeds of means over a five-hundredth of the run, and the range at its last "
        "interval. Counted F never exceeds F*; zero is perfect.",
        ("network", "mechanism", *(f"{mark} %" for mark in marks), "range at the end"),
        (
            (
                words.network(row["network"]),
                words.mechanism(row["mechanism"]),
                *(words.small(row[f"at_{mark}_percent"]) for mark in marks),
                f"{words.small(row['last_worst']['least'])} to "
                f"{words.small(row['last_worst']['most'])}",
            )
            for row in summary["convergence"]
        ),
    )


def mechanisms(summary: Summary) -> Table:
    """All mechanisms side by side."""
    return table(
        "mechanisms",
        "All mechanisms on the same markets and seeds",
        "Median over seeds, range in brackets. Ratios are of flexible energy delivered to energy "
        "asked for over the run, and of one scarcity window where it is said; Jain's index and Gini "
        "coefficient are of these ratios. Cost is that of the dispatch at its bids, paid is what "
        "consumers pay: per kWh served, in currency.",
        (
            "network", "mechanism", "energy served, %", "worst bus", "worst-served tenth",
            "worst bus in a window", "Jain", "Gini", "cost", "paid",
        ),
        (
            (
                words.network(row["network"]),
                words.mechanism(row["mechanism"]),
                words.percent(row["energy_served"], 2),
                words.ranged(row["delivered_min"], 3),
                words.ranged(row["worst_decile"], 3),
                words.ranged(row["window_least"], 3),
                words.ranged(row["jain"], 5),
                words.ranged(row["gini"], 4),
                words.ranged(row["supply_cost_per_kwh"], 4),
                words.ranged(row["energy_cost_per_kwh"], 3),
            )
            for row in summary["mechanisms"]
        ),
    )  # fmt: skip


def usual(summary: Summary) -> tuple[float, str]:
    """F* of the study, and who offers what is left in its scarcity windows."""
    study = summary["config"]["study"]
    return study["fstar_ppb"] / 1e9, study["scarce_stations"]


def stated(
    summary: Summary, network: str, mechanism: str = FAIR_PLAY.name, against: str | None = None
) -> dict[str, Any]:
    """The row of the stated reading at the study's target, or of another baseline in it."""
    weak, error, baseline = summary["config"]["readings"]["stated"]
    baseline = against or baseline
    fstar, stations = usual(summary)
    wanted = {
        "network": network,
        "stations": stations,
        "mechanism": mechanism,
        "baseline": baseline,
        "weak_bus": weak,
        "error": error,
        "fstar": fstar,
    }
    for row in summary["reductions"]:
        if all(row[name] == value for name, value in wanted.items()):
            found: dict[str, Any] = row
            return found
    return {**wanted, "seeds": 0, "percent": {"median": None, "least": None, "most": None}}
