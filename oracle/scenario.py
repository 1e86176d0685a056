"""A market to clear: who takes part, under what contract, asking and offering what.

Everything random comes from one seeded generator and leaves it as integers, so a configuration
names a scenario completely. What is assumed, and not taken from published data, stands in
ScenarioConfig and nowhere else.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from offchain.errors import InputError
from offchain.grid.case import CaseGrid
from offchain.grid.pandapower_case import IEEE_CASES, load_case
from oracle.profiles import HALF_HOURS, demand_profile, half_hour_of_year, sunshine

Wh = NDArray[np.int64]

_T = TypeVar("_T")

_PPB = 10**9
_KWH = 1000

MAX_PARTICIPANTS = 100_000
MAX_INTERVALS = HALF_HOURS


@dataclass(frozen=True)
class ConsumerKind:
    """A kind of consumer: its published load profile and how much it uses in a year.

    Attributes:
        name: What a reader calls it.
        profile: Name of the standard load profile.
        parts: How often the kind is drawn, relative to the others.
        annual_kwh: The least and the most that one uses in a year; one is drawn evenly between
            them.
    """

    name: str
    profile: str
    parts: int
    annual_kwh: tuple[int, int]


@dataclass(frozen=True)
class Tier:
    """A service level that a consumer buys for its flexible energy.

    Attributes:
        rank: 0 waits first; a higher rank is served before every lower one.
        parts: How often the level is drawn, relative to the others.
        fstar_ppb: The share of its flexible energy that the market owes it in the long run.
        subscription: What it costs each half-hour, in micro.
    """

    rank: int
    parts: int
    fstar_ppb: int
    subscription: int


@dataclass(frozen=True)
class ScenarioConfig:
    """Every assumption of a scenario. Shares of a thousand are written `_permille`.

    Attributes:
        case: Name of the transmission network.
        participants: Consumers and suppliers together; the community reserve is not counted.
        intervals: Half-hours to clear.
        seed: Names everything that is drawn.
        start: Beginning of the first half-hour: by default a working day in January.
        kinds: Kinds of consumers. A household is a building with many flats, so that it uses some
            kWh each half-hour.
        tiers: Service levels.
        essential_permille: Least and most share of a consumer's demand that it declares essential.
        noise_permille: Least and most that one half-hour differs from the profile.
        supplier_permille: This share of the participants are power stations, and at least one; they
            stand where the case has generators, the strongest first.
        idle_permille: A generator that the case does not dispatch is a station of this part of its
            capacity.
        pv_permille: This share of the consumers has solar modules on the roof.
        pv_peak_permille: Power of the modules under an overhead sun, against the contracted rate of
            their owner.
        latitude_deg: Where the sun is watched from.
        ample_permille: What is offered in an ordinary half-hour, against what is asked.
        scarce_permille: Least and most of the same in the scarcity window.
        scarcity_sixths: The window, in sixths of the run: a calm, cold morning with the power
            stations short of fuel.
        supply_bid_ticks: Least and most that a power station asks, in ticks.
        pv_bid_ticks: What a roof asks, in ticks.
    """

    case: str = "ieee14"
    participants: int = 100
    intervals: int = 48
    seed: int = 1
    start: datetime.datetime = datetime.datetime(2024, 1, 17)
    kinds: tuple[ConsumerKind, ...] = field(
        default=(
            ConsumerKind("household building", "h0", 6, (40_000, 150_000)),
            ConsumerKind("business", "g0", 3, (60_000, 300_000)),
            ConsumerKind("farm", "l0", 1, (60_000, 200_000)),
        )
    )
    tiers: tuple[Tier, ...] = (
        Tier(0, 8, 900_000_000, 10_000),
        Tier(1, 2, 980_000_000, 25_000),
    )
    essential_permille: tuple[int, int] = (300, 500)
    noise_permille: tuple[int, int] = (850, 1150)
    supplier_permille: int = 200
    idle_permille: int = 20
    pv_permille: int = 100
    pv_peak_permille: int = 600
    latitude_deg: int = 50
    ample_permille: int = 1250
    scarce_permille: tuple[int, int] = (650, 850)
    scarcity_sixths: tuple[int, int] = (2, 3)
    supply_bid_ticks: tuple[int, int] = (20_000, 90_000)
    pv_bid_ticks: int = 10_000


@dataclass(frozen=True)
class Scenario:
    """A drawn scenario with n participants and T intervals.

    Rows of every column are registration numbers; row 0 is the community reserve, all zero.

    Attributes:
        config: What it was drawn from.
        network: The network, scaled so that its nominal load is the sum of the contracted rates.
        kind: What each row is, in words.
        bus: int64[n + 1], bus of each row.
        rank: int64[n + 1], service level.
        fstar_ppb: int64[n + 1], share of its flexible energy that is owed to each.
        subscription: int64[n + 1], what the service level costs each half-hour, micro.
        rate_wh: int64[n + 1], contracted rate, Wh per interval.
        demand_cap_wh: int64[n + 1], most that may be asked in an interval, essential and flexible
            together.
        supply_cap_wh: int64[n + 1], most that may be offered in an interval.
        bid_ticks: int64[n + 1], what each asks for its supply.
        essential_wh: int64[T, n + 1], essential demand.
        flexible_wh: int64[T, n + 1], flexible demand.
        supply_wh: int64[T, n + 1], supply.
        scarce: bool[T], whether the half-hour lies in the scarcity window.
    """

    config: ScenarioConfig
    network: CaseGrid
    kind: tuple[str, ...]
    bus: Wh
    rank: Wh
    fstar_ppb: Wh
    subscription: Wh
    rate_wh: Wh
    demand_cap_wh: Wh
    supply_cap_wh: Wh
    bid_ticks: Wh
    essential_wh: Wh
    flexible_wh: Wh
    supply_wh: Wh
    scarce: NDArray[np.bool_]


def draw_scenario(config: ScenarioConfig) -> Scenario:
    """Draw the scenario that a configuration names.

    Raises:
        InputError: When a count is out of range or the case is unknown.
    """
    _check(config)
    rng = np.random.Generator(np.random.PCG64(config.seed))
    station_count = _stations(config)
    consumers = config.participants - station_count

    kinds = _drawn(rng, config.kinds, [k.parts for k in config.kinds], consumers)
    tiers = _drawn(rng, config.tiers, [t.parts for t in config.tiers], consumers)
    demand, essential = _demand(rng, config, kinds)
    roofs = _roofs(rng, config, consumers)
    scarce = scarcity_window(config)
    ratio_permille = _offered_permille(rng, config, scarce)
    station_bids = rng.integers(*config.supply_bid_ticks, size=station_count, endpoint=True)

    rate = np.maximum(demand.max(axis=0), 1)
    roofs = roofs * rate // _PPB
    network = load_case(config.case, load_wh=int(rate.sum()))
    station_bus, station_p_max = _station_sites(network, config, station_count)
    wanted = demand.sum(axis=1) * ratio_permille // 1000 - roofs.sum(axis=1)
    plants = np.maximum(wanted, 0)[:, None] * station_p_max // station_p_max.sum()

    def rows(of_stations: Wh | int, of_consumers: Wh | int) -> Wh:
        column = np.zeros(config.participants + 1, dtype=np.int64)
        column[1 : station_count + 1] = of_stations
        column[station_count + 1 :] = of_consumers
        return column

    def table(of_stations: Wh | int, of_consumers: Wh | int) -> Wh:
        columns = np.zeros((config.intervals, config.participants + 1), dtype=np.int64)
        columns[:, 1 : station_count + 1] = of_stations
        columns[:, station_count + 1 :] = of_consumers
        return columns

    supply = table(plants, roofs)
    return Scenario(
        config=config,
        network=network,
        kind=("community reserve", *["power station"] * station_count, *(k.name for k in kinds)),
        bus=rows(station_bus, _placed(rate, np.asarray(network.bus_load_share))),
        rank=rows(0, np.array([t.rank for t in tiers], dtype=np.int64)),
        fstar_ppb=rows(0, np.array([t.fstar_ppb for t in tiers], dtype=np.int64)),
        subscription=rows(0, np.array([t.subscription for t in tiers], dtype=np.int64)),
        rate_wh=rows(1, rate),
        demand_cap_wh=rows(0, rate),
        supply_cap_wh=supply.max(axis=0),
        bid_ticks=rows(station_bids, config.pv_bid_ticks),
        essential_wh=table(0, essential),
        flexible_wh=table(0, demand - essential),
        supply_wh=supply,
        scarce=scarce,
    )


def _check(config: ScenarioConfig) -> None:
    if config.case not in IEEE_CASES:
        msg = f"case: there is no '{config.case}'; choose one of {', '.join(IEEE_CASES)}"
        raise InputError(msg)
    if not 2 <= config.participants <= MAX_PARTICIPANTS:
        msg = (
            f"participants: {config.participants} is out of range; "
            f"give 2 (one to ask, one to offer) to {MAX_PARTICIPANTS}"
        )
        raise InputError(msg)
    if not 1 <= config.intervals <= MAX_INTERVALS:
        msg = f"intervals: {config.intervals} is out of range; give 1 to {MAX_INTERVALS}"
        raise InputError(msg)
    if not 0 <= config.seed < 2**64:
        msg = f"seed: {config.seed} is out of range; give 0 to 2^64 - 1"
        raise InputError(msg)


def _stations(config: ScenarioConfig) -> int:
    return max(1, config.participants * config.supplier_permille // 1000)


def _drawn(
    rng: np.random.Generator, choices: Sequence[_T], parts: list[int], count: int
) -> list[_T]:
    """Draw `count` of the choices, each as often as its parts say."""
    edges = np.cumsum(parts)
    return [
        choices[i] for i in np.searchsorted(edges, rng.integers(edges[-1], size=count), "right")
    ]


def _demand(
    rng: np.random.Generator, config: ScenarioConfig, kinds: list[ConsumerKind]
) -> tuple[Wh, Wh]:
    """What each consumer asks, and the essential part of it: two int64[T, consumers], Wh."""
    first = half_hour_of_year(config.start)
    hours = (first + np.arange(config.intervals)) % HALF_HOURS
    annual_wh = np.array(
        [int(rng.integers(*k.annual_kwh, endpoint=True)) * _KWH for k in kinds], dtype=np.int64
    )
    shape_ppb = np.stack([demand_profile(k.profile)[hours] for k in kinds], axis=1)
    noise = rng.integers(*config.noise_permille, size=shape_ppb.shape, endpoint=True)
    # 3e8 Wh x 1e5 ppb x 1150 stays below 2^63
    demand = annual_wh * shape_ppb * noise // (_PPB * 1000)
    share = rng.integers(*config.essential_permille, size=len(kinds), endpoint=True)
    return demand, demand * share // 1000


def _roofs(rng: np.random.Generator, config: ScenarioConfig, consumers: int) -> Wh:
    """Yield of each roof against its owner's contracted rate: int64[T, consumers], ppb."""
    owners = rng.integers(1000, size=consumers) < config.pv_permille
    first = half_hour_of_year(config.start)
    sun = [
        sunshine((first + t) % HALF_HOURS, config.latitude_deg) * config.pv_peak_permille // 1000
        for t in range(config.intervals)
    ]
    return np.array(sun, dtype=np.int64)[:, None] * owners


def scarcity_window(config: ScenarioConfig) -> NDArray[np.bool_]:
    """Which half-hours of the run lie in the scarcity window: bool[T]."""
    begin, end = (config.intervals * sixths // 6 for sixths in config.scarcity_sixths)
    t = np.arange(config.intervals)
    return (begin <= t) & (t < end)


def _offered_permille(
    rng: np.random.Generator, config: ScenarioConfig, scarce: NDArray[np.bool_]
) -> Wh:
    """What is offered in each half-hour against what is asked: int64[T], permille."""
    drawn = rng.integers(*config.scarce_permille, size=config.intervals, endpoint=True)
    return np.where(scarce, drawn, config.ample_permille)


def _station_sites(network: CaseGrid, config: ScenarioConfig, count: int) -> tuple[Wh, Wh]:
    """Bus and weight of each power station.

    Stations take the generators of the case, the strongest first, and around again. A generator weighs as much as the
    case dispatches it, because that is what the lines are made for; one that several stations share is as strong as
    before.
    """
    grid = network.grid
    dispatched = network.load_wh.copy()
    np.add.at(dispatched, grid.line_from, network.base_flow_wh)
    np.subtract.at(dispatched, grid.line_to, network.base_flow_wh)
    strength = [
        max(1, round(dispatched[g.bus]), round(g.p_max_wh) * config.idle_permille // 1000)
        for g in network.generators
    ]
    by_strength = sorted(range(len(strength)), key=lambda g: -strength[g])
    sites = [by_strength[k % len(by_strength)] for k in range(count)]
    weight = [max(1, strength[g] // sites.count(g)) for g in sites]
    bus = [network.generators[g].bus for g in sites]
    return np.array(bus, dtype=np.int64), np.array(weight, dtype=np.int64)


def _placed(rate_wh: Wh, bus_load_share: NDArray[np.float64]) -> Wh:
    """Place consumers so that every bus has its share of the load.

    The largest goes first, each where most is missing.

    Args:
        rate_wh: int64[consumers], contracted rates.
        bus_load_share: float64[n_bus], the case's shares of the load; they add up to 1.

    Returns:
        int64[consumers], the bus of each.
    """
    missing = np.rint(bus_load_share * int(rate_wh.sum())).astype(np.int64)
    bus = np.zeros(len(rate_wh), dtype=np.int64)
    for consumer in np.argsort(-rate_wh, kind="stable"):
        bus[consumer] = missing.argmax()
        missing[bus[consumer]] -= rate_wh[consumer]
    return bus
