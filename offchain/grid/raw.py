"""What every importer reads a file into: a network in megawatts, before anything is merged, bounded or scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal

#: ``reactance-tap``: b = 1 / (x tap), as MATPOWER and pandapower do; phase shifts count.
#: ``series-reactance``: b = x / (r^2 + x^2), no tap ratio and no phase shift, as PowerModels and PGLib do.
Convention = Literal["reactance-tap", "series-reactance"]

NO_LIMIT: Final = math.inf


@dataclass(frozen=True)
class RawBus:
    """A bus: ``load_mw`` is what it consumes, negative where it feeds; ``kv`` its voltage level, 0 if unknown."""

    name: str
    load_mw: float = 0.0
    kv: float = 0.0


@dataclass(frozen=True)
class RawLine:
    """A line or transformer: flow in MW is ``susceptance_mw (theta_from - theta_to - shift_rad)``."""

    name: str
    start: int
    end: int
    susceptance_mw: float
    shift_rad: float = 0.0
    limit_mw: float = NO_LIMIT
    transformer: bool = False


@dataclass(frozen=True)
class RawGenerator:
    """A generator; cost per hour is ``cost[0] P^2 + cost[1] P + cost[2]`` with P in MW."""

    name: str
    bus: int
    p_mw: float
    p_min_mw: float
    p_max_mw: float
    cost: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class RawNetwork:
    """A network as read; ``notes`` say what the importer left out or replaced, naming each element."""

    name: str
    buses: tuple[RawBus, ...]
    lines: tuple[RawLine, ...]
    generators: tuple[RawGenerator, ...]
    convention: Convention
    notes: tuple[str, ...] = field(default=())
