"""A whole market from beginning to end: deploy, register, clear interval after interval, claim, audit.

Nothing is played: the contracts are the committed artefacts, every order is signed, every header is posted with its
certificate, and the audit knows only the chain and the published bundles. Two things are for demonstration alone: keys
and secrets derive from the seed, so that a run can be repeated, and on a development chain time is made to pass.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field, replace

import numpy as np
from coincurve import PrivateKey
from eth_account.signers.local import LocalAccount

from deploy.chain import Chain, development_key
from deploy.contracts import MAX_RING, Deployment, MarketSettings, deploy_all
from offchain.audit.history import audit_market
from offchain.audit.verdict import Verdict
from offchain.clearing.certificate import check_network
from offchain.clearing.program import Clearer
from offchain.commitment.trees import PlainTree
from offchain.errors import ClearwattError
from offchain.grid.model import Grid
from offchain.keccak import keccak
from offchain.market import (
    Genesis,
    Interval,
    MarketState,
    amend,
    clear_interval,
    genesis,
    register,
)
from offchain.metering.cover import affordable, rooms
from offchain.metering.readings import ReadingTable, with_filed
from offchain.orders.signing import domain_separator, signed
from offchain.orders.table import OrderTable, Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY
from offchain.randomness.links import HashChain
from offchain.records import KIND_ORDER
from offchain.units import WH_TICKS_PER_MICRO, Int64Array
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.lottery import Lottery, ServiceTally, compile_solver
from oracle.meters import Meters
from oracle.reader import filed_readings, read_market
from oracle.scenario import Scenario
from oracle.terminal import Reporter
from oracle.worth import pot_shares

POLICY = replace(
    DEFAULT_POLICY,
    meter_lag=2,
    reserve_micro=2_000_000,
    meter_operator=bytes.fromhex(development_key("meter", 0).address[2:]),
)
"""Each half-hour settles the meter readings of an hour before."""

WINDOW_INTERVALS = 4
"""A header can be disputed for this many intervals."""

LIVE_WINDOW_S = 240
"""The same on a chain whose time has to be waited for, in seconds."""

RING_SIZE = 16
"""Headers kept: more than twice the window."""

_DEADLINE_S = 7 * 24 * 3600
_BOND_MICRO = 10_000 * 10**6
_PENALTY_MICRO = 1_000 * 10**6
_REGISTER_AT_ONCE = 100
_PARTIES = ("operator", "witness")


@dataclass
class Gas:
    """Gas of the demo's transactions, by kind."""

    deploy: int = 0
    register: int = 0
    orders: list[int] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    headers: list[int] = field(default_factory=list)
    claims: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class DemoResult:
    """What a demo came to.

    Attributes:
        scenario: What was drawn.
        chain: Name of the chain's engine.
        chain_id: Its number.
        ledger: Address of the ledger.
        intervals: Header hashes, roots and totals are taken from here.
        final: The market after the last interval.
        gas: Gas of all transactions.
        claimed_micro: Money that suppliers have collected.
        fair: How flexible energy was shared.
        lottery: How a lottery without memory would have shared it.
        dc_violations: Network rules broken; the same integers that the ledger checks.
        shares_words: How the shares of the pot came about.
        verdict: The audit's.
        changes: What was changed on the way, by first interval, in words.
        seconds: Wall-clock time.
    """

    scenario: Scenario
    chain: str
    chain_id: int
    ledger: str
    intervals: tuple[Interval, ...]
    final: MarketState
    gas: Gas
    claimed_micro: int
    fair: ServiceTally
    lottery: ServiceTally
    dc_violations: int
    shares_words: str
    verdict: Verdict
    changes: tuple[tuple[int, str], ...]
    seconds: float


def run_demo(run: DemoRun) -> DemoResult:
    """Run a demo from its deployment to its audit.

    Raises:
        ChainError: When the chain refuses a transaction.
        ClearwattError: When an interval cannot be cleared.
    """
    run.open()
    run.clear_all()
    claimed = run.claim_all()
    return run.result(claimed, run.audit())


class DemoRun:
    """The steps of a demo, and what they pass on to each other.

    Args:
        scenario: What is asked and offered.
        chain: Where the contracts are deployed; its payer is operator and registrar.
        out: Where bundles are published.
        reporter: Hears of the progress.
    """

    contracts: Deployment
    state: MarketState
    beacons: list[HashChain]

    def __init__(
        self, scenario: Scenario, chain: Chain, out: BundleDirectory, reporter: Reporter
    ) -> None:
        self.scenario = scenario
        self.chain = chain
        self.out = out
        self.reporter = reporter
        self.started = time.perf_counter()
        self.gas = Gas()
        self.intervals: list[Interval] = []
        self.changes: list[tuple[int, str]] = []
        self.dc_violations = 0
        self.eager = True
        self.clearer = Clearer(scenario.network.grid)
        self.lottery = Lottery(scenario, POLICY)
        self.fair = ServiceTally(scenario)
        self.accounts: list[LocalAccount] = [
            development_key("participant", index) for index in range(len(scenario.bus))
        ]
        self.keys = [PrivateKey(bytes(account.key)) for account in self.accounts]
        self.meters = Meters(
            scenario.config.seed, PrivateKey(bytes(development_key("meter", 0).key))
        )
        self.worth = pot_shares(scenario)

    def secret(self, label: str, number: int = 0) -> bytes:
        """32 bytes that a real market would draw at random."""
        seed = self.scenario.config.seed
        return keccak(f"clearwatt demo {label} {seed} {number}".encode())

    # BEGINNING

    def open(self) -> None:
        """Deploy the contracts, register everybody and publish the genesis."""
        with self.reporter.phase("Preparing the solver", 1) as phase:
            compile_solver(self.scenario, POLICY)
            phase.step("compiled, if this was its first use")
        n, intervals = len(self.scenario.bus), len(self.scenario.scarce)
        # a link for each interval, and one for each time that orders may be opened again
        links = intervals + RING_SIZE
        self.beacons = [HashChain(self.secret(party), links) for party in _PARTIES]
        batches = range(0, n, _REGISTER_AT_ONCE)
        with self.reporter.phase("Opening the market", 2 + len(batches)) as phase:
            draft = self._genesis(bytes(20), 1)
            settings = self.settings(draft)
            self.eager = settings.eager
            self.contracts = deploy_all(self.chain, settings)
            self.gas.deploy = self.contracts.gas
            ledger = self.contracts.ledger.address
            phase.step(f"contracts deployed, the ledger is {ledger}")
            start = self._genesis(bytes.fromhex(ledger[2:]), self.contracts.grid_version)
            self.state = start.state
            self.out.write(0, start.bundle)
            phase.step("genesis published")
            self._pay_in(n)
            for first in batches:
                self._register(first)
                phase.step(f"{min(first + _REGISTER_AT_ONCE, n) - 1} participants registered")

    def _genesis(self, ledger: bytes, grid_version: int) -> Genesis:
        scenario = self.scenario
        contracts, state = register(
            np.array([bytes.fromhex(a.address[2:]) for a in self.accounts], dtype="V20"),
            scenario.bus,
            scenario.rank,
            scenario.fstar_ppb,
            scenario.rate_wh,
            scenario.demand_cap_wh,
            scenario.supply_cap_wh,
            scenario.subscription,
        )
        return genesis(
            policy=POLICY,
            grid=scenario.network.grid,
            contracts=contracts,
            state=state,
            shares=self.worth.shares,
            chain_id=self.chain.chain_id,
            ledger=ledger,
            nonce=self.secret("nonce"),
            salt_key=self.secret("salt"),
            grid_version=grid_version,
        )

    def settings(self, draft: Genesis) -> MarketSettings:
        """What the contracts are deployed with."""
        devnet = self.chain.is_devnet
        intervals = len(self.scenario.scarce)
        return MarketSettings(
            policy=POLICY.packed(),
            contracts_root=draft.state.contracts_tree.root,
            shares_root=draft.state.shares_tree.root,
            state_root=draft.state.state_tree.root,
            nonce=self.secret("nonce"),
            packed_grid=self.scenario.network.grid.packed(),
            participants=len(self.scenario.bus),
            tips=tuple(beacon.tip for beacon in self.beacons),
            relief=development_key("relief", 0).address,
            window_seconds=WINDOW_INTERVALS * POLICY.interval_s if devnet else LIVE_WINDOW_S,
            deadline_seconds=_DEADLINE_S,
            # where time has to be waited for, no header is final before the last is posted
            ring_size=RING_SIZE if devnet else min(intervals + RING_SIZE, MAX_RING),
            bond_micro=_BOND_MICRO,
            penalty_micro=_PENALTY_MICRO,
        )

    def _deposit_micro(self) -> int:
        """A deposit that covers anybody's whole run: all it asks, or is late to deliver, at the highest price."""
        scenario = self.scenario
        energy = scenario.essential_wh + scenario.flexible_wh + scenario.supply_wh
        # a meter may tell a little more than was allocated, up to the contract
        most = 2 * int(energy.sum(axis=0).max()) * POLICY.p_hi_ticks // WH_TICKS_PER_MICRO
        return most + len(energy) * int(scenario.subscription.max()) + POLICY.reserve_micro + 1

    def _pay_in(self, accounts: int) -> None:
        """The registrar advances everybody's deposit."""
        amount, token = accounts * self._deposit_micro(), self.contracts.token
        for call in (
            token.functions.mint(self.chain.payer, amount),
            token.functions.approve(self.contracts.escrow.address, amount),
        ):
            self.gas.register += self.chain.transact(call)["gasUsed"]

    def _register(self, first: int) -> None:
        owners = [account.address for account in self.accounts[first : first + _REGISTER_AT_ONCE]]
        register_many = self.contracts.escrow.functions.registerMany
        call = register_many(owners, first, self._deposit_micro())
        self.gas.register += self.chain.transact(call)["gasUsed"]

    # INTERVALS

    def clear_all(self) -> None:
        """Clear, post and publish every interval."""
        operator = Operator(self.chain, self.contracts)
        opened = self.chain.now()
        total = len(self.scenario.scarce)
        with self.reporter.phase("Clearing interval after interval", total) as phase:
            for interval in range(1, total + 1):
                if self.chain.is_devnet:
                    self.chain.wait_until(opened + interval * POLICY.interval_s)
                done = self.clear(operator, interval)
                phase.step(_told(done, bool(self.scenario.scarce[interval - 1])))

    def clear(self, operator: Operator, interval: int) -> Interval:
        """Take the orders of an interval, clear it, post it and publish it."""
        self.begin(interval)
        orders, quantities = self.signed_orders(interval)
        orders = self.accepted(interval, orders)
        committed = self.orders_to_commit(interval, orders)
        orders_root = PlainTree.of_table(KIND_ORDER, committed, len(self.scenario.bus)).root
        self.gas.orders.append(operator.commit_orders(interval, orders_root))
        seed, gas = self.draw_seed(operator, interval)
        self.gas.seeds.append(gas)
        done = self.tell(interval, orders, seed)
        # a ledger that is not eager looks at no certificate: it is in the bundle alone
        certificate = done.certificate if self.eager else b""
        self.gas.headers.append(operator.post(self.state.header_hash, done.payload, certificate))
        self.publish(interval, done.bundle)
        told = done.outcome.clearing.certificate
        self.dc_violations += len(check_network(done.state.market.grid, told).violations)
        self.fair.add(quantities, done.allocation["flexible_x_wh"].astype(np.int64))
        self.lottery.step(quantities, seed)
        self.intervals.append(done)
        self.state = done.state
        return done

    def collateral(self, interval: int) -> Int64Array:
        """What everybody's deposit covers in an interval."""
        return Operator(self.chain, self.contracts).collateral(interval, len(self.scenario.bus))

    def accepted(self, interval: int, orders: OrderTable) -> OrderTable:
        """The orders that their owners can pay for, whatever the price turns out to be."""
        room = rooms(self.state.market.state, self.collateral(interval))
        return orders[affordable(POLICY, orders, room)]

    def begin(self, interval: int) -> None:
        """What happens before the orders of an interval are taken: here nothing."""

    def move_to(self, grid: Grid, version: int) -> None:
        """Clear on another grid from the next interval on."""
        self.state = amend(self.state, grid=grid, grid_version=version)
        self.clearer = Clearer(grid)
        self.lottery.move_to(grid)

    def publish(self, interval: int, bundle: bytes) -> None:
        """Show everybody what is behind a header."""
        self.out.write(interval, bundle)

    def draw_seed(self, operator: Operator, interval: int) -> tuple[bytes, int]:
        """Fix the seed of an interval; returns it, and the gas."""
        return operator.reveal(interval, self.beacons)

    def orders_to_commit(self, interval: int, orders: OrderTable) -> OrderTable:
        """The orders that the operator commits to: here all, as they were signed."""
        del interval
        return orders

    def tell(self, interval: int, orders: OrderTable, seed: bytes) -> Interval:
        """What the operator says of an interval: here the truth."""
        return clear_interval(
            self.state,
            orders,
            seed,
            self.secret("salt", interval),
            self.clearer,
            readings=self.readings(),
            collateral=self.collateral(interval),
        )

    def readings(self) -> ReadingTable | None:
        """What the meters said of the half-hour that the next one settles; None of none."""
        market = self.state.market
        if not market.measured_interval:
            return None
        domain = self.state.domain
        separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
        delivered = self.meters.read(market.past[0], separator)
        # The header before stands by now, so whatever is due in this interval has been filed.
        block = self.chain.web3.eth.block_number
        filed = filed_readings(self.chain, self.contracts.readings, block)
        return with_filed(
            delivered,
            [reading.record for reading in filed],
            market.measured_interval,
            len(market.state),
            market.policy.meter_operator,
            separator,
        )

    def signed_orders(self, interval: int) -> tuple[OrderTable, Quantities]:
        """Everybody's orders, signed by their owners: row by row over the registration numbers."""
        row = interval - 1
        scenario = self.scenario
        quantities = Quantities(
            scenario.essential_wh[row],
            scenario.flexible_wh[row],
            scenario.supply_wh[row],
            scenario.bid_ticks,
        )
        asking = np.flatnonzero(
            quantities.essential_wh + quantities.flexible_wh + quantities.supply_wh
        )
        unsigned = orders_from_columns(
            asking,
            Quantities(
                quantities.essential_wh[asking],
                quantities.flexible_wh[asking],
                quantities.supply_wh[asking],
                quantities.bid_ticks[asking],
            ),
            seq=interval,
            valid_from=interval,
            valid_to=interval,
        )
        domain = self.state.domain
        separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
        return signed(unsigned, [self.keys[i] for i in asking], separator), quantities

    # END

    def claim_all(self) -> int:
        """Let the window pass and pay out everybody who has earned something; returns the money."""
        window = self.contracts.ledger.functions.windowSeconds().call()
        last = self.intervals[-1]
        posted = self.contracts.ledger.functions.postedAt(last.header.interval).call()
        with self.reporter.phase("Waiting for the last window", 1) as phase:
            self.chain.wait_until(posted + window)
            phase.step("every header is final")
        state = self.state.market.state
        earned = np.flatnonzero(state["credit"] > state["debit"])
        operator = Operator(self.chain, self.contracts)
        with self.reporter.phase("Paying out what was earned", len(earned)) as phase:
            for index in earned.tolist():
                self.gas.claims.append(operator.claim(last, index))
                phase.step()
        return int((state["credit"] - state["debit"])[earned].sum())

    def audit(self) -> Verdict:
        """Check everything again from the chain and the bundles alone."""
        verdict = Verdict()
        with self.reporter.phase("Auditing from chain and bundles", len(self.intervals)) as phase:
            published = read_market(self.chain, self.contracts.ledger.address)
            for verdict in audit_market(published, self.out.read):
                if verdict.intervals:
                    phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults")
        if len(published.headers) != len(self.intervals):
            raise ClearwattError("audit: the chain does not hold every header that was posted")
        return verdict

    def result(self, claimed_micro: int, verdict: Verdict) -> DemoResult:
        """What the run came to."""
        return DemoResult(
            scenario=self.scenario,
            chain=self.chain.engine.name,
            chain_id=self.chain.chain_id,
            ledger=self.contracts.ledger.address,
            intervals=tuple(self.intervals),
            final=self.state,
            gas=self.gas,
            claimed_micro=claimed_micro,
            fair=self.fair,
            lottery=self.lottery.tally,
            dc_violations=self.dc_violations,
            shares_words=self.worth.words,
            verdict=verdict,
            changes=tuple(self.changes),
            seconds=time.perf_counter() - self.started,
        )


def _told(done: Interval, scarce: bool) -> str:
    header = done.header
    served = 100 * header.served // max(header.requested, 1)
    price = int(done.outcome.bus_price_ticks.max()) / 10**6
    return f"{'supply is short, ' if scarce else ''}{served} % served, price {price:.3f}"


def median(values: list[int]) -> int | None:
    """The middle of some figures, rounded down; None of none."""
    return int(statistics.median_low(values)) if values else None
