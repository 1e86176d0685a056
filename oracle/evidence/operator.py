"""T2 measured: the clearing operator, projected again and again, against its bound.

``T(x) = P_X(x - eta (x - xhat))`` contracts at ``|1 - eta|`` in the norm W (docs/theorems.md).
The projection runs on the real clearing program: to project z is to clear the ramps whose
unconstrained optimum is z. So the integers add what rounding to ticks and Wh can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer
from offchain.grid.model import Grid

FloatArray = npt.NDArray[np.float64]

#: Adding the same to every price changes no allocation; this keeps prices from going below zero.
_RAISED_TICKS: Final = 400_000
#: Errors below this many roundings say nothing about the contraction.
_ABOVE_ROUNDING: Final = 50.0


@dataclass(frozen=True)
class Contraction:
    """What repeated projection did at one step.

    Attributes:
        greatest: the greatest ratio of successive errors, while errors are well above rounding.
        mean: their geometric mean.
        steps: how many ratios there are.
        last_error: the last error, of the first.
    """

    greatest: float
    mean: float
    steps: int
    last_error: float


@dataclass(frozen=True, eq=False)
class _Aim:
    """Orders with something asked, and the norm W that their curvature makes."""

    ramps: Ramps
    curvature: FloatArray
    target: FloatArray

    @classmethod
    def of(cls, ramps: Ramps) -> Self:
        rows = ramps.q_wh > 0
        kept = Ramps(
            ramps.bus[rows],
            ramps.supply[rows],
            ramps.q_wh[rows],
            ramps.pa_ticks[rows] + _RAISED_TICKS,
            ramps.pb_ticks[rows] + _RAISED_TICKS,
        )
        curvature = (kept.pb_ticks - kept.pa_ticks) / kept.q_wh
        target = np.where(kept.supply, -kept.pa_ticks, kept.pb_ticks) / curvature
        return cls(kept, curvature, target)

    def at(self, z: FloatArray) -> Ramps:
        """The same orders with z as their unconstrained optimum, to the nearest tick."""
        ramps = self.ramps
        ends = np.rint(z * self.curvature).astype(np.int64)
        width = ramps.pb_ticks - ramps.pa_ticks
        pa = np.where(ramps.supply, -ends, ends - width)
        return Ramps(ramps.bus, ramps.supply, ramps.q_wh, pa, pa + width)

    def norm(self, x: FloatArray) -> float:
        return float(np.sqrt((x**2 * self.curvature).sum()))

    def rounding(self) -> float:
        """What one projection may add: 1 Wh, and half a tick's response, of every order."""
        return self.norm(1 + 0.5 / self.curvature)


def contraction(
    grid: Grid, ramps: Ramps, eta: float, iterations: int, *, full: bool = False
) -> Contraction:
    """Project again and again, and watch the error shrink.

    Args:
        grid: the grid.
        ramps: the orders; rows without quantity are left out.
        eta: step, between 0 and 2.
        iterations: how often to project.
        full: start from everything served and dispatched instead of nothing.
    """
    aim = _Aim.of(ramps)
    clearer = Clearer(grid)
    fixed_point = clearer.clear(aim.ramps).x_wh
    x = np.where(full, aim.ramps.q_wh, 0).astype(np.float64)
    error = first = aim.norm(x - fixed_point)
    enough = _ABOVE_ROUNDING * aim.rounding()
    seen = []
    for _ in range(iterations):
        x = clearer.clear(aim.at(x - eta * (x - aim.target))).x_wh.astype(np.float64)
        before, error = error, aim.norm(x - fixed_point)
        if before <= enough:
            break
        seen.append(error / before)
    ratios = np.array(seen)
    mean = float(np.exp(np.log(np.maximum(ratios, 1e-12)).mean())) if seen else 0.0
    return Contraction(float(ratios.max(initial=0.0)), mean, len(seen), error / first)
