"""What happened, interval by interval: service, price and tightness, from published bundles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle
from offchain.audit.interval import open_bundle
from offchain.audit.published import PublishedMarket
from offchain.commitment.bundle import Bundle, read_genesis
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.pricing import LayerIndex, tightness
from offchain.units import PPB

Floats = NDArray[np.float64]

_MWH = 10**6


@dataclass(frozen=True)
class Point:
    """One interval.

    Attributes:
        interval: Its number.
        worst: Share of its flexible energy that the worst-off participant was delivered since the start, 0 ... 1.
        tenth: The share below which one in ten of those who asked lies.
        median: The share of the one in the middle.
        price_low: The lowest price of any bus with participants, currency per kWh.
        price_mean: The price of energy served, on average.
        price_high: The highest.
        tight_system: Tightness of the whole market, 0 ... 1.
        tight_most: Tightness of the tightest layer, 0 ... 1.
        requested_mwh: What was asked for.
        served_mwh: What was delivered of it.
    """

    interval: int
    worst: float
    tenth: float
    median: float
    price_low: float
    price_mean: float
    price_high: float
    tight_system: float
    tight_most: float
    requested_mwh: float
    served_mwh: float


@dataclass
class Series:
    """A market's history for people; intervals whose bundle is not there are left out.

    Attributes:
        participants: How many there are, the reserve not counted.
        target: The least share of flexible energy that is owed to anybody who has asked for some, 0 ... 1.
        points: By interval.
        requested_wh, served_wh, paid_micro: Totals of the intervals that are there.
    """

    participants: int = 0
    target: float = 0.0
    points: list[Point] = field(default_factory=list)
    requested_wh: int = 0
    served_wh: int = 0
    paid_micro: int = 0

    def column(self, name: str) -> Floats:
        """A field of every point."""
        return np.array([getattr(point, name) for point in self.points], dtype=np.float64)


def read_series(
    market: PublishedMarket, read: ReadBundle, step: Callable[[], None] = lambda: None
) -> Series:
    """Read a market's history.

    Args:
        market: What its chain says.
        read: Where bundles come from.
        step: Called after each interval.
    """
    series = Series()
    data = read(GENESIS)
    if data is None:
        return series
    try:
        genesis = read_genesis(data)
        layers = {version: LayerIndex.of(unpack(g).holarchy) for version, g in market.grids.items()}
    except InputError:
        return series
    n = len(genesis.state)
    series.participants = n - 1
    asked, delivered = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for interval, posted in enumerate(market.headers, start=1):
        step()
        data = read(interval)
        if data is None:
            continue
        try:
            bundle = open_bundle(posted, data)
        except InputError:
            continue
        if len(bundle.allocation) != n or bundle.header.grid_version not in layers:
            continue
        asked += bundle.allocation["flexible_q_wh"]
        delivered += bundle.allocation["flexible_x_wh"]
        series.points.append(
            _point(interval, bundle, layers[bundle.header.grid_version], asked, delivered)
        )
        series.requested_wh += bundle.header.requested
        series.served_wh += bundle.header.served
        series.paid_micro += bundle.header.debit_sum
    owed = genesis.state["fstar_ppb"][asked > 0]
    series.target = int(owed.min(initial=PPB)) / PPB
    return series


def _point(
    interval: int,
    bundle: Bundle,
    layers: LayerIndex,
    asked: NDArray[np.int64],
    delivered: NDArray[np.int64],
) -> Point:
    lines, bus = bundle.allocation, bundle.contracts["bus"].astype(np.int64)
    shares = (delivered / np.maximum(asked, 1))[asked > 0]
    worst, tenth, median = np.quantile(shares, (0, 0.1, 0.5)) if len(shares) else (1.0, 1.0, 1.0)
    price = lines["price_ticks"].astype(np.float64) / 10**6
    used = lines["essential_x_wh"].astype(np.float64) + lines["flexible_x_wh"]
    mean = float((price * used).sum() / used.sum()) if used.any() else float(price.mean())
    requested = np.zeros(len(layers.order), dtype=np.int64)
    offered = np.zeros(len(layers.order), dtype=np.int64)
    for name in ("essential_q_wh", "flexible_q_wh"):
        np.add.at(requested, bus, lines[name].astype(np.int64))
    np.add.at(offered, bus, lines["supply_q_wh"].astype(np.int64))
    tight = tightness(layers, requested, offered).layer_ppb
    return Point(
        interval=interval,
        worst=float(worst),
        tenth=float(tenth),
        median=float(median),
        price_low=float(price.min()),
        price_mean=mean,
        price_high=float(price.max()),
        tight_system=int(tight[0]) / PPB,
        tight_most=int(tight.max()) / PPB,
        requested_mwh=bundle.header.requested / _MWH,
        served_mwh=bundle.header.served / _MWH,
    )
