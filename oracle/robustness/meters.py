"""Meters that err, are late or say nothing: whom that costs what, and what the audit sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offchain.commitment.hashing import Table
from offchain.metering.imbalance import deviations, imbalance
from offchain.metering.readings import ReadingTable, readings_from_columns, signed_readings
from offchain.records import RESERVE
from offchain.units import MAX_ORDER_WH, Int64Array
from oracle.robustness.assumed import PERCENT, Assumed
from oracle.robustness.belief import told
from oracle.robustness.market import METER_KEY, History, cleared
from oracle.robustness.physical import Row
from oracle.scenario import Scenario

_LATE_TAG, _USE_TAG, _NOISE_TAG, _LOST_TAG = 1, 2, 3, 4


@dataclass(frozen=True)
class Meters:
    """What is wrong with all meters.

    Attributes:
        seed: names what is drawn; use is the same for all meters with one seed.
        behaviour: by how much use differs from the allocation, percent.
        noise: standard deviation of a meter's error, percent.
        missing: readings that never arrive, percent.
        late: of the rest, those that come one interval late; of these as many come two late, and so on.
        lag: intervals after which a reading must be there.
    """

    seed: int
    behaviour: int
    noise: float = 0.0
    missing: float = 0.0
    late: float = 0.0
    lag: int = 1

    def used(self, line: Table) -> tuple[Int64Array, Int64Array]:
        """What everybody really used and fed in, int64[n] Wh."""
        rng = self._rng(line, _USE_TAG)
        allowed = line["essential_x_wh"].astype(np.int64) + line["flexible_x_wh"]
        sold = line["supply_x_wh"].astype(np.int64)
        spread = self.behaviour / PERCENT
        return _off(rng.uniform(-spread, spread, len(line)), allowed), _off(
            rng.uniform(-spread, spread, len(line)), sold
        )

    def measured(self, line: Table) -> tuple[Int64Array, Int64Array]:
        """What the meters say of it."""
        rng = self._rng(line, _NOISE_TAG)
        used, sold = self.used(line)
        return _off(rng.normal(0, self.noise / PERCENT, len(line)), used), _off(
            rng.normal(0, self.noise / PERCENT, len(line)), sold
        )

    def arrived(self, line: Table) -> npt.NDArray[np.bool_]:
        """Whose reading is there in time, bool[n]; the reserve has none."""
        there = self._rng(line, _LOST_TAG).uniform(0, PERCENT, len(line)) >= self.missing
        waits = (
            self._rng(line, _LATE_TAG).uniform(0, 1, len(line)) < (self.late / PERCENT) ** self.lag
        )
        there &= ~waits
        there[RESERVE] = False
        return there

    def read(self, line: Table, separator: bytes) -> ReadingTable:
        """The signed readings of an interval."""
        consumed, produced = self.measured(line)
        index = np.flatnonzero(self.arrived(line))
        interval = int(line["interval"][0])
        table = readings_from_columns(index, interval, consumed[index], produced[index])
        return signed_readings(table, METER_KEY, separator)

    def _rng(self, line: Table, tag: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(line["interval"][0]), tag])


def _off(share: npt.NDArray[np.float64], energy_wh: Int64Array) -> Int64Array:
    """Energies that differ by a share, whole Wh."""
    moved = np.rint(energy_wh * (1 + share)).astype(np.int64)
    return np.clip(moved, 0, MAX_ORDER_WH)


def billing(history: History, scenario: Scenario, meters: Meters) -> Row:
    """What wrong or missing readings cost against exact and complete ones, over a history."""
    n = len(scenario.bus)
    net_error = np.zeros(n)
    bill = np.zeros(n)
    gained, lost = 0, 0
    for line in history.allocations():
        exact = _net(history, scenario, line, *meters.used(line), np.arange(n) != RESERVE)
        said = _net(history, scenario, line, *meters.measured(line), meters.arrived(line))
        net_error += said - exact
        bill += line["energy_cost"].astype(np.float64) + line["shortfall"]
        absent = ~meters.arrived(line)
        absent[RESERVE] = False
        gained += int((said - exact)[absent].clip(0).sum())
        lost += int((exact - said)[absent].clip(0).sum())
    station = scenario.supply_cap_wh > 0
    house = (scenario.demand_cap_wh > 0) & (bill > 0)
    pay = sum(float(line["supply_pay"][station].sum()) for line in history.allocations())
    return {
        "noise": meters.noise,
        "missing": meters.missing,
        "late": meters.late,
        "lag": meters.lag,
        "house_error_percent": float(np.mean(np.abs(net_error[house]) / bill[house])) * PERCENT,
        "house_bias_percent": float(net_error[house].sum() / bill[house].sum()) * PERCENT,
        "station_bias_percent": float(net_error[station & ~house].sum() / max(pay, 1)) * PERCENT,
        "gained": gained,
        "lost": lost,
    }


def _net(
    history: History,
    scenario: Scenario,
    line: Table,
    consumed: Int64Array,
    produced: Int64Array,
    there: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Imbalance credit less debit of everybody, micro, before scaling."""
    index = np.flatnonzero(there)
    table = readings_from_columns(index, 1, consumed[index], produced[index])
    deviation = deviations(line, table, scenario.demand_cap_wh, scenario.supply_cap_wh)
    debit, credit = imbalance(history.policy, line, deviation)
    return (credit - debit).astype(np.float64)


def kinds(assumed: Assumed, seed: int) -> Iterator[Meters]:
    """The meters that are tried: one thing wrong at a time."""
    for noise in assumed.noise:
        yield Meters(seed, assumed.behaviour, noise=noise)
    for missing in assumed.missing:
        if missing:
            yield Meters(seed, assumed.behaviour, missing=missing)
    for late in assumed.late:
        for lag in assumed.lags:
            yield Meters(seed, assumed.behaviour, late=late, lag=lag)


def audited(assumed: Assumed, scenario: Scenario, meters: Meters) -> Row:
    """What the audit says of intervals that settle such readings."""
    history = cleared(scenario, assumed.intervals, lag=meters.lag, read=meters.read)
    verdict = history.audit()
    return {"audited": verdict.intervals, **told(verdict)}
