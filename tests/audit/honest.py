"""A small market without a chain, cleared by the rules, and ways to lie about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from coincurve import PrivateKey

from deploy.chain import development_key
from offchain.audit.history import audit_market
from offchain.audit.published import CollateralChange, PostedHeader, PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.clearing.program import Clearer
from offchain.commitment.header import Header
from offchain.commitment.terms import Terms
from offchain.keccak import keccak
from offchain.market import Interval, MarketState, clear_interval, genesis, register
from offchain.orders.signing import domain_separator, signed
from offchain.orders.table import OrderTable, Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY
from offchain.records import SHARE
from offchain.settlement import apportion
from offchain.units import PPB
from oracle.meters import Meters
from oracle.scenario import ScenarioConfig, draw_scenario

CONFIG = ScenarioConfig(participants=15, intervals=6, seed=3)
"""Short of supply in interval 3."""

METER_KEY = PrivateKey(bytes(development_key("meter", 0).key))
POLICY = replace(
    DEFAULT_POLICY,
    meter_lag=1,
    reserve_micro=10_000_000,
    meter_operator=bytes.fromhex(development_key("meter", 0).address[2:]),
)
"""Each interval settles the readings of the one before it."""

METERS = Meters(CONFIG.seed, METER_KEY, missing_permille=100)

DEPOSIT_MICRO = 10**9


@dataclass(frozen=True)
class Honest:
    """A market that kept the rules: what the chain says, and what is published."""

    published: PublishedMarket
    bundles: dict[int, bytes]
    intervals: tuple[Interval, ...]
    keys: tuple[PrivateKey, ...]

    def verdict(
        self, bundles: dict[int, bytes] | None = None, published: PublishedMarket | None = None
    ) -> Verdict:
        """The audit's verdict, over other bundles or another chain where given."""
        data = self.bundles if bundles is None else bundles
        *_, last = audit_market(published or self.published, data.get)
        return last

    def with_last(self, lie: Interval) -> Verdict:
        """The verdict where the last interval posted and published is a lie of the operator's."""
        number = len(self.intervals)
        published = replace(
            self.published,
            orders_roots={**self.published.orders_roots, number: lie.header.orders_root},
            headers=(*self.published.headers[:-1], posted(lie)),
        )
        return self.verdict({**self.bundles, number: lie.bundle}, published)


def posted(interval: Interval) -> PostedHeader:
    """An interval as its ledger has it."""
    return PostedHeader(
        previous_hash=interval.before.header_hash,
        payload=interval.payload,
        certificate=interval.certificate,
        header_hash=interval.header_hash,
    )


def seed_of(interval: int) -> bytes:
    """The seed of an interval."""
    return keccak(b"seed %d" % interval)


def salt_of(interval: int) -> bytes:
    """The salt key of an interval."""
    return keccak(b"salt %d" % interval)


Change = Callable[[int, MarketState], MarketState]
"""What is changed of a market before an interval."""


def unchanged(interval: int, market: MarketState) -> MarketState:
    """Nothing is."""
    del interval
    return market


@cache
def honest_market(intervals: int = 3, change: Change = unchanged) -> Honest:
    """Clear the first intervals of the scenario by the rules."""
    scenario = draw_scenario(CONFIG)
    n = len(scenario.bus)
    accounts = [development_key("participant", i) for i in range(n)]
    contracts, state = register(
        np.array([bytes.fromhex(a.address[2:]) for a in accounts], dtype="V20"),
        scenario.bus,
        scenario.rank,
        scenario.fstar_ppb,
        scenario.rate_wh,
        scenario.demand_cap_wh,
        scenario.supply_cap_wh,
        np.where(np.arange(n) > 0, 1_000, 0),
    )
    shares = np.zeros(n, dtype=SHARE)
    shares["index"] = np.arange(n)
    shares["share_ppb"] = apportion(PPB, scenario.supply_cap_wh)
    grid = scenario.network.grid
    start = genesis(
        policy=POLICY,
        grid=grid,
        contracts=contracts,
        state=state,
        shares=shares,
        chain_id=1,
        ledger=b"\x11" * 20,
        nonce=b"\x22" * 32,
        salt_key=salt_of(0),
    )
    keys = tuple(PrivateKey(bytes(account.key)) for account in accounts)
    market, done, amendments = start.state, list[Interval](), [terms_of(start.state, 0)]
    for number in range(1, intervals + 1):
        market = change(number, market)
        if terms_of(market, amendments[-1].first) != amendments[-1]:
            amendments.append(terms_of(market, number))
        clearer = Clearer(market.market.grid)
        row = number - 1
        quantities = Quantities(
            scenario.essential_wh[row],
            scenario.flexible_wh[row],
            scenario.supply_wh[row],
            scenario.bid_ticks,
        )
        orders = orders_from_columns(np.arange(n), quantities, seq=number)
        orders = sign(market, keys, orders)
        readings = METERS.read(done[-1].allocation, separator_of(market)) if done else None
        done.append(
            clear_interval(
                market, orders, seed_of(number), salt_of(number), clearer, readings=readings
            )
        )
        market = done[-1].state
    published = PublishedMarket(
        domain=market.domain,
        policy_hash=POLICY.hash(),
        shares_root=start.state.shares_tree.root,
        genesis_hash=start.state.header_hash,
        grids={1: grid.packed()}
        | {i.state.grid_version: i.state.market.grid.packed() for i in done},
        orders_roots={i.header.interval: i.header.orders_root for i in done},
        seeds={i.header.interval: i.header.seed for i in done},
        headers=tuple(posted(i) for i in done),
        owners={i: bytes.fromhex(a.address[2:]) for i, a in enumerate(accounts)},
        collateral=tuple(CollateralChange(1, i, DEPOSIT_MICRO) for i in range(n)),
        forced=(),
        amendments=tuple(amendments[1:]),
        policies={i.state.market.policy.hash(): i.state.market.policy.packed() for i in done},
    )
    bundles = {0: start.bundle, **{i.header.interval: i.bundle for i in done}}
    return Honest(published, bundles, tuple(done), keys)


def terms_of(market: MarketState, first: int) -> Terms:
    """What a market is cleared by from an interval on."""
    return Terms(
        first,
        market.grid_version,
        market.market.policy.hash(),
        market.shares_tree.root,
        market.contracts_tree.root,
    )


def sign(market: MarketState, keys: tuple[PrivateKey, ...], orders: OrderTable) -> OrderTable:
    """Orders signed by the owners of their rows."""
    return signed(orders, [keys[index] for index in orders["index"]], separator_of(market))


def separator_of(market: MarketState) -> bytes:
    """What everything signed in a market is bound to."""
    domain = market.domain
    return domain_separator(domain.chain_id, domain.ledger, domain.market_id)


def with_header(interval: Interval, header: Header) -> Interval:
    """The interval with another header, its hash and bundle made to fit."""
    before = interval.before
    return replace(
        interval,
        header=header,
        header_hash=header.hash(before.domain.hash(), before.header_hash),
        bundle=interval.bundle[: -len(header.packed())] + header.packed(),
    )
