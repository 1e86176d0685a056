"""The price of each bus: physical tightness of the layers around it, between two bounds.

Our formulation of the holarchic price of the thesis: a node inherits the tightest of its ancestors
(docs/mechanism.md, section 5). Integers only; sums of energy may leave int64's range for ppb
products, and then the same expressions run on Python integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Holarchy
from offchain.policy import PRICE_CURVES, Policy
from offchain.units import PPB, Int64Array

#: Energies below this times 1e9 stay below 2^63.
_FAST_WH: Final = 2**33

IntpArray = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class LayerIndex:
    """A holarchy as index columns; made once per grid.

    With n buses and L layers; buses are taken by position.

    Attributes:
        order: intp[n], buses by ascending position.
        start: intp[L], first bus of each layer, in that order.
        stop: intp[L], one past its last bus.
        import_limit_wh: int64[L].
        ancestor: intp[k], the layers around each bus in layer order, one bus after the other.
        first: intp[n], where each bus begins in ``ancestor``.
    """

    order: IntpArray
    start: IntpArray
    stop: IntpArray
    import_limit_wh: Int64Array
    ancestor: IntpArray
    first: IntpArray

    @classmethod
    def of(cls, holarchy: Holarchy) -> Self:
        """The index of a grid's holarchy."""
        position = np.asarray(holarchy.position)
        order = np.argsort(position, kind="stable")
        level = np.array([layer.level for layer in holarchy.layers], dtype=np.int64)
        begin = np.array([layer.position for layer in holarchy.layers], dtype=np.int64) << level
        sorted_position = position[order]
        start = np.searchsorted(sorted_position, begin)
        stop = np.searchsorted(sorted_position, begin + (1 << level))
        size = stop - start
        bus = np.concatenate([np.arange(a, b) for a, b in zip(start, stop, strict=True)])
        layer = np.repeat(np.arange(len(size)), size)
        by_bus = np.argsort(bus, kind="stable")
        limits = [layer.import_limit_wh for layer in holarchy.layers]
        return cls(
            order=order,
            start=start,
            stop=stop,
            import_limit_wh=np.array(limits, dtype=np.int64),
            ancestor=layer[by_bus],
            first=np.searchsorted(bus[by_bus], np.arange(len(order))),
        )


@dataclass(frozen=True, eq=False)
class Tightness:
    """Tightness of an interval, parts per billion.

    Attributes:
        layer_ppb: int64[L], of each layer by itself.
        bus_ppb: int64[n], what each bus inherits.
        explaining: intp[n], the layer that explains each bus's price: its tightest, the outermost
            of equals; -1 where nothing is tight.
    """

    layer_ppb: Int64Array
    bus_ppb: Int64Array
    explaining: IntpArray


def layer_tightness(
    requested_wh: int, offered_wh: int, total_offered_wh: int, limit_wh: int
) -> int:
    """Tightness of one layer, ppb: what of its requests can neither be met inside nor brought in.

    Args:
        requested_wh: requests inside the layer.
        offered_wh: offers inside the layer.
        total_offered_wh: offers of the whole market.
        limit_wh: sum of the limits of the lines across the layer's boundary.
    """
    deliverable = offered_wh + min(limit_wh, total_offered_wh - offered_wh)
    if deliverable >= requested_wh:
        return 0
    return PPB - deliverable * PPB // requested_wh


def tightness(index: LayerIndex, requested_wh: Int64Array, offered_wh: Int64Array) -> Tightness:
    """Tightness of every layer and bus; `layer_tightness` of each row.

    Args:
        index: of the grid's holarchy.
        requested_wh: int64[n], requests at each bus.
        offered_wh: int64[n], offers at each bus.
    """
    requested = _layer_sums(index, requested_wh)
    offered = _layer_sums(index, offered_wh)
    outside = int(offered_wh.sum()) - offered
    deliverable = offered + np.minimum(index.import_limit_wh, outside)
    tight = deliverable < requested
    fast = not tight.any() or requested[tight].max() < _FAST_WH
    dividend = np.where(tight, deliverable, 0).astype(np.int64 if fast else object)
    quotient = (dividend * PPB // np.maximum(requested, 1)).astype(np.int64)
    layer_ppb = np.where(tight, PPB - quotient, 0)
    by_bus = layer_ppb[index.ancestor]
    tightest = np.maximum.reduceat(by_bus, index.first)
    # The first of a bus's ancestors that reaches its largest tightness.
    counts = np.diff(np.append(index.first, len(by_bus)))
    reaches = np.flatnonzero(by_bus == np.repeat(tightest, counts))
    explaining = index.ancestor[reaches[np.searchsorted(reaches, index.first)]]
    bus_ppb = np.empty_like(tightest)
    bus_ppb[index.order] = tightest
    bus_layer = np.empty_like(explaining)
    bus_layer[index.order] = np.where(tightest > 0, explaining, -1)
    return Tightness(layer_ppb, bus_ppb, bus_layer)


def _layer_sums(index: LayerIndex, per_bus: Int64Array) -> Int64Array:
    sums = np.concatenate(([0], np.cumsum(per_bus[index.order])))
    return sums[index.stop] - sums[index.start]


def price_ticks(policy: Policy, tightness_ppb: Int64Array) -> Int64Array:
    """The AMM price at each tightness, ticks.

    Args:
        policy: its bounds and its curve.
        tightness_ppb: any shape, 0 ... 1e9.

    Returns:
        int64 of the same shape, ``p_lo ... p_hi``.
    """
    span = policy.p_hi_ticks - policy.p_lo_ticks
    return policy.p_lo_ticks + span * curve_ppb(policy.price_curve, tightness_ppb) // PPB


def excess_ticks(policy: Policy, price: Int64Array) -> Int64Array:
    """Buy side beyond an allocation: what energy costs that nobody was allocated, ticks.

    The AMM price plus the policy's spread, never above ``p_hi`` (our formulation).

    Args:
        policy: its spread and its bound.
        price: AMM prices, ticks; any shape.
    """
    return np.minimum(price + policy.spread_ticks, policy.p_hi_ticks)


def surplus_ticks(policy: Policy, price: Int64Array) -> Int64Array:
    """Sell side: what energy is worth that was allocated and not used, or fed in beyond it, ticks.

    The AMM price less the policy's spread, never below zero, so buying in order to hand back
    always loses; arguments as `excess_ticks` (our formulation).
    """
    return np.maximum(price - policy.spread_ticks, 0)


def curve_ppb(curve: int, tightness_ppb: Int64Array) -> Int64Array:
    """How much of the span between the bounds is reached at each tightness, ppb (our formulation).

    Linear is the published AMM curve. Piecewise asks a quarter of the span for the first half of
    tightness: little for a light shortage, much for a grave one. Smooth is 3 t^2 - 2 t^3, without
    a kink at either end. All are nondecreasing from 0 to 1e9 and rise at most 1.5 times as fast.

    Args:
        curve: position in ``offchain.policy.PRICE_CURVES``.
        tightness_ppb: any shape, 0 ... 1e9.
    """
    tau = tightness_ppb
    if PRICE_CURVES[curve] == "piecewise":
        return np.where(2 * tau <= PPB, tau, 3 * tau - PPB) // 2
    if PRICE_CURVES[curve] == "smooth":
        # floor(tau^2 (3e9 - 2 tau) / 1e18) in two steps, because the product has 92 bits; exact,
        # since the floor of a sum with a whole number is the sum of the floors.
        whole, rest = np.divmod(tau * tau, PPB)
        steep = 3 * PPB - 2 * tau
        return (whole * steep + rest * steep // PPB) // PPB
    return tau
