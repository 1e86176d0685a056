"""An interval by the rules: what everybody is owed, gets, pays and is owed after it."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing
from offchain.errors import ClearwattError, InputError
from offchain.fairness.draw import draw
from offchain.fairness.key import key_ticks
from offchain.fairness.state import join, next_deficit, next_memory
from offchain.keccak import keccak
from offchain.market import Market, Outcome, apply_rules
from offchain.metering.cover import worst_cost
from offchain.pricing import layer_tightness
from offchain.units import PPB
from tests.market.small import N, orders, ring, start, with_policy

SEED = keccak(b"seed")


def history(intervals: int) -> Iterator[tuple[Market, Outcome]]:
    """Intervals with the market before each."""
    market = start().state.market
    clearer = Clearer(market.grid)
    for number in range(1, intervals + 1):
        outcome = apply_rules(market, orders(number), keccak(bytes([number])), clearer)
        yield market, outcome
        market = outcome.market


RUN = list(history(12))


def test_every_key_is_the_key_of_the_state_before() -> None:
    for number, (market, outcome) in enumerate(RUN, start=1):
        draws = draw(keccak(bytes([number])), np.arange(N)).tolist()
        for row, state in enumerate(market.state):
            deficit = join(int(state["deficit_hi"]), int(state["deficit_lo"]))
            assert outcome.key_ticks[row] == key_ticks(
                market.policy,
                int(state["memory_ppb"]),
                deficit,
                int(state["rate_wh"]),
                draws[row],
            )


def test_memory_and_deficit_follow_flexible_energy_only() -> None:
    for market, outcome in RUN:
        for before, after, line in zip(
            market.state, outcome.market.state, outcome.allocation, strict=True
        ):
            flow = int(line["flexible_q_wh"]), int(line["flexible_x_wh"])
            fstar = int(before["fstar_ppb"])
            assert after["memory_ppb"] == next_memory(
                int(before["memory_ppb"]), fstar, market.policy.beta_ppb, *flow
            )
            deficit = join(int(before["deficit_hi"]), int(before["deficit_lo"]))
            assert join(int(after["deficit_hi"]), int(after["deficit_lo"])) == next_deficit(
                deficit, fstar, *flow
            )


def test_somebody_waited_in_these_intervals_and_the_memory_knows() -> None:
    assert any(outcome.market.state["memory_ppb"].any() for _, outcome in RUN)
    assert any(outcome.market.state["deficit_lo"].any() for _, outcome in RUN)


def test_counted_delivery_is_target_minus_deficit_over_the_whole_run() -> None:
    state = RUN[-1][1].market.state
    for row in range(N):
        counted = requested = deficit = 0
        fstar = int(state["fstar_ppb"][row])
        for _, outcome in RUN:
            d = int(outcome.allocation["flexible_q_wh"][row])
            x = int(outcome.allocation["flexible_x_wh"][row])
            counted += min(x * PPB, fstar * d + deficit)
            requested += d
            deficit = next_deficit(deficit, fstar, d, x)
        assert counted == fstar * requested - int(state["deficit_lo"][row])


def test_prices_are_those_of_the_tightest_layer() -> None:
    for market, outcome in RUN:
        table, holarchy = outcome.allocation, market.grid.holarchy
        position = np.asarray(holarchy.position)[table["bus"]]
        demand = table["essential_q_wh"].astype(int) + table["flexible_q_wh"]
        tightest = np.zeros(N, dtype=np.int64)
        for layer in holarchy.layers:
            inside = position >> layer.level == layer.position
            tau = layer_tightness(
                int(demand[inside].sum()),
                int(table["supply_q_wh"][inside].sum()),
                int(table["supply_q_wh"].sum()),
                layer.import_limit_wh,
            )
            tightest = np.where(inside, np.maximum(tightest, tau), tightest)
        assert table["price_ticks"].tolist() == (50_000 + 250_000 * tightest // PPB).tolist()


def test_prices_differ_in_place_and_time() -> None:
    prices = np.array([outcome.allocation["price_ticks"] for _, outcome in RUN])
    assert len(np.unique(prices)) > 2


def test_money_moves_by_exactly_the_payments_and_no_interval_creates_any() -> None:
    for market, outcome in RUN:
        table = outcome.allocation
        before, after = market.state, outcome.market.state
        credit = table["supply_pay"] + table["pot_share"]
        debit = table["energy_cost"] + table["shortfall"]
        assert (after["credit"] - before["credit"]).tolist() == credit.tolist()
        assert (after["debit"] - before["debit"]).tolist() == debit.tolist()
        assert credit.sum() == debit.sum() > 0
        net = after["credit"].astype(np.int64) - after["debit"].astype(np.int64)
        assert after["peak"].tolist() == np.maximum(before["peak"], net).tolist()


def test_the_reserve_only_ever_receives() -> None:
    assert RUN[-1][1].market.state["credit"][0] > 0
    assert RUN[-1][1].market.state["debit"][0] == 0


def test_the_peak_is_the_most_that_was_ever_owed_to_a_participant() -> None:
    nets = [
        o.market.state["credit"].astype(np.int64) - o.market.state["debit"].astype(np.int64)
        for _, o in RUN
    ]
    highest = np.maximum(np.max(nets, axis=0), 0)
    assert RUN[-1][1].market.state["peak"].tolist() == highest.tolist()


def test_contract_fields_never_change() -> None:
    fields = ["index", "rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "supply_cap_wh"]
    for (_, first), (_, second) in pairwise(RUN):
        assert np.array_equal(first.market.state[fields], second.market.state[fields])


def test_nothing_given_is_changed() -> None:
    market, table = start().state.market, orders(3)
    before = market.state.tobytes(), table.tobytes()
    apply_rules(market, table, SEED, Clearer(market.grid))
    assert (market.state.tobytes(), table.tobytes()) == before


def test_with_supply_and_wires_to_spare_everybody_is_served_in_full() -> None:
    market = start(grid=ring(limit_wh=5000)).state.market
    outcome = apply_rules(market, orders(1), SEED, Clearer(market.grid))
    for side in ("essential", "flexible"):
        asked, served = outcome.allocation[f"{side}_q_wh"], outcome.allocation[f"{side}_x_wh"]
        assert served.tolist() == asked.tolist()
    assert outcome.bus_price_ticks.tolist() == [50_000] * 3


def test_essential_energy_is_served_before_flexible_of_any_deficit() -> None:
    """Participant 2 is owed 10^9 intervals; 1 is owed nothing and asks essential energy."""
    market = start().state.market
    state = market.state.copy()
    state["deficit_hi"][2] = 10**9 * 1500 * PPB >> 64
    state["deficit_lo"][2] = 10**9 * 1500 * PPB % 2**64
    table = orders(1)[[0, 1, 3]]
    for name in ("essential_wh", "flexible_wh", "supply_wh"):
        table[name] = 0
    table["essential_wh"][0], table["flexible_wh"][1], table["supply_wh"][2] = 1200, 1500, 1300
    owed = replace(market, state=state, grid=ring(limit_wh=5000))
    outcome = apply_rules(owed, table, SEED, Clearer(owed.grid))
    assert outcome.allocation["essential_x_wh"][1] == 1200
    assert outcome.allocation["flexible_x_wh"][2] == 100


def test_an_interval_without_orders_moves_nothing() -> None:
    market = start().state.market
    outcome = apply_rules(market, orders(1)[:0], SEED, Clearer(market.grid))
    assert not outcome.payments.credit.any()
    assert np.array_equal(outcome.market.state["memory_ppb"], market.state["memory_ppb"])


@pytest.mark.parametrize(("missing", "counts"), [(1, False), (0, True)])
def test_an_order_that_its_owner_could_not_pay_for_counts_as_none(
    missing: int, counts: bool
) -> None:
    market, table = start().state.market, orders(1)
    demand = int(table["essential_wh"][1]) + int(table["flexible_wh"][1])
    covers = np.full(N, 10**9)
    covers[2] = worst_cost(market.policy, demand) - missing
    outcome = apply_rules(market, table, SEED, Clearer(market.grid), collateral=covers)
    none = apply_rules(market, table[[0, 2, 3, 4]], SEED, Clearer(market.grid))
    everybody = apply_rules(market, table, SEED, Clearer(market.grid))
    alike = everybody if counts else none
    assert outcome.allocation.tobytes() == alike.allocation.tobytes()
    assert outcome.market.state.tobytes() == alike.market.state.tobytes()
    assert everybody.allocation.tobytes() != none.allocation.tobytes()


def test_what_only_offers_counts_without_any_deposit() -> None:
    market, table = start().state.market, orders(1)
    covers = np.full(N, 10**9)
    covers[[4, 5]] = 0
    outcome = apply_rules(market, table, SEED, Clearer(market.grid), collateral=covers)
    assert outcome.allocation["supply_q_wh"].tolist()[4:] == table["supply_wh"].tolist()[3:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("flexible_wh", 1, 3000), r"^orders\.essential_wh \+ flexible_wh: "),
        (("bid_ticks", 4, 250_001), r"^orders\.bid_ticks: "),
        (("valid_from", 0, 2), r"^orders\.valid_from: "),
        (("index", 4, 6), r"^orders\.index: 6 is not registered"),
    ],
)
def test_an_inadmissible_order_stops_the_interval(
    change: tuple[str, int, int], message: str
) -> None:
    market, table = start().state.market, orders(1)
    field, row, value = change
    table[field][row] = value
    with pytest.raises(InputError, match=message):
        apply_rules(market, table, SEED, Clearer(market.grid))


def test_a_seed_of_another_length_is_refused() -> None:
    market = start().state.market
    with pytest.raises(InputError, match=r"^seed: 31 bytes; give 32"):
        apply_rules(market, orders(1), SEED[:31], Clearer(market.grid))


def test_a_clearing_that_does_not_balance_is_never_settled() -> None:
    market = start().state.market

    class Careless(Clearer):
        def clear(self, ramps: Ramps) -> Clearing:
            honest = super().clear(ramps)
            x_wh = honest.x_wh.copy()
            x_wh[np.flatnonzero(x_wh)[0]] -= 1
            return replace(honest, x_wh=x_wh)

    with pytest.raises(ClearwattError, match=r"^clearing: \d+ Wh served and \d+ Wh dispatched"):
        apply_rules(market, orders(1), SEED, Careless(market.grid))


def test_another_price_of_scarcity_gives_other_prices() -> None:
    dear = start(policy=with_policy(p_hi_ticks=400_000)).state.market
    cheap = start().state.market
    prices = [
        apply_rules(m, orders(3), SEED, Clearer(m.grid)).bus_price_ticks.max()
        for m in (dear, cheap)
    ]
    assert prices[0] > prices[1]
