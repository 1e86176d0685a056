"""The figures of the evidence, from the summary alone; PNG and SVG, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from offchain.mechanisms.priority import FAIR_PLAY
from oracle.evidence import words
from oracle.evidence.config import EQUAL_WEIGHT_LP
from oracle.evidence.results import Row
from oracle.evidence.summary import Summary
from oracle.evidence.tables_fairness import usual
from oracle.look import AMBER, BLUE, GREEN, GREY, LOOK, ORANGE, PINK, SKY
from oracle.study import StudyConfig, scarcity_windows

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {
    "fair-play": BLUE,
    "memory-only": SKY,
    "equal-weight": ORANGE,
    "equal-weight-random": AMBER,
    "equal-weight-lp": GREEN,
    "inverse-fairness": PINK,
    "lmp": GREY,
}
_MARKERS: Final = {
    "fair-play": "o",
    "memory-only": "D",
    "equal-weight": "s",
    "equal-weight-random": "^",
    "equal-weight-lp": "P",
    "inverse-fairness": "v",
    "lmp": "x",
}
_THREE: Final = (BLUE, ORANGE, GREEN)
_WIDTH: Final = 9.6


@dataclass(frozen=True)
class Drawing:
    """A figure to be drawn.

    Attributes:
        name: of its files.
        caption: what it shows, for those who cannot see it, too.
        draw: makes it.
    """

    name: str
    caption: str
    draw: Callable[[Summary], Figure]


def write_figures(summary: Summary, folder: Path, kinds: Sequence[str] = ("png", "svg")) -> None:
    """Draw every figure for which there is data, as `NAME.KIND` in a folder."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(LOOK):
        from matplotlib import pyplot as plt

        for drawing in drawings(summary):
            figure = drawing.draw(summary)
            for kind in kinds:
                metadata = {"Date": None} if kind == "svg" else {"Software": None}
                figure.savefig(folder / f"{drawing.name}.{kind}", dpi=160, metadata=metadata)
            plt.close(figure)


def drawings(summary: Summary) -> list[Drawing]:
    """The figures for which the summary has data, in the order in which they are shown."""
    needs = {
        "convergence": "convergence",
        "reduction": "reductions",
        "readings": "reductions",
        "windows": "windows",
        "rates": "rates",
        "operator": "operator",
        "event-trigger": "event_trigger",
        "robustness": "requesting",
    }
    return [drawing for drawing in _ALL if summary[needs[drawing.name]]]


def _panels(count: int, height: float, *, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, count, figsize=(_WIDTH, height), sharey=share_y, layout="constrained", squeeze=False
    )
    return figure, list(axes[0])


def _networks(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["network"] for row in rows))


def _legend_below(figure: Figure, panels: Sequence[Axes], columns: int) -> None:
    """One legend for all panels."""
    named: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=columns)


def _legend_under(axes: Axes) -> None:
    """A legend of its own for a panel."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=8)


def _shade(axes: Axes, summary: Summary) -> None:
    """Scarcity windows in grey."""
    run = summary["config"]["run"]
    fields = {
        k: tuple(v) if isinstance(v, list) else v for k, v in summary["config"]["study"].items()
    }
    scarce = scarcity_windows(StudyConfig(**{**fields, "intervals": run["intervals"]}))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], scarce, [False])).astype(int)))
    for begin, end in edges.reshape(-1, 2):
        axes.axvspan(float(begin), float(end), color="#efefef", linewidth=0, zorder=0)


def _on_scale(rows: Sequence[Row]) -> list[Row]:
    """Without the linear program, which is so far off that nothing else could be told apart."""
    return [row for row in rows if row["mechanism"] != EQUAL_WEIGHT_LP]


def _convergence(summary: Summary) -> Figure:
    rows = _on_scale(summary["convergence"])
    figure, panels = _panels(len(_networks(rows)), 3.3)
    for axes, network in zip(panels, _networks(rows), strict=True):
        _shade(axes, summary)
        for row in (row for row in rows if row["network"] == network):
            name = row["mechanism"]
            ours = name == FAIR_PLAY.name
            axes.plot(
                row["interval"],
                row["median"],
                color=_COLOURS.get(name, GREY),
                linewidth=2.2 if ours else 1.1,
                label=words.mechanism(name),
                zorder=3 if ours else 2,
            )
            if ours:
                axes.fill_between(
                    row["interval"], row["least"], row["most"], color=BLUE, alpha=0.2, linewidth=0
                )
        axes.set_title(words.network(network))
        axes.set_xlabel("interval")
        axes.set_xlim(left=0)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("F* less counted F, worst bus")
    _legend_below(figure, panels, 6)
    return figure


def _reduction(summary: Summary) -> Figure:
    paper = summary["config"]["paper"]
    rows = [row for row in _on_scale(summary["reductions"]) if "each_seed" in row]
    rows = [row for row in rows if (row["fstar"], row["stations"]) == usual(summary)]
    figure, panels = _panels(len(_networks(rows)), 2.7)
    for axes, network in zip(panels, _networks(rows), strict=True):
        mine = [row for row in rows if row["network"] == network]
        for at, row in enumerate(reversed(mine)):
            colour = _COLOURS.get(row["mechanism"], GREY)
            spread = np.linspace(-0.14, 0.14, len(row["each_seed"]))
            axes.scatter(row["each_seed"], at + spread, s=14, color=colour, alpha=0.75, linewidth=0)
            if row["percent"]["median"] is not None:
                middle = row["percent"]["median"]
                axes.plot([middle, middle], [at - 0.32, at + 0.32], color="black", linewidth=1.6)
        if network == "ieee57":
            claim = paper["reduction_ieee57_percent"]
            axes.axvline(claim, color="black", linestyle="--", linewidth=1)
            axes.annotate(
                f"paper {claim} %", (claim, len(mine) - 0.52), xytext=(4, 0),
                textcoords="offset points", fontsize=8, va="bottom",
            )  # fmt: skip
        names = [words.mechanism(row["mechanism"]) for row in reversed(mine)]
        axes.set_yticks(range(len(mine)), names)
        axes.set_ylim(-0.5, len(mine) - 0.2)
        axes.axvline(0, color="#999999", linewidth=0.8)
        axes.set_xlim(_leftmost(seed for row in rows for seed in row["each_seed"]), 100)
        axes.set_title(words.network(network))
        axes.set_xlabel("reduction, %")
    return figure


def _readings(summary: Summary) -> Figure:
    network = summary["config"]["readings"]["other_network"]
    wanted = (network, FAIR_PLAY.name, *usual(summary))
    rows = [
        row
        for row in summary["reductions"]
        if (row["network"], row["mechanism"], row["fstar"], row["stations"]) == wanted
    ]
    errors = list(dict.fromkeys(row["error"] for row in rows))
    figure, panels = _panels(len(errors), 3.1)
    for axes, error in zip(panels, errors, strict=True):
        mine = [row for row in rows if row["error"] == error]
        buses = list(dict.fromkeys(row["weak_bus"] for row in mine))
        baselines = list(dict.fromkeys(row["baseline"] for row in mine))
        for row in mine:
            spread = row["percent"]
            if spread["median"] is None:
                continue
            away = 0.2 * (1 - baselines.index(row["baseline"]))
            at = len(buses) - 1 - buses.index(row["weak_bus"]) + away
            colour = _COLOURS.get(row["baseline"], GREY)
            label = f"against {words.mechanism(row['baseline'])}"
            label = label if row["weak_bus"] == buses[0] else ""
            axes.plot([spread["least"], spread["most"]], [at, at], color=colour, linewidth=1.6)
            axes.plot(
                spread["median"], at, color=colour, linestyle="", markersize=6,
                marker=_MARKERS.get(row["baseline"], "o"), label=label,
            )  # fmt: skip
        axes.axvline(
            summary["config"]["paper"]["reduction_ieee57_percent"],
            color="black", linestyle="--", linewidth=1,
            label="paper, 54 %" if network == "ieee57" else "",
        )  # fmt: skip
        axes.axvline(0, color="#999999", linewidth=0.8)
        axes.set_yticks(range(len(buses)), list(reversed(buses)))
        axes.set_ylim(-0.6, len(buses) - 0.4)
        axes.set_xlim(_leftmost(row["percent"]["least"] for row in rows), 110)
        axes.set_title(error)
        axes.set_xlabel("reduction, %")
    panels[0].set_ylabel("weak bus")
    _legend_below(figure, panels, 3)
    return figure


def _leftmost(percents: Iterable[float | None]) -> float:
    """Where an axis of reductions begins: below all of them, but no farther than -200 %."""
    known = [value for value in percents if value is not None]
    return max(-200.0, min([-15.0, *known]) - 10)


def _windows(summary: Summary) -> Figure:
    rows = _on_scale(summary["windows"])
    fstar = summary["config"]["study"]["fstar_ppb"] / 1e9
    figure, panels = _panels(len(_networks(rows)), 3.2)
    for axes, network in zip(panels, _networks(rows), strict=True):
        for row in (row for row in rows if row["network"] == network):
            name = row["mechanism"]
            ours = name == FAIR_PLAY.name
            axes.plot(
                range(1, len(row["weak_bus"]) + 1),
                row["weak_bus"],
                color=_COLOURS.get(name, GREY),
                marker=_MARKERS.get(name, "o"),
                markersize=5,
                linewidth=2.2 if ours else 1.1,
                label=words.mechanism(name),
                zorder=3 if ours else 2,
            )
        axes.axhline(fstar, color="black", linestyle="--", linewidth=1, label="F*")
        axes.set_xticks(range(1, len(rows[0]["weak_bus"]) + 1))
        axes.set_title(words.network(network))
        axes.set_xlabel("scarcity window")
    panels[0].set_ylabel("delivered share of requests, weak bus")
    _legend_below(figure, panels, 7)
    return figure


def _rates(summary: Summary) -> Figure:
    rows = summary["rates"]
    figure, panels = _panels(len(_networks(rows)), 3.3)
    for axes, network in zip(panels, _networks(rows), strict=True):
        mine = [row for row in rows if row["network"] == network]
        for row, colour, style in zip(mine, _THREE, ("-", "--", ":"), strict=False):
            slope = words.number(row["slope"], 2)
            label = f"{words.REGIMES[row['regime']]}: slope {slope}"
            gap = np.where(np.array(row["gap"]) > 0, row["gap"], np.nan)
            axes.loglog(
                row["interval"], gap, color=colour, linestyle=style,
                linewidth=1.8, label=label,
            )  # fmt: skip
        axes.set_title(words.network(network))
        axes.set_xlabel("interval t")
        t = np.array(next(row["interval"] for row in mine), dtype=np.float64)
        for power, name in ((-0.5, "1/√t"), (-1.0, "1/t")):
            guide = 0.3 * (t / t[0]) ** power
            axes.loglog(t, guide, color="#bbbbbb", linewidth=0.8)
            axes.annotate(name, (t[-1], guide[-1]), fontsize=8, color=GREY, ha="right", va="bottom")
        axes.set_ylim(1e-6, 1)
        axes.legend(loc="lower left", fontsize=8)
    panels[0].set_ylabel("mean F* less counted F")
    return figure


def _operator(summary: Summary) -> Figure:
    rows = summary["operator"]
    figure, (axes,) = _panels(1, 3.2)
    figure.set_size_inches(_WIDTH * 0.6, 3.2)
    most = max(row["eta"] for row in rows)
    eta = np.linspace(0, max(most, 1.0) + 0.2, 200)
    axes.plot(
        eta, np.abs(1 - eta), color="black", linestyle="--", linewidth=1, label="bound |1 − η|"
    )
    for network, colour, marker in zip(_networks(rows), _THREE, "o^s", strict=False):
        mine = [row for row in rows if row["network"] == network]
        axes.plot(
            [row["eta"] for row in mine], [row["greatest"] for row in mine], linestyle="",
            marker=marker, color=colour, markersize=6, fillstyle="none", markeredgewidth=1.5,
            label=words.network(network),
        )  # fmt: skip
    axes.set_xlabel("step η")
    axes.set_ylabel("greatest ratio of successive errors, q")
    axes.set_ylim(bottom=-0.02)
    axes.legend()
    return figure


def _event_trigger(summary: Summary) -> Figure:
    rows = summary["event_trigger"]
    noises = list(dict.fromkeys(row["noise_permille"] for row in rows))
    figure, panels = _panels(len(noises), 3.3)
    for axes, noise in zip(panels, noises, strict=True):
        mine = [row for row in rows if row["noise_permille"] == noise]
        for network, colour, marker in zip(_networks(mine), _THREE, "o^s", strict=False):
            line = [row for row in mine if row["network"] == network]
            saved = [100 * row["saved"] for row in line]
            axes.plot(
                saved, [row["error_most"] or np.nan for row in line], color=colour, marker=marker,
                linewidth=1.5, label=f"{words.network(network)}, greatest error",
            )  # fmt: skip
            axes.plot(
                saved, [row["bound_most"] or np.nan for row in line], color=colour, marker=marker,
                linewidth=1, linestyle=":", fillstyle="none",
                label=f"{words.network(network)}, greatest bound",
            )  # fmt: skip
        title = f"noise of {noise / 10:g} % in every interval" if noise else "slowly varying"
        axes.set_title(title)
        axes.set_xlabel("clearings saved, %")
        axes.set_xlim(-4, 104)
        axes.set_yscale("log")
    panels[0].set_ylim(1e-5, 1)
    panels[0].set_ylabel("error of held service ratios")
    _legend_below(figure, panels, 3)
    return figure


def _robustness(summary: Summary) -> Figure:
    figure, panels = _panels(2, 3.9, share_y=False)
    asked, forecast = panels
    rows = summary["requesting"]
    caps = list(dict.fromkeys(row["cap_permille"] for row in rows))
    for cap, colour in zip(caps, (ORANGE, GREEN, BLUE), strict=False):
        mine = [row for row in rows if row["cap_permille"] == cap]
        name = f"cap {cap / 1000:g} × rate" if cap else "no cap"
        for who, style, marker in (("strategists", "-", "o"), ("others", ":", "s")):
            asked.plot(
                [row["factor_permille"] / 1000 for row in mine],
                [row[f"{who}_useful"]["median"] for row in mine],
                color=colour, linestyle=style, marker=marker, markersize=4, label=f"{name}: {who}",
            )  # fmt: skip
    asked.set_title("asking for more than one needs")
    asked.set_xlabel("asked, as a multiple of the need")
    asked.set_ylabel("useful share of the need")
    _legend_under(asked)
    for name in dict.fromkeys(row["mechanism"] for row in summary["forecast"]):
        mine = [row for row in summary["forecast"] if row["mechanism"] == name]
        for part, style in (("useful", "-"), ("useful_worst", ":")):
            forecast.plot(
                [row["error_permille"] / 10 for row in mine],
                [row[part]["median"] for row in mine],
                color=_COLOURS.get(name, GREY), linestyle=style, marker=_MARKERS.get(name, "o"),
                markersize=4,
                label=f"{words.mechanism(name)}, {'worst bus' if part != 'useful' else 'all'}",
            )  # fmt: skip
    forecast.set_title("requests that are forecasts")
    forecast.set_xlabel("standard deviation of the forecast error, %")
    forecast.set_ylabel("useful share of the need")
    _legend_under(forecast)
    return figure


_ALL: Final = (
    Drawing(
        "reduction",
        "Reduction of the peak weak-bus error in the stated reading, one dot per seed, bar at the "
        "median; the paper's figure for IEEE-57 is dashed. The linear program, far off, is in the table.",
        _reduction,
    ),
    Drawing(
        "readings",
        "Fair Play in every reading: median and range over seeds; above each panel the error, on the "
        "left the weak bus. One mechanism, one set of runs; only the definition of the figure changes.",
        _readings,
    ),
    Drawing(
        "convergence",
        "The worst bus's F* less its counted F. Scarcity windows are grey; the band is the range "
        "over seeds, lines are medians. The linear program, far off, is in the table.",
        _convergence,
    ),
    Drawing(
        "windows",
        "What the weak bus of the stated reading is delivered in each scarcity window; medians "
        "over seeds; without the linear program, whose corner has nothing to do with that bus.",
        _windows,
    ),
    Drawing(
        "rates",
        "Speed of convergence in an ergodic environment: 1/t with slack, 1/√t at the boundary, "
        "and none if the target is infeasible.",
        _rates,
    ),
    Drawing(
        "operator",
        "Measured contraction of the clearing operator and its bound, on the integer program.",
        _operator,
    ),
    Drawing(
        "event-trigger",
        "What event-triggered clearing saves and what it costs, for growing thresholds.",
        _event_trigger,
    ),
    Drawing(
        "robustness",
        "Asking for more than one needs, with and without a contract cap (left); requests that "
        "are forecasts (right).",
        _robustness,
    ),
)  # fmt: skip
