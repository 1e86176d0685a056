"""What a chain tells of a market: deposits as they count, headers as they stand, a lie and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hexbytes import HexBytes
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import LogReceipt

from deploy import devnet
from deploy.chain import Chain, ChainError
from deploy.contracts import artifact
from offchain.audit.findings import Rule
from offchain.audit.genesis import audit_genesis
from offchain.audit.history import audit_market
from offchain.audit.published import CollateralChange, PublishedMarket
from offchain.commitment.hashing import HASH_BYTES, packed_rows
from offchain.errors import InputError
from offchain.market import Interval, clear_interval
from offchain.market.interval import commit
from offchain.market.rules import Outcome
from offchain.orders.signing import domain_separator, signed
from offchain.orders.table import Quantities, orders_from_columns
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.demo import POLICY, DemoRun
from oracle.market_contracts import ForeignCodeError
from oracle.reader import read_market
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

ETHER = 10**18
CONSUMER, NEIGHBOUR = 5, 6


@dataclass
class Open:
    """A market that is open on an embedded chain."""

    chain: Chain
    run: DemoRun
    operator: Operator

    def read(self) -> PublishedMarket:
        """What the chain says now."""
        return read_market(self.chain, self.run.contracts.ledger.address)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Open]:
    """A small market before its first interval."""
    scenario = draw_scenario(ScenarioConfig(participants=12, intervals=6, seed=5))
    with devnet.embedded() as chain:
        run = DemoRun(scenario, chain, BundleDirectory.create(tmp_path / "out"), Reporter())
        run.open()
        yield Open(chain, run, Operator(chain, run.contracts))


def test_everybody_is_registered_with_a_deposit_before_the_first_interval(market: Open) -> None:
    read = market.read()
    assert [read.owners[i].hex() for i in range(13)] == [
        account.address[2:].lower() for account in market.run.accounts
    ]
    assert {(c.interval, c.index) for c in read.collateral} == {(0, i) for i in range(13)}
    assert all(c.micro > 0 for c in read.collateral)


def test_deposits_and_announcements_count_from_the_next_gate_on(market: Open) -> None:
    chain, contracts = market.chain, market.run.contracts
    before = market.read().collateral
    market.run.clear(market.operator, 1)
    someone = market.run.accounts[CONSUMER]
    chain.transact(contracts.token.functions.mint(chain.payer, 7))
    chain.transact(contracts.token.functions.approve(contracts.escrow.address, 7))
    chain.transact(contracts.escrow.functions.deposit(CONSUMER, 7))
    chain.transfer(someone.address, 2 * ETHER)
    announce = contracts.escrow.functions.announceWithdrawal
    chain.transact(announce(CONSUMER, 3), someone)
    assert market.read().collateral == (
        *before,
        CollateralChange(4, CONSUMER, 7),
        CollateralChange(4, CONSUMER, -3),
    )
    chain.transact(announce(CONSUMER, 5), someone)
    changes = market.read().collateral[len(before) :]
    from_four = sum(c.micro for c in changes if c.interval <= 4)
    assert from_four == 7 - 5, "a new announcement replaces the old"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_audit_knows_what_covered_an_interval_as_the_escrow_does(
    market: Open, seed: int
) -> None:
    """After random deposits, announcements and withdrawals between intervals, for every interval and all three."""
    rng = np.random.default_rng(seed)
    chain, run = market.chain, market.run
    escrow, token, ledger = (run.contracts.escrow, run.contracts.token, run.contracts.ledger)
    chain.transact(token.functions.mint(chain.payer, 10**12))
    chain.transact(token.functions.approve(escrow.address, 10**12))
    window = int(ledger.functions.windowSeconds().call())
    n, whole = len(run.accounts), 0
    for who in (1, CONSUMER, NEIGHBOUR):
        chain.transfer(run.accounts[who].address, 2 * ETHER)
    for interval in range(1, len(run.scenario.scarce) + 1):
        for _ in range(8):
            who = int(rng.choice([1, CONSUMER, NEIGHBOUR]))
            _, _, _, deposit, _, announced, _ = escrow.functions.account(who).call()
            if rng.random() < 0.4:
                chain.transact(escrow.functions.deposit(who, int(rng.integers(0, 10**6))))
            elif not announced or rng.random() < 0.1:
                part = int(rng.integers(0, deposit // 100))
                chain.transact(escrow.functions.announceWithdrawal(who, part), run.accounts[who])
            elif run.intervals:
                whole += _withdraw(market, who)
        run.clear(market.operator, interval)
        if interval >= 3:
            chain.wait_until(chain.now() + window)
    for who in (1, CONSUMER, NEIGHBOUR):
        whole += _withdraw(market, who)
    assert whole, "somebody took something back"
    read = market.read()
    for interval in range(len(run.intervals) + 6):
        found = np.zeros(n, dtype=np.int64)
        for change in read.collateral:
            found[change.index] += change.micro if change.interval <= interval else 0
        kept = [int(escrow.functions.collateralAt(i, interval).call()) for i in range(n)]
        assert found.tolist() == kept
        assert market.operator.collateral(interval, n).tolist() == kept


def _withdraw(market: Open, who: int) -> int:
    """Take back what was announced and is released, if anything; returns the money."""
    chain, run = market.chain, market.run
    escrow, final = run.contracts.escrow, int(run.contracts.ledger.functions.finalHead().call())
    _, _, released, had, _, announced, _ = escrow.functions.account(who).call()
    if not announced or final < max(1, released):
        return 0
    done = run.intervals[final - 1]
    record = packed_rows(done.state.market.state[who : who + 1]).tobytes()
    leaf = (record, done.state.state_tree.path(who))
    withdraw = escrow.functions.withdraw(final, done.header_hash, leaf)
    with pytest.raises(ChainError, match="Escrow_Unauthorised"):
        chain.transact(withdraw)
    chain.transact(withdraw, run.accounts[who])
    return int(had) - int(escrow.functions.account(who).call()[3])


def test_headers_and_inputs_are_those_that_were_posted(market: Open) -> None:
    done = [market.run.clear(market.operator, number) for number in (1, 2)]
    read = market.read()
    assert [h.header_hash for h in read.headers] == [i.header_hash for i in done]
    assert [h.payload for h in read.headers] == [i.payload for i in done]
    assert [h.certificate for h in read.headers] == [i.certificate for i in done]
    assert read.seeds == {i.header.interval: i.header.seed for i in done}
    assert read.orders_roots == {i.header.interval: i.header.orders_root for i in done}
    assert read.grids == {1: market.run.scenario.network.grid.packed()}


def test_a_genesis_is_held_to_the_shares_of_the_ledger_before_any_header(market: Open) -> None:
    read = market.read()
    assert read.shares_root == market.run.contracts.ledger.functions.sharesRoot().call()
    genesis = market.run.out.read(0)
    assert genesis is not None
    audit_genesis(read, genesis)
    with pytest.raises(InputError, match="another market, their shares root differs"):
        audit_genesis(replace(read, shares_root=bytes(32)), genesis)


def test_contracts_of_another_market_are_not_taken_for_a_ledger_s(market: Open) -> None:
    """All of them are as published, but the court and the bond answer to the first ledger."""
    contracts, chain = market.run.contracts, market.chain
    of = contracts.ledger.functions
    names = ("registry", "beacon", "bond", "faults", "terms")
    addresses = [getattr(of, name)().call() for name in names]
    hashes = [getattr(of, name)().call() for name in ("policyHash", "contractsRoot", "sharesRoot")]
    numbers = ("windowSeconds", "deadlineSeconds", "ringSize", "signatures", "eager")
    settings = [getattr(of, name)().call() for name in numbers]
    config = (*addresses, *hashes, bytes(32), bytes(32), 1, 13, *settings)
    code = artifact("ClearingLedger")
    other, _ = chain.deploy("ClearingLedger", code.abi, code.bytecode, config, POLICY.packed())
    with pytest.raises(
        InputError, match=r"names .* as its ledger, not .*; these contracts are not"
    ):
        read_market(chain, other.address)


def with_immutable(chain: Chain, name: str, of: Contract, immutable: str, address: str) -> Contract:
    """A contract's code as it is, but for one immutable value, put on the chain without its constructor."""
    code = bytearray(chain.web3.eth.get_code(of.address))
    for other, start, length in artifact(name).immutables:
        if other == immutable:
            code[start : start + length] = bytes.fromhex(address[2:]).rjust(length, b"\0")
    init = f"61{len(code):04x}80600c6000396000f3"  # PUSH2 DUP1 PUSH1 PUSH1 CODECOPY PUSH1 RETURN
    contract, _ = chain.deploy(name, [], init + code.hex())
    return contract


def test_the_code_that_a_court_borrows_is_held_to_the_published_one_too(market: Open) -> None:
    """The proofs about meters run from another contract's code, with the court's right to void."""
    chain, contracts = market.chain, market.run.contracts
    token = contracts.token.address
    court = with_immutable(chain, "FaultProofs", contracts.faults, "annex", token)
    ledger = with_immutable(chain, "ClearingLedger", contracts.ledger, "faults", court.address)
    with pytest.raises(ForeignCodeError, match=f"no clearwatt FaultsAnnex at {token}"):
        read_market(chain, ledger.address)


def test_a_value_that_no_function_shows_is_held_to_the_ledger_too(market: Open) -> None:
    """Every contract has the published code; the court takes another registry's word for the grid."""
    chain, contracts = market.chain, market.run.contracts
    token = contracts.token.address
    court = with_immutable(chain, "FaultProofs", contracts.faults, "_registry", token)
    ledger = with_immutable(chain, "ClearingLedger", contracts.ledger, "faults", court.address)
    with pytest.raises(InputError, match=f"FaultProofs at {court.address} names .* as its"):
        read_market(chain, ledger.address)


def test_a_ledger_that_forgets_too_early_what_readings_are_settled_against_is_found_out(
    market: Open,
) -> None:
    """Its code is the published one, but no constructor put the lag of its policy into it."""
    read, genesis = market.read(), market.run.out.read(0)
    assert genesis is not None
    assert read.meter_lag == POLICY.meter_lag == 2
    findings, _ = audit_genesis(read, genesis)
    assert not findings.faults
    findings, _ = audit_genesis(replace(read, meter_lag=0), genesis)
    fault = findings.faults.pop(Rule.POLICY)
    assert (fault.where, fault.expected, fault.found) == ("the ledger's meter lag", "2", "0")
    assert not findings.faults
    findings, _ = audit_genesis(replace(read, meter_lag=None), genesis)
    assert not findings.faults, "bundles alone know no ledger"


def test_an_account_and_a_token_are_no_ledger(market: Open) -> None:
    for address in (market.run.accounts[1].address, market.run.contracts.token.address):
        with pytest.raises(InputError, match=f"no clearwatt ClearingLedger at {address}"):
            read_market(market.chain, address)


def test_the_escrow_s_books_add_up_to_what_it_holds(market: Open) -> None:
    run, chain = market.run, market.chain
    for number in (1, 2, 3):
        run.clear(market.operator, number)
    escrow = market.read().escrow
    assert escrow is not None
    assert escrow.final == 0
    assert escrow.balance == sum(account.deposit for account in escrow.accounts.values())
    claimed = run.claim_all()
    read = market.read()
    assert read.escrow is not None
    assert read.escrow.final == 3
    assert claimed > 0
    assert sum(account.paid for account in read.escrow.accounts.values()) == claimed
    assert read.escrow.balance == escrow.balance - claimed
    *_, verdict = audit_market(read, run.out.read)
    assert verdict.ok
    assert verdict.compared[Rule.ESCROW] == len(read.owners) + 1
    assert verdict.compared[Rule.CODE] == len(read.code) == 12
    chain.transact(run.contracts.token.functions.mint(run.contracts.escrow.address, 1))
    *_, verdict = audit_market(market.read(), run.out.read)
    assert verdict.ok, "a gift is nobody's fault"


def forward(chain: Chain, to: Contract, decoy: bytes, call: bytes) -> None:
    """Send a transaction that shows a decoy, to a contract that calls another with what follows the decoy."""
    size, skip = (f"61{len(data):04x}" for data in (call, decoy))
    copy = f"{size}{skip}600037"  # CALLDATACOPY(0, skip, size)
    run = f"{copy}60006000{size}6000600073{to.address[2:]}5af15000"  # CALL, POP, STOP
    length = f"60{len(run) // 2:02x}"
    between, _ = chain.deploy("forwarder", [], f"{length}600c600039{length}6000f3{run}")
    chain.web3.eth.wait_for_transaction_receipt(
        chain.web3.eth.send_transaction(
            {"from": chain.payer, "to": between.address, "data": decoy + call, "gas": 1_000_000}
        )
    )


def calldata(call: ContractFunction) -> bytes:
    """What a transaction carries to make a call."""
    return bytes(HexBytes(call._encode_transaction_data()))


def test_a_forced_order_is_what_the_chain_took_and_not_what_a_transaction_shows(
    market: Open,
) -> None:
    run, chain, forced = market.run, market.chain, market.run.contracts.forced
    one = np.array([1])
    order = orders_from_columns(
        np.array([CONSUMER]), Quantities(one, 0 * one, 0 * one, 0 * one), seq=99, valid_to=100
    )
    domain = run.state.domain
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    filed = packed_rows(signed(order, [run.keys[CONSUMER]], separator)).tobytes()
    shown = bytes([filed[0] ^ 1]) + filed[1:]
    file = forced.functions.file
    forward(chain, forced, calldata(file(shown)), calldata(file(filed)))
    (log,) = chain.logs(forced.address)
    assert chain.input_of(log) is None, "the transaction called another contract"
    assert [entry.record for entry in market.read().forced] == [filed]


@pytest.mark.parametrize("shown", ["nothing", "the header before", "no call"])
def test_a_header_that_its_transaction_does_not_show_is_unjudged_and_what_was_before_it_judged(
    market: Open, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    run, chain, ledger = market.run, market.chain, market.run.contracts.ledger
    for number in (1, 2, 3):
        run.clear(market.operator, number)
    posted = bytes(HexBytes(ledger.events.HeaderPosted().topic))
    posts = [log for log in chain.logs(ledger.address) if bytes(log["topics"][0]) == posted]
    genuine = chain.input_of
    instead = {"nothing": None, "the header before": genuine(posts[0]), "no call": HexBytes(b"\1")}

    def told(log: LogReceipt) -> HexBytes | None:
        second = log["transactionHash"] == posts[1]["transactionHash"]
        return instead[shown] if second else genuine(log)

    monkeypatch.setattr(chain, "input_of", told)
    read = market.read()
    assert len(read.headers) == 1
    assert sorted(read.unreadable) == [2, 3]
    *_, verdict = audit_market(read, run.out.read)
    assert (verdict.intervals, verdict.faults) == (1, [])
    assert sorted(verdict.unjudged) == [2, 3]
    assert not verdict.ok


def overcharged(truth: Interval, salt_key: bytes) -> Interval:
    """The interval with one consumer charged what its neighbour is let off, committed like the truth."""

    def shifted(outcome: Outcome) -> Outcome:
        table = outcome.allocation.copy()
        state = outcome.market.state.copy()
        for row, micro in ((CONSUMER, 1), (NEIGHBOUR, -1)):
            table["energy_cost"][row] = int(table["energy_cost"][row]) + micro
            state["debit"][row] = int(state["debit"][row]) + micro
        return replace(outcome, allocation=table, market=replace(outcome.market, state=state))

    seed = truth.header.seed
    return commit(truth.before, shifted(truth.outcome), truth.orders, seed, salt_key)


def test_a_lie_is_posted_named_by_the_audit_disproved_on_the_chain_and_forgotten(
    market: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, chain, contracts = market.run, market.chain, market.run.contracts
    run.clear(market.operator, 1)
    with monkeypatch.context() as lying:
        lying.setattr(
            "oracle.demo.clear_interval",
            lambda *inputs, **more: overcharged(clear_interval(*inputs, **more), inputs[3]),
        )
        lie = run.clear(market.operator, 2)
    assert int(lie.allocation["energy_cost"][NEIGHBOUR]) >= 0

    verdict = run.audit()
    assert [(f.interval, f.rule) for f in verdict.faults] == [(2, Rule.PAYMENT), (2, Rule.BALANCE)]
    assert f"energy_cost of allocation of participant {CONSUMER}" in str(verdict.faults[0])

    bonded = contracts.bond.functions.bonded().call()
    proof = contracts.faults.functions.payment(
        (lie.before.header_hash, lie.payload), evidence(lie, CONSUMER)
    )
    chain.transact(proof)
    assert contracts.ledger.functions.head().call() == 1
    assert contracts.bond.functions.bonded().call() < bonded

    read = market.read()
    assert len(read.headers) == 1
    assert read.headers[0].header_hash == lie.before.header_hash


def evidence(interval: Interval, participant: int) -> tuple[bytes, int, bytes, bytes, int, bytes]:
    """A participant's line of an interval with its whole path."""
    row = interval.allocation[participant : participant + 1]
    bus = int(row["bus"][0])
    return (
        packed_rows(row).tobytes(),
        int(row["slot"][0]),
        interval.bus_trees.path(participant),
        packed_rows(interval.buses[bus : bus + 1]).tobytes()[:-HASH_BYTES],
        int(interval.upper_tree.layout.position[bus]),
        interval.upper_tree.path(bus),
    )
