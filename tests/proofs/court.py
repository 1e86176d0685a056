"""A market on an embedded chain with two honest intervals, and a third one to lie in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from coincurve import PrivateKey
from web3.types import TxParams

from deploy.devnet import embedded
from offchain.commitment.bundle import read_bundle
from offchain.commitment.hashing import packed_rows
from offchain.commitment.trees import PlainTree
from offchain.market import Interval
from offchain.metering.readings import readings_from_columns, signed_readings
from offchain.orders.signing import domain_separator
from offchain.orders.table import OrderTable
from offchain.proofs import ChainFacts, Claim, Proof, open_claim, published_claim
from offchain.records import KIND_ORDER
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.challenge import Challenge, Court
from oracle.demo import POLICY, DemoRun
from oracle.lies import Truth
from oracle.reader import read_market
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

#: Not a power of two, so that every tree has an empty part.
CONFIG = ScenarioConfig(participants=18, intervals=6, seed=3)
LAST = 3
#: Whose reading is filed on the chain while the last interval can still not be cleared.
FILED = CONFIG.participants


def signed_reading(
    run: DemoRun, index: int, interval: int, consumed_wh: int = 700, key: PrivateKey | None = None
) -> bytes:
    """A packed reading, signed by the metering operator or with another key."""
    row = readings_from_columns([index], interval, [consumed_wh], [0])
    domain = run.state.domain
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    return packed_rows(signed_readings(row, key or run.meters.key, separator)).tobytes()


def file_reading(run: DemoRun, record: bytes) -> None:
    """File a reading on the chain."""
    run.chain.transact(run.contracts.readings.functions.file(record))


class Stage:
    """A chain that can be set back."""

    def __init__(self, run: DemoRun) -> None:
        self.run, self.chain = run, run.chain
        self.court = Court.of(run.chain, run.contracts.ledger.address)
        self.operator = Operator(run.chain, run.contracts)
        self.salt_key = run.secret("salt", LAST)
        self.earlier, _ = run.signed_orders(LAST - 1)
        self.orders, _ = run.signed_orders(LAST)
        with self.undone():
            seed = self.commit(self.orders)
            self.truth = Truth(run.tell(LAST, self.orders, seed), self.salt_key, run.clearer)
            self.post(self.truth.interval)
            market = read_market(run.chain, run.contracts.ledger.address)
            bundles = {LAST: self.truth.interval.bundle}
            self.claim = published_claim(market, lambda t: bundles.get(t) or run.out.read(t), LAST)

    def commit(self, orders: OrderTable, interval: int = LAST) -> bytes:
        """Fix the orders of an interval; returns its seed."""
        root = PlainTree.of_table(KIND_ORDER, orders, len(self.run.scenario.bus)).root
        return self.commit_root(root, interval)

    def commit_root(self, root: bytes, interval: int = LAST) -> bytes:
        """Fix the orders of an interval by their root; returns its seed."""
        self.operator.commit_orders(interval, root)
        seed, _ = self.operator.reveal(interval, self.run.beacons)
        return seed

    def post(self, interval: Interval) -> None:
        """Post a told interval."""
        self.operator.post(interval.before.header_hash, interval.payload, interval.certificate)

    def post_claim(self, claim: Claim, certificate: bytes | None = None) -> None:
        """Post an altered header."""
        own = self.truth.interval.certificate
        self.operator.post(
            claim.previous_hash, claim.header.packed(), own if certificate is None else certificate
        )

    def claim_of(self, interval: Interval, facts: ChainFacts | None = None) -> Claim:
        """A told interval, opened from its bundle."""
        market = self.run.state.market
        return open_claim(
            read_bundle(interval.bundle),
            market.state,
            market.policy,
            market.grid,
            facts or self.claim.facts,
            self.claim.measured,
        )

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Set the chain back afterwards."""
        tester: Any = self.chain.web3.provider.ethereum_tester  # type: ignore[attr-defined]
        before = tester.take_snapshot()
        try:
            yield
        finally:
            tester.revert_to_snapshot(before)

    def refusal(self, proof: Proof) -> str:
        """The name of the error by which the chain refuses a proof; empty if it accepts it."""
        fields: TxParams = {"from": self.chain.payer, "gas": 16_000_000}
        return self.chain.refusal(self.court.call(proof), fields) or ""


def convict(stage: Stage, proof: Proof) -> Challenge:
    """Send a proof and see that the header is void, the bond slashed and the prover paid."""
    token, bond = stage.run.contracts.token, stage.court.bond
    prover = stage.chain.payer
    had = token.functions.balanceOf(prover).call()
    bonded = bond.functions.bonded().call()
    challenge = stage.court.submit(LAST, proof)
    assert challenge.voided
    assert challenge.bond_micro == bonded - bond.functions.penalty().call()
    assert token.functions.balanceOf(prover).call() == had + challenge.reward_micro
    assert challenge.reward_micro > 0
    return challenge


def bond_again(stage: Stage) -> None:
    """Put up what was slashed."""
    chain, token, bond = stage.chain, stage.run.contracts.token, stage.court.bond
    amount = bond.functions.minimum().call()
    chain.transact(token.functions.mint(chain.payer, amount))
    chain.transact(token.functions.approve(bond.address, amount))
    chain.transact(bond.functions.bond(amount))


@contextmanager
def opened_stage() -> Iterator[Stage]:
    """Two honest intervals on a chain, and the third told by the rules."""
    with tempfile.TemporaryDirectory() as directory, embedded() as chain:
        scenario = draw_scenario(CONFIG)
        run = DemoRun(scenario, chain, BundleDirectory.create(Path(directory)), Reporter())
        run.open()
        operator = Operator(chain, run.contracts)
        for interval in range(1, LAST):
            run.clear(operator, interval)
            if interval == LAST - POLICY.meter_lag:
                file_reading(run, signed_reading(run, FILED, interval))
        yield Stage(run)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """One stage for all tests: each sets the chain back."""
    with opened_stage() as opened:
        yield opened
