"""Meters of a demonstration: what was allocated, nearly, and now and then nothing at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from coincurve import PrivateKey

from offchain.metering.readings import ReadingTable, readings_from_columns, signed_readings
from offchain.records import RESERVE
from offchain.units import Int64Array

_PERMILLE: Final = 1000


@dataclass(frozen=True)
class Meters:
    """Meters whose readings differ from the allocation by seeded noise.

    Attributes:
        seed: names everything that is drawn.
        key: the metering operator's.
        noise_permille: the most that a reading differs from the allocation.
        missing_permille: how many readings never arrive.
    """

    seed: int
    key: PrivateKey
    noise_permille: int = 50
    missing_permille: int = 20

    def read(self, allocation: np.ndarray, separator: bytes) -> ReadingTable:
        """The signed readings of an interval.

        Args:
            allocation: records.ALLOCATION[N] of it.
            separator: EIP-712 domain of the market.

        Returns:
            records.READING of everybody but the reserve and those whose reading is missing.
        """
        interval = int(allocation["interval"][0])
        rng = np.random.Generator(np.random.PCG64([self.seed, interval]))
        n = len(allocation)
        served = allocation["essential_x_wh"].astype(np.int64) + allocation["flexible_x_wh"]
        consumed = self._noisy(rng, served)
        produced = self._noisy(rng, allocation["supply_x_wh"].astype(np.int64))
        arrived = rng.integers(_PERMILLE, size=n) >= self.missing_permille
        arrived[RESERVE] = False
        index = np.flatnonzero(arrived)
        readings = readings_from_columns(index, interval, consumed[index], produced[index])
        return signed_readings(readings, self.key, separator)

    def _noisy(self, rng: np.random.Generator, energy_wh: Int64Array) -> Int64Array:
        factor = _PERMILLE + rng.integers(
            -self.noise_permille, self.noise_permille, size=len(energy_wh), endpoint=True
        )
        result: Int64Array = energy_wh * factor // _PERMILLE
        return result
