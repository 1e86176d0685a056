"""Loops over all orders of the interior-point method.

Each is small and alone, so that the compiler turns it into vector instructions. Arrays are
float64[k] over the orders unless named otherwise; what is written stands last.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offchain.clearing.compiled import compiled

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@compiled
def gather(at_bus: FloatArray, bus_of: Int64Array, out: FloatArray) -> None:
    """Give every order the value of its bus, float64[n]."""
    for i in range(len(bus_of)):
        out[i] = at_bus[bus_of[i]]


@compiled
def stiffen(
    curve: FloatArray,
    y: FloatArray,
    s: FloatArray,
    low: FloatArray,
    high: FloatArray,
    per_y: FloatArray,
    per_s: FloatArray,
    stiff: FloatArray,
) -> None:
    """How far each order moves per unit of price between its bounds."""
    for i in range(len(y)):
        per_y[i] = 1.0 / y[i]
        per_s[i] = 1.0 / s[i]
        stiff[i] = 1.0 / (curve[i] + low[i] * per_y[i] + high[i] * per_s[i])


@compiled
def draw(
    stiff: FloatArray,
    seen: FloatArray,
    pa: FloatArray,
    curve: FloatArray,
    y: FloatArray,
    pull: FloatArray,
) -> None:
    """How far each order moves towards its response to the price it sees."""
    for i in range(len(y)):
        pull[i] = stiff[i] * (seen[i] - pa[i] - curve[i] * y[i])


@compiled
def predict(
    pull: FloatArray,
    stiff: FloatArray,
    seen: FloatArray,
    per_y: FloatArray,
    per_s: FloatArray,
    low: FloatArray,
    high: FloatArray,
    dy: FloatArray,
    dlow: FloatArray,
    dhigh: FloatArray,
    ratio: FloatArray,
) -> None:
    """The step towards products of zero, and its reach: the reciprocal of how far it may go."""
    for i in range(len(dy)):
        change = pull[i] + stiff[i] * seen[i]
        down = change * per_y[i]
        up = change * per_s[i]
        dy[i] = change
        dlow[i] = -low[i] - low[i] * down
        dhigh[i] = -high[i] + high[i] * up
        ratio[i] = max(abs(down), abs(up), 1.0 + down, 1.0 - up)


@compiled
def centre(
    centre: float,
    per_y: FloatArray,
    per_s: FloatArray,
    dy: FloatArray,
    dlow: FloatArray,
    dhigh: FloatArray,
    stiff: FloatArray,
    push_low: FloatArray,
    push_high: FloatArray,
    pull: FloatArray,
) -> None:
    """What the second-order term and centring add to the predictor."""
    for i in range(len(dy)):
        push_low[i] = per_y[i] * (centre - dy[i] * dlow[i])
        push_high[i] = per_s[i] * (centre + dy[i] * dhigh[i])
        pull[i] += stiff[i] * (push_low[i] - push_high[i])


@compiled
def correct(
    pull: FloatArray,
    stiff: FloatArray,
    seen: FloatArray,
    per_y: FloatArray,
    per_s: FloatArray,
    low: FloatArray,
    high: FloatArray,
    push_low: FloatArray,
    push_high: FloatArray,
    dy: FloatArray,
    dlow: FloatArray,
    dhigh: FloatArray,
    ratio: FloatArray,
) -> None:
    """The step towards centred products, and its reach."""
    for i in range(len(dy)):
        change = pull[i] + stiff[i] * seen[i]
        down = change * per_y[i]
        up = change * per_s[i]
        to_low = push_low[i] - low[i] - low[i] * down
        to_high = push_high[i] - high[i] + high[i] * up
        dy[i] = change
        dlow[i] = to_low
        dhigh[i] = to_high
        ratio[i] = max(-down, up, -to_low / low[i], -to_high / high[i])


@compiled
def advance(t: float, values: FloatArray, change: FloatArray) -> None:
    """Take a step."""
    for i in range(len(values)):
        values[i] += t * change[i]


@compiled
def inner(a: FloatArray, b: FloatArray) -> float:
    """The inner product."""
    even = odd = 0.0
    for i in range(0, len(a) - 1, 2):
        even += a[i] * b[i]
        odd += a[i + 1] * b[i + 1]
    if len(a) % 2:
        even += a[-1] * b[-1]
    return even + odd


@compiled
def second_order(dy: FloatArray, dlow: FloatArray, dhigh: FloatArray) -> float:
    """How far the predictor's products miss zero."""
    even = odd = 0.0
    for i in range(0, len(dy) - 1, 2):
        even += dy[i] * (dlow[i] - dhigh[i])
        odd += dy[i + 1] * (dlow[i + 1] - dhigh[i + 1])
    if len(dy) % 2:
        even += dy[-1] * (dlow[-1] - dhigh[-1])
    return even + odd


@compiled
def largest(values: FloatArray) -> float:
    """The largest of some numbers, 0 if there are none: four at a time, since each waits for none."""
    a = b = c = d = 0.0
    whole = len(values) // 4 * 4
    for i in range(0, whole, 4):
        a = max(a, values[i])
        b = max(b, values[i + 1])
        c = max(c, values[i + 2])
        d = max(d, values[i + 3])
    for i in range(whole, len(values)):
        a = max(a, values[i])
    return max(a, b, c, d)
