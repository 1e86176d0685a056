"""Served load as a game: adequacy, flexibility and location on grids small enough to count by hand, and on IEEE-14."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.program import Clearer, Clearing, ClearingError
from offchain.errors import InputError
from offchain.shapley.bound import served_bound_wh
from offchain.shapley.exact import monotone_cover, shapley_shares, shapley_value, verify_share
from offchain.shapley.parallel import coalition_values, game_table
from offchain.shapley.period import period_shares
from offchain.shapley.value import RAMP_TICKS, Evaluator, SupplyGame
from offchain.units import PPB
from tests.shapley.markets import (
    ieee14_game,
    most_load,
    most_load_of,
    pair,
    triangle,
    two_intervals,
)

WIDE = 10**6


def tight(grid_limit_wh: int) -> int:
    """What a line of this limit carries: its margin stays free."""
    grid = pair(grid_limit_wh)
    return int(grid.limit_wh[0] - grid.margin_wh[0])


# --- the three games by hand


def test_adequacy_is_the_load_a_coalition_serves_alone() -> None:
    """Interval 1 asks 100 and interval 2 asks 400; each supplier can deliver 300 in both."""
    table = game_table(two_intervals(pair(WIDE)).adequacy(), 1)
    assert table.tolist() == [0, 100 + 300, 100 + 300, 100 + 400]
    assert shapley_value(table) == (Fraction(250), Fraction(250))


def test_adequacy_behind_a_full_line_is_what_the_line_carries() -> None:
    table = game_table(two_intervals(pair(150)).adequacy(), 1)
    assert table.tolist() == [0, 100 + tight(150), 400, 500]


def test_flexibility_is_the_rise_that_a_coalition_can_follow() -> None:
    """100 of 400 are held from before; the suppliers can add 100 and 50."""
    table = game_table(two_intervals(pair(WIDE)).flexibility(), 1)
    assert table.tolist() == [0, 100, 50, 150]


def test_flexibility_counts_no_more_than_what_is_available() -> None:
    available = np.array([[300, 300], [70, 300]])
    table = game_table(two_intervals(pair(WIDE), available_wh=available).flexibility(), 1)
    assert table.tolist() == [0, 10, 50, 60]


def test_flexibility_counts_only_what_demand_asks_for() -> None:
    ramp = np.array([290, 290])
    table = game_table(two_intervals(pair(WIDE), ramp_wh=ramp).flexibility(), 1)
    assert table.tolist() == [0, 240, 260, 300]


def test_without_rising_demand_flexibility_is_worth_nothing() -> None:
    demand = np.array([[0, 400], [0, 400]])
    game = two_intervals(pair(WIDE), demand_wh=demand).flexibility()
    assert game_table(game, 1).tolist() == [0, 0, 0, 0]


def test_location_is_the_load_that_the_hub_cannot_reach() -> None:
    """The hub at bus 0 serves what the line carries; only the supplier behind the line helps."""
    table = game_table(two_intervals(pair(150)).location(), 1)
    assert table.tolist() == [0, 0, 400 - tight(150), 400 - tight(150)]
    assert shapley_value(table) == (Fraction(0), Fraction(400 - tight(150)))


def test_without_a_full_line_location_is_worth_nothing() -> None:
    assert game_table(two_intervals(pair(WIDE)).location(), 1).tolist() == [0, 0, 0, 0]


def test_a_supplier_can_be_worth_more_than_it_delivers() -> None:
    """Counter-flow: at c, a Wh relieves the tight line from a to b, and another Wh from a fits."""
    grid = triangle(1000)
    capacity = int(grid.limit_wh[0] - grid.margin_wh[0])
    demand = np.array([[0, 10_000, 0]])
    game = SupplyGame(
        grid,
        np.array([0, 2], dtype=np.int32),
        demand,
        np.zeros_like(demand),
        np.array([[10_000, 900]]),
    )
    table = game_table(game, 1)
    alone = table[1]
    assert abs(alone - 3 * capacity // 2) <= 1
    # two thirds of a's energy and one third of c's, which comes the other way round, share the line
    assert abs(int(table[3]) - (900 + (3 * capacity - 900) // 2)) <= 1
    assert table[3] - alone > table[2] - 900 >= 0


def test_every_interval_counts() -> None:
    period = two_intervals(pair(WIDE))
    both = game_table(period.adequacy(), 1)
    single = [
        game_table(
            SupplyGame(
                period.grid,
                period.bus,
                period.demand_wh[t : t + 1],
                np.zeros_like(period.demand_wh[t : t + 1]),
                period.available_wh[t : t + 1],
            ),
            1,
        )
        for t in (0, 1)
    ]
    assert both.tolist() == (single[0] + single[1]).tolist()


# --- against a linear program, on random markets and on IEEE-14


@settings(max_examples=40)
@given(st.data())
def test_on_random_triangles_the_clearing_serves_all_that_can_be_served(
    data: st.DataObject,
) -> None:
    energy = st.lists(st.integers(0, 5000), min_size=3, max_size=3)
    grid = triangle(data.draw(st.integers(50, 3000)))
    demand = np.array([data.draw(energy)])
    offers = np.array([data.draw(energy)])
    game = SupplyGame(grid, np.arange(3, dtype=np.int32), demand, np.zeros_like(demand), offers)
    for mask in range(1, 8):
        most = most_load(game, 0, mask)
        served = game.evaluate([mask])[0]
        assert most * (1 - 1 / 500) - 2 <= served <= most + 1


def test_on_ieee14_the_clearing_serves_all_that_can_be_served_and_shows_it() -> None:
    game = ieee14_game()
    evaluator = Evaluator(game)
    for mask in np.random.default_rng(1).integers(1, 4096, 60).tolist():
        clearing = evaluator.clear(0, mask)
        assert check_network(game.grid, clearing.certificate).ok
        served = game.evaluate([mask])[0]
        supply = np.zeros(game.grid.n_bus, dtype=np.int64)
        np.add.at(supply, game.bus, np.where(mask >> np.arange(12) & 1, game.offer_wh[0], 0))
        bound = served_bound_wh(game.grid, game.demand_wh[0], supply, clearing.certificate)
        most = most_load(game, 0, mask)
        assert abs(served - most) <= 1
        assert int(most) <= bound <= most + 500


@given(
    st.integers(10, 2000),
    st.lists(st.integers(0, 3000), min_size=6, max_size=6),
    st.lists(st.integers(-(2**40), 2**44), min_size=3, max_size=3),
    st.integers(-(2**44), 2**44),
)
def test_the_bound_holds_for_any_prices_whatever(
    limit: int, energies: list[int], pi: list[int], mu: int
) -> None:
    grid = triangle(limit)
    demand, supply = np.array(energies[:3]), np.array(energies[3:])
    certificate = Certificate((0, 0, 0), tuple(pi), ((0, mu),))
    bound = served_bound_wh(grid, demand, supply, certificate)
    assert int(most_load_of(grid, demand, supply) - 1e-6) <= bound <= int(demand.sum())


def test_ieee14_twelve_players_in_short() -> None:
    """All coalitions of the first six; the others are left to the slow form."""
    game = ieee14_game()
    values = coalition_values(game, range(64), 1)
    table = monotone_cover(list(values.values()))
    assert int(np.abs(table - list(values.values())).max()) <= 1
    assert table[-1] <= game.demand_wh.sum()


@pytest.mark.slow
def test_ieee14_twelve_players_on_any_number_of_cores() -> None:
    alone = game_table(ieee14_game(), 1)
    assert game_table(ieee14_game(), 2).tolist() == alone.tolist()
    cover = monotone_cover(alone)
    assert int(np.abs(cover - alone).max()) <= 1
    assert min(shapley_value(cover)) > 0
    assert verify_share(cover, shapley_shares(cover)) == ()
    for mask in range(0, 4096, 37):
        assert abs(int(alone[mask]) - most_load(ieee14_game(), 0, mask)) <= 1


def test_values_do_not_depend_on_what_was_cleared_before() -> None:
    game = ieee14_game()
    assert game.evaluate([2047, 5, 1365]) == [game.evaluate([m])[0] for m in (2047, 5, 1365)]


def test_where_the_solver_fails_a_narrower_ramp_gives_the_same_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = ieee14_game()
    expected = game.evaluate([77])
    clear = Clearer.clear

    def fails_on_the_widest(clearer: Clearer, ramps: Ramps) -> Clearing:
        if ramps.pb_ticks[0] - ramps.pa_ticks[0] == RAMP_TICKS[0]:
            raise ClearingError("clearing: defeated on purpose")
        return clear(clearer, ramps)

    monkeypatch.setattr(Clearer, "clear", fails_on_the_widest)
    assert abs(game.evaluate([77])[0] - expected[0]) <= 1

    def fails(clearer: Clearer, ramps: Ramps) -> Clearing:
        raise ClearingError("clearing: defeated on purpose")

    monkeypatch.setattr(Clearer, "clear", fails)
    with pytest.raises(ClearingError, match="on purpose"):
        game.evaluate([77])


def test_a_game_survives_the_way_to_a_worker() -> None:
    game = ieee14_game()
    assert pickle.loads(pickle.dumps(game)).evaluate([77]) == game.evaluate([77])


# --- the shares of a period


def test_shares_of_a_period_are_the_weighted_parts() -> None:
    """Adequacy is equal, flexibility is 2 : 1, location belongs to the supplier behind the line."""
    period = two_intervals(pair(350), dispatch_wh=np.array([[60, 40], [0, 0]]))
    seen: list[tuple[int, int]] = []
    found = period_shares(
        period,
        [9, 4],
        [500_000_000, 300_000_000, 200_000_000],
        processes=1,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert found.adequacy.tolist() == [0, 400, 400, 500]
    assert found.flexibility.tolist() == [0, 100, 50, 150]
    assert found.location.tolist() == [0, 0, 400 - tight(350), 400 - tight(350)]
    assert found.shares.tolist() == [
        (4, 250_000_000 + 100_000_000 + 200_000_000),
        (9, 250_000_000 + 200_000_000),
    ]
    shares = {int(i): int(share) for i, share in found.shares.tolist()}
    assert verify_share(found.combined, [shares[9], shares[4]]) == ()
    assert seen == [(3, 9), (6, 9), (9, 9)]


def test_parts_without_worth_leave_their_weight_to_the_others() -> None:
    found = period_shares(
        two_intervals(pair(WIDE), demand_wh=np.array([[0, 400], [0, 400]])),
        [0, 1],
        [PPB // 2, PPB // 4, PPB // 4],
        processes=1,
    )
    assert found.shares["share_ppb"].tolist() == [PPB // 2, PPB // 2]


# --- bad input


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("available_wh", np.zeros((1, 2), dtype=np.int64), r"available_wh: its shape is \(1, 2\)"),
        ("dispatch_wh", np.zeros((2, 3), dtype=np.int64), "dispatch_wh: its shape"),
        ("ramp_wh", np.array([-1, 0]), "ramp_wh"),
        ("hub", 2, "hub: not on the grid"),
    ],
)
def test_a_bad_period_is_named(field: str, value: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        two_intervals(pair(WIDE), **{field: value})


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("bus", np.array([0, 2], dtype=np.int32), "bus: not on the grid"),
        ("demand_wh", np.array([[0, -1], [0, 0]]), "demand_wh: out of range"),
        ("available_wh", np.full((2, 2), 2**30), "offer_wh: out of range"),
    ],
)
def test_a_bad_game_is_named(field: str, value: object, complaint: str) -> None:
    period = two_intervals(pair(WIDE), **{field: value})
    with pytest.raises(InputError, match=complaint):
        period.adequacy()
