"""Products: contracts with three dimensions, magnitude, timing and reliability, and their fee.

A product is what a household chooses from a price list; it fixes the contract fields of its state
and what it pays for being served at that level (our formulation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.orders.deferrable import Request
from offchain.units import MAX_ORDER_WH, PPB, Int64Array, unsigned

#: The highest fee of an interval, micro.
MAX_SUBSCRIPTION: Final = 2**40


@dataclass(frozen=True)
class Product:
    """A contract on offer.

    Attributes:
        name: what people call it.
        rank: reliability: service level of flexible energy, 0 lowest.
        fstar_ppb: reliability: share of flexible energy that is owed in the long run.
        rate_wh: magnitude: contracted energy of an interval, Wh.
        demand_cap_wh: magnitude: the most that may be asked in an interval, Wh.
        window: timing: the longest window of a deferrable request, intervals.
        subscription: fee of an interval, micro.
    """

    name: str
    rank: int
    fstar_ppb: int
    rate_wh: int
    demand_cap_wh: int
    window: int
    subscription: int

    def __post_init__(self) -> None:
        bounds = {
            "rank": 2**8 - 2,
            "fstar_ppb": PPB,
            "rate_wh": MAX_ORDER_WH,
            "demand_cap_wh": MAX_ORDER_WH,
            "window": 2**32 - 1,
            "subscription": MAX_SUBSCRIPTION,
        }
        for name, highest in bounds.items():
            unsigned(f"product {self.name}.{name}", getattr(self, name), highest)
        if self.rate_wh == 0 < self.demand_cap_wh:
            raise InputError(f"product {self.name}.rate_wh: must be positive to ask for energy")

    def admits(self, request: Request) -> None:
        """Refuse a deferrable request outside the contract.

        Raises:
            InputError: the window is longer or the power higher than contracted.
        """
        window = request.last - request.first + 1
        if window > self.window:
            raise InputError(
                f"request.last: a window of {window} intervals; {self.name} allows {self.window}"
            )
        if request.most_wh > self.demand_cap_wh:
            raise InputError(
                f"request.most_wh: {request.most_wh} Wh; {self.name} allows {self.demand_cap_wh}"
            )


@dataclass(frozen=True, eq=False)
class ContractColumns:
    """Contract fields of n participants for `offchain.market.register`; int64[n] each.

    Attributes:
        rank: service level of flexible energy.
        fstar_ppb: target share.
        rate_wh: contracted rate, Wh per interval.
        demand_cap_wh: most that may be asked in an interval.
        subscription: fee of an interval, micro, to the community reserve.
    """

    rank: Int64Array
    fstar_ppb: Int64Array
    rate_wh: Int64Array
    demand_cap_wh: Int64Array
    subscription: Int64Array


def contract_columns(products: Sequence[Product], choice: npt.ArrayLike) -> ContractColumns:
    """The contract fields of what everybody chose.

    Args:
        products: the price list.
        choice: n positions in it; -1 for who buys nothing.

    Raises:
        InputError: a choice is not on the list.
    """
    chosen = _chosen(products, choice)

    def column(name: str) -> Int64Array:
        values = np.array([getattr(product, name) for product in products] + [0], dtype=np.int64)
        return values[chosen]

    names = ("rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "subscription")
    return ContractColumns(*(column(name) for name in names))


def _chosen(products: Sequence[Product], choice: npt.ArrayLike) -> npt.NDArray[np.intp]:
    positions = np.asarray(choice).astype(np.intp)
    wrong = (positions < -1) | (positions >= len(products))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"choice: {positions[row]} of participant {row} is no product; give -1 for none or "
            f"0 ... {len(products) - 1}"
        )
    return positions
