"""What the paper claims, beside what came out here; every number is taken from the summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.config import MEMORY_ONLY
from oracle.evidence.results import Row
from oracle.evidence.summary import Summary
from oracle.evidence.tables_fairness import stated, usual

#: A worst gap to F* up to this counts as converged.
CONVERGED: Final = 0.005
#: Slopes this near to the expected ones count as reproduced, whatever their standard error.
_NEAR: Final = 0.1


@dataclass(frozen=True)
class Claim:
    """A claim, what the paper says, what we found, and our verdict."""

    claim: str
    paper: str
    ours: str
    verdict: str


def claims(summary: Summary) -> list[Claim]:
    """All claims of the abstract, in its order, and the worst bus, which it omits."""
    return [
        _memory(summary),
        _operator(summary),
        _convergence(summary),
        _rate(summary),
        _trigger(summary),
        _reduction(summary),
        _most(summary),
        _worst_bus(summary),
        _feasible(summary),
        _memoryless(summary),
    ]


def _verdict(holds: bool, otherwise: str = "not reproduced") -> str:
    return "reproduced" if holds else otherwise


def _each(rows: list[Row], text: str) -> str:
    """`IEEE-14 …; IEEE-57 …` with a cell of each row."""
    return "; ".join(f"{words.network(row['network'])} {row[text]}" for row in rows)


def _memory(summary: Summary) -> Claim:
    rows = summary["memory"]
    most = max((row["contraction"] for row in rows), default=0.0)
    bound = rows[0]["bound"] if rows else 0.0
    inside = all(row["least"] >= 0 and row["greatest"] <= 1 for row in rows)
    return Claim(
        "The shortage memory stays in [0, 1] and contracts",
        "rate 1 − beta",
        f"greatest ratio {words.number(most, 7)} at 1 − beta = {words.number(bound, 3)}; "
        f"{'never' if inside else 'AT TIMES'} outside [0, 1]",
        _verdict(inside and most <= bound + 1e-6) + ", for the same service",
    )


def _operator(summary: Summary) -> Claim:
    rows = summary["operator"]
    over = max((row["greatest"] - row["bound"] for row in rows), default=0.0)
    return Claim(
        "The clearing operator converges linearly to a unique fixed point",
        "some q in (0, 1)",
        f"greatest q at {len({row['eta'] for row in rows})} steps eta and from two starts: its bound "
        f"|1 − eta|, at most {words.number(max(over, 0.0), 4)} above it (whole ticks and Wh)",
        _verdict(over <= 0.01),
    )


def _last(summary: Summary, network: str, mechanism: str) -> dict[str, Any]:
    for row in summary["convergence"]:
        if (row["network"], row["mechanism"]) == (network, mechanism):
            found: dict[str, Any] = row["last_worst"]
            return found
    return {"median": None, "least": None, "most": None}


def _networks(summary: Summary) -> list[str]:
    return list(summary["config"]["run"]["networks"])


def _convergence(summary: Summary) -> Claim:
    worst = [_last(summary, name, FAIR_PLAY.name)["most"] for name in _networks(summary)]
    known = [value for value in worst if value is not None]
    texts = [
        f"{words.network(name)} {words.small(value)}"
        for name, value in zip(_networks(summary), worst, strict=True)
    ]
    return Claim(
        "The delivery ratio converges to F* on all benchmarks",
        "achieved on all three",
        f"worst bus of the worst seed at the end, F* = {usual(summary)[0]:.2f} less counted F: "
        + "; ".join(texts),
        _verdict(max(known, default=1.0) <= CONVERGED, "on its way; see the speed below"),
    )


def _rate(summary: Summary) -> Claim:
    rows = [row for row in summary["rates"] if row["slope"] is not None]
    texts = [
        f"{words.REGIMES[regime]} "
        + ", ".join(
            words.with_error(row["slope"], row["slope_error"], 2)
            for row in rows
            if row["regime"] == regime
        )
        for regime in dict.fromkeys(row["regime"] for row in rows)
    ]
    feasible = [row for row in rows if row["regime"] != "infeasible"]
    return Claim(
        "A finite-time bound on the error",
        f"O({summary['config']['paper']['rate']})",
        f"slope of ln(mean gap) over ln(t) on {_names(summary)}: " + "; ".join(texts),
        _verdict(bool(feasible) and all(map(_within_bound, feasible)), "see the table")
        + " where F* is feasible; 1/T where it has slack",
    )


def _within_bound(row: Row) -> bool:
    """Whether a gap closes as fast as is proved, up to two standard errors."""
    allowed: float = row["expected"] + max(_NEAR, 2 * (row["slope_error"] or 0))
    return bool(row["slope"] <= allowed)


def _names(summary: Summary) -> str:
    return ", ".join(map(words.network, _networks(summary)))


def _trigger(summary: Summary) -> Claim:
    rows = summary["event_trigger"]
    kept = all(row["bound_kept"] for row in rows)
    texts = []
    for noise in dict.fromkeys(row["noise_permille"] for row in rows):
        mine = [row for row in rows if row["noise_permille"] == noise]
        name = f"{noise / 10:g} % noise" if noise else "slowly varying"
        ends = (
            min(row["saved_least"] for row in mine),
            max(row["saved_most"] for row in mine),
        )
        saved = [words.number(100 * end, 0) for end in ends]
        most = words.number(max(row["error_most"] for row in mine), 3)
        texts.append(f"{name}: {saved[0]} to {saved[1]} % of clearings saved, error at most {most}")
    return Claim(
        "Event-triggered clearing keeps the tracking error bounded",
        "practical ultimate boundedness",
        "; ".join(texts) + f"; bound {'kept in every interval' if kept else 'BROKEN'}",
        _verdict(kept) + "; it pays only where tightness varies slowly",
    )


def _reduction(summary: Summary) -> Claim:
    paper = summary["config"]["paper"]["reduction_ieee57_percent"]
    network, claim = "ieee57", "Peak weak-bus fairness error on IEEE-57, against equal weight"
    found = stated(summary, network)["percent"]
    everywhere = reading_medians(summary, network)
    if not everywhere:
        return Claim(claim, f"{paper} % lower", "not run", "–")
    ends = f"{words.number(min(everywhere), 0)} to {words.number(max(everywhere), 0)}"
    reached = (found["median"] or 0) >= paper
    return Claim(
        claim,
        f"{paper} % lower",
        f"stated reading {words.ranged(found, 0)} % lower; all readings, medians: {ends} %",
        f"depends on the reading: {'reached' if reached else 'not reached'} in the stated one",
    )


def reading_medians(summary: Summary, network: str, baseline: str | None = None) -> list[float]:
    """Medians of Fair Play in all readings in which a baseline, or any, made an error."""
    wanted = (network, FAIR_PLAY.name, *usual(summary))
    return [
        row["percent"]["median"]
        for row in summary["reductions"]
        if (row["network"], row["mechanism"], row["fstar"], row["stations"]) == wanted
        and row["percent"]["median"] is not None
        and baseline in (None, row["baseline"])
    ]


def _most(summary: Summary) -> Claim:
    paper = summary["config"]["paper"]["reduction_most_percent"]
    rows = [
        {"network": name, "text": f"{words.ranged(stated(summary, name)['percent'], 0)} %"}
        for name in _networks(summary)
    ]
    medians = [stated(summary, name)["percent"]["median"] or 0 for name in _networks(summary)]
    return Claim(
        "The same, at most, in scarcity periods",
        f"up to {paper} %",
        "stated reading: " + _each(rows, "text"),
        "reached" if max(medians, default=0) >= paper else "not reached",
    )


def _worst_bus(summary: Summary) -> Claim:
    _, error, baseline = summary["config"]["readings"]["stated"]
    wanted = (FAIR_PLAY.name, *usual(summary), error, baseline, "worst of each")
    rows = [
        {"network": row["network"], "text": f"{words.ranged(row['percent'], 0)} %"}
        for row in summary["reductions"]
        if (
            row["mechanism"], row["fstar"], row["stations"], row["error"], row["baseline"],
            row["weak_bus"],
        ) == wanted
    ]  # fmt: skip
    return Claim(
        "The same for the worst bus, whichever it is",
        "not reported",
        _each(rows, "text") or "–",
        "beyond the paper",
    )


def _feasible(summary: Summary) -> Claim:
    rows = [row for row in summary["checked"] if row["part"] == "main, committed"]
    intervals = sum(row["intervals"] for row in rows)
    violations = sum(row["dc_violations"] for row in rows)
    everywhere = sum(row["intervals"] for row in summary["checked"])
    others = sum(row["dc_violations"] for row in summary["checked"])
    checked = sum(row["checked"] for row in summary["evm"])
    accepted = sum(row["as_committed"] for row in summary["evm"])
    return Claim(
        "DC feasibility is maintained throughout",
        "maintained",
        f"{words.count(violations)} violations in {words.count(intervals)} committed Fair Play "
        f"intervals, {words.count(others)} in all {words.count(everywhere)}, in exact integers; "
        f"{accepted} of a sample of {checked} accepted by the contract",
        _verdict(violations == others == 0 and accepted == checked),
    )


def _memoryless(summary: Summary) -> Claim:
    texts = [
        f"{words.network(name)} {words.small(_last(summary, name, 'lmp')['median'])} "
        f"(Fair Play {words.small(_last(summary, name, FAIR_PLAY.name)['median'])}, "
        f"memory only {words.small(_last(summary, name, MEMORY_ONLY)['median'])})"
        for name in _networks(summary)
    ]
    worse = [
        (_last(summary, name, "lmp")["median"] or 0)
        > (_last(summary, name, FAIR_PLAY.name)["median"] or 0)
        for name in _networks(summary)
    ]
    return Claim(
        "Memoryless pricing (LMP) guarantees no equitable treatment",
        "stated as motivation",
        "worst gap to F* at the end: " + "; ".join(texts),
        _verdict(all(worse), f"seen on {sum(worse)} of {len(worse)} networks"),
    )
