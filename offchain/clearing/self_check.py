"""The operator's own check of a clearing: the rules of `certificate`, compiled.

It only ever accepts. Whatever it does not accept, because a rule is broken or a number is beyond the
ranges here, is left to the checker itself, which names what is wrong. Inside the ranges both
decide alike; an auditor never needs this one. Integers only: products of up to 2^114 are kept in two
words of base 2^62, each sum is bounded below.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled
from offchain.clearing.exact import Orders
from offchain.grid.model import Grid
from offchain.units import FLOW_FRACTION_BITS

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_WH: Final = 1 << FLOW_FRACTION_BITS
_HALF: Final = 31
_WORD: Final = 62
_MASK: Final = (1 << _HALF) - 1
_FULL: Final = 1 << _WORD
#: Angles are below this, so their differences are below 2^62.
_ANGLES: Final = 1 << 61
#: Prices of buses and lines are below this: pi - pi + mu is below 2^52, its product with b < 2^53 has a high word
#: below 2^44, and those of fewer than 2^17 line ends add up.
_PRICES: Final = 1 << 50
#: What all lines may carry together, 2^-8 Wh, so that no sum of flows that keep their limits leaves int64.
_FLOWS: Final = 1 << 62


class SelfCheck:
    """A grid, ready to be checked against.

    Args:
        grid: the registered grid.
        island: int64[n], the island of each bus.
    """

    def __init__(self, grid: Grid, island: Int64Array) -> None:
        self._columns = (
            grid.line_from.astype(np.int64),
            grid.line_to.astype(np.int64),
            grid.b.astype(np.int64),
            grid.limit_wh.astype(np.int64) << FLOW_FRACTION_BITS,
            grid.margin_wh.astype(np.int64) << FLOW_FRACTION_BITS,
        )
        self._box = grid.theta_box.astype(np.int64)
        self._island = island
        self._shift = int(grid.shift)
        self._eps = int(grid.eps_grid)
        self._fits = sum(grid.limit_wh.tolist()) << FLOW_FRACTION_BITS < _FLOWS

    def residual(
        self, theta: Int64Array, pi: Int64Array, mu: Int64Array, injection_wh: Int64Array
    ) -> int | None:
        """Rules 1 to 5, and that the angles give the committed injections.

        Args:
            theta: int64[n], angles.
            pi: int64[n], nodal prices, 2^-16 tick.
            mu: int64[m], line prices, 2^-16 tick.
            injection_wh: int64[n], Wh.

        Returns:
            The left side of the gap bound, or None for what the checker has to judge.
        """
        if not self._fits or self._shift > 2 * _WORD:
            return None
        words, holds = _rules(
            self._columns, self._box, self._island, self._shift, theta, pi, mu, injection_wh
        )
        if not holds:
            return None
        total = 2 * sum(word << _HALF * i for i, word in enumerate(words.tolist()))
        return total if total <= self._eps else None


@compiled
def _product(b: int, d: int) -> tuple[int, int]:
    """``b d`` as (high, low) of base 2^62, 0 <= low; for 0 < b < 2^53 and ``|d|`` < 2^62."""
    b1 = b >> _HALF
    b0 = b & _MASK
    d1 = d >> _HALF
    d0 = d & _MASK
    low = b0 * d0
    # Below 2^53 + 2^62 + 2^31 in size.
    middle = b1 * d0 + b0 * d1 + (low >> _HALF)
    return b1 * d1 + (middle >> _HALF), ((middle & _MASK) << _HALF) | (low & _MASK)


@compiled
def _rules(
    columns: tuple[Int64Array, Int64Array, Int64Array, Int64Array, Int64Array],
    box: Int64Array,
    island: Int64Array,
    shift: int,
    theta: Int64Array,
    pi: Int64Array,
    mu: Int64Array,
    injection: Int64Array,
) -> tuple[Int64Array, bool]:
    """Whether rules 1 to 4 hold, and the sum of rule 5 (halved) in words of base 2^31."""
    line_from, line_to, b, limit, margin = columns
    words = np.zeros(4, dtype=np.int64)
    n = len(theta)
    for bus in range(n):
        if not (-_ANGLES < theta[bus] < _ANGLES and -_PRICES < pi[bus] < _PRICES):
            return words, False
    net = np.zeros(n, dtype=np.int64)
    high = np.zeros(n, dtype=np.int64)
    low = np.zeros(n, dtype=np.int64)
    for line in range(len(b)):
        i = line_from[line]
        j = line_to[line]
        if not -_PRICES < mu[line] < _PRICES:
            return words, False
        h, w = _product(b[line], theta[i] - theta[j])
        if shift <= _WORD:
            # Beyond, the flow is above 2^61, and every limit below 2^48.
            if (
                not -1 << (shift - 1 if shift > 0 else 0)
                <= h
                < 1 << (shift - 1 if shift > 0 else 0)
            ):
                return words, False
            flow = (h << (_WORD - shift)) + (w >> shift)
        else:
            flow = h >> (shift - _WORD)
        if not -limit[line] <= flow <= limit[line]:
            return words, False
        net[i] += flow
        net[j] -= flow
        if mu[line] != 0:
            forward = flow > 0 and mu[line] > 0
            if not (forward or (flow < 0 and mu[line] < 0)):
                return words, False
            if abs(abs(flow) - limit[line] + margin[line]) > margin[line]:
                return words, False
        h, w = _product(b[line], pi[i] - pi[j] + mu[line])
        high[i] += h
        low[i] += w
        if low[i] >= _FULL:
            low[i] -= _FULL
            high[i] += 1
        high[j] -= h
        low[j] -= w
        if low[j] < 0:
            low[j] += _FULL
            high[j] -= 1
    balance = np.zeros(n, dtype=np.int64)
    for bus in range(n):
        whole = (net[bus] + _WH // 2) >> FLOW_FRACTION_BITS
        if whole != injection[bus] or abs(net[bus] - (whole << FLOW_FRACTION_BITS)) > _WH // 4:
            return words, False
        balance[island[bus]] += whole
        if high[bus] == 0:
            size = low[bus]
        elif high[bus] == -1 and low[bus] > 0:
            size = _FULL - low[bus]
        else:
            return words, False
        x1 = box[bus] >> _HALF
        x0 = box[bus] & _MASK
        y1 = size >> _HALF
        y0 = size & _MASK
        first = x0 * y0
        # Below 2^63 - 2^33 + 2^31.
        middle = x1 * y0 + x0 * y1 + (first >> _HALF)
        last = x1 * y1 + (middle >> _HALF)
        words[0] += first & _MASK
        words[1] += middle & _MASK
        words[2] += last & _MASK
        words[3] += last >> _HALF
    for i in range(n):
        if balance[i] != 0:
            return words, False
    return words, True


@compiled
def inside_brackets(orders: Orders, pi: Int64Array, x_wh: Int64Array) -> bool:
    """Rule 6 for every order.

    Args:
        orders: start, supply, q, bottom and width of a `Table` of validated orders.
        pi: int64[n], 2^-16 tick; in size below 2^62.
        x_wh: int64[k], in the order of the table, Wh.
    """
    start, supply, q, bottom, width = orders
    for bus in range(len(pi)):
        for i in range(start[bus], start[bus + 1]):
            # How far the price is from where the order moves nothing, up or down.
            here = pi[bus] - bottom[i] if supply[i] else bottom[i] + width[i] - pi[bus]
            less = q[i] * min(max(here - 1, 0), width[i]) // width[i] - 1
            more = q[i] * min(max(here + 1, 0), width[i]) // width[i] + 1
            if not max(less, 0) <= x_wh[i] <= min(more, q[i]):
                return False
    return True
