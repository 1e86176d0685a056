"""A whole market against the rules: its genesis, then each interval from where the last ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from offchain.audit import ranges
from offchain.audit.context import Before, Context, Inputs
from offchain.audit.findings import Fault, Findings, Rule
from offchain.audit.interval import audit_interval, open_bundle
from offchain.audit.published import PublishedMarket
from offchain.audit.rebuild import Ints
from offchain.commitment.allocation import Layout
from offchain.commitment.bundle import GenesisBundle, read_genesis
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import genesis_hash, market_id
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.orders.signing import SignatureCheck, domain_separator
from offchain.policy import Policy
from offchain.records import KIND_CONTRACT, KIND_SHARE, KIND_STATE

GENESIS = 0
"""The number of the bundle that opens a market."""

ReadBundle = Callable[[int], bytes | None]
"""Gives the published bundle of an interval, or None if nobody has it."""


@dataclass
class Verdict:
    """What an audit came to.

    Attributes:
        intervals: How many intervals were judged.
        checks: How many values were compared.
        faults: Every rule broken, by interval.
        unjudged: Intervals that could not be judged, and why: their data are missing or are not what the chain names.
    """

    intervals: int = 0
    checks: int = 0
    faults: list[Fault] = field(default_factory=list)
    unjudged: dict[int, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every interval was judged and nothing was found wrong."""
        return not self.faults and not self.unjudged


def audit_market(market: PublishedMarket, read: ReadBundle) -> Iterator[Verdict]:
    """Check a market from its genesis on.

    An interval is judged from the state before it. Where that is not known, because the bundle before is missing or is
    not the one that the chain names, neither this interval nor any later one can be judged.

    Args:
        market: What the chain says.
        read: Where bundles come from.

    Yields:
        The verdict so far, after each interval; the last one is the audit's.
    """
    verdict = Verdict(unjudged=dict(market.unreadable))
    start = _judge_genesis(verdict, market, read(GENESIS))
    yield verdict
    before = start[1] if start else None
    collateral = _Collateral(market, len(before.state) if before else 0)
    for interval, posted in enumerate(market.headers, start=1):
        data = read(interval)
        if start is None or before is None:
            verdict.unjudged[interval] = "the state before it is not known"
        elif data is None:
            verdict.unjudged[interval] = "its bundle is missing"
            before = None
        else:
            inputs = _inputs(market, interval, collateral.until(interval))
            try:
                bundle = open_bundle(posted, data)
            except InputError as error:
                verdict.unjudged[interval] = str(error)
                before = None
            else:
                findings, before = audit_interval(
                    start[0], interval, before, posted, inputs, bundle
                )
                verdict.intervals += 1
                verdict.checks += findings.checks
                verdict.faults.extend(findings.faults.values())
        yield verdict


def _inputs(market: PublishedMarket, interval: int, collateral: Ints) -> Inputs:
    return Inputs(
        orders_root=market.orders_roots.get(interval),
        seed=market.seeds.get(interval),
        collateral=collateral,
        forced=tuple(forced for forced in market.forced if forced.due <= interval),
        public_key=market.public_key,
        draw=market.draws.get(interval),
    )


class _Collateral:
    """Deposits, interval after interval."""

    def __init__(self, market: PublishedMarket, participants: int) -> None:
        self._changes = list(reversed(market.collateral))
        self._micro = np.zeros(participants, dtype=np.int64)

    def until(self, interval: int) -> Ints:
        """What everybody has deposited and not taken back, as it counts for an interval."""
        while self._changes and self._changes[-1].interval <= interval:
            change = self._changes.pop()
            if change.index < len(self._micro):
                self._micro[change.index] += change.micro
        return self._micro.copy()


def _judge_genesis(
    verdict: Verdict, market: PublishedMarket, data: bytes | None
) -> tuple[Context, Before] | None:
    if data is None:
        verdict.unjudged[GENESIS] = "its bundle is missing"
        return None
    try:
        findings, start = audit_genesis(market, data)
    except InputError as error:
        verdict.unjudged[GENESIS] = str(error)
        return None
    verdict.checks += findings.checks
    verdict.faults.extend(findings.faults.values())
    return start


def audit_genesis(
    market: PublishedMarket, data: bytes
) -> tuple[Findings, tuple[Context, Before] | None]:
    """Check how a market began.

    Returns:
        What was found, and what the intervals are judged by; None where nothing can be judged by it.

    Raises:
        InputError: When the bundle cannot be read, or is not the genesis that the chain names. That is no fault of the
            operator's: anyone may have handed out another file.
    """
    genesis = read_genesis(data)
    policy = Policy.unpack(genesis.policy)
    first = unpack(genesis.grid)
    n = len(genesis.state)
    for name in ("contracts", "state", "shares"):
        if not np.array_equal(getattr(genesis, name)["index"], np.arange(n)):
            raise InputError(f"its bundle does not number its {name} from 0; fetch it again")
    contracts_root = PlainTree.of_table(KIND_CONTRACT, genesis.contracts, n).root
    state_root = PlainTree.of_table(KIND_STATE, genesis.state, n).root
    shares_root = PlainTree.of_table(KIND_SHARE, genesis.shares, n).root
    named = market_id(policy.hash(), first.hash(), contracts_root, state_root, genesis.nonce)
    begun = genesis_hash(market.domain.hash(), state_root)
    salts = record_salts(genesis.salt_key, KIND_STATE, genesis.state["index"])
    for name, same in (
        ("domain", genesis.domain == market.domain),
        ("market id", named == market.domain.market_id),
        ("genesis hash", begun == market.genesis_hash),
        ("grid", market.grids.get(genesis.grid_version, genesis.grid) == genesis.grid),
        ("salts", np.array_equal(salts, genesis.state["salt"])),
        ("shares", shares_root == market.shares_root),
    ):
        if not same:
            raise InputError(f"its bundle has another {name} than the chain; fetch it again")
    grids = {version: unpack(packed) for version, packed in market.grids.items()}
    grids[genesis.grid_version] = first
    findings = Findings(GENESIS)
    if not _check_start(findings, policy, genesis, market.owners):
        return findings, None
    domain = market.domain
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    context = Context(
        domain=domain,
        policy=policy,
        policy_hash=market.policy_hash,
        grids=grids,
        contracts=genesis.contracts,
        layouts={v: Layout.of(genesis.contracts, grid.holarchy) for v, grid in grids.items()},
        signatures=SignatureCheck(separator),
    )
    return findings, (context, Before(market.genesis_hash, genesis.state, shares_root))


def _check_start(
    findings: Findings, policy: Policy, genesis: GenesisBundle, owners: dict[int, bytes]
) -> bool:
    """Nobody begins with a deficit or a balance, and the escrow pays whom the contracts name."""
    for index, owner in enumerate(genesis.contracts["owner"].tolist()):
        where = f"the owner of participant {index} in the escrow"
        findings.equal(Rule.CONTRACT, where, owner, owners.get(index, b""))
    state = genesis.state
    for rule, name in (
        (Rule.DEFICIT, "deficit_hi"),
        (Rule.DEFICIT, "deficit_lo"),
        (Rule.BALANCE, "credit"),
        (Rule.BALANCE, "debit"),
        (Rule.BALANCE, "peak"),
    ):
        nothing = np.zeros_like(state[name])
        findings.columns(rule, "state of participant", name, nothing, state[name])
    return ranges.check_state(findings, policy, state, "at genesis")
