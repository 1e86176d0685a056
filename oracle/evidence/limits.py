"""What does not reproduce, and what a reader must know before quoting a figure.

Every sentence is written from the summary: where it depends on how a run came out, so does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.claims import CONVERGED, reading_medians
from oracle.evidence.config import MEMORY_ONLY
from oracle.evidence.readings import INTERVAL, WORST
from oracle.evidence.results import Row
from oracle.evidence.summary import Summary
from oracle.evidence.tables_fairness import stated, usual

#: Below this many seeds a range says little.
_ENOUGH_SEEDS: Final = 10
#: So many missing scenarios are named.
_NAMED: Final = 12
#: Reductions this near to each other, in points, are the same.
_SAME: Final = 10.0
#: Differences of gaps to F* below this are not worth a sentence.
_NOTABLE: Final = 0.001
_PLAIN: Final = "equal-weight"


def limits(summary: Summary) -> Iterator[str]:
    """One sentence or two for each."""
    yield from _few(summary)
    yield from _missing(summary)
    yield from _definitions(summary)
    yield from _one_interval(summary)
    yield from _without_memory(summary)
    yield from _memory_alone(summary)
    yield from _literal(summary)
    yield from _targets(summary)
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
    yield from _parameters(summary)
    yield from _trigger(summary)
    yield from _cap(summary)
    yield from _large(summary)
    yield (
        "All of this is the DC model with lossless lines and our load shape; nothing here says what "
        "an AC network or measured demand would do."
    )


def _few(summary: Summary) -> Iterator[str]:
    seeds = summary["config"]["run"]["seeds"]
    if seeds < _ENOUGH_SEEDS:
        yield (
            f"**Few seeds.** Medians and ranges below rest on {seeds}, not on {_ENOUGH_SEEDS} or more: "
            "read no spread into them."
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


def _network(summary: Summary) -> str:
    name: str = summary["config"]["readings"]["other_network"]
    return name


def _median(summary: Summary, mechanism: str, baseline: str | None = None) -> float | None:
    found: float | None = stated(summary, _network(summary), mechanism, baseline)["percent"][
        "median"
    ]
    return found


def _ranged(summary: Summary, mechanism: str, baseline: str | None = None) -> str:
    return words.ranged(stated(summary, _network(summary), mechanism, baseline)["percent"], 0)


def _definitions(summary: Summary) -> Iterator[str]:
    network = _network(summary)
    spans = [
        f"from {words.number(min(found), 0)} to {words.number(max(found), 0)} % against "
        f"*{words.mechanism(base)}*"
        for base in summary["config"]["readings"]["baselines"]
        if (found := reading_medians(summary, network, base))
    ]
    yield (
        "Neither the paper's parameters nor its definitions are public, so its percentages can be "
        f"met or missed by choice of definition: Fair Play's medians on {words.network(network)} run "
        f"{' and '.join(spans)}. A negative figure is an error larger than the baseline's."
    )


def _one_interval(summary: Summary) -> Iterator[str]:
    """Whether what is fair over intervals is fair inside one."""
    wanted = (_network(summary), FAIR_PLAY.name, *usual(summary), _PLAIN, INTERVAL, WORST)
    for row in summary["reductions"]:
        place = (
            row["network"], row["mechanism"], row["fstar"], row["stations"], row["baseline"],
            row["error"], row["weak_bus"],
        )  # fmt: skip
        median = row["percent"]["median"]
        if place == wanted and median is not None and median < 0:
            yield (
                f"Inside one interval Fair Play is less even than *{words.mechanism(_PLAIN)}*: on "
                f"{words.network(_network(summary))} the worst bus of the worst scarce interval has an "
                f"error {words.number(-median, 0)} % larger, because who is owed less waits. It evens "
                "out over intervals."
            )


def _memory_alone(summary: Summary) -> Iterator[str]:
    """Where a bounded memory does no better than none."""
    ends = {
        (row["network"], row["mechanism"]): row["last_worst"]["median"]
        for row in summary["convergence"]
    }
    worse = [
        f"{words.network(network)} (worst gap {words.small(gap)}, LMP {words.small(lmp)})"
        for (network, mechanism), gap in ends.items()
        if mechanism == MEMORY_ONLY
        and (lmp := ends.get((network, "lmp"))) is not None
        and gap > lmp + _NOTABLE
    ]
    if worse:
        yield (
            "A bounded memory without the deficit ends farther from F* than memoryless LMP on "
            f"{' and '.join(worse)}."
        )


def _without_memory(summary: Summary) -> Iterator[str]:
    """Whether the stated figure is an effect of memory."""
    ours, plain, lmp = (_median(summary, m) for m in (FAIR_PLAY.name, _PLAIN, "lmp"))
    against = _median(summary, FAIR_PLAY.name, _PLAIN)
    paper = summary["config"]["paper"]["reduction_ieee57_percent"]
    if ours is None or plain is None or lmp is None or against is None:
        return
    name = words.network(_network(summary))
    text = (
        f"In the stated reading on {name} Fair Play lowers the error by "
        f"{_ranged(summary, FAIR_PLAY.name)} %, *equal weight* by {_ranged(summary, _PLAIN)} % and "
        f"LMP, which has no memory, by {_ranged(summary, 'lmp')} %."
    )
    if min(plain, lmp) >= ours - _SAME:
        text += (
            " A figure that rules without memory reach, too, says that a random order of service is "
            "unequal inside a window, not that memory helps. What memory and deficit add shows in "
            "convergence."
        )
    text += (
        f" Against *equal weight*, which serves everybody behind a bottleneck the same share at once, "
        f"the same reading gives {_ranged(summary, FAIR_PLAY.name, _PLAIN)} %"
    )
    yield text + (
        f": the paper's {paper} % does not reproduce there." if against < paper - _SAME else "."
    )


def _gap(summary: Summary, mechanism: str) -> float | None:
    for row in summary["convergence"]:
        if (row["network"], row["mechanism"]) == (_network(summary), mechanism):
            found: float | None = row["last_worst"]["median"]
            return found
    return None


def _literal(summary: Summary) -> Iterator[str]:
    gap = _gap(summary, "inverse-fairness")
    if gap is not None:
        yield (
            f"Literal 1/F weighting lowers the error by {_ranged(summary, 'inverse-fairness')} % in the "
            f"stated reading, and its worst gap to F* at the end is {words.small(gap)}: Fair Play's is "
            f"{words.small(_gap(summary, FAIR_PLAY.name))}, that of memory alone "
            f"{words.small(_gap(summary, MEMORY_ONLY))}. Weights that do not grow with what is owed "
            "cannot promise a target."
        )


def _targets(summary: Summary) -> Iterator[str]:
    fstar, _ = usual(summary)
    network = _network(summary)
    served = [
        row["energy_served"]["median"]
        for row in summary["mechanisms"]
        if (row["network"], row["mechanism"]) == (network, FAIR_PLAY.name)
    ]
    gap = _gap(summary, FAIR_PLAY.name)
    beyond = "; ".join(
        f"worst gap {words.small(row['target_gap_max']['median'])} at F* = {row['permille'] / 1000:g}"
        for row in summary["sensitivity"]
        if row["parameter"] == "fstar" and served and row["permille"] / 1000 > served[0] + 0.01
    )
    if served and gap is not None and beyond:
        met = "the target is met" if gap <= CONVERGED else "the target is not met yet"
        yield (
            f"F* must be feasible. {words.network(network)} can serve "
            f"{words.number(100 * served[0], 1)} % of what is asked; at F* = {fstar:.2f} {met} (worst "
            f"gap {words.small(gap)}), above that share nothing can converge: {beyond}. The percentage "
            "moves with F*, because it compares two shortfalls below F*."
        )


def _parameters(summary: Summary) -> Iterator[str]:
    """How little, or how much, the mechanism's numbers matter."""

    def gaps(mechanism: str, *names: str) -> list[float]:
        return [
            row["target_gap_max"]["median"]
            for row in summary["sensitivity"]
            if row["mechanism"] == mechanism and row["parameter"] in names
        ]

    def ends(values: list[float]) -> str:
        return " to ".join(dict.fromkeys(map(words.small, (min(values), max(values)))))

    ours, memory = (gaps(name, "beta", "gamma") for name in (FAIR_PLAY.name, MEMORY_ONLY))
    drawn = gaps(FAIR_PLAY.name, "tau")
    if ours and memory and drawn:
        text = (
            "Moving beta or gamma leaves Fair Play's worst gap to F* at the end at "
            f"{ends(ours)}, moving tau at {ends(drawn)}; that of memory alone is {ends(memory)}."
        )
        if max(ours) < min(memory):
            text += " What closes the gap is the deficit; a bounded memory alone does not."
        yield text


def _trigger(summary: Summary) -> Iterator[str]:
    rows: list[Row] = summary["event_trigger"]
    noisy = [row for row in rows if row["noise_permille"]]
    if noisy:
        saved = words.number(100 * max(row["saved_most"] for row in noisy), 0)
        error = words.number(max(row["error_most"] for row in rows), 2)
        bound = words.number(max(row["bound_most"] for row in rows), 2)
        yield (
            f"Event-triggered clearing saves at most {saved} % of the clearings once demand is noisy "
            f"in every interval, and its bound is loose: errors up to {error}, bounds up to {bound}."
        )


def _cap(summary: Summary) -> Iterator[str]:
    caps = [cap for cap in summary["config"]["requesting"]["cap_permille"] if cap]
    factor = max(summary["config"]["requesting"]["factor_permille"])
    gains = {cap: gain for cap in (0, *caps) if (gain := _gain(summary, cap, factor)) is not None}
    if 0 in gains and len(gains) > 1:
        tight = min(cap for cap in gains if cap)
        yield (
            f"A contract cap does not make asking for {factor / 1000:g} times the need quite useless: "
            f"without a cap it brings {words.number(gains[0], 1)} points of the need, with a cap at "
            f"{tight / 1000:g} of the contracted rate {words.number(gains[tight], 1)}, for whoever "
            "needs less than the cap in an interval can pad up to it. What is padded is paid for."
        )


def _gain(summary: Summary, cap: int, factor: int) -> float | None:
    """What asking for more brings, points of the need."""
    shares = {
        row["factor_permille"]: row["strategists_useful"]["median"]
        for row in summary["requesting"]
        if row["cap_permille"] == cap
    }
    if 1000 not in shares or factor not in shares:
        return None
    return float(100 * (shares[factor] - shares[1000]))


def _large(summary: Summary) -> Iterator[str]:
    below = [
        f"{words.ranged(row['below_target'], 0)} under {words.mechanism(row['mechanism'])}"
        for row in summary["large"]
    ]
    sizes = {row["network"]: row["consumers"] for row in summary["networks"]}
    network = summary["config"]["large"]["network"]
    if below and network in sizes:
        text = (
            f"On {words.network(network)} with its own line limits F* is out of reach for some: of "
            f"{sizes[network]} consumers {', '.join(below)} end below it."
        )
        count = {row["mechanism"]: row["below_target"]["median"] for row in summary["large"]}
        if count.get(FAIR_PLAY.name, 0) > count.get(_PLAIN, float("inf")):
            text += (
                " Fair Play leaves more of them there: what is owed behind a thin line grows without "
                "end, and it takes room from those who could be served. Targets must be set where the "
                "wires can carry them."
            )
        yield text
