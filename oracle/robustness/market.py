"""A market without a chain, committed and published as on one, so that the audit can judge it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from coincurve import PrivateKey

from offchain.audit.history import audit_market
from offchain.audit.published import CollateralChange, PostedHeader, PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.clearing.program import Clearer
from offchain.commitment.hashing import Table
from offchain.grid.model import Grid
from offchain.keccak import keccak
from offchain.market import Clears, Interval, MarketState, clear_interval, genesis, register
from offchain.metering.readings import ReadingTable
from offchain.orders.signing import address, domain_separator, signed
from offchain.orders.table import Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.records import SHARE
from offchain.settlement import apportion
from offchain.units import PPB
from oracle.scenario import Scenario

METER_KEY: Final = PrivateKey(keccak(b"meter operator"))
_DEPOSIT_MICRO: Final = 10**12
_RESERVE_MICRO: Final = 10**9

#: Gives the readings of an allocation, signed for a domain; None where none have arrived yet.
Read = Callable[[Table, bytes], ReadingTable]


def policy_of(lag: int) -> Policy:
    """The default policy with meters that are settled after some intervals; 0 for none."""
    operator = address(METER_KEY.public_key) if lag else bytes(20)
    return replace(
        DEFAULT_POLICY, meter_lag=lag, meter_operator=operator, reserve_micro=_RESERVE_MICRO
    )


@dataclass(frozen=True, eq=False)
class History:
    """Intervals as committed, and everything that an auditor is given."""

    scenario: Scenario
    policy: Policy
    intervals: tuple[Interval, ...]
    published: PublishedMarket
    bundles: dict[int, bytes]

    def audit(self) -> Verdict:
        """What the audit says."""
        *_, verdict = audit_market(self.published, self.bundles.get)
        return verdict

    def allocations(self) -> list[Table]:
        """The allocations of each interval."""
        return [interval.allocation for interval in self.intervals]


def cleared(
    scenario: Scenario,
    intervals: int,
    *,
    registered: Grid | None = None,
    clearer: Clears | None = None,
    lag: int = 0,
    read: Read | None = None,
) -> History:
    """Clear the first intervals of a scenario.

    Args:
        scenario: who asks and offers what.
        intervals: how many.
        registered: the grid that the chain has; the scenario's by default.
        clearer: the operator's, which may believe in another grid.
        lag: intervals after which readings are settled; 0 for never.
        read: gives the readings.
    """
    n = len(scenario.bus)
    keys = [PrivateKey(keccak(b"owner %d" % i)) for i in range(n)]
    owners = [address(key.public_key) for key in keys]
    contracts, state = register(
        np.array(owners, dtype="V20"),
        scenario.bus,
        scenario.rank,
        scenario.fstar_ppb,
        scenario.rate_wh,
        scenario.demand_cap_wh,
        scenario.supply_cap_wh,
        scenario.subscription,
    )
    shares = np.zeros(n, dtype=SHARE)
    shares["index"] = np.arange(n)
    shares["share_ppb"] = apportion(PPB, scenario.supply_cap_wh)
    grid = registered or scenario.network.grid
    policy = policy_of(lag)
    start = genesis(
        policy=policy,
        grid=grid,
        contracts=contracts,
        state=state,
        shares=shares,
        chain_id=1,
        ledger=bytes(20),
        nonce=bytes(32),
        salt_key=keccak(b"salt 0"),
    )
    market, done = start.state, list[Interval]()
    clearer = clearer or Clearer(grid)
    for number in range(1, intervals + 1):
        row = number - 1
        quantities = Quantities(
            scenario.essential_wh[row],
            scenario.flexible_wh[row],
            scenario.supply_wh[row],
            scenario.bid_ticks,
        )
        orders = orders_from_columns(np.arange(n), quantities, seq=number, valid_to=number)
        orders = signed(orders, keys, _separator(market))
        readings = None
        if read is not None and market.market.measured_interval:
            readings = read(market.market.past[0], _separator(market))
        seed, salt = keccak(b"seed %d" % number), keccak(b"salt %d" % number)
        done.append(clear_interval(market, orders, seed, salt, clearer, readings=readings))
        market = done[-1].state
    published = PublishedMarket(
        domain=market.domain,
        policy_hash=policy.hash(),
        shares_root=start.state.shares_tree.root,
        genesis_hash=start.state.header_hash,
        grids={1: grid.packed()},
        orders_roots={i.header.interval: i.header.orders_root for i in done},
        seeds={i.header.interval: i.header.seed for i in done},
        headers=tuple(
            PostedHeader(i.before.header_hash, i.payload, i.certificate, i.header_hash)
            for i in done
        ),
        owners=dict(enumerate(owners)),
        collateral=tuple(CollateralChange(1, i, _DEPOSIT_MICRO) for i in range(n)),
        forced=(),
    )
    bundles = {0: start.bundle, **{i.header.interval: i.bundle for i in done}}
    return History(scenario, policy, tuple(done), published, bundles)


def _separator(market: MarketState) -> bytes:
    domain = market.domain
    return domain_separator(domain.chain_id, domain.ledger, domain.market_id)
