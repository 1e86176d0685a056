"""The figures of an audit's report, as SVG: service, price, tightness and energy over the intervals."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from oracle.look import BLUE, GREEN, GREY, LOOK, ORANGE
from oracle.report.series import Floats, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: More points than a screen has columns are put together: the least, the mean, the most.
_POINTS: Final = 600
_SIZE: Final = (5.4, 2.9)


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        name: Short, for identifiers.
        title: What stands above it.
        caption: What it shows, in words.
        svg: The drawing.
    """

    name: str
    title: str
    caption: str
    svg: str


def draw(series: Series, faulty: Iterable[int]) -> list[Drawn]:
    """The figures of a history; none of an empty one.

    Args:
        series: The history.
        faulty: Intervals in which a rule was broken; they are marked.
    """
    if not series.points:
        return []
    import matplotlib as mpl

    mpl.use("Agg")
    marks = sorted(faulty)
    with mpl.rc_context({**LOOK, "font.size": 10}):
        return [
            Drawn(name, title, caption, _svg(series, marks, panel))
            for name, title, caption, panel in _PANELS
        ]


def _svg(series: Series, marks: list[int], panel: Callable[[Axes, _Bins], None]) -> str:
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
    panel(axes, _Bins(series))
    for mark in marks:
        axes.axvline(mark, color=ORANGE, linewidth=1.2, zorder=4)
    if marks:
        axes.plot([], [], color=ORANGE, linewidth=1.2, label="a rule was broken")
    axes.set_xlabel("interval")
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.margins(x=0.01)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=9)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    return out.getvalue()


class _Bins:
    """A history at the width of a screen."""

    def __init__(self, series: Series) -> None:
        self.series = series
        width = -(-len(series.points) // _POINTS)
        self._starts = np.arange(0, len(series.points), width)
        self._sizes = np.diff(np.append(self._starts, len(series.points)))
        self.interval = self.mean("interval")

    def least(self, name: str) -> Floats:
        return np.minimum.reduceat(self.series.column(name), self._starts)

    def most(self, name: str) -> Floats:
        return np.maximum.reduceat(self.series.column(name), self._starts)

    def mean(self, name: str) -> Floats:
        sums: Floats = np.add.reduceat(self.series.column(name), self._starts)
        return sums / self._sizes


def _service(axes: Axes, bins: _Bins) -> None:
    # one interval alone is a point, not a line
    marker = "o" if len(bins.interval) == 1 else ""
    for name, colour, width, label in (
        ("median", BLUE, 1.4, "the one in the middle"),
        ("tenth", GREEN, 1.4, "one in ten is below"),
        ("worst", "black", 1.8, "the worst off"),
    ):
        axes.plot(
            bins.interval,
            100 * bins.mean(name),
            color=colour,
            linewidth=width,
            marker=marker,
            label=label,
        )
    target = 100 * bins.series.target
    axes.axhline(target, color=GREY, linestyle="--", linewidth=1, label=f"owed: {target:.0f} %")
    axes.set_ylim(0, 103)
    axes.set_ylabel("% delivered since the start")


def _band(axes: Axes, bins: _Bins, low: str, line: str, high: str, words: tuple[str, str]) -> None:
    marker = "o" if len(bins.interval) == 1 else ""
    axes.fill_between(
        bins.interval, bins.least(low), bins.most(high), color=BLUE, alpha=0.18, linewidth=0,
        label=words[0],
    )  # fmt: skip
    axes.plot(
        bins.interval, bins.mean(line), color=BLUE, linewidth=1.6, marker=marker, label=words[1]
    )
    axes.set_ylim(bottom=0)


def _price(axes: Axes, bins: _Bins) -> None:
    words = ("lowest to highest bus", "of all energy served")
    _band(axes, bins, "price_low", "price_mean", "price_high", words)
    axes.set_ylabel("currency per kWh")


def _tightness(axes: Axes, bins: _Bins) -> None:
    marker = "o" if len(bins.interval) == 1 else ""
    for name, colour, label in (
        ("tight_most", GREEN, "the tightest part"),
        ("tight_system", BLUE, "the whole market"),
    ):
        axes.plot(
            bins.interval, 100 * bins.mean(name), color=colour, linewidth=1.5, marker=marker,
            label=label,
        )  # fmt: skip
    axes.set_ylim(bottom=0, top=max(1.0, 105 * float(bins.most("tight_most").max())))
    axes.set_ylabel("% of requests unmet")


def _energy(axes: Axes, bins: _Bins) -> None:
    marker = "o" if len(bins.interval) == 1 else ""
    asked, served = bins.mean("requested_mwh"), bins.mean("served_mwh")
    axes.fill_between(bins.interval, served, asked, color=ORANGE, alpha=0.18, linewidth=0)
    axes.plot(bins.interval, asked, color=GREY, linewidth=1.4, marker=marker, label="asked for")
    axes.plot(bins.interval, served, color=BLUE, linewidth=1.6, marker=marker, label="served")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("MWh per interval")


_PANELS: Final = (
    (
        "service",
        "Fairness: who has been served",
        "Of the flexible energy that each participant has asked for since the start, how much it was delivered: the "
        "worst off, the one that one in ten is below, and the one in the middle. The dashed line is the least share "
        "that any of them is owed in the long run.",
        _service,
    ),
    (
        "price",
        "Price",
        "What a kWh cost: the average over all energy served, and the range over the network's buses.",
        _price,
    ),
    (
        "tightness",
        "Tightness: how short supply was",
        "The part of what was asked for that offers and imports could not meet, in the whole market and in its "
        "tightest part. It sets the price.",
        _tightness,
    ),
    (
        "energy",
        "Energy",
        "What was asked for and what was served in each interval.",
        _energy,
    ),
)
