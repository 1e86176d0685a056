"""What every importer reads a file into: a network in MW, before anything is merged or scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from offchain.errors import InputError

#: ``reactance-tap``: b = 1 / (x tap), as in MATPOWER and pandapower; phase shifts count.
#: ``series-reactance``: b = x / (r^2 + x^2), no tap ratio and no phase shift, as in PowerModels
#: and the published DC optima of PGLib.
#: ``given``: the file states susceptances, or none because the network is a tree.
Convention = Literal["reactance-tap", "series-reactance", "given"]

NO_LIMIT: Final = math.inf

#: ``merged``: several elements became one. ``dropped``: not in the grid. ``changed``: in the grid
#: with another value than the source states. ``warning``: anything else worth reading.
NoteKind = Literal["merged", "dropped", "changed", "warning"]


@dataclass(frozen=True)
class Note:
    """One thing an importer did beyond copying, in one line that names the element."""

    kind: NoteKind
    text: str


@dataclass(frozen=True)
class RawBus:
    """A bus.

    Attributes:
        name: all different within a network.
        load_mw: what it consumes, not negative.
        kv: its voltage level, 0 where unknown.
        areas: names of the areas around it, outermost first; empty: derived from the voltage.
    """

    name: str
    load_mw: float = 0.0
    kv: float = 0.0
    areas: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawLine:
    """A line or transformer: its flow is ``susceptance_mw (theta_from - theta_to - shift_rad)``.

    ``susceptance_mw`` is in MW per radian, infinite for a zero-impedance branch. ``limit_mw`` is
    ``NO_LIMIT`` where the source gives none.
    """

    name: str
    start: int
    end: int
    susceptance_mw: float
    shift_rad: float = 0.0
    limit_mw: float = NO_LIMIT
    transformer: bool = False


@dataclass(frozen=True)
class RawGenerator:
    """A generator; cost per hour is ``cost[0] P^2 + cost[1] P + cost[2]`` with P in MW.

    ``p_mw`` is its output in the base case; ``slack`` generators balance their island there.
    """

    name: str
    bus: int
    p_mw: float
    p_min_mw: float
    p_max_mw: float
    cost: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slack: bool = False


@dataclass(frozen=True)
class RawNetwork:
    """A network as read."""

    name: str
    buses: tuple[RawBus, ...]
    lines: tuple[RawLine, ...]
    generators: tuple[RawGenerator, ...]
    convention: Convention
    notes: tuple[Note, ...] = field(default=())


def susceptance_mw(
    name: str, base_mva: float, r: float, x: float, tap: float, convention: Convention
) -> float:
    """Susceptance of a branch in MW per radian; infinite without impedance, negative with x < 0.

    Args:
        name: of the branch, for the error message.
        base_mva: base of the per-unit values.
        r: series resistance, per unit.
        x: series reactance, per unit.
        tap: turns ratio, 1 for a line.
        convention: ``reactance-tap`` or ``series-reactance``.

    Raises:
        InputError: the values are not finite, or the convention gives no susceptance.
    """
    if not all(math.isfinite(value) for value in (base_mva, r, x, tap)):
        raise InputError(f"{name}: r, x or tap ratio is not a finite number; correct the branch")
    if tap <= 0:
        raise InputError(f"{name}: tap ratio {tap:g} is not positive; give 0 or 1 for a line")
    if convention == "series-reactance":
        if r == 0 == x:
            return math.inf
        if x == 0:
            raise InputError(
                f"{name}: without reactance it carries nothing under the convention "
                "series-reactance; give it a reactance or use reactance-tap"
            )
        return base_mva * x / (r * r + x * x)
    return math.inf if x == 0 else base_mva / (x * tap)


def check_convention(convention: str) -> Convention:
    """The convention by its name.

    Raises:
        InputError: no such convention for a file with reactances.
    """
    if convention not in get_args(Convention) or convention == "given":
        raise InputError(
            f"convention: {convention!r} is unknown; use reactance-tap or series-reactance"
        )
    return "series-reactance" if convention == "series-reactance" else "reactance-tap"
