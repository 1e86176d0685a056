"""A whole market against the rules: its genesis, then each interval from where the last ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from offchain.audit import ranges
from offchain.audit.findings import Fault, Findings, Rule
from offchain.audit.interval import (
    Before,
    Context,
    Inputs,
    PostedHeader,
    audit_interval,
)
from offchain.commitment.allocation import Layout
from offchain.commitment.bundle import GenesisBundle, read_genesis
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import Domain, genesis_hash, market_id
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.keccak import keccak
from offchain.orders.signing import SignatureCheck, domain_separator
from offchain.policy import Policy
from offchain.records import KIND_CONTRACT, KIND_STATE

GENESIS = 0
"""The number of the bundle that opens a market."""

ReadBundle = Callable[[int], bytes | None]
"""Gives the published bundle of an interval, or None if nobody has it."""


@dataclass(frozen=True)
class PublishedMarket:
    """A market as a chain has it; nothing in it is believed but that the chain says so.

    Attributes:
        domain: Chain, ledger and market id.
        policy_hash: Hash of its policy.
        genesis_hash: Header hash before interval 1.
        grids: The registered bytes of every grid that a header names, by version.
        orders_roots: Root of the orders of each interval.
        seeds: Seed of each interval.
        headers: The headers that stand, from interval 1.
    """

    domain: Domain
    policy_hash: bytes
    genesis_hash: bytes
    grids: dict[int, bytes]
    orders_roots: dict[int, bytes]
    seeds: dict[int, bytes]
    headers: tuple[PostedHeader, ...]


@dataclass
class Verdict:
    """What an audit came to.

    Attributes:
        intervals: How many intervals were judged.
        checks: How many values were compared.
        faults: Every rule broken, by interval.
        unjudged: Intervals that could not be judged, because data are missing.
    """

    intervals: int = 0
    checks: int = 0
    faults: list[Fault] = field(default_factory=list)
    unjudged: list[int] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every interval was judged and nothing was found wrong."""
        return not self.faults and not self.unjudged


def audit_market(market: PublishedMarket, read: ReadBundle) -> Iterator[Verdict]:
    """Check a market from its genesis on.

    Args:
        market: What the chain says.
        read: Where bundles come from.

    Yields:
        The verdict so far, after each interval; the last one is the audit's.
    """
    verdict = Verdict()
    everything = range(1, len(market.headers) + 1)
    data = read(GENESIS)
    if data is None:
        verdict.unjudged.extend([GENESIS, *everything])
        yield verdict
        return
    findings, start = audit_genesis(market, data)
    _add(verdict, findings)
    yield verdict
    if start is None:
        verdict.unjudged.extend(everything)
        yield verdict
        return
    context, before = start
    for interval in everything:
        data = read(interval)
        if data is None:
            verdict.unjudged.extend(everything[interval - 1 :])
            yield verdict
            return
        inputs = Inputs(market.orders_roots.get(interval), market.seeds.get(interval))
        posted = market.headers[interval - 1]
        findings, after = audit_interval(context, interval, before, posted, inputs, data)
        verdict.intervals += 1
        _add(verdict, findings)
        yield verdict
        if after is None:
            verdict.unjudged.extend(everything[interval:])
            yield verdict
            return
        before = after


def _add(verdict: Verdict, findings: Findings) -> None:
    verdict.checks += findings.checks
    verdict.faults.extend(findings.faults.values())


def audit_genesis(
    market: PublishedMarket, data: bytes
) -> tuple[Findings, tuple[Context, Before] | None]:
    """Check how a market began.

    Returns:
        What was found, and what the intervals are judged by; None where nothing can be judged by it.
    """
    findings = Findings(GENESIS)
    try:
        genesis = read_genesis(data)
        policy = Policy.unpack(genesis.policy)
        grids = {version: unpack(packed) for version, packed in market.grids.items()}
        first = unpack(genesis.grid)
        layouts = {
            version: Layout.of(genesis.contracts, grid.holarchy)
            for version, grid in {**grids, genesis.grid_version: first}.items()
        }
    except InputError as error:
        findings.wrong(Rule.BUNDLE, "the genesis bundle", "one that can be read", str(error))
        return findings, None
    same = findings.equal
    same(Rule.CHAIN, "the domain", market.domain, genesis.domain)
    same(Rule.POLICY, "the policy's hash", market.policy_hash, policy.hash())
    registered = market.grids.get(genesis.grid_version, genesis.grid)
    same(Rule.GRID, "the registered grid's hash", keccak(registered), keccak(genesis.grid))
    n = len(genesis.state)
    contracts_root = PlainTree.of_table(KIND_CONTRACT, genesis.contracts, n).root
    state_root = PlainTree.of_table(KIND_STATE, genesis.state, n).root
    named = market_id(policy.hash(), first.hash(), contracts_root, state_root, genesis.nonce)
    same(Rule.CHAIN, "the market id", named, market.domain.market_id)
    begun = genesis_hash(market.domain.hash(), state_root)
    same(Rule.CHAIN, "the genesis hash", begun, market.genesis_hash)
    if not _check_start(findings, policy, genesis):
        return findings, None
    context = Context(
        domain=market.domain,
        policy=policy,
        policy_hash=market.policy_hash,
        grids={**grids, genesis.grid_version: first},
        contracts=genesis.contracts,
        layouts=layouts,
        signatures=SignatureCheck(
            domain_separator(market.domain.chain_id, market.domain.ledger, market.domain.market_id)
        ),
    )
    return findings, (context, Before(market.genesis_hash, genesis.state))


def _check_start(findings: Findings, policy: Policy, genesis: GenesisBundle) -> bool:
    """Nobody begins with a deficit or a balance; and every row is its own number."""
    state = genesis.state
    number = np.arange(len(state))
    numbered = [
        findings.columns(Rule.RANGE, f"{name} in row", "index", number, table["index"])
        for name, table in (
            ("state", state),
            ("contract", genesis.contracts),
            ("share", genesis.shares),
        )
    ]
    leaf = "state of participant"
    for rule, name in (
        (Rule.DEFICIT, "deficit_hi"),
        (Rule.DEFICIT, "deficit_lo"),
        (Rule.BALANCE, "credit"),
        (Rule.BALANCE, "debit"),
        (Rule.BALANCE, "peak"),
    ):
        findings.columns(rule, leaf, name, np.zeros_like(state[name]), state[name])
    salts = record_salts(genesis.salt_key, KIND_STATE, state["index"])
    findings.columns(Rule.RANGE, leaf, "salt", salts, state["salt"])
    return all(numbered) and ranges.check_state(findings, policy, state, "at genesis")
