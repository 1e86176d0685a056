"""`clearwatt grid`: look at a network before a market is built on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final, get_args

import click

from offchain.grid.options import NegativeReactance, PhaseShift

#: Notes and layers shown of each kind unless all are asked for.
_SHOWN: Final = 6
_WH_PER_KWH: Final = 1000.0


@click.group()
def grid() -> None:
    """Networks: which ones there are, and what is understood of one."""


@grid.command("list")
def list_names() -> None:
    """List the names and files that can be given wherever a grid is asked for."""
    from rich.console import Console

    from offchain.grid.load import known_names

    console = Console(highlight=False)
    for origin, names in known_names().items():
        console.print(f"[bold]{origin}[/bold]")
        console.print("  " + ", ".join(names))


@grid.command()
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("--all", "everything", is_flag=True, help="Print every note and layer.")
@click.option("--load-kwh", type=float, help="Scale to this nominal load per interval.")
@click.option("--interval", "interval_s", type=int, help="Seconds per interval.  [default: 1800]")
@click.option("--limits", "limit_rule", help="as-given, or headroom-H such as headroom-1.15.")
@click.option("--convention", help="reactance-tap or series-reactance.  [default: reactance-tap]")
@click.option("--phase-shift", type=click.Choice(get_args(PhaseShift)), help="[default: fold]")
@click.option(
    "--negative-reactance", type=click.Choice(get_args(NegativeReactance)), help="[default: merge]"
)
def show(
    source: str,
    as_json: bool,
    everything: bool,
    load_kwh: float | None,
    interval_s: int | None,
    limit_rule: str | None,
    convention: str | None,
    phase_shift: PhaseShift | None,
    negative_reactance: NegativeReactance | None,
) -> None:
    """Print what is understood of a network: SOURCE is a name, a file or a folder."""
    from offchain.clearing.tolerance import grid_tolerance
    from offchain.grid.load import load_grid
    from offchain.grid.summary import grid_summary

    case = load_grid(
        source,
        convention=convention,
        load_wh=None if load_kwh is None else load_kwh * _WH_PER_KWH,
        interval_s=interval_s,
        limit_rule=limit_rule,
        phase_shift=phase_shift,
        negative_reactance=negative_reactance,
    )
    summary = {**grid_summary(case, source), "tolerance": asdict(grid_tolerance(case.grid))}
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        _print(summary, everything=everything)


def _print(summary: dict[str, Any], *, everything: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _facts(summary):
        table.add_row(name, value)
    console.print(table)
    layers = Table(
        "layer", "buses", "imports at most", box=None, pad_edge=False, title_justify="left"
    )
    shown = summary["layers"] if everything else summary["layers"][:_SHOWN]
    for layer in shown:
        layers.add_row(layer["name"], str(layer["buses"]), _energy(layer["import_limit_wh"]))
    console.print()
    console.print(layers)
    _more(console, len(summary["layers"]) - len(shown))
    for kind, notes in summary["notes"].items():
        if notes:
            console.print(f"\n[bold]{kind}[/bold] ({len(notes)})")
            for note in notes if everything else notes[:_SHOWN]:
                console.print(f"  {note}", markup=False, soft_wrap=True)
            _more(console, 0 if everything else len(notes) - _SHOWN)


def _more(console: Any, count: int) -> None:  # noqa: ANN401 - rich is imported where it is used
    if count > 0:
        console.print(f"  ... and {count} more (--all)", markup=False)


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    limits, margins, left = summary["limit_wh"], summary["margin_wh"], summary["tolerance"]
    kind = "tree" if summary["radial"] else "mesh"
    facts = [
        ("grid", f"{summary['name']}  (from {summary['source']})"),
        ("hash", summary["hash"]),
        (
            "size",
            f"{summary['buses']} buses, {summary['lines']} lines, {summary['islands']} island(s), "
            f"{kind}",
        ),
        ("nominal load", f"{_energy(summary['load_wh'])} per interval"),
        (
            "generation",
            f"{summary['generators']} generators, {_energy(summary['generation_wh'])} per interval",
        ),
        ("scale", f"1 MW is {summary['wh_per_mw']:g} Wh per interval"),
        ("susceptances", summary["convention"]),
    ]
    if limits:
        facts += [
            (
                "line limits",
                f"{_energy(limits[0])} ... {_energy(limits[1])}, {summary['limit_rule']}; "
                f"{summary['lines_without_own_limit']} lines bounded for want of one",
            ),
            ("rounding margins", f"{margins[0]} ... {margins[1]} Wh"),
        ]
    facts += [
        (
            "angles",
            f"unit 2^-{summary['angle_bits']} rad, within {summary['theta_box_bits']} bits; shift "
            f"{summary['shift']}",
        ),
        (
            "tolerance",
            f"at P_cap ({summary['p_cap_ticks']} ticks) an oracle can gain {left['gap_wh']:.3g} Wh by prices "
            f"(eps_grid), {left['line_wh']} Wh by a full line ({_energy(left['lines_wh'])} by all), "
            f"{left['household_wh']:.3g} Wh by an order of 1 kWh ({left['order_wh']:.3g} Wh by the largest)",
        ),
        (
            "registered",
            f"{summary['packed_bytes']} bytes, allocation tree of depth "
            f"{summary['tree_depth']} above the buses",
        ),
    ]
    return facts


def _energy(wh: float) -> str:
    """Energy with three digits and a unit that suits it."""
    for unit, size in (("GWh", 1e9), ("MWh", 1e6), ("kWh", 1e3)):
        if abs(wh) >= size:
            return f"{wh / size:.4g} {unit}"
    return f"{wh:.4g} Wh"
