"""The claim of a posted interval, from a market's chain and its published bundles."""

from __future__ import annotations

from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle
from offchain.audit.interval import open_bundle
from offchain.audit.published import PublishedMarket
from offchain.commitment.bundle import read_genesis
from offchain.commitment.header import Header
from offchain.commitment.trees import depth_of
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.orders.receipts import Receipt
from offchain.orders.signing import domain_separator
from offchain.policy import Policy
from offchain.proofs.claim import ChainFacts, Claim, open_claim, open_table
from offchain.proofs.preimages import Preimages
from offchain.proofs.subtrees import learn_answer
from offchain.records import KIND_CONTRACT, KIND_SHARE, KIND_STATE


def published_claim(
    market: PublishedMarket,
    read: ReadBundle,
    interval: int,
    receipts: tuple[Receipt, ...] = (),
) -> Claim:
    """Open one interval of a market.

    Args:
        market: What the chain says.
        read: Where bundles come from.
        interval: Which one, from 1.
        receipts: That participants hold.

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
    policy = _policy(policies, bundle.header)
    facts = chain_facts(market, interval, receipts)
    grid = unpack(market.grids[bundle.header.grid_version])
    measured = None
    if 0 < policy.meter_lag < interval:
        # Only its lines are opened, so the state before it is not asked for.
        posted = market.headers[interval - policy.meter_lag - 1]
        then = open_bundle(posted, _read(read, interval - policy.meter_lag))
        then_grid = unpack(market.grids[then.header.grid_version])
        measured = open_claim(then, then.state, _policy(policies, then.header), then_grid, facts)
    claim = open_claim(bundle, before, policy, grid, facts, measured)
    _answered(market, claim.known)
    return claim


def bare_claim(market: PublishedMarket, read: ReadBundle, interval: int) -> Claim:
    """An interval whose bundle is missing: known are header, genesis, the state before, and what the chain was shown.

    Raises:
        InputError: The interval was not posted, or the genesis bundle is missing.
    """
    if not 1 <= interval <= len(market.headers):
        raise InputError(
            f"interval: {interval} has no header that can be read; give 1 ... {len(market.headers)}"
        )
    genesis = read_genesis(_read(read, GENESIS))
    posted = market.headers[interval - 1]
    header = Header.unpack(posted.payload)
    known, n = _answered(market, Preimages()), len(genesis.state)
    open_table(known, KIND_CONTRACT, genesis.contracts, n)
    open_table(known, KIND_SHARE, genesis.shares, n)
    before = genesis.state
    if interval > 1:
        data = read(interval - 1)
        if data is not None:
            before = open_bundle(market.headers[interval - 2], data).state
    open_table(known, KIND_STATE, before, n)
    return Claim(
        posted.previous_hash,
        header,
        _policy({market.policy_hash: genesis.policy, **market.policies}, header),
        unpack(market.grids[header.grid_version]),
        depth_of(n),
        known,
        chain_facts(market, interval),
    )


def _answered(market: PublishedMarket, known: Preimages) -> Preimages:
    """Know what was shown on the chain as well."""
    for answer in market.answers:
        learn_answer(known, answer.question, answer.function, answer.given)
    return known


def chain_facts(
    market: PublishedMarket, interval: int, receipts: tuple[Receipt, ...] = ()
) -> ChainFacts:
    """What the proofs against an interval ask of the chain."""
    domain = market.domain
    return ChainFacts(
        separator=domain_separator(domain.chain_id, domain.ledger, domain.market_id),
        owners=market.owners,
        collateral=collateral(market, interval),
        forced=market.forced,
        domain_hash=domain.hash(),
        public_key=market.public_key,
        draw=market.draws.get(interval),
        signers=market.signers,
        signatures=market.signatures,
        receipts=receipts,
        overdue=tuple(a.question for a in market.asked if a.answer_by < market.now),
        filed=market.filed,
    )


def collateral(market: PublishedMarket, interval: int) -> dict[int, int]:
    """What everybody's deposit covers in an interval; micro."""
    micro: dict[int, int] = {}
    for change in market.collateral:
        if change.interval <= interval:
            micro[change.index] = micro.get(change.index, 0) + change.micro
    return micro


def _policy(policies: dict[bytes, bytes], header: Header) -> Policy:
    """The policy that an interval was cleared by: the ledger takes no header that names another than that in force."""
    try:
        return Policy.unpack(policies[header.policy_hash])
    except KeyError:
        raise InputError(
            f"interval: {header.interval} names a policy that is not on the chain; fetch its bundle again"
        ) from None


def _read(read: ReadBundle, interval: int) -> bytes:
    data = read(interval)
    if data is None:
        where = f"of interval {interval}" if interval else "of the genesis"
        raise InputError(f"bundles: the bundle {where} is missing; fetch it")
    return data
