"""What a lying oracle tells: an honest interval with one rule broken, and all else made to agree.

Every lie is hashed and committed as carefully as the truth, so that nothing but the named rule tells
it from an honest interval. Each is named as the audit names the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from offchain.audit.findings import Rule
from offchain.clearing.certificate import Ramps, brackets, check_network
from offchain.clearing.program import Clearing
from offchain.commitment.header import Header, bus_vector_hash
from offchain.errors import InputError
from offchain.fairness.state import next_deficits, next_memories
from offchain.market import Clears, Interval, MarketState, Outcome, clear_interval
from offchain.market.interval import commit
from offchain.orders.table import OrderTable
from offchain.records import RESERVE
from offchain.units import PPB, WH_TICKS_PER_MICRO, Int64Array

Change = tuple[str, int, int]
"""A field of a table, a row, and what is added there."""

#: The two values of v that a signature can have, 27 and 28, summed.
_EITHER_V: Final = 27 + 28
_STOLEN_WH: Final = 10
_STOLEN_MICRO: Final = 10


@dataclass(frozen=True, eq=False)
class Truth:
    """An honest interval and everything that is needed to tell it otherwise."""

    interval: Interval
    salt_key: bytes
    clearer: Clears

    @property
    def before(self) -> MarketState:
        """The market before it."""
        return self.interval.before

    def column(self, name: str) -> Int64Array:
        """A column of the honest allocations."""
        column: Int64Array = self.interval.allocation[name].astype(np.int64)
        return column

    def told(self, outcome: Outcome, orders: OrderTable | None = None) -> Interval:
        """Another outcome, committed as if it were true."""
        told_orders = self.interval.orders if orders is None else orders
        seed = self.interval.header.seed
        return commit(self.before, outcome, told_orders, seed, self.salt_key)

    def cleared(self, orders: OrderTable, clearer: Clears | None = None) -> Interval:
        """The interval cleared from other orders, or by another clearer."""
        return clear_interval(
            self.before,
            orders,
            self.interval.header.seed,
            self.salt_key,
            clearer or self.clearer,
            readings=self.interval.outcome.readings,
        )


def changed(outcome: Outcome, *changes: Change) -> Outcome:
    """An outcome with other allocations, and the states that follow from those."""
    table = outcome.allocation.copy()
    for name, row, by in changes:
        table[name][row] = int(table[name][row]) + by
    return replace(outcome, allocation=table)


def followed(truth: Truth, outcome: Outcome) -> Outcome:
    """An outcome whose states follow from its allocations."""
    before, lines = truth.before.market.state, outcome.allocation
    after = outcome.market.state.copy()

    def ints(name: str) -> Int64Array:
        column: Int64Array = lines[name].astype(np.int64)
        return column

    fstar, q, x = before["fstar_ppb"].astype(np.int64), ints("flexible_q_wh"), ints("flexible_x_wh")
    beta = truth.before.market.policy.beta_ppb
    after["memory_ppb"] = next_memories(before["memory_ppb"].astype(np.int64), fstar, beta, q, x)
    after["deficit_hi"], after["deficit_lo"] = next_deficits(
        before["deficit_hi"], before["deficit_lo"], fstar, q, x
    )
    gained = ("supply_pay", "pot_share", "imbalance_credit")
    spent = ("energy_cost", "shortfall", "subscription", "imbalance_debit")
    credit = before["credit"].astype(np.int64) + sum(ints(name) for name in gained)
    debit = before["debit"].astype(np.int64) + sum(ints(name) for name in spent)
    after["credit"], after["debit"] = credit, debit
    after["peak"] = np.maximum(before["peak"].astype(np.int64), credit - debit)
    return replace(outcome, market=replace(outcome.market, state=after))


def with_header(interval: Interval, **fields: int | bytes) -> Interval:
    """An interval with other header fields, its hash and bundle made to fit."""
    before = interval.before
    header: Header = replace(interval.header, **fields)  # type: ignore[arg-type]
    header_hash = header.hash(before.domain.hash(), before.header_hash)
    return replace(
        interval,
        header=header,
        header_hash=header_hash,
        bundle=interval.bundle[: -len(header.packed())] + header.packed(),
        state=replace(interval.state, header_hash=header_hash),
    )


def _first(fits: np.ndarray, what: str) -> int:
    """The first row that fits."""
    rows = np.flatnonzero(fits)
    if not len(rows):
        raise InputError(f"inject: nobody {what} in this interval; choose another fault or seed")
    return int(rows[0])


def _lines(truth: Truth, *changes: Change) -> Interval:
    """Other allocations, everything behind them recomputed."""
    return truth.told(followed(truth, changed(truth.interval.outcome, *changes)))


def _state(truth: Truth, name: str, by: int, fits: Callable[[np.ndarray], np.ndarray]) -> Interval:
    outcome = truth.interval.outcome
    table = outcome.market.state.copy()
    row = _first(fits(table), f"has such a {name}")
    table[name][row] = int(table[name][row]) + by
    return truth.told(replace(outcome, market=replace(outcome.market, state=table)))


@dataclass(frozen=True)
class _Unfair:
    """A clearer that takes from one order and gives to another; all that follows is consistent."""

    honest: Clears
    choose: Callable[[Ramps, Clearing], dict[int, int]]

    def clear(self, ramps: Ramps) -> Clearing:
        """The honest clearing, but for the energy of two orders."""
        clearing = self.honest.clear(ramps)
        x = clearing.x_wh.copy()
        for row, wh in self.choose(ramps, clearing).items():
            x[row] += wh
        return replace(clearing, x_wh=x)


def _bracket(truth: Truth) -> Interval:
    """Energy goes from one neighbour to another, who are at one bus and see one price."""

    def choose(ramps: Ramps, clearing: Clearing) -> dict[int, int]:
        for loser in np.argsort(-clearing.x_wh * ~ramps.supply, kind="stable").tolist():
            same = (ramps.bus == ramps.bus[loser]) & ~ramps.supply
            same[loser] = False
            if same.any() and clearing.x_wh[loser] >= _STOLEN_WH:
                winner = int(np.argmax(same * (ramps.q_wh + 1)))
                return {loser: -_STOLEN_WH, winner: _STOLEN_WH}
        raise InputError("inject: no two neighbours ask for energy; choose more participants")

    return truth.cleared(truth.interval.orders, _Unfair(truth.clearer, choose))


def _bus_vector(truth: Truth) -> Interval:
    """One Wh, within what rounding allows each of an order, moves where no line carries it."""

    def choose(ramps: Ramps, clearing: Clearing) -> dict[int, int]:
        price = np.array(clearing.certificate.pi, dtype=np.int64)[ramps.bus]
        low, high = brackets(ramps, price)
        fewer = np.flatnonzero(clearing.x_wh > low).tolist()
        more = np.flatnonzero(clearing.x_wh < high).tolist()
        pairs = (
            {first: -1, second: by}
            for first in fewer
            for second, by in [*((row, 1) for row in more), *((row, -1) for row in fewer)]
            if ramps.bus[first] != ramps.bus[second]
            # Of one kind, one must gain what the other loses; a demand and a supply fall together.
            and (ramps.supply[first] == ramps.supply[second]) == (by == 1)
        )
        found = next(pairs, None)
        if found is None:
            raise InputError("inject: nobody's rounding leaves a Wh; choose another seed")
        return found

    lie = truth.cleared(truth.interval.orders, _Unfair(truth.clearer, choose))
    certificate = lie.outcome.clearing.certificate
    injections = check_network(truth.before.market.grid, certificate).injection_wh
    vector = bus_vector_hash(lie.certificate, list(injections))
    return with_header(lie, bus_vector_hash=vector)


def _payment(truth: Truth) -> Interval:
    """One pays less for the same energy, and another more."""
    paying = np.flatnonzero(truth.column("energy_cost") >= _STOLEN_MICRO)
    if len(paying) < 2:
        raise InputError("inject: fewer than two pay in this interval; choose another seed")
    more, less = int(paying[0]), int(paying[1])
    return _lines(
        truth, ("energy_cost", more, _STOLEN_MICRO), ("energy_cost", less, -_STOLEN_MICRO)
    )


def _misplaced(truth: Truth) -> Interval:
    return _lines(truth, ("interval", 0, 1))


def _copied(truth: Truth) -> Interval:
    """Somebody's request is taken for one Wh less than the order that is committed to."""
    orders = truth.interval.orders.copy()
    row = _first(orders["essential_wh"] > 0, "asks for essential energy")
    orders["essential_wh"][row] -= 1
    return truth.told(truth.cleared(orders).outcome)


def _uncovered(truth: Truth) -> Interval:
    """Somebody who could pay is said not to, and its order counts as none."""
    orders = truth.interval.orders
    demand = orders["essential_wh"].astype(np.int64) + orders["flexible_wh"]
    row = _first(demand > 0, "asks for energy")
    return truth.told(truth.cleared(np.delete(orders, row)).outcome)


def _key(truth: Truth) -> Interval:
    """A key, and the ramp that starts at it, one tick too high."""
    return _lines(
        truth,
        *((f"flexible_{name}", 0, 1) for name in ("pa_ticks", "pb_ticks")),
        ("key_ticks", 0, 1),
    )


def _ramp(truth: Truth) -> Interval:
    return _lines(truth, *((f"essential_{name}", 0, 1) for name in ("pa_ticks", "pb_ticks")))


def _pot(truth: Truth) -> Interval:
    """A part of the pot goes to somebody else."""
    parts = truth.column("pot_share")
    loser = int(np.argmax(parts))
    if parts[loser] < _STOLEN_MICRO:
        raise InputError("inject: there is no pot in this interval; choose another seed")
    winner = _first(np.arange(len(parts)) != loser, "else is registered")
    return _lines(truth, ("pot_share", loser, -_STOLEN_MICRO), ("pot_share", winner, _STOLEN_MICRO))


def _shortfall(truth: Truth) -> Interval:
    """One bears a shortfall that is not there, or another's; who gains it stays within rounding."""
    header = truth.interval.header
    payer = _first(truth.column("essential_x_wh") > 0, "is served")
    if header.shortfall:
        parts = truth.column("shortfall")
        parts[payer] = 0
        other = _first(parts >= _STOLEN_MICRO, "else bears a shortfall")
        return _lines(
            truth, ("shortfall", payer, _STOLEN_MICRO), ("shortfall", other, -_STOLEN_MICRO)
        )
    quota = truth.before.market.shares["share_ppb"].astype(object) * header.pot
    rounded_down = truth.column("pot_share").astype(object) * PPB < quota
    winner = _first(rounded_down.astype(bool), "has its part of the pot rounded down")
    return _lines(truth, ("shortfall", payer, 1), ("pot_share", winner, 1))


def _moved(truth: Truth, name: str, what: str) -> Interval:
    """One pays less of what goes to the reserve, and another more; what the reserve gets stays."""
    paid = truth.column(name) * (np.arange(len(truth.column(name))) != RESERVE)
    less = _first(paid >= _STOLEN_MICRO, what)
    more = _first(
        (np.arange(len(paid)) != less) & (np.arange(len(paid)) != RESERVE), "else is here"
    )
    return _lines(truth, (name, less, -_STOLEN_MICRO), (name, more, _STOLEN_MICRO))


def _subscription(truth: Truth) -> Interval:
    return _moved(truth, "subscription", "pays a subscription")


def _imbalance(truth: Truth) -> Interval:
    return _moved(truth, "imbalance_debit", "pays for imbalance")


def _meter(truth: Truth) -> Interval:
    """A reading with a signature that is not the metering operator's."""
    readings = truth.interval.outcome.readings.copy()
    row = _first(np.ones(len(readings), dtype=bool), "has a reading that is settled")
    readings["v"][row] = _EITHER_V - int(readings["v"][row])
    return truth.told(replace(truth.interval.outcome, readings=readings))


def _reserve(truth: Truth) -> Interval:
    """The reserve is said to have nothing to pay with."""
    return with_header(truth.interval, imbalance_scale_ppb=0)


def _price(truth: Truth) -> Interval:
    """A bus's price is off by a tick that changes no bill."""
    outcome, bus_of = truth.interval.outcome, truth.column("bus")
    price, cost = truth.column("price_ticks"), truth.column("energy_cost")
    used = truth.column("essential_x_wh") + truth.column("flexible_x_wh")
    for bus in np.unique(bus_of).tolist():
        here = bus_of == bus
        for by in (1, -1):
            new = (price + by) * used // WH_TICKS_PER_MICRO
            if (new == cost)[here].all() and (price + by)[here].min() >= 0:
                prices = outcome.bus_price_ticks.copy()
                prices[bus] += by
                lines = outcome.allocation.copy()
                lines["price_ticks"][here] = (price + by)[here]
                return truth.told(replace(outcome, bus_price_ticks=prices, allocation=lines))
    raise InputError("inject: every bus's bills depend on the last tick; choose another seed")


def _totals(truth: Truth) -> Interval:
    return with_header(truth.interval, requested=truth.interval.header.requested + 1)


def _forced(truth: Truth) -> Interval:
    """It says to have taken up a forced order that nobody has filed."""
    return with_header(truth.interval, forced_cursor=truth.interval.header.forced_cursor + 1)


def _memory(truth: Truth) -> Interval:
    return _state(truth, "memory_ppb", 1, lambda s: s["memory_ppb"] < PPB)


def _deficit(truth: Truth) -> Interval:
    return _state(truth, "deficit_lo", PPB, lambda s: s["deficit_lo"] < 2**62)


def _balance(truth: Truth) -> Interval:
    """Somebody is owed a unit of money more."""
    return _state(truth, "credit", 10**6, lambda s: s["credit"] < 2**61)


def _contract(truth: Truth) -> Interval:
    """Somebody may ask for more than its contract allows."""
    return _state(truth, "demand_cap_wh", 1, lambda s: s["demand_cap_wh"] > 0)


def _signature(truth: Truth) -> Interval:
    """An order for one Wh less than its owner signed."""
    orders = truth.interval.orders.copy()
    row = _first(orders["flexible_wh"] > 0, "asks for flexible energy")
    orders["flexible_wh"][row] -= 1
    return truth.cleared(orders)


def _terms(truth: Truth, earlier: OrderTable) -> Interval:
    """Somebody's order of the interval before is used once more; its owner signed it, for then."""
    orders = truth.interval.orders.copy()
    old = {int(row["index"]): row for row in earlier}
    row = _first(np.array([int(i) in old for i in orders["index"]]), "had an order before")
    orders[row] = old[int(orders["index"][row])]
    valid = orders.copy()
    valid["valid_to"][row] = truth.interval.header.interval
    return truth.told(truth.cleared(valid).outcome, orders)


Lie = Callable[[Truth], Interval]

#: What an oracle may do behind committed orders, by the rule that it breaks.
LIES: Final[dict[Rule, Lie]] = {
    Rule.BRACKET: _bracket,
    Rule.PAYMENT: _payment,
    Rule.MISPLACED: _misplaced,
    Rule.CARRIED: _copied,
    Rule.UNCOVERED: _uncovered,
    Rule.KEY: _key,
    Rule.RAMP: _ramp,
    Rule.POT: _pot,
    Rule.SHORTFALL: _shortfall,
    Rule.MEMORY: _memory,
    Rule.DEFICIT: _deficit,
    Rule.BALANCE: _balance,
    Rule.CONTRACT: _contract,
    Rule.BUS_VECTOR: _bus_vector,
    Rule.PRICE: _price,
    Rule.TOTALS: _totals,
    Rule.FORCED: _forced,
    Rule.SUBSCRIPTION: _subscription,
    Rule.METER: _meter,
    Rule.IMBALANCE: _imbalance,
    Rule.RESERVE: _reserve,
    Rule.SIGNATURE: _signature,
}

#: Needs the orders of the interval before.
TERMS: Final = Rule.ORDER
#: Break a rule about orders, and so begin before the orders are committed to.
ORDER_LIES: Final = (Rule.SIGNATURE, TERMS)
NAMES: Final = tuple(sorted(rule.value for rule in (*LIES, TERMS)))


def tell(rule: Rule, truth: Truth, earlier: OrderTable) -> Interval:
    """The interval as it is told by an oracle that breaks one rule.

    Args:
        rule: One of `NAMES`.
        truth: The interval by the rules.
        earlier: Orders of the interval before.

    Raises:
        InputError: The interval has nothing that could be told so.
    """
    return _terms(truth, earlier) if rule is TERMS else LIES[rule](truth)
