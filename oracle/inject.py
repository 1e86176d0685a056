"""A demo whose operator lies in the last interval: the audit names it, a challenge voids it."""

from __future__ import annotations

from typing import Final

from eth_account.signers.local import LocalAccount

from deploy.chain import Chain, development_key
from deploy.contracts import MarketSettings
from offchain.audit.findings import Rule
from offchain.audit.published import PublishedMarket
from offchain.errors import InputError
from offchain.market import Genesis, Interval
from offchain.orders.table import OrderTable, Quantities
from oracle.asking import Desk, missing_data
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.challenge import Challenge, Court, first_proof
from oracle.demo import DemoResult, DemoRun
from oracle.lies import NAMES as TOLD
from oracle.lies import ORDER_LIES, Truth, tell
from oracle.reader import read_market
from oracle.scenario import Scenario
from oracle.staged import GATE, STAGED
from oracle.terminal import Reporter

_AUDITOR_WEI = 10 * 10**18
#: What cannot be proven before its data were asked for on the chain.
_HIDDEN: Final = (Rule.WITHHELD, Rule.ROOT)

#: What a demo's operator can be told to do, by the rule that it breaks.
INJECTABLE: Final = tuple(sorted({*TOLD, *(rule.value for rule in STAGED), Rule.WITHHELD.value}))


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
    if fault in STAGED and STAGED[fault].prepare and len(scenario.scarce) < GATE:
        raise InputError(
            f"inject: {fault} is prepared {GATE} intervals ahead; give --intervals {GATE} or more"
        )
    run = LyingRun(scenario, chain, out, reporter, fault)
    run.open()
    run.clear_all()
    verdict = run.audit()
    auditor = development_key("auditor", 0)
    with reporter.phase("Challenging the false interval", 3) as phase:
        chain.transfer(auditor.address, _AUDITOR_WEI)
        market = read_market(chain, run.contracts.ledger.address)
        court = Court.of(chain, run.contracts.ledger.address)
        if fault in _HIDDEN:
            _ask_in_vain(court, market, out, auditor)
            verdict = run.audit()
            market = read_market(chain, run.contracts.ledger.address)
        phase.step(f"the audit found {', '.join(sorted({f.rule for f in verdict.faults}))}")
        interval, proof = first_proof(court, market, out.read, verdict.faults, auditor.address)
        phase.step(f"the chain accepts a proof of {proof.function}")
        challenge = court.submit(interval, proof, auditor)
        phase.step(f"voided for {challenge.gas:,} gas")
    return run.result(0, verdict), challenge


def _ask_in_vain(
    court: Court, market: PublishedMarket, out: BundleDirectory, auditor: LocalAccount
) -> None:
    """Ask for what is in no bundle, and wait until the answer is overdue."""
    interval = len(market.headers)
    question = missing_data(market, out.read, interval, 1)
    if question is None:
        raise InputError("inject: everything was published; nothing is withheld")
    answer_by = Desk.of(court).ask(question, auditor)
    court.chain.wait_until(answer_by + 1)


class LyingRun(DemoRun):
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
        self._staged = STAGED.get(fault)
        self._orders: list[OrderTable] = []

    def settings(self, draft: Genesis) -> MarketSettings:
        """What the contracts are deployed with, lazy where the lie needs it."""
        honest = super().settings(draft)
        return self._staged.settings(honest) if self._staged else honest

    def clear(self, operator: Operator, interval: int) -> Interval:
        """Clear an interval; what a lie needs of the chain is prepared in time."""
        last = len(self.scenario.scarce)
        if self._staged and self._staged.prepare and interval == last - self._staged.ahead + 1:
            self._staged.prepare(self, last)
        return super().clear(operator, interval)

    def signed_orders(self, interval: int) -> tuple[OrderTable, Quantities]:
        """Everybody's orders, of which the operator of the last interval commits to false ones."""
        orders, quantities = super().signed_orders(interval)
        self._orders.append(orders)
        return orders, quantities

    def accepted(self, interval: int, orders: OrderTable) -> OrderTable:
        """What can be paid for, and where the lie is to serve without cover, all."""
        if self._fault is Rule.OVERDRAWN and self._lies(interval):
            return orders
        return super().accepted(interval, orders)

    def orders_to_commit(self, interval: int, orders: OrderTable) -> OrderTable:
        """What is committed to before the seed is known; the seed has no part in which orders."""
        if not self._lies(interval):
            return orders
        if self._staged:
            return self._staged.drop(orders)
        if self._fault not in ORDER_LIES:
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
        if self._staged:
            return self._staged.tell(truth, self._staged.drop(orders))
        return tell(self._fault, truth, self._orders[-2])

    def _lies(self, interval: int) -> bool:
        return interval == len(self.scenario.scarce)
