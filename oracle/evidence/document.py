"""The report in Markdown, written from the summary alone: no number in it was ever typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.claims import claims, reading_medians
from oracle.evidence.figures import drawings
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table
from oracle.evidence.tables import tables
from oracle.evidence.tables_fairness import stated, usual

#: Below this many seeds a range says little.
_ENOUGH_SEEDS: Final = 10
#: So many missing scenarios are named.
_NAMED: Final = 12
#: Sections: title, introduction, figures, tables.
_SECTIONS: Final[tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        "The weak bus in scarcity",
        "The paper publishes neither which bus is weak nor how its error is measured. So every "
        "defensible reading is computed on the same runs, and the one quoted first is named: "
        "{stated}.",
        ("reduction", "readings", "windows"),
        ("readings", "comparators", "targets", "stations"),
    ),
    (
        "Convergence to F*",
        "Counted F is what the contract counts: never more than it owes, so that F* less counted F "
        "is exactly the deficit over all requests (docs/theorems.md).",
        ("convergence", "rates"),
        ("convergence", "rates"),
    ),
    (
        "Memory, clearing operator, event trigger",
        "Measured on the integer code that runs, against the bounds proved in docs/theorems.md.",
        ("operator", "event-trigger"),
        ("memory", "operator", "event-trigger"),
    ),
    ("All mechanisms", "", (), ("mechanisms",)),
    (
        "Checked, committed, verified",
        "Fair Play's runs are chained from a genesis as a ledger would chain them; the roots of "
        "every interval are in `roots/`, one file per network and seed.",
        (),
        ("checked", "evm", "heads"),
    ),
    (
        "Beyond the paper",
        "",
        ("robustness",),
        ("sensitivity", "forecast", "requesting", "large"),
    ),
)


def markdown(summary: Summary, figures: str) -> str:
    """The whole report.

    Args:
        summary: of a run.
        figures: folder of the figures, as seen from the report.
    """
    return "\n\n".join(_parts(summary, figures)) + "\n"


def _parts(summary: Summary, figures: str) -> Iterator[str]:
    run, config = summary["run"], summary["config"]
    yield "# Evidence for the Fair Play AMM"
    yield (
        f"*{config['paper']['title']}* ({config['paper']['source']}), run again on this code and put "
        "beside what came out. `clearwatt evidence fair-play` wrote this page from its results; "
        "every number below comes from that run."
    )
    yield _scale(summary)
    yield "## Paper and ours, side by side"
    yield _claims(summary).markdown()
    yield "## What does not reproduce, and what the figures do not show"
    yield "\n".join(f"- {sentence}" for sentence in _honest(summary))
    yield "## What was assumed"
    yield (
        "The paper's parameters are not published. Everything here is our reading, named in "
        "`oracle/evidence/fair_play.toml`; the values of this run:"
    )
    yield "\n".join(f"- {line}" for line in _assumed(config))
    made = tables(summary)
    drawn = {drawing.name: drawing for drawing in drawings(summary)}
    for title, text, pictures, names in _SECTIONS:
        yield f"## {title}"
        if text:
            yield text.replace("{stated}", _stated_words(summary))
        for name in pictures:
            if name in drawn:
                yield f"![{drawn[name].caption}]({figures}/{name}.svg)"
                yield f"*{drawn[name].caption}*"
        for name in names:
            if name in made:
                yield f"### {made[name].title}"
                yield made[name].markdown()
                yield made[name].note
    yield "## Where the numbers are"
    yield (
        f"{words.count(run['scenarios'])} scenarios are kept one by one in `scenarios/`, named by a "
        "hash of everything that they depend on; `tables/` holds every table as CSV and Markdown, "
        "with one row per seed group, and `summary.json` all that this page is made of."
    )


def _scale(summary: Summary) -> str:
    run, main = summary["run"], summary["config"]["run"]
    sizes = "; ".join(
        f"{words.network(row['network'])}: {row['buses']} buses, {row['lines']} lines, "
        f"{row['consumers']} consumers"
        for row in summary["networks"]
    )
    whole = main["intervals"] >= summary["config"]["paper"]["intervals"]
    kind = "A quick run" if summary["quick"] else f"A {'full' if whole else 'shortened'} run"
    spent, of_main = run["core_seconds"] / 60, run["main_core_seconds"] / 60
    return (
        f"{kind}: {len(main['networks'])} networks, {main['seeds']} "
        f"seed{'s' if main['seeds'] > 1 else ''}, "
        f"{len(main['mechanisms'])} mechanisms, {words.count(main['intervals'])} intervals each, and "
        f"the experiments below: {words.count(run['scenarios'])} of "
        f"{words.count(run['scenarios_planned'])} scenarios, {words.count(run['intervals'])} cleared "
        f"and checked intervals. It took {words.number(spent, 1)} minutes of processor time, about "
        f"{words.number(spent / 2, 1)} minutes on two idle cores; of that the comparison of mechanisms "
        f"on the paper's networks {words.number(of_main, 1)}. {sizes}."
    )


def _claims(summary: Summary) -> Table:
    rows = tuple((c.claim, c.paper, c.ours, c.verdict) for c in claims(summary))
    return Table("claims", "", "", ("claim", "paper", "ours", "verdict"), rows)


def claims_table(summary: Summary) -> Table:
    """The side-by-side table, for its own files."""
    return _claims(summary)


def _stated_words(summary: Summary) -> str:
    weak, error, baseline = summary["config"]["readings"]["stated"]
    return f"bus *{weak}*, error *{error}*, against *{words.mechanism(baseline)}*"


def _honest(summary: Summary) -> Iterator[str]:
    """What a reader must know before quoting a figure."""
    fstar, _ = usual(summary)
    seeds = summary["config"]["run"]["seeds"]
    if seeds < _ENOUGH_SEEDS:
        yield (
            f"**Few seeds.** Medians and ranges below rest on {seeds} of the {_ENOUGH_SEEDS} seeds "
            "that the configuration asks for: read no spread into them."
        )
    network = summary["config"]["readings"]["other_network"]
    name = words.network(network)
    yield from _missing(summary)

    def of(mechanism: str) -> str:
        return words.ranged(stated(summary, network, mechanism)["percent"], 0)

    yield (
        "Neither the paper's parameters nor its definitions are public, so its percentages can be "
        "met or missed by choice of definition. "
        + "; ".join(
            f"Fair Play's medians on {name} run from {words.number(min(found), 0)} to "
            f"{words.number(max(found), 0)} % against {words.mechanism(base)}"
            for base in summary["config"]["readings"]["baselines"]
            if (found := reading_medians(summary, network, base))
        )
        + "."
    )
    yield (
        f"In the stated reading on {name} Fair Play lowers the error by {of(FAIR_PLAY.name)} %, but "
        f"equal weight itself by {of('equal-weight')} % and LMP, which has no memory, by "
        f"{of('lmp')} %. What a rule without memory reaches, too, says that a random order of service "
        "is unequal inside a window, not that memory helps; what memory and deficit add shows in convergence."
    )
    yield (
        f"Literal 1/F weighting does not do it: {of('inverse-fairness')} % in the stated reading, and "
        f"its worst gap to F* at the end is {_gap(summary, network, 'inverse-fairness')} "
        f"(Fair Play {_gap(summary, network, FAIR_PLAY.name)}). Weights that do not grow with what "
        "is owed cannot promise a target."
    )
    served = _served(summary, network)
    yield (
        f"F* must be feasible. {name} can serve {served} of what is asked; at F* = {fstar:.2f} the "
        f"target is met, and at targets above that share nothing converges: {_infeasible(summary)}. The "
        "percentage falls as F* rises, because it compares two shortfalls below F*."
    )
    yield (
        "The rate needs a feasible F*: at the boundary 1/√T is proved, with slack 1/T, and infeasible "
        "targets have none. The abstract states one rate without the condition (1/√T; text copies "
        "of it lose the root)."
    )
    yield (
        "The memory contracts at 1 − beta for the same service; in closed loop service depends on "
        "memory, and the statement says nothing. The clearing operator converges linearly, but one "
        "full step clears exactly: there the theorem is empty."
    )
    yield from _limits_of_trigger(summary)
    yield from _limits_of_cap(summary)
    yield (
        "All of this is the DC model with lossless lines and our load shape; nothing here says what "
        "an AC network or measured demand would do."
    )


def _missing(summary: Summary) -> Iterator[str]:
    if summary["missing"]:
        names = [
            " ".join(filter(None, (words.network(row["network"]), row["part"], row["variant"],
                                   words.mechanism(row["mechanism"]), f"seed {row['seed']}")))
            for row in summary["missing"]
        ]  # fmt: skip
        shown = names if len(names) <= _NAMED else [*names[:_NAMED], "and others"]
        yield f"**{len(names)} scenarios are missing**, not run or not cleared: {'; '.join(shown)}."


def _limits_of_trigger(summary: Summary) -> Iterator[str]:
    noisy = [row for row in summary["event_trigger"] if row["noise_permille"]]
    if noisy:
        saved = words.number(100 * max(row["saved_most"] for row in noisy), 0)
        error = words.number(max(row["error_most"] for row in summary["event_trigger"]), 2)
        bound = words.number(max(row["bound_most"] for row in summary["event_trigger"]), 2)
        yield (
            f"Event-triggered clearing saves at most {saved} % of the clearings once demand is noisy "
            f"in every interval, and its bound is loose: errors up to {error}, bounds up to {bound}."
        )


def _limits_of_cap(summary: Summary) -> Iterator[str]:
    caps = [cap for cap in summary["config"]["requesting"]["cap_permille"] if cap]
    factor = max(summary["config"]["requesting"]["factor_permille"])
    gains = {cap: _gain(summary, cap, factor) for cap in (0, *caps) if _gain(summary, cap, factor)}
    if 0 in gains and len(gains) > 1:
        tight = min(cap for cap in gains if cap)
        yield (
            f"A contract cap makes asking for {factor / 1000:g} times the need nearly useless, not "
            f"quite: without a cap it brings {gains[0]} of the need, with a cap at "
            f"{tight / 1000:g} of the contracted rate {gains[tight]}, for what a participant who needs "
            "less than the cap can still pad. It is paid for either way."
        )


def _gain(summary: Summary, cap: int, factor: int) -> str | None:
    shares = {
        row["factor_permille"]: row["strategists_useful"]["median"]
        for row in summary["requesting"]
        if row["cap_permille"] == cap
    }
    if 1000 not in shares or factor not in shares:
        return None
    return f"{words.number(100 * (shares[factor] - shares[1000]), 1)} points"


def _gap(summary: Summary, network: str, mechanism: str) -> str:
    for row in summary["convergence"]:
        if (row["network"], row["mechanism"]) == (network, mechanism):
            return words.small(row["last_worst"]["median"])
    return "–"


def _served(summary: Summary, network: str) -> str:
    for row in summary["mechanisms"]:
        if (row["network"], row["mechanism"]) == (network, FAIR_PLAY.name):
            return f"{words.number(100 * row['energy_served']['median'], 1)} %"
    return "–"


def _infeasible(summary: Summary) -> str:
    rows = [row for row in summary["sensitivity"] if row["parameter"] == "fstar"]  # Fair Play's
    return "; ".join(
        f"worst gap {words.small(row['target_gap_max']['median'])} at F* = {row['permille'] / 1000:g}"
        for row in rows
        if row["permille"] >= 950
    )


def _assumed(config: dict[str, Any]) -> Iterator[str]:
    """The values that matter, in words."""
    study, policy, run = config["study"], config["policy"], config["run"]
    low, high = (value / 10 for value in study["scarce_permille"])
    yield (
        "networks: pandapower's IEEE cases, one consumer at every load bus; line limits by the rule "
        f"`{study['limit_rule']}`, because the cases carry none"
    )
    yield (
        f"demand: the case's load, a daily sine of {study['swing_permille'] / 10:g} % over "
        f"{study['day_intervals']} intervals and lognormal noise of "
        f"{study['noise_permille'] / 10:g} % for each consumer in each interval; all of it flexible"
        if not study["essential_permille"]
        else f"demand: {study['essential_permille'] / 10:g} % of it essential"
    )
    yield (
        f"scarcity: {study['windows']} windows with {study['window_permille'] / 10:g} % of all "
        f"intervals; in each interval of a window supply is {low:g} to {high:g} % of what is asked, "
        f"drawn evenly, offered by `{study['scarce_stations']}`"
    )
    yield (
        f"F* = {study['fstar_ppb'] / 1e9:.2f} for everybody; beta = {policy['beta_ppb'] / 1e9:g}, "
        f"gamma = {policy['gamma_ppb'] / 1e9:g}, tau = {policy['tau_ppb'] / 1e9:g}, "
        f"kappa = {policy['kappa']}"
    )
    yield (
        f"{_seeds(run['seeds'])}: all mechanisms see the same orders and draws; results are "
        "medians with ranges over seeds"
    )
    yield (
        "*equal weight* serves everybody behind one bottleneck the same share; *random order* "
        "serves one after the other; *memory only* is Fair Play without its deficit, gamma = "
        f"{config['memory_only']['gamma_ppb'] / 1e9:g}"
    )


def _seeds(count: int) -> str:
    return "seed 1" if count == 1 else f"seeds 1 to {count}"
