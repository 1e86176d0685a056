"""What a coalition of suppliers is worth: load that the clearing program serves (docs/shapley.md, section 6).

Three games of the same suppliers over the intervals of a period, each in Wh, each worth 0 without
suppliers:

- adequacy: load served by the coalition alone;
- flexibility: load served beyond what everybody's earlier output serves, by raising the coalition's
  output, in the intervals in which demand rises;
- location: load served beyond what unlimited energy at the hub serves, that is, load behind full
  lines.

In each, somebody's energy is there whatever the coalition (nobody's, everybody's earlier output,
the hub's), the coalition adds its offers, and the worth is what the addition serves. All demand is
always present, at one price far above all supply, so that the clearing serves as much as the
network allows; `offchain.shapley.bound` shows how near the most it came. All three are monotone
games up to rounding, because a member may stay idle.

Source: our formulation of the three parts (adequacy, flexibility, location) of thesis arXiv
2512.13871.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing, ClearingError
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.units import MAX_ORDER_WH

Int64Array = NDArray[np.int64]

#: The ramp of all supply begins at 0, that of all demand at VALUE; both are RAMP wide. The clearing
#: gives up at most 2 RAMP / VALUE of the load that could be served, and none of it where a Wh of
#: one bus can only be exchanged for a Wh of another.
VALUE_TICKS: Final = 1 << 28
#: The first width counts; a later one only where rounding defeats the solver at those before it.
RAMP_TICKS: Final = (1 << 16, 1 << 15, 1 << 14)


@dataclass(frozen=True, eq=False)
class SupplyGame:
    """Load that a coalition's offers serve on top of what is there anyway, summed over intervals, Wh.

    Attributes:
        grid: lines keep to limit - margin.
        bus: int32[n], the bus of each player.
        demand_wh: int64[T, buses].
        base_wh: int64[T, buses], energy on offer whatever the coalition.
        offer_wh: int64[T, n], what each player adds.
    """

    grid: Grid
    bus: NDArray[np.int32]
    demand_wh: Int64Array
    base_wh: Int64Array
    offer_wh: Int64Array

    def __post_init__(self) -> None:
        intervals, players = len(self.demand_wh), len(self.bus)
        shapes = {
            "demand_wh": (self.demand_wh, (intervals, self.grid.n_bus)),
            "base_wh": (self.base_wh, (intervals, self.grid.n_bus)),
            "offer_wh": (self.offer_wh, (intervals, players)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise InputError(f"{name}: its shape is {array.shape}; give {shape}")
            if array.size and not 0 <= int(array.min()) <= int(array.max()) <= MAX_ORDER_WH:
                raise InputError(f"{name}: out of range; give 0 ... {MAX_ORDER_WH} Wh")
        if players and not 0 <= int(self.bus.min()) <= int(self.bus.max()) < self.grid.n_bus:
            raise InputError(f"bus: not on the grid; give 0 ... {self.grid.n_bus - 1}")

    @property
    def n_players(self) -> int:
        """How many suppliers there are."""
        return len(self.bus)

    @property
    def effort(self) -> int:
        """Buses times intervals."""
        return int(self.demand_wh.size)

    def evaluate(self, masks: Sequence[int]) -> list[int]:
        """v(mask) of each coalition, Wh; every clearing has passed the integer checker.

        Raises:
            ClearingError: no engine found a clearing that the checker accepts.
        """
        worth = [0] * len(masks)
        evaluator = Evaluator(self)
        for interval in range(len(self.demand_wh)):
            base = evaluator.served_wh(interval, 0)
            active = sum(1 << int(i) for i in np.flatnonzero(self.offer_wh[interval]))
            found = {0: base}
            for place, mask in enumerate(masks):
                if mask & active not in found:
                    found[mask & active] = evaluator.served_wh(interval, mask & active)
                worth[place] += found[mask & active] - base
        return worth


class Evaluator:
    """Clears coalitions of a game.

    Args:
        game: the game.
    """

    def __init__(self, game: SupplyGame) -> None:
        self._game = game
        self._clearer = Clearer(game.grid)
        n_bus = game.grid.n_bus
        everywhere = np.arange(n_bus, dtype=np.int32)
        self._bus = np.concatenate((everywhere, everywhere, game.bus))
        self._supply = np.arange(len(self._bus)) >= n_bus
        self._pa = np.where(self._supply, 0, VALUE_TICKS).astype(np.int64)

    def clear(self, interval: int, mask: int) -> Clearing:
        """The clearing of one interval with one coalition.

        Rows: demand of every bus, base energy of every bus, offers of the players; without zeros.

        Raises:
            ClearingError: as `Clearer.clear`, at every ramp width.
        """
        game = self._game
        offers = [
            offer if mask >> i & 1 else 0
            for i, offer in enumerate(game.offer_wh[interval].tolist())
        ]
        q_wh = np.concatenate((game.demand_wh[interval], game.base_wh[interval], offers))
        rows = np.flatnonzero(q_wh)
        bus, supply, pa = self._bus[rows], self._supply[rows], self._pa[rows]
        energy = q_wh[rows].astype(np.int64)
        *wider, last = RAMP_TICKS
        for width in wider:
            try:
                return self._clearer.clear(Ramps(bus, supply, energy, pa, pa + width))
            except ClearingError:
                continue
        return self._clearer.clear(Ramps(bus, supply, energy, pa, pa + last))

    def served_wh(self, interval: int, mask: int) -> int:
        """Load served in one interval, Wh; arguments and errors as `clear`."""
        game = self._game
        if not game.base_wh[interval].any() and not mask:
            return 0
        demands = int(np.count_nonzero(game.demand_wh[interval]))
        return int(self.clear(interval, mask).x_wh[:demands].sum())


@dataclass(frozen=True, eq=False)
class Period:
    """What the suppliers could deliver in a period, and what was asked of them.

    Attributes:
        grid: the registered grid.
        bus: int32[n], the bus of each supplier.
        demand_wh: int64[T, buses], load of each interval.
        available_wh: int64[T, n], what each supplier could deliver.
        dispatch_wh: int64[T, n], what it was dispatched to deliver.
        ramp_wh: int64[n], by how much its output can rise from one interval to the next.
        hub: the bus at which energy is not scarce, usually the connection to the grid above.
    """

    grid: Grid
    bus: NDArray[np.int32]
    demand_wh: Int64Array
    available_wh: Int64Array
    dispatch_wh: Int64Array
    ramp_wh: Int64Array
    hub: int

    def __post_init__(self) -> None:
        shape = (len(self.demand_wh), len(self.bus))
        for name, array in (("available_wh", self.available_wh), ("dispatch_wh", self.dispatch_wh)):
            if array.shape != shape:
                raise InputError(f"{name}: its shape is {array.shape}; give {shape}")
        if self.ramp_wh.shape != shape[1:] or np.any(self.ramp_wh < 0):
            raise InputError("ramp_wh: give a number not below 0 for each supplier")
        if not 0 <= self.hub < self.grid.n_bus:
            raise InputError(f"hub: not on the grid; give 0 ... {self.grid.n_bus - 1}")

    def adequacy(self) -> SupplyGame:
        """Load that the coalition serves alone, Wh over all intervals."""
        return SupplyGame(
            self.grid, self.bus, self.demand_wh, np.zeros_like(self.demand_wh), self.available_wh
        )

    def flexibility(self) -> SupplyGame:
        """Load that the coalition serves by raising its output, Wh over the intervals in which demand rises.

        Everybody, in the coalition or not, holds the output of the interval before as far as it is
        still available; a member adds what it can beyond that, at most its ramp. The first interval
        has none before it and does not count.
        """
        total = self.demand_wh.sum(axis=1)
        rising = np.flatnonzero(total[1:] > total[:-1]) + 1
        held = np.minimum(self.dispatch_wh[rising - 1], self.available_wh[rising])
        base = np.zeros_like(self.demand_wh[rising])
        for player, at in enumerate(self.bus.tolist()):
            base[:, at] += held[:, player]
        return SupplyGame(
            self.grid,
            self.bus,
            self.demand_wh[rising],
            base,
            np.minimum(self.available_wh[rising] - held, self.ramp_wh),
        )

    def location(self) -> SupplyGame:
        """Load that the coalition serves where the hub's energy cannot reach, Wh over all intervals.

        The hub offers as much as the whole demand. A supplier at the hub is therefore worth nothing
        here, and so is everybody while no line is full.
        """
        base = np.zeros_like(self.demand_wh)
        base[:, self.hub] = self.demand_wh.sum(axis=1)
        return SupplyGame(self.grid, self.bus, self.demand_wh, base, self.available_wh)
