"""The escape drill: a market loses its operator, is frozen by a stranger, and everybody leaves with all they own.

Whoever takes the money out knows only what anybody knows: the chain and the last published bundle. Half-settled
business is part of it: earnings collected before, a withdrawal announced, a participant registered after the last
header.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from deploy.chain import Chain, ChainError, development_key
from offchain.commitment.bundle import read_bundle, read_genesis
from offchain.commitment.hashing import packed_rows
from offchain.commitment.trees import PlainTree
from offchain.errors import ClearwattError
from offchain.records import KIND_STATE
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.demo import WINDOW_INTERVALS, DemoRun
from oracle.scenario import Scenario
from oracle.terminal import Reporter

LATE_DEPOSIT_MICRO = 12_345_678
"""What the participant brings who is registered after the last header."""

_COINS_WEI = 10**20


@dataclass(frozen=True)
class Exit:
    """One participant's way out; money in micro.

    Attributes:
        index: Registration number.
        deposit: What it had put in.
        credit: What it had earned by the last header.
        debit: What it owed by then.
        paid: What it had collected before.
        received: What arrived in its owner's account when it left.
    """

    index: int
    deposit: int
    credit: int
    debit: int
    paid: int
    received: int

    @property
    def owed(self) -> int:
        """Deposit + credit - debit - paid; negative for one who owes more than it had put in."""
        return self.deposit + self.credit - self.debit - self.paid


@dataclass(frozen=True)
class DrillResult:
    """What the drill came to.

    Attributes:
        head: The last header.
        refused: Why the ledger could not be frozen before its deadline.
        late_s: Seconds without a header when it was frozen.
        held_micro: Money in the escrow at that time.
        exits: Everybody's, by registration number.
        left_micro: Money in the escrow at the end.
        gas: Median gas of an exit.
        seconds: Wall-clock time.
    """

    head: int
    refused: str
    late_s: int
    held_micro: int
    exits: tuple[Exit, ...]
    left_micro: int
    gas: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everybody received all, and nothing is left."""
        return self.left_micro == 0 and all(way.received == way.owed for way in self.exits)


def run_drill(
    scenario: Scenario, chain: Chain, out: BundleDirectory, reporter: Reporter
) -> DrillResult:
    """Run a market, lose its operator, and take everybody's money out.

    Args:
        scenario: What is asked and offered; more intervals than a header can be disputed for.
        chain: A development chain.
        out: Where bundles are published, and read from when the operator is gone.
        reporter: Hears of the progress.

    Raises:
        ClearwattError: When the chain lets pass what it must refuse.
    """
    run = DemoRun(scenario, chain, out, reporter)
    run.open()
    run.clear_all()
    _leave_business_open(run)
    return _Evacuation(run).result()


def _leave_business_open(run: DemoRun) -> None:
    """Collect what is final already, announce a withdrawal, and let somebody join too late."""
    chain, contracts = run.chain, run.contracts
    final = contracts.ledger.functions.finalHead().call()
    done, operator = run.intervals[final - 1], Operator(run.chain, run.contracts)
    state = done.state.market.state
    for index in np.flatnonzero(state["credit"] > state["debit"]).tolist():
        operator.claim(done, index)
    someone = run.accounts[1]
    chain.transfer(someone.address, _COINS_WEI)
    deposit = contracts.escrow.functions.account(1).call()[3]
    chain.transact(contracts.escrow.functions.announceWithdrawal(1, deposit // 2), someone)
    late, index = development_key("late", 0), len(run.accounts)
    for call in (
        contracts.token.functions.mint(chain.payer, LATE_DEPOSIT_MICRO),
        contracts.token.functions.approve(contracts.escrow.address, LATE_DEPOSIT_MICRO),
        contracts.escrow.functions.register(late.address, index, LATE_DEPOSIT_MICRO),
    ):
        chain.transact(call)


class _Evacuation:
    """Freeze and exit, by a stranger with the chain and a bundle."""

    def __init__(self, run: DemoRun) -> None:
        self._started = run.started
        self._chain = run.chain
        self._reporter = run.reporter
        self._ledger: Contract = run.contracts.ledger
        self._escrow: Contract = run.contracts.escrow
        self._token: Contract = run.contracts.token
        self._out = run.out
        self._stranger: LocalAccount = development_key("stranger", 0)
        self._gas: list[int] = []
        run.chain.transfer(self._stranger.address, _COINS_WEI)

    def result(self) -> DrillResult:
        head = int(self._ledger.functions.head().call())
        refused, late_s = self._freeze(head)
        held = self._balance(self._escrow.address)
        exits = self._everybody(head)
        return DrillResult(
            head=head,
            refused=refused,
            late_s=late_s,
            held_micro=held,
            exits=tuple(exits),
            left_micro=self._balance(self._escrow.address),
            gas=sorted(self._gas)[len(self._gas) // 2],
            seconds=time.perf_counter() - self._started,
        )

    def _freeze(self, head: int) -> tuple[str, int]:
        """Try to freeze too early, wait for the deadline, freeze."""
        freeze = self._ledger.functions.freeze()
        try:
            self._send(freeze)
        except ChainError as error:
            refused = str(error)
        else:
            raise ClearwattError("drill: the ledger let itself be frozen before its deadline")
        posted = int(self._ledger.functions.postedAt(head).call())
        with self._reporter.phase("No header comes: waiting for the deadline", 1) as phase:
            self._chain.wait_until(posted + self._ledger.functions.deadlineSeconds().call() + 1)
            self._send(freeze)
            phase.step("a stranger froze the ledger")
        return refused, self._chain.now() - posted

    def _everybody(self, head: int) -> list[Exit]:
        """Take everybody out, with nothing but the last bundle."""
        start, last = self._out.read(0), self._out.read(head)
        if start is None or last is None:
            raise ClearwattError(f"drill: the bundles of genesis and interval {head} must be there")
        bundle, domain = read_bundle(last), read_genesis(start).domain
        n = len(bundle.state)
        tree = PlainTree.of_table(KIND_STATE, bundle.state, n)
        last_hash = bundle.header.hash(domain.hash(), bundle.previous_hash)
        exits = []
        with self._reporter.phase("Everybody leaves", n + 1) as phase:
            for index in range(n):
                record = packed_rows(bundle.state[index : index + 1]).tobytes()
                call = self._escrow.functions.escape(last_hash, index, (record, tree.path(index)))
                row = bundle.state[index]
                exits.append(self._leave(call, index, int(row["credit"]), int(row["debit"])))
                phase.step(f"participant {index}")
            exits.append(self._leave(self._escrow.functions.escapeUnlisted(n), n, 0, 0))
            phase.step(f"participant {n}, who came too late for any header")
        return exits

    def _leave(self, call: ContractFunction, index: int, credit: int, debit: int) -> Exit:
        owner, _, _, deposit, paid, *_ = self._escrow.functions.account(index).call()
        before = self._balance(owner)
        self._gas.append(self._send(call))
        return Exit(index, deposit, credit, debit, paid, self._balance(owner) - before)

    def _balance(self, address: str) -> int:
        return int(self._token.functions.balanceOf(address).call())

    def _send(self, call: ContractFunction) -> int:
        return int(self._chain.transact(call, self._stranger)["gasUsed"])


LEAST_INTERVALS = WINDOW_INTERVALS + 2
"""Fewer, and nothing would be final when the operator goes."""
