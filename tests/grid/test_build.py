"""From physical data to integers: scale, ranges, margins, angle boxes, tolerance."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid import bounds
from offchain.grid.flows import DcNetwork
from offchain.grid.model import Grid, build_grid
from tests.grid.small import TRIANGLE_LINES, nodal_errors, random_grid, triangle

SEEDS = range(40)


def network(grid: Grid) -> DcNetwork:
    return DcNetwork(grid.n_bus, grid.line_from, grid.line_to, grid.b.astype(np.float64))


def balanced(rng: np.random.Generator, island: np.ndarray, most: int) -> np.ndarray:
    """Random whole injections that balance in each island."""
    injection = rng.integers(-most, most + 1, len(island))
    for number in range(int(island.max()) + 1):
        members = np.flatnonzero(island == number)
        injection[members[0]] -= injection[members].sum()
    return injection


def test_susceptances_keep_their_ratios_to_fifty_bits() -> None:
    grid = triangle(susceptance_wh=(3.0, 1e5, 7e5, 0.3, 1e6))
    for line, expected in enumerate((3.0, 1e5, 7e5, 0.3, 1e6)):
        ratio = Fraction(int(grid.b[line]), int(grid.b[4])) / Fraction(expected) * Fraction(1e6)
        assert abs(float(ratio) - 1) < 2.0**-29
    assert int(grid.b.max()).bit_length() == 52


def test_the_angle_unit_follows_from_scale_and_shift() -> None:
    grid = triangle()
    assert grid.angle_bits is not None
    wh_per_rad = int(grid.b[0]) * 2.0 ** (grid.angle_bits - grid.shift - 8)
    assert wh_per_rad == pytest.approx(9e5, rel=1e-12)


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_scaling_susceptances_changes_only_the_angle_unit(factor: float) -> None:
    scaled = triangle([factor * value for value in (9e5, 7e5, 5e5, 3e5, 2e5)])
    assert scaled.shift in (triangle().shift - 1, triangle().shift, triangle().shift + 1)
    np.testing.assert_array_equal(scaled.margin_wh, triangle().margin_wh)


@pytest.mark.parametrize("seed", SEEDS)
def test_rounded_angles_balance_every_bus_with_room_to_spare(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    dc = network(grid)
    injection = balanced(rng, dc.island, 10_000)
    theta = [round(value * 2.0**grid.shift) for value in dc.angles(256.0 * injection).tolist()]
    degree = np.bincount(np.concatenate([grid.line_from, grid.line_to]), minlength=grid.n_bus)
    # A weak line next to a strong one amplifies what the float solution itself lacks.
    allowed = bounds.ANGLE_ROUNDING_SHARE + degree + 1
    errors = np.abs(nodal_errors(grid, theta, injection.tolist()))
    assert (errors <= allowed).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_margin_covers_any_rounding_below_two_wh_per_bus(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    dc = network(grid)
    worst = np.zeros(grid.n_line)
    for _ in range(20):
        # Corners of the box, then the surplus taken back where there is room for it.
        deviation = rng.choice([-2.0, 2.0], grid.n_bus)
        for number in range(dc.n_island):
            inside = dc.island == number
            surplus = deviation[inside].sum()
            room = deviation[inside] * np.sign(surplus) + 2.0
            deviation[inside] -= np.sign(surplus) * room * abs(surplus) / max(room.sum(), 1.0)
        assert (np.abs(deviation) <= 2.0 + 1e-12).all()
        worst = np.maximum(worst, np.abs(dc.flows(deviation)))
    assert (worst <= grid.margin_wh - 2 + 1e-6).all()


def test_the_margin_of_a_tree_counts_the_smaller_side_of_each_line() -> None:
    chain = build_grid("chain", list("abcdefg"), range(6), range(1, 7), [1e6] * 6, [1e6] * 6)
    assert chain.margin_wh.tolist() == [2 * side + 2 for side in (1, 2, 3, 3, 2, 1)]


def test_the_margin_does_not_depend_on_the_order_of_buses() -> None:
    forward = triangle()
    names = ("d", "c", "b", "a")
    backward = build_grid(
        "triangle",
        names,
        [3 - start for start, _ in TRIANGLE_LINES],
        [3 - end for _, end in TRIANGLE_LINES],
        (9e5, 7e5, 5e5, 3e5, 2e5),
        (40_000, 30_000, 20_000, 9_000, 8_000),
    )
    np.testing.assert_array_equal(forward.margin_wh, backward.margin_wh)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_angle_within_all_limits_leaves_its_box(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng)
    dc = network(grid)
    injection = rng.normal(size=grid.n_bus)
    for number in range(dc.n_island):
        inside = dc.island == number
        injection[inside] -= injection[inside].mean()
    # As much of it as the tightest line allows.
    share = np.min(grid.limit_wh / np.maximum(np.abs(dc.flows(injection)), 1e-9))
    theta = dc.angles(256.0 * share * injection) * 2.0**grid.shift
    for number in range(dc.n_island):
        members = np.flatnonzero(dc.island == number)
        reference = next(bus for bus in members if grid.theta_box[bus] == 0)
        away = np.abs(theta[members] - theta[reference])
        assert (away <= grid.theta_box[members] * (1 + 1e-9) + 2).all()


def test_angle_boxes_add_up_along_the_shortest_path_from_one_reference_per_island() -> None:
    grid = build_grid("two", list("abcd"), [0, 1, 2], [1, 2, 0], [1e6, 1e6, 1e6], [500] * 3)
    angle = bounds.line_angle(int(grid.b[0]), 500, grid.shift)
    assert sorted(grid.theta_box.tolist()) == [0, 0, angle, angle]
    assert grid.theta_box[3] == 0


def test_a_central_reference_halves_the_boxes_of_a_chain() -> None:
    grid = build_grid("chain", list("abcde"), range(4), range(1, 5), [1e6] * 4, [500] * 4)
    steps = (grid.theta_box / grid.theta_box[1]).tolist()
    assert steps == [2.0, 1.0, 0.0, 1.0, 2.0]


def test_the_tolerance_is_what_three_price_roundings_per_line_can_leave() -> None:
    grid = triangle()
    expected = 0
    for bus in range(grid.n_bus):
        at_bus = sum(
            int(grid.b[line])
            for line in range(grid.n_line)
            if bus in (grid.line_from[line], grid.line_to[line])
        )
        expected += 2 * int(grid.theta_box[bus]) * 3 * at_bus
    assert grid.eps_grid == expected


def test_every_product_of_the_checker_fits_its_word() -> None:
    """The extremes that the ranges allow, not a particular grid."""
    b, angle, price = bounds.MAX_SUSCEPTANCE, 2**63, 2**63
    lines, buses = bounds.MAX_COUNT, bounds.MAX_COUNT
    assert b * 2 * angle < 2**255
    residual = lines * b * 3 * price
    assert buses * 2 * bounds.MAX_ANGLE * residual < 2**255
    assert buses * 2 * bounds.MAX_ANGLE * 3 * lines * b < 2**256
    assert 2 * bounds.MAX_ANGLE < 2**63
    assert lines * 2 * bounds.MAX_LIMIT_WH * 256 < 2**72
    assert lines * bounds.MAX_LIMIT_WH < 2**63


def test_the_arrays_of_a_grid_cannot_be_written() -> None:
    grid = triangle()
    with pytest.raises(ValueError, match="read-only"):
        grid.limit_wh[0] = 1
    mine = np.array([1, 2, 0], dtype=np.int32)
    build_grid("ring", list("abc"), [0, 1, 2], mine, [1e6] * 3, [500] * 3)
    mine[0] = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"susceptance_wh": (9e5, -1.0, 5e5, 3e5, 2e5)}, "line 1: susceptance -1 is not positive"),
        ({"susceptance_wh": (9e5, np.nan, 5e5, 3e5, 2e5)}, "line 1: susceptance nan"),
        (
            {"susceptance_wh": (9e5, 1e-5, 5e5, 3e5, 2e5)},
            "line 0: more than 2\\^32 times as strong",
        ),
        ({"limit_wh": (40_000, 30_000, -1, 9_000, 8_000)}, "line 2: limit -1 Wh is not in 0"),
        ({"limit_wh": (40_000, 30_000, 2**40, 9_000, 8_000)}, "line 2: limit 1.09951e\\+12 Wh"),
        ({"limit_wh": (40_000, 30_000, 3, 9_000, 8_000)}, "line 2: .* leaves no room"),
        ({"limit_wh": (40_000, 30_000, 9_000, 8_000)}, "differ in number"),
    ],
)
def test_what_cannot_be_registered_is_refused_by_the_name_of_its_line(
    change: dict[str, tuple[float, ...]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        triangle(**change)


def test_line_ends_and_names_are_checked() -> None:
    with pytest.raises(InputError, match="line 0: ends at a bus that is not there"):
        build_grid("bad", ["a", "b"], [0], [2], [1e6], [500])
    with pytest.raises(InputError, match="line 0: both ends are at one bus"):
        build_grid("bad", ["a", "b"], [1], [1], [1e6], [500])
    with pytest.raises(InputError, match="bus a: the name is used twice"):
        build_grid("bad", ["a", "a"], [0], [1], [1e6], [500])
    with pytest.raises(InputError, match="buses: 0 is not in 1"):
        build_grid("bad", [], [], [], [], [])


def test_a_bus_with_more_lines_than_rounding_allows_is_refused() -> None:
    hub = 60
    with pytest.raises(InputError, match="bus 0: more than 48 lines leave it"):
        build_grid(
            "star", [str(i) for i in range(hub)], [0] * (hub - 1), range(1, hub),
            [1e6] * (hub - 1), [500] * (hub - 1),
        )  # fmt: skip


def test_a_bus_without_lines_is_an_island() -> None:
    alone = build_grid("alone", ["a"], [], [], [], [])
    assert (alone.n_line, alone.eps_grid, alone.theta_box.tolist()) == (0, 0, [0])
