"""The study scenario: a market at a transmission network's load buses, with scarcity windows in it.

The set-up in which the Fair Play AMM paper reports its results is not published in full; this is
our reading of it, and every assumption stands in StudyConfig with a name. (`oracle.scenario` draws
the other kind of market, of households with published load profiles.) Everything random comes from
one seeded generator and leaves it as integers, so a configuration names a study completely.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from offchain.errors import InputError
from offchain.grid.case import CaseGrid
from offchain.grid.pandapower_case import load_case
from offchain.units import PPB, Int64Array

MAX_PARTICIPANTS = 100_000
MAX_INTERVALS = 100_000
_PERMILLE = 1000


@dataclass(frozen=True)
class StudyConfig:
    """Every assumption of a study. Shares of a thousand are written `_permille`.

    Attributes:
        case: name of the transmission network.
        participants: consumers; None puts one at every load bus. Power stations come on top, one
            for each generator of the case.
        intervals: how many to clear.
        seed: names everything that is drawn.
        rate_wh: mean contracted rate of a consumer, Wh per interval; the network is scaled so that
            its nominal load is the sum of the rates, but for rounding.
        rate_permille: least and most of a consumer's rate against that of its neighbours at a bus.
        limit_rule: how line limits follow from the base case, because the cases carry none.
        fstar_ppb: the share of its flexible energy that everybody is owed.
        essential_permille: share of every demand that is essential; the paper has none.
        day_intervals: intervals in a day.
        peak_interval: the interval of the day in which demand is highest, from 0.
        swing_permille: amplitude of the daily wave of demand.
        noise_permille: standard deviation of the logarithm of the noise of each consumer in each
            interval.
        noise_range_permille: least and most of the noise.
        windows: number of scarcity windows; each lies in its own equal part of the run.
        window_begin_permille: where in its part a window begins.
        window_permille: how much of its part a window takes.
        scarce_permille: least and most of what is offered in a window, against what is asked.
        scarce_stations: who offers it: the stations that the case dispatches, in proportion to that
            dispatch, so that the lines can carry most of it; or all, in proportion to capacity, of
            which some is stranded behind thin lines.
    """

    case: str = "ieee57"
    participants: int | None = None
    intervals: int = 5000
    seed: int = 1
    rate_wh: int = 50_000
    rate_permille: tuple[int, int] = (500, 1500)
    limit_rule: str = "headroom-1.15"
    fstar_ppb: int = 900_000_000
    essential_permille: int = 0
    day_intervals: int = 48
    peak_interval: int = 37
    swing_permille: int = 150
    noise_permille: int = 120
    noise_range_permille: tuple[int, int] = (600, 1600)
    windows: int = 5
    window_begin_permille: int = 200
    window_permille: int = 300
    scarce_permille: tuple[int, int] = (650, 850)
    scarce_stations: Literal["dispatch", "capacity"] = "dispatch"


@dataclass(frozen=True, eq=False)
class Study:
    """A drawn study with n participants and T intervals.

    Rows of every column are registration numbers: row 0 is the community reserve, all zero; then
    power stations; then consumers. Names are those of `oracle.scenario.Scenario`.

    Attributes:
        config: what it was drawn from.
        network: the scaled network.
        bus: int64[n].
        rank: int64[n], all zero.
        fstar_ppb: int64[n].
        rate_wh: int64[n], contracted rate, Wh per interval.
        bid_ticks: int64[n], what each asks for its supply.
        essential_wh: int64[T, n].
        flexible_wh: int64[T, n].
        supply_wh: int64[T, n].
        scarce: bool[T], whether the interval lies in a scarcity window.
    """

    config: StudyConfig
    network: CaseGrid
    bus: Int64Array
    rank: Int64Array
    fstar_ppb: Int64Array
    rate_wh: Int64Array
    bid_ticks: Int64Array
    essential_wh: Int64Array
    flexible_wh: Int64Array
    supply_wh: Int64Array
    scarce: npt.NDArray[np.bool_]


def draw_study(config: StudyConfig, *, max_bid_ticks: int) -> Study:
    """Draw the study that a configuration names.

    Args:
        config: every assumption.
        max_bid_ticks: the highest admissible bid; the case's costs are cut off there.

    Raises:
        InputError: a count is out of range or the case is unknown.
    """
    nominal = _network(config.case, config.limit_rule, None)
    load_bus = np.flatnonzero(nominal.load_wh > 0)
    _check(config, len(load_bus))
    rng = np.random.Generator(np.random.PCG64(config.seed))
    consumers = len(load_bus) if config.participants is None else config.participants

    site = load_bus[_seats(nominal.load_wh[load_bus], consumers)]
    rate = _rates(rng, config, nominal.bus_load_share, site)
    network = _network(config.case, config.limit_rule, config.rate_wh * consumers)
    stations = network.generators
    station_rows = slice(1, 1 + len(stations))
    consumer_rows = slice(1 + len(stations), None)
    n = 1 + len(stations) + consumers

    demand = _demand(rng, config, rate)
    essential = demand * config.essential_permille // _PERMILLE
    scarce = scarcity_windows(config)
    p_max = np.array([max(1, round(station.p_max_wh)) for station in stations], dtype=np.int64)
    weight = _dispatch(network, p_max) if config.scarce_stations == "dispatch" else p_max
    plants = _supply(rng, config, demand.sum(axis=1), p_max, weight, scarce)

    def column(of_stations: npt.ArrayLike, of_consumers: npt.ArrayLike) -> Int64Array:
        rows = np.zeros(n, dtype=np.int64)
        rows[station_rows], rows[consumer_rows] = of_stations, of_consumers
        return rows

    def table(rows: slice, values: Int64Array) -> Int64Array:
        columns = np.zeros((config.intervals, n), dtype=np.int64)
        columns[:, rows] = values
        return columns

    bids = [min(network.bid_hint_ticks(station), max_bid_ticks) for station in stations]
    return Study(
        config=config,
        network=network,
        bus=column([station.bus for station in stations], site),
        rank=column(0, 0),
        fstar_ppb=column(0, config.fstar_ppb),
        rate_wh=column(0, rate),
        bid_ticks=column(bids, 0),
        essential_wh=table(consumer_rows, essential),
        flexible_wh=table(consumer_rows, demand - essential),
        supply_wh=table(station_rows, plants),
        scarce=scarce,
    )


@lru_cache(maxsize=8)
def _network(case: str, limit_rule: str, load_wh: int | None) -> CaseGrid:
    """The case, kept: every seed and mechanism of a study runs on the same network."""
    return load_case(case, load_wh=load_wh, limit_rule=limit_rule)


def scarcity_windows(config: StudyConfig) -> npt.NDArray[np.bool_]:
    """Which intervals lie in a scarcity window: bool[T]."""
    scarce = np.zeros(config.intervals, dtype=np.bool_)
    for window in range(config.windows):
        start = config.intervals * window // config.windows
        part = config.intervals * (window + 1) // config.windows - start
        begin = start + part * config.window_begin_permille // _PERMILLE
        scarce[begin : begin + part * config.window_permille // _PERMILLE] = True
    return scarce


def _check(config: StudyConfig, load_buses: int) -> None:
    if config.participants is not None and not (
        load_buses <= config.participants <= MAX_PARTICIPANTS
    ):
        raise InputError(
            f"participants: {config.participants} is out of range; {config.case} has {load_buses} "
            f"load buses, so give {load_buses} to {MAX_PARTICIPANTS}"
        )
    if not 1 <= config.intervals <= MAX_INTERVALS:
        raise InputError(
            f"intervals: {config.intervals} is out of range; give 1 to {MAX_INTERVALS}"
        )
    if not 0 <= config.seed < 2**64:
        raise InputError(f"seed: {config.seed} is out of range; give 0 to 2^64 - 1")
    if not 0 <= config.fstar_ppb <= PPB:
        raise InputError(f"fstar_ppb: {config.fstar_ppb} is not a share; give 0 to {PPB}")


def _seats(load_wh: npt.NDArray[np.float64], consumers: int) -> npt.NDArray[np.intp]:
    """The load bus of each consumer, ascending: one each, the rest in proportion to the load."""
    spare = (consumers - len(load_wh)) * load_wh / load_wh.sum()
    seats = 1 + np.floor(spare).astype(np.int64)
    order = np.argsort(np.floor(spare) - spare, kind="stable")
    seats[order[: consumers - int(seats.sum())]] += 1
    return np.repeat(np.arange(len(load_wh)), seats)


def _rates(
    rng: np.random.Generator,
    config: StudyConfig,
    bus_load_share: npt.NDArray[np.float64],
    site: npt.NDArray[np.intp],
) -> Int64Array:
    """Contracted rates whose sums share the load among the buses as the case does; Wh."""
    weight = rng.integers(*config.rate_permille, size=len(site), endpoint=True)
    bus_weight = np.bincount(site, weight, len(bus_load_share))[site]
    total = config.rate_wh * len(site)
    return np.maximum(1, np.rint(total * bus_load_share[site] * weight / bus_weight)).astype(
        np.int64
    )


def _demand(rng: np.random.Generator, config: StudyConfig, rate_wh: Int64Array) -> Int64Array:
    """A daily wave with noise of each consumer's own: int64[T, consumers], Wh."""
    t = np.arange(config.intervals)
    day = 2 * np.pi * (t - config.peak_interval) / config.day_intervals
    wave = 1 + config.swing_permille / _PERMILLE * np.cos(day)
    shape = (config.intervals, len(rate_wh))
    noise = np.exp(rng.normal(0, config.noise_permille / _PERMILLE, shape))
    low, high = config.noise_range_permille
    noise = np.clip(noise, low / _PERMILLE, high / _PERMILLE)
    return np.rint(rate_wh * wave[:, None] * noise).astype(np.int64)


def _dispatch(network: CaseGrid, p_max_wh: Int64Array) -> Int64Array:
    """What the case itself dispatches: int64[stations], Wh; a bus's total is shared by p_max.

    A bus generates what it uses and what its lines take away.
    """
    grid = network.grid
    generated = network.load_wh.copy()
    np.add.at(generated, grid.line_from, network.base_flow_wh)
    np.subtract.at(generated, grid.line_to, network.base_flow_wh)
    at = np.array([station.bus for station in network.generators])
    share = p_max_wh / np.bincount(at, p_max_wh, grid.n_bus)[at]
    dispatched: Int64Array = np.rint(np.maximum(generated[at], 0) * share).astype(np.int64)
    return dispatched


def _supply(
    rng: np.random.Generator,
    config: StudyConfig,
    demand_wh: Int64Array,
    p_max_wh: Int64Array,
    weight: Int64Array,
    scarce: npt.NDArray[np.bool_],
) -> Int64Array:
    """Every station's p_max; where supply is scarce, shares of a total: int64[T, stations], Wh."""
    drawn = rng.integers(*config.scarce_permille, size=config.intervals, endpoint=True)
    total = int(weight.sum())
    # Python integers: the products may leave int64's range.
    scaled = [
        [wanted * w // (_PERMILLE * total) for w in weight.tolist()]
        for wanted in (demand_wh * drawn)[scarce].tolist()
    ]
    plants = np.repeat(p_max_wh[None, :], config.intervals, axis=0)
    if scaled:
        plants[scarce] = np.minimum(p_max_wh, np.array(scaled, dtype=np.int64))
    return plants
