"""The claim of a posted interval, from a market's chain and its published bundles."""

from __future__ import annotations

from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle
from offchain.audit.interval import open_bundle
from offchain.audit.published import PublishedMarket
from offchain.commitment.bundle import Bundle, read_genesis
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.orders.signing import domain_separator
from offchain.policy import Policy
from offchain.proofs.claim import ChainFacts, Claim, open_claim


def published_claim(market: PublishedMarket, read: ReadBundle, interval: int) -> Claim:
    """Open one interval of a market.

    Args:
        market: What the chain says.
        read: Where bundles come from.
        interval: Which one, from 1.

    Raises:
        InputError: The interval was not posted, or a bundle is missing or not the one named.
    """
    if not 1 <= interval <= len(market.headers):
        raise InputError(
            f"interval: {interval} has no header that stands; give 1 ... {len(market.headers)}"
        )
    genesis = read_genesis(_read(read, GENESIS))
    policies = {market.policy_hash: genesis.policy, **market.policies}
    bundle = open_bundle(market.headers[interval - 1], _read(read, interval))
    before = genesis.state
    if interval > 1:
        before = open_bundle(market.headers[interval - 2], _read(read, interval - 1)).state
    policy = _policy(policies, bundle)
    domain = market.domain
    facts = ChainFacts(
        separator=domain_separator(domain.chain_id, domain.ledger, domain.market_id),
        owners=market.owners,
        collateral=collateral(market, interval),
        forced=market.forced,
    )
    grid = unpack(market.grids[bundle.header.grid_version])
    measured = None
    if 0 < policy.meter_lag < interval:
        # Only its lines are opened, so the state before it is not asked for.
        posted = market.headers[interval - policy.meter_lag - 1]
        then = open_bundle(posted, _read(read, interval - policy.meter_lag))
        then_grid = unpack(market.grids[then.header.grid_version])
        measured = open_claim(then, then.state, _policy(policies, then), then_grid, facts)
    return open_claim(bundle, before, policy, grid, facts, measured)


def collateral(market: PublishedMarket, interval: int) -> dict[int, int]:
    """What everybody had deposited and not taken back, as it counts for an interval; micro."""
    micro: dict[int, int] = {}
    for change in market.collateral:
        if change.interval <= interval:
            micro[change.index] = micro.get(change.index, 0) + change.micro
    return micro


def _policy(policies: dict[bytes, bytes], bundle: Bundle) -> Policy:
    """The policy that an interval was cleared by: the ledger takes no header that names another than that in force."""
    try:
        return Policy.unpack(policies[bundle.header.policy_hash])
    except KeyError:
        raise InputError(
            f"interval: {bundle.interval} names a policy that was never published; fetch its bundle again"
        ) from None


def _read(read: ReadBundle, interval: int) -> bytes:
    data = read(interval)
    if data is None:
        where = f"of interval {interval}" if interval else "of the genesis"
        raise InputError(f"bundles: the bundle {where} is missing; fetch it")
    return data
