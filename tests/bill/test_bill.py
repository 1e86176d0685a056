"""A bill shows every amount with the arithmetic that gives it, and nothing the tables do not say."""

import re
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import ceil, floor

import numpy as np
import pytest
from coincurve import PrivateKey

from offchain.bill import Bill, Settled, bill, statement
from offchain.bill.page import energy, money, percent, price
from offchain.commitment.bundle import read_bundle
from offchain.errors import InputError
from offchain.market import Interval, MarketState
from offchain.metering.readings import readings_from_columns, signed_readings
from offchain.orders.signing import address, domain_separator
from offchain.units import PPB
from tests.market.small import N, run, start, with_policy

RUN = run(6)
NUMBER = r"-?[\d,]+(?:\.\d+)?"


def settled(interval: Interval) -> Settled:
    """The interval as somebody reads it who has nothing but what is published."""
    market = interval.before.market
    measured = market.past[0] if market.measured_interval else None
    bundle = read_bundle(interval.bundle)
    return Settled.of_bundle(market.policy, market.grid, market.state, bundle, measured)


@cache
def bills() -> list[list[Bill]]:
    """The bills of all participants for each interval."""
    return [[bill(settled(interval), i) for i in range(N)] for interval in RUN]


def value(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))


def find(pattern: str, words: str) -> list[Fraction]:
    """The numbers of a sentence; ``#`` stands for a number."""
    match = re.search(pattern.replace("#", f"({NUMBER})"), words)
    assert match, words
    return [value(text) for text in match.groups()]


def test_the_bills_of_an_interval_sum_to_zero() -> None:
    for interval_bills in bills():
        assert sum(b.total for b in interval_bills) == 0
        assert any(b.total for b in interval_bills)


def test_a_bill_moves_the_balance_by_its_total() -> None:
    for interval, interval_bills in zip(RUN, bills(), strict=True):
        state = interval.state.market.state
        for b in interval_bills:
            after = int(state["credit"][b.participant]) - int(state["debit"][b.participant])
            assert b.balance_before + b.total == after


def test_energy_and_supply_can_be_recomputed_by_hand() -> None:
    seen = set()
    for interval_bills in bills():
        for b in interval_bills:
            for line, rounded, sign in ((b.lines[0], floor, -1), (b.lines[1], ceil, 1)):
                if line.amount:
                    wh, per_kwh = find(r"^# Wh x # per kWh", line.words)
                    assert line.amount == sign * rounded(wh * per_kwh * 1000)
                    seen.add(line.name)
    assert seen == {"Energy", "Supply"}


def test_shared_lines_can_be_recomputed_by_hand_to_the_unit_that_rounding_gives() -> None:
    seen = set()
    for interval_bills in bills():
        for b in interval_bills:
            pot, short = b.lines[2], b.lines[3]
            if pot.amount:
                whole, share = find(r"paid # beyond the bids; your share of it is # %", pot.words)
                quota = whole * share / 100 * 10**6
                up = "rounded up" in pot.words
                assert pot.amount == floor(quota) + up
                seen.add("pot")
            if short.amount:
                whole, own, everybody = find(
                    r"cost # more than .* you carry # / # of it", short.words
                )
                up = "rounded up" in short.words
                assert -short.amount == floor(whole * own / everybody * 10**6) + up
                seen.add("shortfall")
    assert seen == {"pot", "shortfall"}


def test_a_price_can_be_recomputed_by_hand_from_its_layer() -> None:
    seen = 0
    for interval_bills in bills():
        for b in interval_bills:
            words = next(s for s in b.service if s.startswith("Price at"))
            if "set by the layer" not in words:
                assert "0.050000 per kWh, the lowest" in words
                continue
            pattern = r"# Wh asked, # Wh offered inside, # Wh can be brought in"
            asked, offered, brought = find(pattern, words)
            tau = PPB - floor((offered + brought) * PPB / asked)
            assert find(r"\. # % cannot be delivered", words) == [Fraction(tau * 100, PPB)]
            ticks = 50_000 + 250_000 * tau // PPB
            assert words.split(": ")[1].startswith(price(ticks))
            seen += 1
    assert seen


def test_the_deficit_can_be_recomputed_by_hand() -> None:
    seen = 0
    for interval_bills in bills():
        for b in interval_bills:
            for words in b.standing:
                if words.startswith("Deficit"):
                    pattern = r"# Wh \+ # % of # Wh - # Wh served = # Wh"
                    before, share, asked, served, after = find(pattern, words)
                    assert after == max(0, before + share * asked / 100 - served)
                    seen += 1
    assert seen


def test_the_key_is_the_sum_of_its_terms() -> None:
    for interval, interval_bills in zip(RUN, bills(), strict=True):
        for b in interval_bills:
            if b.standing:
                pattern = r"key of # ticks: # for .*, # for the deficit, # drawn by lot"
                key, *terms = find(pattern, b.standing[0])
                assert key == sum(terms) == interval.allocation["key_ticks"][b.participant]


def test_who_only_sells_is_owed_no_energy() -> None:
    assert bills()[0][4].standing == ()
    assert bills()[0][0].service[0] == "Nothing was asked or offered."


def test_energy_that_waited_for_a_line_is_not_blamed_on_a_layer() -> None:
    texts = [b.text() for interval_bills in bills() for b in interval_bills]
    assert any("waited for single lines that were full" in text for text in texts)


def test_the_page_is_plain_text_with_one_line_per_amount() -> None:
    page = bills()[0][1].text()
    assert page.startswith("Participant 1, interval 1\n\n")
    for name in (
        "Energy",
        "Supply",
        "Pot",
        "Shortfall",
        "Subscription",
        "Imbalance",
        "Returned",
        "Total",
    ):
        assert re.search(rf"^{name} +-?\d+\.\d{{6}}  ", page, re.MULTILINE)


@pytest.mark.parametrize("curve", [1, 2])
def test_the_words_name_the_curve_of_the_policy(curve: int) -> None:
    policy = with_policy(price_curve=curve)
    interval = run(3, start(policy=policy).state)[-1]
    page = bill(settled(interval), 1).text()
    assert ("piecewise" if curve == 1 else "smooth") + " curve from 0.050000" in page


@pytest.mark.parametrize(
    "name", ["energy_cost", "supply_pay", "pot_share", "shortfall", "price_ticks", "key_ticks"]
)
def test_an_amount_that_the_rules_do_not_give_gets_no_bill(name: str) -> None:
    honest = settled(RUN[2])
    table = honest.allocation.copy()
    participant = 4 if name in ("supply_pay", "pot_share") else 1
    table[name][participant] += 2
    message = rf"^interval 3: {name} of participant {participant} is "
    with pytest.raises(InputError, match=message):
        bill(replace(honest, allocation=table), participant)


def test_a_balance_that_moved_otherwise_gets_no_bill() -> None:
    honest = settled(RUN[2])
    after = honest.after.copy()
    after["credit"][4] += 1
    with pytest.raises(InputError, match=r"^interval 3: the balance of participant 4 moved by "):
        bill(replace(honest, after=after), 4)


@pytest.mark.parametrize("participant", [-1, N])
def test_who_is_not_registered_gets_no_bill(participant: int) -> None:
    with pytest.raises(InputError, match=rf"^participant: {participant} is not registered"):
        bill(settled(RUN[0]), participant)


def test_a_statement_adds_up_the_bills_of_a_period() -> None:
    mine = [interval_bills[2] for interval_bills in bills()]
    result = statement(mine)
    assert result.settled == sum(b.total for b in mine)
    for at, line in enumerate(result.lines):
        assert line.amount == sum(b.lines[at].amount for b in mine)
    page = result.text()
    assert page.startswith("Participant 2, intervals 1 to 6\n")
    assert money(result.settled) in page


def test_a_statement_with_a_gap_or_a_stranger_is_refused() -> None:
    mine = [interval_bills[2] for interval_bills in bills()]
    for wrong in ([mine[0], mine[2]], [mine[0], bills()[1][1]], []):
        with pytest.raises(InputError, match=r"^bills: "):
            statement(wrong)


def test_numbers_are_written_exactly() -> None:
    assert energy(1_234_567) == "1,234,567 Wh"
    assert money(-170_100) == "-0.170100"
    assert money(1_234_000_001) == "1,234.000001"
    assert price(112_500) == "0.112500 per kWh"
    assert [percent(p) for p in (0, PPB, PPB // 8, 1)] == ["0 %", "100 %", "12.5 %", "0.0000001 %"]


# METERS


@cache
def metered() -> tuple[list[Interval], list[list[Bill]]]:
    """Five metered intervals with fees, somebody's readings missing, and their bills."""
    key = PrivateKey(bytes(31) + b"\1")
    policy = with_policy(
        meter_lag=2, reserve_micro=500, meter_operator=address(key.public_key), p_lo_ticks=60_000
    )
    state = start(policy, subscription=[0, 7, 7, 9, 0, 0]).state
    done = run(5, state, lambda measured: measured_by_hand(measured, key, state))
    return done, [[bill(settled(interval), i) for i in range(N)] for interval in done]


def measured_by_hand(line: np.ndarray, key: PrivateKey, state: MarketState) -> np.ndarray:
    """Participant 1 uses a tenth more, 2 a tenth less, 3 and 4 keep to it, 5 is not read."""
    used = line["essential_x_wh"].astype(int) + line["flexible_x_wh"]
    sold = line["supply_x_wh"].astype(int)
    consumed = [used[1] * 11 // 10, used[2] * 9 // 10, used[3], 0]
    readings = readings_from_columns(
        [1, 2, 3, 4], int(line["interval"][0]), consumed, [0, 0, 0, sold[4]]
    )
    domain = state.domain
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    return signed_readings(readings, key, separator)


def test_metered_bills_sum_to_zero_with_fees_and_missing_readings() -> None:
    done, all_bills = metered()
    for interval, interval_bills in zip(done, all_bills, strict=True):
        assert sum(b.total for b in interval_bills) == 0
        assert interval.header.credit_sum == interval.header.debit_sum
    assert any(line.amount for b in all_bills[-1] for line in b.lines if line.name == "Returned")


def test_imbalance_on_a_bill_can_be_recomputed_by_hand() -> None:
    seen = set()
    done, all_bills = metered()
    for interval, interval_bills in zip(done, all_bills, strict=True):
        scale = Fraction(interval.header.imbalance_scale_ppb, PPB)
        for b in interval_bills[1:]:
            lines = {line.name: line for line in b.lines}
            owed, paid = lines["Imbalance"], lines["Returned"]
            if owed.amount:
                wh, rate = find(r"# Wh (?:more used|not delivered) x # per kWh", owed.words)
                assert -owed.amount == ceil(wh * rate * 1000)
                seen.add("owed")
            if paid.amount:
                wh, rate = find(r"# Wh not used x # per kWh", paid.words)
                assert paid.amount == floor(floor(wh * rate * 1000) * scale)
                seen.add("paid")
    assert seen == {"owed", "paid"}


def test_who_was_not_read_is_told_on_its_bill() -> None:
    _, all_bills = metered()
    assert any("was not read" in line.words for b in all_bills[-1] for line in b.lines)


@pytest.mark.parametrize("name", ["subscription", "imbalance_debit", "imbalance_credit"])
def test_a_correction_that_the_rules_do_not_give_gets_no_bill(name: str) -> None:
    honest = settled(metered()[0][-1])
    table = honest.allocation.copy()
    table[name][1] += 1
    with pytest.raises(InputError, match=rf"^interval 5: {name} of participant 1 is "):
        bill(replace(honest, allocation=table), 1)
