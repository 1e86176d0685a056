"""The tables of the evidence, from the summary alone: formatted for people, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.readings import ERRORS, WEAK_BUSES
from oracle.evidence.summary import Row, Summary

#: Columns of the summary that hold a whole curve; figures show them.
_CURVES: Final = frozenset(("interval", "median", "least", "most", "gap", "weak_bus_ratio"))


@dataclass(frozen=True)
class Table:
    """A table for people.

    Attributes:
        name: of its files and of its place in the page.
        title: what it shows.
        note: how to read it.
        headings: of its columns.
        rows: cells.
    """

    name: str
    title: str
    note: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [_line(self.headings), _line(["---"] * len(self.headings))]
        return "\n".join([*lines, *(_line(row) for row in self.rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def csv_text(rows: Sequence[Row]) -> str:
    """Rows of the summary as CSV, medians and ranges as columns of their own, curves left out."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return file.getvalue()


def _flat(row: Row) -> Row:
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{name}_{part}": one for part, one in value.items()})
        elif isinstance(value, list):
            if name not in _CURVES:
                flat[name] = " ".join(map(str, value))
        else:
            flat[name] = value
    return flat


def tables(summary: Summary) -> dict[str, Table]:
    """All tables by name, in the order in which they are shown."""
    made = [make(summary) for make in _MAKERS]
    return {table.name: table for table in made if table.rows}


def _table(
    name: str, title: str, note: str, headings: Sequence[str], rows: Iterable[Sequence[str]]
) -> Table:
    return Table(name, title, note, tuple(headings), tuple(tuple(row) for row in rows))


def mechanisms(summary: Summary) -> Table:
    """All mechanisms side by side."""
    return _table(
        "mechanisms",
        "All mechanisms on the same markets and seeds",
        "Median over seeds, range in brackets. Ratios are of flexible energy delivered to energy "
        "asked for; cost is that of the dispatch at its bids, per kWh served, in currency.",
        (
            "network", "mechanism", "energy served, %", "worst bus", "worst-served tenth",
            "worst bus in a window", "Jain", "Gini", "cost",
        ),
        (
            (
                words.network(row["network"]),
                words.mechanism(row["mechanism"]),
                words.percent(row["energy_served"], 2),
                words.ranged(row["delivered_min"], 3),
                words.ranged(row["worst_decile"], 3),
                words.ranged(row["window_least"], 3),
                words.ranged(row["jain"], 4),
                words.ranged(row["gini"], 4),
                words.ranged(row["supply_cost_per_kwh"], 4),
            )
            for row in summary["mechanisms"]
        ),
    )  # fmt: skip


def readings(summary: Summary) -> Table:
    """Fair Play and its comparators, every reading at the study's target."""
    fstar, stations = usual(summary)
    baselines = summary["config"]["readings"]["baselines"]
    seen = {row["mechanism"] for row in summary["reductions"]}
    compared = [name for name in words.MECHANISMS if name in seen and name not in baselines]
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in summary["reductions"]:
        if (row["fstar"], row["stations"]) == (fstar, stations) and row["mechanism"] in compared:
            place = (row["network"], row["baseline"], row["error"], row["weak_bus"])
            cells.setdefault(place, {})[row["mechanism"]] = words.ranged(row["percent"], 0)
    return _table(
        "readings",
        f"Reduction of the peak weak-bus fairness error, %, at F* = {fstar:.2f}",
        "Positive is better than the baseline. A dash: the baseline made no error there. "
        "Errors: "
        + "; ".join(f"*{k}*, {v}" for k, v in ERRORS.items())
        + ". Weak bus: "
        + "; ".join(f"*{k}*, {v}" for k, v in WEAK_BUSES.items())
        + ".",
        ("network", "against", "error", "weak bus", *(words.mechanism(m) for m in compared)),
        (
            (
                words.network(network),
                words.mechanism(baseline),
                error,
                weak,
                *(row.get(mechanism, "–") for mechanism in compared),
            )
            for (network, baseline, error, weak), row in cells.items()
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
    return _table(
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
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in summary["reductions"]:
        if row["stations"] == other and row["network"] == network:
            place = (row["baseline"], row["error"], row["weak_bus"])
            rows.setdefault(place, {})[row["mechanism"]] = words.ranged(row["percent"], 0)
    mechanisms = ("fair-play", "memory-only")
    return _table(
        "stations",
        f"The same figure when all stations share the scarce supply, {words.network(network)}, %",
        "In a window every station offers in proportion to its capacity, so that part of the supply "
        "is stranded behind thin lines and the baselines serve buses unequally.",
        ("against", "error", "weak bus", *map(words.mechanism, mechanisms)),
        (
            (words.mechanism(base), error, weak, *(row.get(m, "–") for m in mechanisms))
            for (base, error, weak), row in rows.items()
        ),
    )


def convergence(summary: Summary) -> Table:
    """The worst bus's gap to F* on its way."""
    marks = (20, 40, 60, 80, 100)
    return _table(
        "convergence",
        "The worst bus's F* less counted F, after shares of the run",
        "Medians over seeds, and the range at the end. Counted F never exceeds F*; zero is perfect.",
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


def rates(summary: Summary) -> Table:
    """The speed of convergence in three regimes."""
    return _table(
        "rates",
        "Speed of convergence: slope of ln(mean gap) over ln(t)",
        "In an ergodic environment, with lines wide enough that supply alone binds.",
        ("network", "target", "F*", "slope measured", "slope expected", "mean gap at the end"),
        (
            (
                words.network(row["network"]),
                words.REGIMES[row["regime"]],
                f"{row['fstar']:.3f}",
                words.number(row["slope"], 2),
                words.number(row["expected"], 1),
                words.small(row["last_mean"]),
            )
            for row in summary["rates"]
        ),
    )


def memory(summary: Summary) -> Table:
    """T1 measured."""
    return _table(
        "memory",
        "The shortage memory: contraction for the same service",
        "The greatest ratio of successive differences between two memories, 0 and 1 at the start, "
        "of every bus and seed; flooring to 1 ppb may add 1e-7. All memories stayed in the range.",
        ("network", "1 − beta", "greatest ratio", "range of the memory"),
        (
            (
                words.network(row["network"]),
                words.number(row["bound"], 3),
                words.number(row["contraction"], 7),
                f"{words.number(row['least'], 3)} to {words.number(row['greatest'], 3)}",
            )
            for row in summary["memory"]
        ),
    )


def operator(summary: Summary) -> Table:
    """T2 measured."""
    return _table(
        "operator",
        "The clearing operator: measured contraction q and its bound",
        "Errors in the norm W from one projection to the next, on the integer program, in scarce "
        "intervals; whole ticks and Wh add a little. clearwatt clears with one full step, eta = 1.",
        ("network", "eta", "bound, 1 − eta", "q, greatest", "q, mean", "projections"),
        (
            (
                words.network(row["network"]),
                words.number(row["eta"], 2),
                words.number(row["bound"], 3),
                words.number(row["greatest"], 4),
                words.number(row["mean"], 4),
                words.count(row["steps"]),
            )
            for row in summary["operator"]
        ),
    )


def event_trigger(summary: Summary) -> Table:
    """T4 measured."""
    return _table(
        "event-trigger",
        "Event-triggered clearing: what it saves and what it costs",
        "Errors are energy-weighted root mean square differences of service ratios; the bound is "
        "known without clearing.",
        ("network", "noise, %", "sigma", "clearings saved, %", "error, mean", "error, most",
         "bound, most", "bound kept"),
        (
            (
                words.network(row["network"]),
                words.number(row["noise_permille"] / 10, 0),
                words.number(row["sigma"], 2),
                words.number(100 * row["saved"], 1),
                words.number(row["error_mean"], 4),
                words.number(row["error_most"], 4),
                words.number(row["bound_most"], 4),
                "yes" if row["bound_kept"] else "NO",
            )
            for row in summary["event_trigger"]
        ),
    )  # fmt: skip


def checked(summary: Summary) -> Table:
    """What the integer checker found."""
    return _table(
        "checked",
        "Every interval before the integer checker",
        "Certified: balance, limits, prices and every allocation pass in exact integers. "
        "Committed: settled, hashed and chained from genesis, roots in the output.",
        ("network", "part", "runs", "intervals", "certified", "DC violations", "committed",
         "sum of all payments"),
        (
            (
                words.network(row["network"]),
                row["part"],
                words.count(row["runs"]),
                words.count(row["intervals"]),
                words.count(row["certified"]),
                words.count(row["dc_violations"]),
                words.count(row["committed"]),
                words.count(row["payments_sum"]),
            )
            for row in summary["checked"]
        ),
    )  # fmt: skip


def evm(summary: Summary) -> Table:
    """What the contract said."""
    return _table(
        "evm",
        "A sample of the certificates before the contract NetworkVerifier, in an EVM",
        "As committed: the contract computed the hash that the interval's header carries. Chained: "
        "header and recorded header hash agree. Altered: one angle moved, as a control.",
        ("network", "checked", "accepted", "as committed", "chained", "altered", "of these refused"),
        (
            (
                words.network(row["network"]),
                *(
                    words.count(row[name])
                    for name in (
                        "checked", "accepted", "as_committed", "chained", "altered",
                        "altered_refused",
                    )
                ),
            )
            for row in summary["evm"]
        ),
    )  # fmt: skip


def sensitivity(summary: Summary) -> Table:
    """One parameter moved at a time."""
    given = summary["config"]["sensitivity"]
    return _table(
        "sensitivity",
        f"Fair Play on {words.network(given['network'])} with one parameter moved",
        "An asterisk marks the usual value. The reduction is that of the stated reading.",
        ("parameter", "value", "worst gap to F* at the end", "worst bus", "Jain", "reduction, %"),
        (
            (
                "F*" if row["parameter"] == "fstar" else row["parameter"],
                f"{row['permille'] / 1000:g}{' *' if row['usual'] else ''}",
                words.small(row["target_gap_max"]["median"]),
                words.ranged(row["delivered_min"], 3),
                words.ranged(row["jain"], 4),
                words.ranged(row["percent"], 0),
            )
            for row in summary["sensitivity"]
        ),
    )


def forecast(summary: Summary) -> Table:
    """Requests that miss the need."""
    given = summary["config"]["forecast"]
    return _table(
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
    return _table(
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
    return _table(
        "large",
        "A network beyond the paper's",
        "Time includes reading the network, clearing, checking and billing.",
        ("network", "mechanism", "intervals", "certified", "DC violations", "energy served, %",
         "worst bus", "ms per interval"),
        (
            (
                words.network(row["network"]),
                words.mechanism(row["mechanism"]),
                words.count(row["intervals"]),
                words.count(row["certified"]),
                words.count(row["dc_violations"]),
                words.percent(row["energy_served"], 2),
                words.ranged(row["delivered_min"], 3),
                words.number(row["ms_per_interval"], 1),
            )
            for row in summary["large"]
        ),
    )  # fmt: skip


_MAKERS: Final[tuple[Callable[[Summary], Table], ...]] = (
    readings,
    targets,
    stations,
    convergence,
    rates,
    memory,
    operator,
    event_trigger,
    mechanisms,
    checked,
    evm,
    sensitivity,
    forecast,
    requesting,
    large,
)

#: Which rows of the summary each CSV file holds.
CSV_FILES: Final = {
    "mechanisms": "mechanisms",
    "readings": "reductions",
    "convergence": "convergence",
    "windows": "windows",
    "rates": "rates",
    "memory": "memory",
    "operator": "operator",
    "event-trigger": "event_trigger",
    "checked": "checked",
    "evm": "evm",
    "sensitivity": "sensitivity",
    "forecast": "forecast",
    "requesting": "requesting",
    "large": "large",
    "roots": "roots",
}


def usual(summary: Summary) -> tuple[float, str]:
    """F* of the study, and who offers what is left in its scarcity windows."""
    study = summary["config"]["study"]
    return study["fstar_ppb"] / 1e9, study["scarce_stations"]


def stated(summary: Summary, network: str, mechanism: str = FAIR_PLAY.name) -> dict[str, Any]:
    """The row of the stated reading at the study's target."""
    weak, error, baseline = summary["config"]["readings"]["stated"]
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
