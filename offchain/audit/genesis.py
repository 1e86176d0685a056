"""How a market began, held to its chain: what every interval is judged by, and where the first one starts."""

from __future__ import annotations

import numpy as np

from offchain.audit import ranges
from offchain.audit.context import Before, Context
from offchain.audit.findings import Findings, Rule
from offchain.audit.published import PublishedMarket
from offchain.commitment.allocation import Layout
from offchain.commitment.bundle import read_genesis
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import genesis_hash, market_id
from offchain.commitment.terms import Terms
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.registered import unpack
from offchain.orders.signing import SignatureCheck, domain_separator
from offchain.policy import Policy
from offchain.records import KIND_CONTRACT, KIND_SHARE, KIND_STATE

GENESIS = 0
"""The number of the bundle that opens a market."""


def audit_genesis(
    market: PublishedMarket, data: bytes
) -> tuple[Findings, tuple[Context, Before] | None]:
    """Check how a market began, and the code and the grids that its chain holds.

    Returns:
        What was found, and what the intervals are judged by; None where nothing can be judged by it.

    Raises:
        InputError: When the bundle cannot be read, or is not the genesis that the chain names. That is no fault of the
            operator's: anyone may have handed out another file.
    """
    genesis = read_genesis(data)
    policy = Policy.unpack(genesis.policy)
    state, n = genesis.state, len(genesis.state)
    grids = {genesis.grid_version: genesis.grid, **market.grids}
    roots = []
    for name, kind in (("contracts", KIND_CONTRACT), ("state", KIND_STATE), ("shares", KIND_SHARE)):
        table = getattr(genesis, name)
        if not np.array_equal(table["index"], np.arange(n)):
            raise InputError(f"its bundle does not number its {name} from 0; fetch it again")
        roots.append(PlainTree.of_table(kind, table, n).root)
    grid_hash = unpack(genesis.grid).hash()
    named = market_id(policy.hash(), grid_hash, roots[0], roots[1], genesis.nonce)
    salts = record_salts(genesis.salt_key, KIND_STATE, state["index"])
    for name, same in (
        ("domain", genesis.domain == market.domain),
        ("market id", named == market.domain.market_id),
        ("genesis hash", genesis_hash(market.domain.hash(), roots[1]) == market.genesis_hash),
        ("grid", grids[genesis.grid_version] == genesis.grid),
        ("key of salts", np.array_equal(salts, state["salt"])),
        ("shares root", roots[2] == market.shares_root),
    ):
        if not same:
            options = "--ledger and --bundles" if market.on_chain else "--head and the directory"
            raise InputError(
                f"these bundles are of another market, their {name} differs; check {options}"
            )
    unpacked = {version: unpack(packed) for version, packed in grids.items()}
    findings = Findings(GENESIS)
    for code in market.code:
        where = f"the code of the {code.contract} at {code.address}"
        findings.equal(Rule.CODE, where, code.expected, code.found)
    findings.equal(Rule.POLICY, "the ledger's policy hash", policy.hash(), market.policy_hash)
    if market.meter_lag is not None:
        findings.equal(Rule.POLICY, "the ledger's meter lag", policy.meter_lag, market.meter_lag)
    for version, registered in market.grid_hashes.items():
        where = f"the registered hash of grid {version}"
        findings.equal(Rule.GRID, where, unpacked[version].hash(), registered)
    owners = genesis.contracts["owner"].tolist() if market.on_chain else []
    # A vacant place has nobody yet; whoever takes it later is held to the escrow then.
    for index, owner in ((i, owner) for i, owner in enumerate(owners) if any(owner)):
        where = f"the owner of participant {index} in the escrow"
        findings.equal(Rule.CONTRACT, where, owner, market.owners.get(index, b""))
    for rule, name in (
        (Rule.DEFICIT, "deficit_hi"),
        (Rule.DEFICIT, "deficit_lo"),
        (Rule.BALANCE, "credit"),
        (Rule.BALANCE, "debit"),
        (Rule.BALANCE, "peak"),
    ):
        nothing = np.zeros_like(state[name])
        findings.columns(rule, "state of participant", name, nothing, state[name])
    if not ranges.check_state(findings, policy, state, "at genesis"):
        return findings, None
    domain = market.domain
    context = Context(
        domain=domain,
        terms=Terms(0, genesis.grid_version, market.policy_hash, roots[2], roots[0]),
        policy=policy,
        grids=unpacked,
        contracts=genesis.contracts,
        layouts={v: Layout.of(genesis.contracts, g.holarchy) for v, g in unpacked.items()},
        signatures=SignatureCheck(
            domain_separator(domain.chain_id, domain.ledger, domain.market_id)
        ),
    )
    return findings, (context, Before(market.genesis_hash, state))
