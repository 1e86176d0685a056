"""Lies that take more than another table: a lazy ledger, an order or reading filed on the chain, a deposit taken back.

Beside `oracle.lies`, which tell an interval otherwise, each of these prepares the chain first and then
breaks one rule, named as the audit names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from deploy.contracts import MarketSettings
from offchain.audit.findings import Rule
from offchain.commitment.bundle import read_bundle
from offchain.commitment.hashing import BUS_TAG, packed_rows
from offchain.errors import InputError
from offchain.market import Interval, clear_interval
from offchain.orders.signing import domain_separator
from offchain.orders.table import OrderTable
from offchain.proofs.claim import ChainFacts, NodeEvidence, open_claim
from offchain.proofs.preimages import NO_SUMS
from offchain.records import BUS, RESERVE, wire
from offchain.units import MAX_TICKS
from oracle.demo import POLICY, DemoRun
from oracle.forgery import with_node
from oracle.lies import Truth, changed, followed, with_header

#: What is filed or announced now is due, or released, this many intervals after the head.
GATE: Final = 3
_COINS_WEI: Final = 10**19


@dataclass(frozen=True)
class Staged:
    """A lie and what it needs.

    Attributes:
        tell: the interval as it is told.
        drop: the orders that are committed to, of those that were signed.
        prepare: what happens on the chain before; None if nothing.
        settings: what the contracts are deployed with.
        ahead: before which interval it is prepared, counted back from the one after the lie's.
    """

    tell: Callable[[Truth, OrderTable], Interval]
    drop: Callable[[OrderTable], OrderTable] = lambda orders: orders
    prepare: Callable[[DemoRun, int], None] | None = None
    settings: Callable[[MarketSettings], MarketSettings] = lambda settings: settings
    ahead: int = GATE


def _served(truth: Truth, committed: OrderTable) -> Interval:
    """Every order counts, whatever deposits cover."""
    return truth.cleared(committed)


def _malformed(truth: Truth, committed: OrderTable) -> Interval:
    """A key beyond the range of all prices, with which nobody may calculate."""
    del committed
    outcome = changed(truth.interval.outcome, ("key_ticks", 0, MAX_TICKS))
    return truth.told(followed(truth, outcome))


def _network(truth: Truth, committed: OrderTable) -> Interval:
    """A line has a price that its flow does not support; no allocation shows it."""
    del committed
    outcome = truth.interval.outcome
    certificate = outcome.clearing.certificate
    priced = dict(certificate.mu)
    lines = range(truth.before.market.grid.n_line)
    line = next((line for line in lines if line not in priced), None)
    if line is None:
        raise InputError("inject: every line is full in this interval; choose another seed")
    mu = tuple(sorted((priced | {line: 1}).items()))
    told = replace(outcome.clearing, certificate=replace(certificate, mu=mu))
    return truth.told(replace(outcome, clearing=told))


def asking(run: DemoRun, interval: int) -> int:
    """Who asks for energy in an interval and never offers any."""
    row = run.scenario.essential_wh[interval - 1] * (run.scenario.supply_cap_wh == 0)
    row[RESERVE] = 0
    if not row.any():
        raise InputError("inject: nobody but suppliers asks for energy; choose another seed")
    return int(row.argmax())


def take_deposit_back(run: DemoRun, interval: int) -> None:
    """A consumer announces that it takes its deposit back; it still asks, and is still served."""
    who = asking(run, interval)
    owner, escrow = run.accounts[who], run.contracts.escrow
    run.chain.transfer(owner.address, _COINS_WEI)
    deposit = int(escrow.functions.account(who).call()[3])
    run.chain.transact(escrow.functions.announceWithdrawal(who, deposit), owner)


def _file_order(run: DemoRun, interval: int) -> None:
    """A participant, warned that it will be overlooked, files its order on the chain."""
    orders, _ = DemoRun.signed_orders(run, interval)
    record = packed_rows(orders[:1]).tobytes()
    run.chain.transact(run.contracts.forced.functions.file(record))


def _overlooked(truth: Truth, committed: OrderTable) -> Interval:
    """The order is counted as taken up, and left out."""
    return with_header(truth.cleared(committed), forced_cursor=truth.before.forced_cursor + 1)


def _wanted(allocation: np.ndarray, readings: np.ndarray) -> int:
    """The row of the reading that its participant would rather not see: the most used beyond an allocation."""
    line = allocation[readings["index"]]
    served = line["essential_x_wh"].astype(np.int64) + line["flexible_x_wh"]
    beyond = readings["consumed_wh"].astype(np.int64) - served
    if not (beyond > 0).any():
        raise InputError("inject: nobody used more than its allocation; choose another seed")
    return int(beyond.argmax())


def _file_reading(run: DemoRun, interval: int) -> None:
    """The metering operator, warned that a reading will be overlooked, files it on the chain."""
    del interval
    domain, allocation = run.state.domain, run.state.market.past[-1]
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    readings = run.meters.read(allocation, separator)
    row = _wanted(allocation, readings)
    record = packed_rows(readings[row : row + 1]).tobytes()
    run.chain.transact(run.contracts.readings.functions.file(record))


def _unread(truth: Truth, committed: OrderTable) -> Interval:
    """A friend's reading is left out, so that it counts as having used what it was allocated."""
    readings = truth.interval.outcome.readings
    row = _wanted(truth.before.market.past[0], readings)
    return clear_interval(
        truth.before,
        committed,
        truth.interval.header.seed,
        truth.salt_key,
        truth.clearer,
        readings=np.delete(readings, row),
    )


def _false_node(truth: Truth, committed: OrderTable) -> Interval:
    """A bus asks for more than its participants do; the sums above it follow, and it is in no bundle."""
    del committed
    interval, market = truth.interval, truth.before.market
    facts = ChainFacts(bytes(32), {}, {}, (), truth.before.domain.hash())
    claim = open_claim(
        read_bundle(interval.bundle), market.state, market.policy, market.grid, facts
    )
    at = claim.buses[0]
    record = np.frombuffer(at.evidence.bus, dtype=wire(BUS)).copy()
    record["requested"] += 1
    node = NodeEvidence(
        BUS_TAG + at.evidence.bus, 0, b"", b"", at.evidence.position, at.evidence.upper
    )
    told = with_node(claim, node, BUS_TAG + record.tobytes(), (1, *NO_SUMS[1:])).header
    return with_header(interval, allocation_root=told.allocation_root, requested=told.requested)


def _lazy(settings: MarketSettings) -> MarketSettings:
    return replace(settings, eager=False)


#: By the rule that is broken.
STAGED: Final[dict[Rule, Staged]] = {
    Rule.RANGE: Staged(_malformed),
    Rule.ROOT: Staged(_false_node),
    Rule.NETWORK: Staged(_network, settings=_lazy),
    Rule.OVERDRAWN: Staged(_served, prepare=take_deposit_back),
    Rule.IGNORED: Staged(_unread, prepare=_file_reading, ahead=POLICY.meter_lag),
    Rule.FORCED: Staged(_overlooked, drop=lambda orders: orders[1:], prepare=_file_order),
}
