"""A market whose seeds are drand rounds: a wrong signature is found by the audit and voided, the orders stand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.chain import ChainError, development_key
from deploy.contracts import DrandSettings, MarketSettings
from deploy.devnet import embedded
from offchain.audit.findings import Rule
from offchain.audit.history import audit_market
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.market.genesis import Genesis
from offchain.proofs import Proof, published_claim
from offchain.proofs.inputs import seed
from offchain.randomness.drand import seed as seed_of
from oracle.bundles import BundleDirectory
from oracle.chain import NOBODY, Operator
from oracle.challenge import Court
from oracle.demo import DemoRun
from oracle.reader import read_market
from oracle.rounds import fetch_round
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter
from tests.randomness.network import LocalNetwork

DELAY_S = 6
LAST = 2


class DrandRun(DemoRun):
    """A demo on the rounds of a network of its own; `wrong` intervals get the signature of another round."""

    local: LocalNetwork
    wrong: frozenset[int] = frozenset({LAST})

    def settings(self, draft: Genesis) -> MarketSettings:
        self.local = LocalNetwork(20, self.chain.now() - 1000)
        drand = DrandSettings(self.local.network, DELAY_S)
        return replace(super().settings(draft), randomness="drand", tips=(), drand=drand)

    def draw_seed(self, operator: Operator, interval: int) -> tuple[bytes, int]:
        round_ = self.awaited(interval)
        told = round_ + 1 if interval in self.wrong else round_
        return operator.submit_round(interval, self.local.sign(told))

    def awaited(self, interval: int) -> int:
        """The round of an interval, once it is out."""
        round_ = int(self.contracts.beacon.functions.awaitedRound(interval).call())
        committed_at = int(self.contracts.ledger.functions.ordersCommittedAt(interval).call())
        assert round_ == self.local.network.round_at(committed_at, DELAY_S)
        self.chain.wait_until(self.local.network.time_of(round_))
        return round_


@contextmanager
def drand_market() -> Iterator[DrandRun]:
    """A genuine interval and one that is made of the wrong round."""
    with tempfile.TemporaryDirectory() as directory, embedded() as chain:
        scenario = draw_scenario(ScenarioConfig(participants=8, intervals=3, seed=3))
        made = DrandRun(scenario, chain, BundleDirectory.create(Path(directory)), Reporter())
        made.open()
        operator = Operator(chain, made.contracts)
        for interval in range(1, LAST + 1):
            made.clear(operator, interval)
        yield made


@pytest.fixture(scope="module")
def run() -> Iterator[DrandRun]:
    with drand_market() as market:
        yield market


def _audit(run: DrandRun) -> Verdict:
    market = read_market(run.chain, run.contracts.ledger.address)
    *_, verdict = audit_market(market, run.out.read)
    return verdict


def test_the_genuine_interval_passes_and_the_forged_one_is_named_and_voided(run: DrandRun) -> None:
    market = read_market(run.chain, run.contracts.ledger.address)
    assert market.public_key == run.local.network.public_key
    verdict = _audit(run)
    assert [(fault.interval, fault.rule) for fault in verdict.faults] == [(LAST, Rule.SEED)]
    honest = published_claim(market, run.out.read, 1)
    ((arguments, shows),) = seed(honest)
    assert not shows
    court = Court.of(run.chain, run.contracts.ledger.address)
    refused = Proof("seed", (honest.evidence, *arguments))
    assert not court.accepts(refused, run.chain.payer)
    lie = published_claim(market, run.out.read, LAST)
    ((arguments, shows),) = seed(lie)
    assert shows
    orders_root = market.orders_roots[LAST]
    challenge = court.submit(LAST, Proof("seed", (lie.evidence, *arguments)))
    assert challenge.voided
    assert challenge.reward_micro > 0

    # The same orders await the same round, and whoever brings it need not be trusted.
    after = read_market(run.chain, run.contracts.ledger.address)
    assert LAST not in after.seeds
    assert after.orders_roots[LAST] == orders_root
    round_ = run.awaited(LAST)
    assert round_ == market.draws[LAST].round
    stranger = development_key("stranger", 0)
    run.chain.transfer(stranger.address, 10**19)
    submit = run.contracts.beacon.functions.submit
    with pytest.raises(ChainError, match="Drand_WrongSignature"):
        run.chain.transact(submit(LAST, run.local.sign(round_ + 1)), stranger)
    genuine = run.local.sign(round_)
    run.chain.transact(submit(LAST, genuine), stranger)
    after = read_market(run.chain, run.contracts.ledger.address)
    assert after.seeds[LAST] == seed_of(after.domain.hash(), LAST, round_, genuine)


class FalseStart(DrandRun):
    """The first seed is wrong, and proven so before there is a header."""

    wrong = frozenset({1})

    def draw_seed(self, operator: Operator, interval: int) -> tuple[bytes, int]:
        ledger, drawn = self.contracts.ledger, super().draw_seed(operator, interval)
        if interval not in self.wrong:
            return drawn
        market = read_market(self.chain, ledger.address)
        draw, terms = market.draws[interval], ledger.functions
        named = (terms.policyHash, terms.sharesRoot, terms.contractsRoot)
        accepted = (
            interval,
            market.orders_roots[interval],
            self.chain.payer,
            self.contracts.grid_version,
            keccak(b"".join(bytes(root().call()) for root in named)),
        )
        self.chain.transact(
            self.contracts.faults.functions.seedAhead(accepted, draw.round, draw.signature)
        )
        self.wrong = frozenset()
        return super().draw_seed(operator, interval)


def test_an_operator_whose_seed_was_forgotten_posts_by_itself_as_any_bonded_signer(
    tmp_path: Path,
) -> None:
    """The bond outlasts the slash, but the interval is reserved for nobody any more."""
    with embedded() as chain:
        scenario = draw_scenario(ScenarioConfig(participants=8, intervals=3, seed=3))
        made = FalseStart(scenario, chain, BundleDirectory.create(tmp_path / "out"), Reporter())
        made.open()
        bond = made.contracts.bond.functions
        paid = bond.bonded().call()
        operator = Operator(chain, made.contracts)
        done = made.clear(operator, 1)
        assert bond.bonded().call() == paid - bond.penalty().call() >= bond.minimum().call()
        accepted = made.contracts.ledger.events.SeedAccepted().get_logs(from_block=0)
        assert [event["args"]["reserved"] for event in accepted] == [chain.payer, NOBODY]
        assert done.header.seed == bytes(accepted[-1]["args"]["seed"])
        assert made.contracts.ledger.functions.head().call() == 1
        made.clear(operator, 2)
        assert made.contracts.ledger.functions.head().call() == 2


def test_a_round_is_fetched_from_files_and_verified(tmp_path: Path) -> None:
    local = LocalNetwork(20, 0)
    for round_, of in ((5, 5), (6, 5)):
        told = {"round": round_, "signature": local.sign(of).hex()}
        (tmp_path / f"{round_}.json").write_text(json.dumps(told))
    (tmp_path / "7.json").write_text("no JSON")
    source = str(tmp_path / "{round}.json")
    assert fetch_round(source, 5, local.network) == local.sign(5)
    for round_, reason in ((6, "not the network's signature"), (7, "JSON"), (8, "cannot read")):
        with pytest.raises(InputError, match=reason):
            fetch_round(source, round_, local.network)
    with pytest.raises(InputError, match="does not give the round"):
        fetch_round("http://127.0.0.1:1/{round}", 5, local.network)
