"""An operator who lies, and hashes every lie as carefully as the truth, is told by the name of the rule it broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from offchain.audit.findings import Fault, Rule
from offchain.audit.published import CollateralChange, ForcedOrder, PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.clearing.certificate import Certificate
from offchain.clearing.program import Clearer
from offchain.commitment.hashing import packed_rows
from offchain.market import Interval, MarketState, clear_interval
from offchain.market.interval import commit
from offchain.market.rules import Outcome, Table
from offchain.metering.cover import worst_cost
from offchain.metering.readings import signed_readings
from offchain.orders.table import OrderTable
from tests.audit.honest import (
    DEPOSIT_MICRO,
    METER_KEY,
    POLICY,
    Honest,
    honest_market,
    posted,
    salt_of,
    separator_of,
    sign,
    with_header,
)

SHORT = 3
"""The interval in which supply is short; the last of the market."""

CONSUMER = 10
STATION = 1


@pytest.fixture
def honest() -> Honest:
    """A market that kept the rules."""
    return honest_market(SHORT)


def retold(
    honest: Honest,
    *,
    outcome: Callable[[Outcome], Outcome] = lambda o: o,
    orders: Callable[[OrderTable], OrderTable] = lambda o: o,
    before: Callable[[MarketState], MarketState] = lambda b: b,
    seed: bytes | None = None,
) -> Interval:
    """The last interval with something changed, and committed again as if it were true."""
    truth = honest.intervals[-1]
    return commit(
        before(truth.before),
        outcome(truth.outcome),
        orders(truth.orders.copy()),
        seed or truth.header.seed,
        salt_of(SHORT),
    )


def changed_allocation(name: str, row: int, by: int) -> Callable[[Outcome], Outcome]:
    """Add to a field of an allocation."""

    def change(outcome: Outcome) -> Outcome:
        table = outcome.allocation.copy()
        table[name][row] = int(table[name][row]) + by
        return replace(outcome, allocation=table)

    return change


def changed_state(name: str, row: int, by: int) -> Callable[[Outcome], Outcome]:
    """Add to a field of the state after the interval."""

    def change(outcome: Outcome) -> Outcome:
        table = outcome.market.state.copy()
        table[name][row] = int(table[name][row]) + by
        return replace(outcome, market=replace(outcome.market, state=table))

    return change


def changed_certificate(
    change: Callable[[Certificate], Certificate],
) -> Callable[[Outcome], Outcome]:
    """Alter the certificate."""

    def apply(outcome: Outcome) -> Outcome:
        certificate = change(outcome.clearing.certificate)
        return replace(outcome, clearing=replace(outcome.clearing, certificate=certificate))

    return apply


def fault(honest: Honest, lie: Interval, rule: Rule) -> Fault:
    """The fault that the audit finds under a rule."""
    verdict = honest.with_last(lie)
    assert not verdict.ok
    by_rule = {f.rule: f for f in verdict.faults if f.interval == SHORT}
    assert rule in by_rule, f"found only {sorted(by_rule)}"
    return by_rule[rule]


def test_the_truth_told_again_is_the_truth(honest: Honest) -> None:
    again = retold(honest)
    assert again.header_hash == honest.intervals[-1].header_hash
    assert honest.with_last(again).ok


@pytest.mark.parametrize(
    ("name", "row", "rule"),
    [
        ("interval", CONSUMER, Rule.MISPLACED),
        ("bus", CONSUMER, Rule.MISPLACED),
        ("slot", CONSUMER, Rule.MISPLACED),
        ("essential_q_wh", CONSUMER, Rule.CARRIED),
        ("flexible_q_wh", CONSUMER, Rule.CARRIED),
        ("supply_q_wh", STATION, Rule.CARRIED),
        ("essential_pa_ticks", CONSUMER, Rule.RAMP),
        ("essential_pb_ticks", CONSUMER, Rule.RAMP),
        ("flexible_pa_ticks", CONSUMER, Rule.KEY),
        ("flexible_pb_ticks", CONSUMER, Rule.KEY),
        ("supply_pa_ticks", STATION, Rule.RAMP),
        ("supply_pb_ticks", STATION, Rule.RAMP),
        ("key_ticks", CONSUMER, Rule.KEY),
        ("price_ticks", CONSUMER, Rule.PRICE),
        ("energy_cost", CONSUMER, Rule.PAYMENT),
        ("supply_pay", STATION, Rule.PAYMENT),
        ("pot_share", STATION, Rule.POT),
        ("shortfall", CONSUMER, Rule.SHORTFALL),
        ("subscription", CONSUMER, Rule.SUBSCRIPTION),
        ("imbalance_debit", CONSUMER, Rule.IMBALANCE),
        ("imbalance_credit", STATION, Rule.IMBALANCE),
    ],
)
def test_a_false_allocation_is_named_with_both_numbers(
    honest: Honest, name: str, row: int, rule: Rule
) -> None:
    lie = retold(honest, outcome=changed_allocation(name, row, 1))
    found = fault(honest, lie, rule)
    true = honest.intervals[-1].allocation[name][row]
    assert found.where == f"{name} of allocation of participant {row}"
    assert found.found == str(true + 1)
    assert found.expected == str(true)


@pytest.mark.parametrize("side", ["essential", "flexible", "supply"])
def test_an_allocation_outside_its_bracket_is_named(honest: Honest, side: str) -> None:
    """Two neighbours swap some Wh, so that every sum stays as it was."""
    name = f"{side}_x_wh"
    x = honest.intervals[-1].allocation[name].astype(np.int64)
    bus = honest.intervals[-1].allocation["bus"]
    giver = next(i for i in np.argsort(-x).tolist() if (bus == bus[i]).sum() > 1 and x[i] > 10)
    taker = next(i for i in np.flatnonzero(bus == bus[giver]).tolist() if i != giver)

    def swap(outcome: Outcome) -> Outcome:
        given = changed_allocation(name, giver, -10)(outcome)
        return changed_allocation(name, taker, 10)(given)

    found = fault(honest, retold(honest, outcome=swap), Rule.BRACKET)
    assert "x_wh of participant" in found.where
    assert " to " in found.expected


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("memory_ppb", Rule.MEMORY),
        ("deficit_lo", Rule.DEFICIT),
        ("deficit_hi", Rule.DEFICIT),
        ("credit", Rule.BALANCE),
        ("debit", Rule.BALANCE),
        ("peak", Rule.BALANCE),
        ("rank", Rule.CONTRACT),
        ("fstar_ppb", Rule.CONTRACT),
        ("rate_wh", Rule.CONTRACT),
        ("demand_cap_wh", Rule.CONTRACT),
        ("supply_cap_wh", Rule.CONTRACT),
        ("subscription", Rule.CONTRACT),
    ],
)
def test_a_false_state_is_named(honest: Honest, name: str, rule: Rule) -> None:
    rows = honest.intervals[-1].state.market.state
    row = int(np.flatnonzero((rows["rank"] == 0) & (rows["fstar_ppb"] > 0))[0])
    found = fault(honest, retold(honest, outcome=changed_state(name, row, 1)), rule)
    assert found.where == f"{name} of state of participant {row}"


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("interval", SHORT + 1, Rule.CHAIN),
        ("orders_root", b"\1" * 32, Rule.ROOT),
        ("allocation_root", b"\1" * 32, Rule.ROOT),
        ("pre_state_root", b"\1" * 32, Rule.ROOT),
        ("state_root", b"\1" * 32, Rule.ROOT),
        ("contracts_root", b"\1" * 32, Rule.ROOT),
        ("shares_root", b"\1" * 32, Rule.SHARES),
        ("bus_vector_hash", b"\1" * 32, Rule.BUS_VECTOR),
        ("meter_root", b"\1" * 32, Rule.METER),
        ("policy_hash", b"\1" * 32, Rule.POLICY),
        ("grid_version", 2, Rule.GRID),
        ("seed", b"\1" * 32, Rule.INPUTS),
        ("requested", 1, Rule.TOTALS),
        ("served", 1, Rule.TOTALS),
        ("offered", 1, Rule.TOTALS),
        ("dispatched", 1, Rule.TOTALS),
        ("credit_sum", 1, Rule.TOTALS),
        ("debit_sum", 1, Rule.TOTALS),
        ("pot", 1, Rule.TOTALS),
        ("shortfall", 1, Rule.TOTALS),
        ("imbalance_scale_ppb", 1, Rule.RESERVE),
        ("forced_cursor", 1, Rule.FORCED),
    ],
)
def test_a_false_header_is_named(honest: Honest, name: str, value: int | bytes, rule: Rule) -> None:
    truth = honest.intervals[-1]
    header = replace(truth.header, **{name: value})  # type: ignore[arg-type]
    fault(honest, with_header(truth, header), rule)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: replace(c, theta=(c.theta[0] + 2**40, *c.theta[1:])),
        lambda c: replace(c, pi=(c.pi[0] + 2**40, *c.pi[1:])),
        lambda c: replace(c, mu=((0, 10**9),)),
    ],
    ids=["another angle", "another price", "a price on a free line"],
)
def test_a_false_certificate_is_named(
    honest: Honest, change: Callable[[Certificate], Certificate]
) -> None:
    fault(honest, retold(honest, outcome=changed_certificate(change)), Rule.NETWORK)


def test_an_invented_order_is_named(honest: Honest) -> None:
    """The operator asks less for a consumer than the consumer did, and cannot sign for it."""

    def invent(orders: OrderTable) -> OrderTable:
        orders["flexible_wh"][CONSUMER] -= 1
        return orders

    found = fault(honest, retold(honest, orders=invent), Rule.SIGNATURE)
    assert found.where == f"the signature of order {CONSUMER}"


@pytest.mark.parametrize(
    ("name", "value"), [("valid_from", SHORT + 1), ("valid_to", SHORT - 1), ("flexible_wh", 2**29)]
)
def test_an_order_that_is_not_valid_is_named(honest: Honest, name: str, value: int) -> None:
    """Signed by its owner, but not for this interval, or for more than the contract allows."""

    def stretch(orders: OrderTable) -> OrderTable:
        orders[name][CONSUMER] = value
        return sign(honest.intervals[-1].before, honest.keys, orders)

    fault(honest, retold(honest, orders=stretch), Rule.ORDER)


def test_a_signature_counts_in_its_own_market_only(honest: Honest) -> None:
    before = honest.intervals[-1].before
    elsewhere = replace(before, domain=replace(before.domain, chain_id=2))

    def resign(orders: OrderTable) -> OrderTable:
        return sign(elsewhere, honest.keys, orders)

    fault(honest, retold(honest, orders=resign), Rule.SIGNATURE)


def test_other_shares_are_named(honest: Honest) -> None:
    def move(before: MarketState) -> MarketState:
        shares = before.market.shares.copy()
        shares["share_ppb"][STATION] -= 1
        shares["share_ppb"][CONSUMER] += 1
        return replace(before, market=replace(before.market, shares=shares))

    fault(honest, retold(honest, before=move), Rule.ROOT)


def test_another_owner_is_named(honest: Honest) -> None:
    def move(before: MarketState) -> MarketState:
        contracts = before.market.contracts.copy()
        contracts["owner"][CONSUMER] = contracts["owner"][STATION]
        return replace(before, market=replace(before.market, contracts=contracts))

    found = fault(honest, retold(honest, before=move), Rule.CONTRACT)
    assert found.where == f"owner of contract {CONSUMER}"


def test_another_seed_than_the_chain_s_is_named(honest: Honest) -> None:
    lie = retold(honest, seed=b"\7" * 32)
    assert fault(honest, lie, Rule.INPUTS).where == "the seed"
    assert fault(honest, lie, Rule.KEY).where.startswith("flexible_pa_ticks")


def changed_readings(change: Callable[[Table], Table]) -> Callable[[Outcome], Outcome]:
    """Settle as before, and publish other readings."""

    def apply(outcome: Outcome) -> Outcome:
        return replace(outcome, readings=change(outcome.readings.copy()))

    return apply


def test_a_reading_that_the_metering_operator_did_not_sign_is_named(honest: Honest) -> None:
    def lower(readings: Table) -> Table:
        readings["consumed_wh"][4] -= 1
        return readings

    found = fault(honest, retold(honest, outcome=changed_readings(lower)), Rule.METER)
    who = honest.intervals[-1].outcome.readings["index"][4]
    assert found.where == f"the signature of reading {who}"


def test_a_reading_of_another_interval_is_named(honest: Honest) -> None:
    def delay(readings: Table) -> Table:
        readings["interval"] += 1
        key, market = METER_KEY, honest.intervals[-1].before
        return signed_readings(readings, key, separator_of(market))

    found = fault(honest, retold(honest, outcome=changed_readings(delay)), Rule.METER)
    assert found.where == "interval of reading in row 0"


def test_who_leaves_out_a_station_s_reading_and_lets_it_keep_its_pay_is_told(
    honest: Honest,
) -> None:
    station = int(np.argmax(honest.intervals[-2].allocation["supply_x_wh"]))

    def drop(readings: Table) -> Table:
        return readings[readings["index"] != station]

    found = fault(honest, retold(honest, outcome=changed_readings(drop)), Rule.IMBALANCE)
    assert found.where == f"imbalance_debit of allocation of participant {station}"


def test_a_number_too_large_to_calculate_with_is_named(honest: Honest) -> None:
    """It would leave the range of int64, so it is refused before anything is calculated."""
    lie = retold(honest, outcome=changed_allocation("energy_cost", CONSUMER, 2**63))
    found = fault(honest, lie, Rule.RANGE)
    assert found.expected == f"at most {2**62}"


def test_a_fault_reads_as_a_sentence(honest: Honest) -> None:
    lie = retold(honest, outcome=changed_allocation("price_ticks", CONSUMER, 1))
    true = int(honest.intervals[-1].allocation["price_ticks"][CONSUMER])
    assert str(fault(honest, lie, Rule.PRICE)) == (
        f"interval 3, price: price_ticks of allocation of participant {CONSUMER} is {true + 1}; "
        f"the rules give {true}"
    )


def with_deposit(honest: Honest, micro: int) -> PublishedMarket:
    """The market where the consumer's deposit covers so much in the last interval."""
    change = CollateralChange(SHORT, CONSUMER, micro - DEPOSIT_MICRO)
    return replace(honest.published, collateral=(*honest.published.collateral, change))


def owed_by(table: np.ndarray) -> int:
    """What the consumer owes by a table of states."""
    return sum(by * int(table[name][CONSUMER]) for name, by in OWED.items())


OWED = {"peak": 1, "debit": 1, "credit": -1}


def test_being_served_beyond_the_collateral_is_named(honest: Honest) -> None:
    owed = owed_by(honest.intervals[-1].state.market.state)
    assert owed > owed_by(honest.intervals[-2].state.market.state)
    for deposit, kept in ((owed, True), (owed - 1, False)):
        faults = honest.verdict(published=with_deposit(honest, deposit)).faults
        # At the highest price the order would have cost more than it did.
        beyond = {Rule.UNCOVERED} if kept else {Rule.UNCOVERED, Rule.OVERDRAWN}
        assert {f.rule for f in faults} & {*beyond, Rule.OVERDRAWN} == beyond
        assert not kept or len(faults) == 1


def test_nobody_is_charged_beyond_the_collateral_and_the_reserve_does_without(
    honest: Honest,
) -> None:
    """The consumer's deposit covers a part of its fee, and no energy."""
    truth = honest.intervals[-1]
    fee = int(truth.allocation["subscription"][CONSUMER])
    assert fee > 1
    deposit = owed_by(truth.before.market.state) + fee - 1
    told = covered_by(honest, deposit)
    charged = told.allocation[CONSUMER]
    assert (int(charged["subscription"]), int(charged["imbalance_debit"])) == (fee - 1, 0)
    published = replace(
        with_deposit(honest, deposit), headers=(*honest.published.headers[:-1], posted(told))
    )
    verdict = honest.verdict({**honest.bundles, SHORT: told.bundle}, published)
    assert verdict.faults == []
    assert (verdict.uncharged, verdict.uncounted) == (1, 1)
    offline = replace(published, on_chain=False)
    blind = honest.verdict({**honest.bundles, SHORT: told.bundle}, offline)
    assert (blind.faults, blind.uncharged, blind.uncounted) == ([], 1, 1)
    undercharged = replace(published, collateral=honest.published.collateral)
    verdict = honest.verdict({**honest.bundles, SHORT: told.bundle}, undercharged)
    assert Rule.SUBSCRIPTION in {f.rule for f in verdict.faults}


def covered_by(honest: Honest, deposit: int, orders: OrderTable | None = None) -> Interval:
    """The last interval by the rules, where the consumer's deposit covers so much."""
    truth = honest.intervals[-1]
    covers = np.full(len(truth.allocation), DEPOSIT_MICRO)
    covers[CONSUMER] = deposit
    return clear_interval(
        truth.before,
        truth.orders if orders is None else orders,
        truth.header.seed,
        salt_of(SHORT),
        Clearer(truth.before.market.grid),
        readings=truth.outcome.readings,
        collateral=covers,
    )


def needed_by(honest: Honest) -> int:
    """The least deposit that covers the consumer's order."""
    truth = honest.intervals[-1]
    order = truth.orders[truth.orders["index"] == CONSUMER]
    demand = int(order["essential_wh"][0]) + int(order["flexible_wh"][0])
    return owed_by(truth.before.market.state) + worst_cost(POLICY, demand)


def test_an_order_counts_from_the_deposit_on_that_covers_it(honest: Honest) -> None:
    least = needed_by(honest)
    for deposit, counts in ((least - 1, False), (least, True)):
        told = covered_by(honest, deposit)
        assert (int(told.allocation["essential_q_wh"][CONSUMER]) > 0) is counts
        assert CONSUMER in told.orders["index"].tolist()
        verdict = judged(honest, told, deposit)
        assert verdict.faults == []
        assert verdict.uncounted == (0 if counts else 1)


@pytest.mark.parametrize("by", [-1, 0])
def test_an_order_that_counts_without_cover_or_does_not_with_it_is_named(
    honest: Honest, by: int
) -> None:
    least = needed_by(honest)
    told = covered_by(honest, least + by)
    (found,) = judged(honest, told, least - 1 - by).faults
    assert found.rule is Rule.UNCOVERED
    assert found.where == f"demand in Wh that counts of order in row {CONSUMER}"
    counted, nothing = (found.found, found.expected)[:: 1 if by == 0 else -1]
    assert int(counted) > int(nothing) == 0


def test_a_line_that_says_nothing_of_what_is_offered_is_named(honest: Honest) -> None:
    """Offering needs no cover, so that nobody has to know any deposit to see it."""
    truth = honest.intervals[-1]
    only_offers = (truth.orders["essential_wh"] == 0) & (truth.orders["flexible_wh"] == 0)
    rest = covered_by(honest, DEPOSIT_MICRO, truth.orders[~only_offers])
    lie = retold(honest, outcome=lambda _: rest.outcome)
    offline = replace(honest.published, headers=(*honest.published.headers[:-1], posted(lie)))
    bundles = {**honest.bundles, SHORT: lie.bundle}
    verdict = honest.verdict(bundles, replace(offline, on_chain=False))
    assert Rule.CARRIED in {f.rule for f in verdict.faults}
    assert Rule.UNCOVERED not in {f.rule for f in honest.with_last(lie).faults}


def judged(honest: Honest, told: Interval, deposit: int) -> Verdict:
    """What the audit says of a last interval, where the consumer's deposit covers so much."""
    published = replace(
        with_deposit(honest, deposit), headers=(*honest.published.headers[:-1], posted(told))
    )
    return honest.verdict({**honest.bundles, SHORT: told.bundle}, published)


def test_who_takes_its_deposit_back_and_orders_no_more_makes_nobody_a_liar(honest: Honest) -> None:
    """It owes something, announces all of its deposit and is served nothing: its debt stays as it was."""
    truth = honest.intervals[-1]
    assert owed_by(truth.before.market.state) > 0
    told = covered_by(honest, 0, truth.orders[truth.orders["index"] != CONSUMER])
    assert int(told.allocation["subscription"][CONSUMER]) == 0
    published = replace(
        with_deposit(honest, 0),
        headers=(*honest.published.headers[:-1], posted(told)),
        orders_roots={**honest.published.orders_roots, SHORT: told.header.orders_root},
    )
    assert honest.verdict({**honest.bundles, SHORT: told.bundle}, published).faults == []


def forced_order(honest: Honest, interval: Interval, **fields: int) -> bytes:
    """The consumer's order of an interval with other fields, signed and packed as it is filed."""
    row = interval.orders[interval.orders["index"] == CONSUMER].copy()
    for name, value in fields.items():
        row[name] = value
    return packed_rows(sign(interval.before, honest.keys, row)).tobytes()


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({}, False),
        ({"seq": SHORT - 1, "flexible_wh": 1}, False),
        ({"seq": SHORT + 1}, True),
        ({"flexible_wh": 1}, False),
        ({"seq": SHORT + 1, "valid_to": SHORT - 1}, False),
        ({"seq": SHORT + 1, "flexible_wh": 2**29}, False),
    ],
    ids=[
        "the one that was taken",
        "an older one",
        "a newer one",
        "another of the same number",
        "one that has expired",
        "one above the contract",
    ],
)
def test_a_forced_order_is_taken_or_named(
    honest: Honest, fields: dict[str, int], ignored: bool
) -> None:
    truth = honest.intervals[-1]
    filed = ForcedOrder(SHORT, forced_order(honest, truth, **fields))
    lie = with_header(truth, replace(truth.header, forced_cursor=1))
    published = replace(
        honest.published, headers=(*honest.published.headers[:-1], posted(lie)), forced=(filed,)
    )
    verdict = honest.verdict({**honest.bundles, SHORT: lie.bundle}, published)
    assert [f.rule for f in verdict.faults] == ([Rule.FORCED] if ignored else [])


def test_a_forced_order_must_be_taken_even_if_its_owner_cannot_pay_for_it(honest: Honest) -> None:
    truth = honest.intervals[-1]
    filed = ForcedOrder(SHORT, forced_order(honest, truth, seq=SHORT + 1))
    lie = with_header(truth, replace(truth.header, forced_cursor=1))
    published = replace(
        with_deposit(honest, 0),
        headers=(*honest.published.headers[:-1], posted(lie)),
        forced=(filed,),
    )
    verdict = honest.verdict({**honest.bundles, SHORT: lie.bundle}, published)
    assert Rule.FORCED in {f.rule for f in verdict.faults}


def test_forced_orders_that_are_due_are_counted(honest: Honest) -> None:
    truth = honest.intervals[-1]
    filed = ForcedOrder(SHORT, forced_order(honest, truth))
    verdict = honest.verdict(published=replace(honest.published, forced=(filed,)))
    (found,) = verdict.faults
    assert (found.rule, found.interval) == (Rule.FORCED, SHORT)
    assert (found.expected, found.found) == ("1", "0")


def test_an_escrow_that_pays_another_than_the_contract_names_is_named(honest: Honest) -> None:
    owners = {**honest.published.owners, CONSUMER: b"\5" * 20}
    verdict = honest.verdict(published=replace(honest.published, owners=owners))
    (found,) = verdict.faults
    assert found.rule == Rule.CONTRACT
    assert found.where == f"the owner of participant {CONSUMER} in the escrow"
