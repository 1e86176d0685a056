"""The figures of the robustness study, from its summary alone; the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oracle.evidence import words
from oracle.robustness.study import Summary
from oracle.robustness.tables import most, networks, pooled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which people with any colour vision can tell apart.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73")
_MARKERS: Final = ("o", "s", "^")
#: Of mistakes and overloads, percent.
_TICKS: Final = (0.0, 0.1, 1.0, 10.0, 100.0)
_STYLE: Final[Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "clearwatt",
}
CAPTIONS: Final = {
    "robustness-wires": "Worst overload of any line, against the size of the mistake. Dashed: the most room "
    "that the clearing keeps for rounding on a line that was full.",
    "robustness-meters": "What errors of meters and missing readings cost, by network.",
    "robustness-derating": "Flexible energy served, where limits are registered below the true ones.",
}


def write_figures(summary: Summary, folder: Path, kinds: tuple[str, ...] = ("svg",)) -> None:
    """Draw every figure as `NAME.KIND` in a folder."""
    import matplotlib as mpl

    mpl.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        from matplotlib import pyplot as plt

        for name, draw in zip(CAPTIONS, (_wires, _meters, _derating), strict=True):
            figure = draw(summary)
            for kind in kinds:
                metadata = {"Date": None} if kind == "svg" else {"Software": None}
                figure.savefig(folder / f"{name}.{kind}", dpi=160, metadata=metadata)
            plt.close(figure)


def _panels(count: int, width: float = 9.6, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, count, figsize=(width, 3.2), sharey=share_y, layout="constrained", squeeze=False
    )
    return figure, list(axes[0])


def _lines(panel: Axes, summary: Summary, rows: list[dict[str, Any]], across: str, up: str) -> None:
    for at, network in enumerate(networks(summary)):
        mine = [row for row in rows if row["network"] == network]
        panel.plot(
            [row[across] for row in mine],
            [row[up] for row in mine],
            color=_COLOURS[at % len(_COLOURS)],
            marker=_MARKERS[at % len(_MARKERS)],
            markersize=4,
            label=words.network(network),
        )


def _wires(summary: Summary) -> Figure:
    figure, panels = _panels(3, share_y=True)
    margin = most(summary["margins"], "margin_percent")
    parts = (
        ("use", "use differs from the allocation by up to, %"),
        ("ratings", "registered limits above the true ones by, %"),
        ("impedances", "true susceptances differ by up to, %"),
    )
    for panel, (part, label) in zip(panels, parts, strict=True):
        rows = [row for row in summary[part] if not row.get("together")]
        _lines(panel, summary, pooled(rows, ("network", "size")), "size", "worst_percent")
        panel.axhline(margin, color="#767676", linestyle="--", linewidth=1)
        panel.set_xscale("log")
        panel.set_yscale("symlog", linthresh=_TICKS[1])
        panel.set(xlabel=label, ylim=(0, None), yticks=_TICKS, xticks=_TICKS[1:-1])
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
    panels[0].set_ylabel("worst overload, % of the limit")
    panels[0].legend()
    return figure


def _meters(summary: Summary) -> Figure:
    figure, panels = _panels(2)
    noisy = [row for row in summary["meters"] if not row["missing"] and not row["late"]]
    lost = [row for row in summary["meters"] if not row["noise"] and not row["late"]]
    for rows, panel, across, up, label in (
        (noisy, panels[0], "noise", "house_error_percent", "standard deviation of meters, %"),
        (lost, panels[1], "missing", "station_bias_percent", "readings that never arrive, %"),
    ):
        _lines(panel, summary, pooled(rows, ("network", across)), across, up)
        panel.set_xlabel(label)
    panels[0].set_ylabel("mean error of a consumer's bill, %")
    panels[1].set_ylabel("change of stations' pay, %")
    panels[0].legend()
    return figure


def _derating(summary: Summary) -> Figure:
    figure, [panel] = _panels(1, 4.8)
    rows = pooled(summary["derating"], ("network", "size"))
    for row in rows:
        row["served_percent"] = 100 * row["served_wh"] / row["asked_wh"]
    _lines(panel, summary, rows, "size", "served_percent")
    panel.set(
        xlabel="limits registered below the true ones by, %", ylabel="flexible energy served, %"
    )
    panel.legend()
    return figure
