"""A demo whose operator lies in the last interval: the audit names it, a challenge voids it."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from deploy.chain import Chain, development_key
from offchain.audit.findings import Rule
from offchain.audit.published import PublishedMarket
from offchain.errors import InputError
from offchain.market import Interval
from offchain.orders.table import OrderTable, Quantities
from offchain.proofs import Proof
from oracle.asking import Desk, hidden_leaf, withheld_proof
from oracle.bundles import BundleDirectory
from oracle.challenge import Challenge, Court, first_proof
from oracle.demo import DemoResult, DemoRun
from oracle.lies import NAMES, ORDER_LIES, Truth, tell
from oracle.reader import read_market
from oracle.scenario import Scenario
from oracle.terminal import Reporter

_AUDITOR_WEI = 10 * 10**18

INJECTABLE = tuple(sorted((*NAMES, Rule.WITHHELD.value)))
"""What a demo's operator can be told to do."""


def rule_of(name: str) -> Rule:
    """The rule of a name that can be injected.

    Raises:
        InputError: There is no such name.
    """
    if name not in INJECTABLE:
        known = ", ".join(INJECTABLE)
        raise InputError(f"inject: '{name}' is no fault; give one of {known}")
    return Rule(name)


def run_injected(
    scenario: Scenario, chain: Chain, out: BundleDirectory, reporter: Reporter, fault: Rule
) -> tuple[DemoResult, Challenge]:
    """Run a scenario whose last interval is told falsely, audit it, and have the lie punished.

    Args:
        scenario: What is asked and offered.
        chain: Where the contracts are deployed.
        out: Where bundles are published.
        reporter: Hears of the progress.
        fault: The rule to break.

    Returns:
        The demo's result up to its audit, and the proof that voided the interval.

    Raises:
        InputError: The scenario is too short, or its last interval cannot be told so.
        ChainError: When the chain refuses a transaction.
    """
    if len(scenario.scarce) < 2:
        raise InputError("inject: one interval is too few to lie in; give --intervals 2 or more")
    run = _LyingRun(scenario, chain, out, reporter, fault)
    run.open()
    run.clear_all()
    verdict = run.audit()
    faulty = sorted({found.interval for found in verdict.faults})
    auditor = development_key("auditor", 0)
    with reporter.phase("Challenging the false interval", 3) as phase:
        chain.transfer(auditor.address, _AUDITOR_WEI)
        market = read_market(chain, run.contracts.ledger.address)
        court = Court.of(chain, run.contracts.ledger.address)
        if fault is Rule.WITHHELD:
            interval, proof = _asked_in_vain(court, market, out, auditor)
        else:
            phase.step(f"the audit found {', '.join(sorted({f.rule for f in verdict.faults}))}")
            interval, proof = first_proof(court, market, out.read, faulty, auditor.address)
        phase.step(f"the chain accepts a proof of {proof.function}")
        challenge = court.submit(interval, proof, auditor)
        phase.step(f"voided for {challenge.gas:,} gas")
    return run.result(0, verdict), challenge


def _asked_in_vain(
    court: Court, market: PublishedMarket, out: BundleDirectory, auditor: LocalAccount
) -> tuple[int, Proof]:
    """Ask for a participant's state of the interval that nobody can judge, and wait until the answer is overdue."""
    interval = len(market.headers)
    answer_by = Desk.of(court).ask(hidden_leaf(market, out.read, interval, 1), auditor)
    court.chain.wait_until(answer_by + 1)
    proof = withheld_proof(read_market(court.chain, court.ledger.address), out.read, interval)
    if proof is None:
        raise InputError("inject: somebody has answered for the operator; nothing is withheld")
    return interval, proof


class _LyingRun(DemoRun):
    """A demo whose operator breaks one rule in the last interval."""

    def __init__(
        self,
        scenario: Scenario,
        chain: Chain,
        out: BundleDirectory,
        reporter: Reporter,
        fault: Rule,
    ) -> None:
        super().__init__(scenario, chain, out, reporter)
        self._fault = fault
        self._orders: list[OrderTable] = []

    def signed_orders(self, interval: int) -> tuple[OrderTable, Quantities]:
        """Everybody's orders, of which the operator of the last interval commits to false ones."""
        orders, quantities = super().signed_orders(interval)
        self._orders.append(orders)
        return orders, quantities

    def orders_to_commit(self, interval: int, orders: OrderTable) -> OrderTable:
        """What is committed to before the seed is known; the seed has no part in which orders."""
        if not self._lies(interval) or self._fault not in ORDER_LIES:
            return orders
        return self._told(interval, orders, bytes(32)).orders

    def tell(self, interval: int, orders: OrderTable, seed: bytes) -> Interval:
        """The truth, until the last interval."""
        if not self._lies(interval) or self._fault is Rule.WITHHELD:
            return super().tell(interval, orders, seed)
        return self._told(interval, orders, seed)

    def publish(self, interval: int, bundle: bytes) -> None:
        """Every bundle, but not the one that is withheld."""
        if self._fault is not Rule.WITHHELD or not self._lies(interval):
            super().publish(interval, bundle)

    def _told(self, interval: int, orders: OrderTable, seed: bytes) -> Interval:
        honest = super().tell(interval, orders, seed)
        truth = Truth(honest, self.secret("salt", interval), self.clearer)
        return tell(self._fault, truth, self._orders[-2])

    def _lies(self, interval: int) -> bool:
        return interval == len(self.scenario.scarce)
