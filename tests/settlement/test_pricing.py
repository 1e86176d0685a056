"""A bus's price is bounded, follows physical tightness, and is explained by one layer at most."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.grid.model import Holarchy, Layer
from offchain.policy import DEFAULT_POLICY
from offchain.pricing import LayerIndex, curve_ppb, layer_tightness, price_ticks, tightness
from offchain.units import PPB

POSITION = np.array([3, 0, 1, 2, 4, 5], dtype=np.int32)
"""Six buses; the zones are the positions 0-1, 2-3 and 4-5, the region the first two zones."""

HOLARCHY = Holarchy(
    depth=3,
    position=POSITION,
    layers=(
        Layer("system", 3, 0, 0),
        Layer("region", 2, 0, 400),
        Layer("west", 1, 0, 120),
        Layer("middle", 1, 1, 250),
        Layer("east", 1, 2, 300),
        *(Layer(f"node {bus}", 0, int(POSITION[bus]), 60 + 10 * bus) for bus in range(6)),
    ),
)
INDEX = LayerIndex.of(HOLARCHY)

energies = st.lists(st.integers(0, 500), min_size=6, max_size=6).map(np.array)
huge = st.lists(st.integers(0, 2**45), min_size=6, max_size=6).map(np.array)


def members(layer: Layer) -> list[int]:
    begin = layer.position << layer.level
    return [bus for bus in range(6) if begin <= POSITION[bus] < begin + (1 << layer.level)]


def by_hand(
    requested: np.ndarray, offered: np.ndarray
) -> tuple[list[int], list[int], list[set[int]]]:
    """Layer tightness, bus tightness and the tightest layers of each bus, the plain way."""
    total = sum(offered.tolist())
    layers = [
        layer_tightness(
            sum(requested[members(layer)].tolist()),
            sum(offered[members(layer)].tolist()),
            total,
            layer.import_limit_wh,
        )
        for layer in HOLARCHY.layers
    ]
    around = [
        [at for at, layer in enumerate(HOLARCHY.layers) if bus in members(layer)]
        for bus in range(6)
    ]
    buses = [max(layers[at] for at in ancestors) for ancestors in around]
    tightest = [
        {at for at in ancestors if layers[at] == tau}
        for ancestors, tau in zip(around, buses, strict=True)
    ]
    return layers, buses, tightest


@given(requested=st.one_of(energies, huge), offered=st.one_of(energies, huge))
def test_every_bus_inherits_the_tightest_of_its_layers(
    requested: np.ndarray, offered: np.ndarray
) -> None:
    layers, buses, tightest = by_hand(requested, offered)
    result = tightness(INDEX, requested, offered)
    assert result.layer_ppb.tolist() == layers
    assert result.bus_ppb.tolist() == buses
    for bus, explaining in enumerate(result.explaining.tolist()):
        assert explaining == (min(tightest[bus]) if buses[bus] else -1)


@given(requested=energies, offered=energies)
def test_prices_lie_between_their_bounds(requested: np.ndarray, offered: np.ndarray) -> None:
    prices = price_ticks(DEFAULT_POLICY, tightness(INDEX, requested, offered).bus_ppb)
    assert prices.min() >= DEFAULT_POLICY.p_lo_ticks
    assert prices.max() <= DEFAULT_POLICY.p_hi_ticks


@given(requested=energies, offered=energies, bus=st.integers(0, 5), more=st.integers(0, 500))
def test_nobody_gets_cheaper_by_more_requests_or_dearer_by_more_offers(
    requested: np.ndarray, offered: np.ndarray, bus: int, more: int
) -> None:
    change = np.zeros(6, dtype=np.int64)
    change[bus] = more
    before = tightness(INDEX, requested, offered).bus_ppb
    assert (tightness(INDEX, requested + change, offered).bus_ppb >= before).all()
    assert (tightness(INDEX, requested, offered + change).bus_ppb <= before).all()


near = st.one_of(
    st.integers(0, PPB),
    st.integers(0, 1000),
    st.integers(PPB // 2 - 1000, PPB // 2 + 1000),
    st.integers(PPB - 1000, PPB),
)


@pytest.mark.parametrize("curve", range(3))
@given(tightnesses=st.lists(near, min_size=2, max_size=20))
def test_the_price_follows_tightness_at_a_bounded_rate(curve: int, tightnesses: list[int]) -> None:
    ordered = np.sort(tightnesses)
    policy = replace(DEFAULT_POLICY, price_curve=curve)
    prices = price_ticks(policy, ordered).tolist()
    span = policy.p_hi_ticks - policy.p_lo_ticks
    for (low, high), (tau_low, tau_high) in zip(
        pairwise(prices), pairwise(ordered.tolist()), strict=True
    ):
        assert 0 <= high - low <= 3 * span * (tau_high - tau_low) // (2 * PPB) + 2


@given(tau=near)
def test_each_curve_is_its_formula_rounded_down(tau: int) -> None:
    t = Fraction(tau, PPB)
    exact = (t, t / 2 if 2 * t <= 1 else (3 * t - 1) / 2, t * t * (3 - 2 * t))
    for curve, share in enumerate(exact):
        assert curve_ppb(curve, np.array([tau])).tolist() == [int(share * PPB)]


@pytest.mark.parametrize("curve", range(3))
def test_every_curve_leads_from_the_lowest_price_to_the_highest(curve: int) -> None:
    policy = replace(DEFAULT_POLICY, price_curve=curve)
    assert price_ticks(policy, np.array([0, PPB])).tolist() == [50_000, 300_000]


def test_with_offers_or_lines_enough_everybody_pays_the_lowest_price() -> None:
    requested, offered = np.full(6, 10), np.array([60, 0, 0, 0, 0, 0])
    result = tightness(INDEX, requested, offered)
    assert price_ticks(DEFAULT_POLICY, result.bus_ppb).tolist() == [50_000] * 6
    assert result.explaining.tolist() == [-1] * 6


def test_a_bus_without_requests_is_not_tight() -> None:
    assert layer_tightness(0, 0, 0, 0) == 0


def test_where_nothing_can_be_delivered_the_price_is_the_highest() -> None:
    result = tightness(INDEX, np.full(6, 10), np.zeros(6, dtype=np.int64))
    assert price_ticks(DEFAULT_POLICY, result.bus_ppb).tolist() == [300_000] * 6
    assert result.explaining.tolist() == [0] * 6


def test_a_full_line_into_a_zone_makes_the_zone_dear_and_only_it() -> None:
    """West asks 145 Wh, has none, and 120 Wh can be brought in; each of its buses has enough."""
    requested = np.array([0, 70, 75, 50, 0, 0])
    offered = np.array([500, 0, 0, 0, 0, 0])
    result = tightness(INDEX, requested, offered)
    west = PPB - 120 * PPB // 145
    assert result.bus_ppb.tolist() == [0, west, west, 0, 0, 0]
    assert [HOLARCHY.layers[at].name for at in result.explaining[[1, 2]]] == ["west", "west"]


def test_nodal_and_zonal_prices_are_what_remains_of_a_shorter_list_of_layers() -> None:
    requested, offered = np.array([10, 200, 50, 300, 90, 10]), np.array([80, 0, 30, 0, 500, 0])
    layers = HOLARCHY.layers
    own = np.array([layers[5 + bus].import_limit_wh for bus in range(6)])
    nodal = Holarchy(3, POSITION, layers[5:])
    expected = [
        layer_tightness(int(r), int(o), 610, int(limit))
        for r, o, limit in zip(requested, offered, own, strict=True)
    ]
    assert tightness(LayerIndex.of(nodal), requested, offered).bus_ppb.tolist() == expected
    zonal = LayerIndex.of(Holarchy(3, POSITION, layers[2:5]))
    by_zone = tightness(zonal, requested, offered)
    assert by_zone.bus_ppb[1] == by_zone.bus_ppb[2] == by_zone.layer_ppb[0]
    assert by_zone.bus_ppb[3] == by_zone.bus_ppb[0] == by_zone.layer_ppb[1]
