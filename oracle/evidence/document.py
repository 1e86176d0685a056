"""The report in Markdown, written from the summary alone: no number in it was ever typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from oracle.evidence import words
from oracle.evidence.claims import claims
from oracle.evidence.figures import drawings
from oracle.evidence.limits import limits
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table
from oracle.evidence.tables import tables

#: Experiments with a number of seeds of their own.
_OTHERS: Final = (
    "rates", "operator", "event_trigger", "sensitivity", "forecast", "requesting", "large",
)  # fmt: skip
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
    yield "\n".join(f"- {sentence}" for sentence in limits(summary))
    yield "## What was assumed"
    yield (
        "The paper's parameters are not published. Everything here is our reading, named in version "
        f"{config['version']} of `oracle/evidence/fair_play.toml`; the values of this run:"
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
        "medians with ranges over seeds, and experiments on fewer seeds say so: "
        + ", ".join(
            f"{name.replace('_', ' ')} {config[name]['seeds']}"
            for name in _OTHERS
            if config[name]["seeds"] < run["seeds"]
        )
    )
    yield (
        "*equal weight* serves everybody behind one bottleneck the same share; *random order* "
        "serves one after the other in an order drawn anew; *LP* is the linear program, which serves "
        "all the energy that fits and leaves ties to the first registered; *memory only* is "
        "Fair Play without its deficit, gamma = "
        f"{config['memory_only']['gamma_ppb'] / 1e9:g}"
    )


def _seeds(count: int) -> str:
    return "seed 1" if count == 1 else f"seeds 1 to {count}"
