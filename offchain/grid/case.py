"""A grid together with who is connected to it: what importers return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offchain.grid.raw import Convention, Note
from offchain.grid.registered import Grid

#: 1 per MWh is 0.001 per kWh, which is 1,000 ticks.
_TICKS_PER_MWH_PRICE: Final = 1000.0


@dataclass(frozen=True)
class Generator:
    """A generator of an imported case; energies in Wh per interval.

    Cost per hour in the case's currency is ``quadratic P^2 + linear P + constant`` with P in MW
    of the case (`CaseGrid.wh_per_mw`).
    """

    name: str
    bus: int
    p_min_wh: float
    p_max_wh: float
    cost_quadratic: float = 0.0
    cost_linear: float = 0.0
    cost_constant: float = 0.0


@dataclass(frozen=True, eq=False)
class CaseGrid:
    """An imported case; all energies in Wh per interval.

    The flow of the source's own DC model is the certificate's flow plus ``loop_flow_wh``.

    Attributes:
        grid: as it would be registered.
        convention: how susceptances follow from impedances.
        limit_rule: where line limits came from.
        wh_per_mw: what 1 MW of the case is.
        load_wh: float64[n] nominal load per bus, not negative.
        generators: in the order of the case.
        base_flow_wh: float64[m] flows of the case's own dispatch, without loop flows.
        loop_flow_wh: float64[m] what phase shifters drive whatever the dispatch.
        unlimited: the lines without a limit of the source that could bind; they carry the bound
            that `offchain.grid.limits` states.
        notes: what was merged, dropped or changed, each naming its element.
    """

    grid: Grid
    convention: Convention
    limit_rule: str
    wh_per_mw: float
    load_wh: NDArray[np.float64]
    generators: tuple[Generator, ...]
    base_flow_wh: NDArray[np.float64]
    loop_flow_wh: NDArray[np.float64]
    unlimited: tuple[int, ...]
    notes: tuple[Note, ...] = field(default=())

    @property
    def bus_load_share(self) -> NDArray[np.float64]:
        """Shares of the nominal load, float64[n]; they sum to one, or to zero without load."""
        total = self.load_wh.sum()
        return self.load_wh / total if total > 0 else np.zeros_like(self.load_wh)

    def bid_hint_ticks(self, generator: Generator) -> int:
        """The marginal cost at half output as a bid, in ticks and not negative."""
        p_mw = generator.p_max_wh / self.wh_per_mw / 2
        price = generator.cost_linear + 2 * generator.cost_quadratic * p_mw
        return max(0, round(price * _TICKS_PER_MWH_PRICE))
