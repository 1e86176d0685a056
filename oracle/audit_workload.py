"""A history to audit without a chain: cleared by the rules, interval after interval, on a network of one's choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from coincurve import PrivateKey

from deploy.chain import development_key
from offchain.audit.published import CollateralChange, PostedHeader, PublishedMarket
from offchain.clearing.program import Clearer
from offchain.commitment.header import Header
from offchain.keccak import keccak
from offchain.market import Genesis, Interval, clear_interval, genesis, register
from offchain.orders.signing import domain_separator, signed
from offchain.orders.table import FOREVER, OrderTable, Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.records import SHARE
from offchain.settlement import apportion
from offchain.units import PPB
from oracle.meters import Meters
from oracle.scenario import ScenarioConfig, draw_scenario

#: What is offered of what is asked: short, so that fairness decides in every interval.
_OFFERED_PERMILLE: Final = 950
_DEPOSIT_MICRO: Final = 10**15
_METER_KEY: Final = PrivateKey(bytes(development_key("meter", 0).key))
_RESERVE_MICRO: Final = 10_000_000


@dataclass(frozen=True)
class Kind:
    """What an interval's signatures are like.

    Attributes:
        fresh: Everybody signs a new order for each interval, instead of one for ever.
        metered: Each interval settles the signed readings of the one before.
    """

    fresh: bool = False
    metered: bool = False


class Workload:
    """A market that goes on for as long as it is asked to."""

    def __init__(self, case: str, participants: int, seed: int, kind: Kind) -> None:
        """Open a market.

        Args:
            case: Network.
            participants: Without the reserve.
            seed: Of everything drawn.
            kind: Of the signatures.
        """
        scenario = draw_scenario(
            ScenarioConfig(case=case, participants=participants, intervals=1, seed=seed)
        )
        self._kind = kind
        self._policy = _policy(kind)
        self._grid = scenario.network.grid
        n = len(scenario.bus)
        accounts = [development_key("participant", i) for i in range(n)]
        self._owners = [bytes.fromhex(account.address[2:]) for account in accounts]
        self._keys = [PrivateKey(bytes(account.key)) for account in accounts]
        demand = scenario.essential_wh[0] + scenario.flexible_wh[0]
        offered = scenario.supply_wh[0]
        offered = offered * int(demand.sum()) * _OFFERED_PERMILLE // (1000 * int(offered.sum()))
        self._quantities = Quantities(
            scenario.essential_wh[0], scenario.flexible_wh[0], offered, scenario.bid_ticks
        )
        contracts, state = register(
            np.array(self._owners, dtype="V20"),
            scenario.bus,
            scenario.rank,
            scenario.fstar_ppb,
            scenario.rate_wh,
            scenario.demand_cap_wh,
            np.maximum(scenario.supply_cap_wh, offered),
        )
        shares = np.zeros(n, dtype=SHARE)
        shares["index"] = np.arange(n)
        shares["share_ppb"] = apportion(PPB, offered)
        self._genesis: Genesis = genesis(
            policy=self._policy,
            grid=self._grid,
            contracts=contracts,
            state=state,
            shares=shares,
            chain_id=1,
            ledger=b"\x11" * 20,
            nonce=keccak(b"audit workload %d" % seed),
            salt_key=keccak(b"salt 0"),
        )
        domain = self._genesis.state.domain
        self._separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
        self._standing = self._orders(1, FOREVER)
        self._meters = Meters(seed, _METER_KEY)

    @property
    def opening(self) -> bytes:
        """The genesis bundle."""
        return self._genesis.bundle

    def intervals(self) -> Iterator[Interval]:
        """One interval after the other."""
        state, clearer = self._genesis.state, Clearer(self._grid)
        while True:
            number = state.interval + 1
            orders = self._orders(number, number) if self._kind.fresh else self._standing
            measured = state.market.past[0] if state.market.measured_interval else None
            readings = None if measured is None else self._meters.read(measured, self._separator)
            seed, salt = keccak(b"seed %d" % number), keccak(b"salt %d" % number)
            done = clear_interval(state, orders, seed, salt, clearer, readings=readings)
            yield done
            state = done.state

    def published(self, headers: tuple[PostedHeader, ...]) -> PublishedMarket:
        """What a chain would say after some intervals, given as `posted` gives them."""
        start = self._genesis.state
        fields = [Header.unpack(header.payload) for header in headers]
        return PublishedMarket(
            domain=start.domain,
            policy_hash=self._policy.hash(),
            shares_root=start.shares_tree.root,
            genesis_hash=start.header_hash,
            grids={1: self._grid.packed()},
            orders_roots={t: row.orders_root for t, row in enumerate(fields, start=1)},
            seeds={t: row.seed for t, row in enumerate(fields, start=1)},
            headers=headers,
            owners=dict(enumerate(self._owners)),
            collateral=tuple(
                CollateralChange(1, index, _DEPOSIT_MICRO) for index in range(len(self._owners))
            ),
            forced=(),
        )

    def _orders(self, first: int, last: int) -> OrderTable:
        q = self._quantities
        asking = np.flatnonzero(q.essential_wh + q.flexible_wh + q.supply_wh)
        columns = Quantities(
            q.essential_wh[asking], q.flexible_wh[asking], q.supply_wh[asking], q.bid_ticks[asking]
        )
        orders = orders_from_columns(asking, columns, seq=first, valid_from=first, valid_to=last)
        return signed(orders, [self._keys[i] for i in asking], self._separator)


def posted(interval: Interval) -> PostedHeader:
    """An interval as its ledger would have it."""
    return PostedHeader(
        previous_hash=interval.before.header_hash,
        payload=interval.payload,
        certificate=interval.certificate,
        header_hash=interval.header_hash,
    )


def _policy(kind: Kind) -> Policy:
    if not kind.metered:
        return DEFAULT_POLICY
    operator = bytes.fromhex(development_key("meter", 0).address[2:])
    return replace(
        DEFAULT_POLICY, meter_lag=1, reserve_micro=_RESERVE_MICRO, meter_operator=operator
    )
