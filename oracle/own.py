"""One participant's line of an interval against the chain, from the few bundles that it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from web3 import Web3
from web3.contract import Contract

from deploy.chain import Chain
from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle
from offchain.audit.published import FiledReading
from offchain.commitment.bundle import Bundle, read_bundle, read_genesis
from offchain.errors import InputError
from offchain.fairness.state import join
from offchain.grid.model import Grid, unpack
from offchain.orders.signing import domain_separator
from offchain.policy import Policy
from offchain.proofs.claim import ChainFacts, Claim, open_claim
from offchain.proofs.light import Checked, check_light, light_claim, own_line, own_state
from offchain.proofs.lines import ints, state_of
from oracle.market_contracts import MarketContracts
from oracle.reader import filed_readings
from oracle.ticket import Ticket

_GAINED = ("supply_pay", "pot_share", "imbalance_credit")
_SPENT = ("energy_cost", "shortfall", "subscription", "imbalance_debit")


@dataclass(frozen=True)
class Own:
    """What an interval means to one participant; energies in Wh, money in micro.

    Attributes:
        index: Registration number.
        owner: Who acts for it and is paid.
        interval: Which interval.
        header_hash: Of its header, which the ledger holds.
        final: Whether the header can no longer be disputed.
        open_until: Block time until which it can.
        line: Its allocation, by field.
        before: Its state before, by field.
        after: Its state after, by field.
        deposit: What it has in the escrow, micro.
        paid: What it has collected, micro.
        checked: Every proof tried on its own records.
        ticket: Its way to its money without any bundle.
    """

    index: int
    owner: str
    interval: int
    header_hash: bytes
    final: bool
    open_until: int
    line: dict[str, int]
    before: dict[str, int]
    after: dict[str, int]
    deposit: int
    paid: int
    checked: tuple[Checked, ...]
    ticket: Ticket

    @property
    def ok(self) -> bool:
        """Whether no proof succeeds."""
        return all(tried.proof is None for tried in self.checked)

    @property
    def total(self) -> int:
        """What the interval brings; negative if it costs."""
        return sum(self.line[n] for n in _GAINED) - sum(self.line[n] for n in _SPENT)

    @property
    def owed(self) -> int:
        """Deposit + credit - debit - paid: what it would leave with."""
        return self.deposit + self.after["credit"] - self.after["debit"] - self.paid

    def deficit(self, state: dict[str, int]) -> int:
        """The deficit of one of its states, ppb-Wh."""
        return join(state["deficit_hi"], state["deficit_lo"])


def registration_numbers(account: str, contracts: np.ndarray) -> list[int]:
    """The registration numbers that an account names.

    Args:
        account: An owner's address, or a registration number.
        contracts: records.CONTRACT[N].

    Raises:
        InputError: When it is neither, or nobody is registered so.
    """
    if account.isascii() and account.isdigit():
        index = int(account)
        if index >= len(contracts):
            raise InputError(f"account: {index} is not registered; give 0 ... {len(contracts) - 1}")
        return [index]
    if not Web3.is_address(account):
        raise InputError(
            f"account: '{account}' is neither an address nor a registration number; "
            "give 0x and 40 digits, or a number"
        )
    owner = bytes.fromhex(account[2:])
    found: list[int] = contracts["index"][
        [value == owner for value in contracts["owner"].tolist()]
    ].tolist()
    if not found:
        raise InputError(f"account: {account} owns no registration number in this market")
    return found


class OwnReader:
    """Reads what one participant needs of one interval, and checks it."""

    def __init__(
        self, chain: Chain, contracts: MarketContracts, read: ReadBundle, interval: int | None
    ) -> None:
        """Choose an interval; the head if none is given.

        Raises:
            InputError: When there is no header, or a bundle that is needed is missing or another's.
        """
        self._chain, self._read = chain, read
        self._ledger: Contract = contracts.at["ClearingLedger"]
        self._escrow: Contract = contracts.at["SettlementEscrow"]
        self._readings: Contract = contracts.at["FiledReadings"]
        self._registry: Contract = contracts.at["GridRegistry"]
        head = int(self._ledger.functions.head().call())
        if not head:
            raise InputError("interval: no header stands yet; come back after the first interval")
        self.interval = head if interval is None else interval
        if not 1 <= self.interval <= head:
            raise InputError(f"interval: {self.interval} has no header; give 1 ... {head}")
        self.domain = contracts.domain
        self._genesis = read_genesis(self._data(GENESIS))
        self._policy = Policy.unpack(self._genesis.policy)
        self.bundle = self._posted(self.interval)
        if self._policy.hash() != self.bundle.header.policy_hash:
            raise InputError(
                "bundles: the genesis has another policy than the chain; fetch it again"
            )

    def _data(self, interval: int) -> bytes:
        data = self._read(interval)
        if data is None:
            where = f"of interval {interval}" if interval else "of the genesis"
            raise InputError(f"bundles: the bundle {where} is missing; fetch it")
        return data

    def _posted(self, interval: int) -> Bundle:
        """A bundle whose header the ledger holds."""
        bundle = read_bundle(self._data(interval))
        if bundle.hash != bundle.header.bundle_hash or bundle.header.interval != interval:
            raise InputError(
                f"bundles: the bundle of interval {interval} is damaged; fetch it again"
            )
        header = (bundle.previous_hash, bundle.header.packed())
        if self._chain.refusal(self._ledger.functions.requireHeader(header)) is not None:
            ring = int(self._ledger.functions.ringSize().call())
            raise InputError(
                f"bundles: the ledger does not hold the header in the bundle of interval {interval}: it is "
                f"another's, was voided, or is older than the {ring} headers kept; fetch it again, or see "
                "`clearwatt audit` for older ones"
            )
        return bundle

    def check(self, index: int) -> Own:
        """Check the records of one participant.

        Raises:
            UndisclosedError: When its line or state has not been published.
        """
        owner, _, _, deposit, paid, _, _ = self._account(index)
        light = light_claim(self._claim(index, owner), index)
        header, line = light.header, own_line(light, index)
        header_hash = header.hash(self.domain.hash(), self.bundle.previous_hash)
        before, after = light.leaf(header.pre_state_root, index), own_state(light, index)
        posted = int(self._ledger.functions.postedAt(self.interval).call())
        window = int(self._ledger.functions.windowSeconds().call())
        ticket = Ticket(
            chain_id=self._chain.chain_id,
            ledger=self._ledger.address,
            escrow=self._escrow.address,
            interval=self.interval,
            header_hash=header_hash,
            state_root=header.state_root,
            index=index,
            owner=owner,
            record=after.record,
            path=after.path,
        )
        return Own(
            index=index,
            owner=owner,
            interval=self.interval,
            header_hash=header_hash,
            final=int(self._ledger.functions.finalHead().call()) >= self.interval,
            open_until=posted + window,
            line=ints(line.row),
            before=state_of(before.record),
            after=state_of(after.record),
            deposit=deposit,
            paid=paid,
            checked=tuple(check_light(light)),
            ticket=ticket,
        )

    def _account(self, index: int) -> tuple[str, int, int, int, int, int, bool]:
        owner, since, withdrawable, deposit, paid, announced, escaped = (
            self._escrow.functions.account(index).call()
        )
        return owner, since, withdrawable, deposit, paid, announced, escaped

    def _collateral(self, index: int) -> int:
        return int(self._escrow.functions.collateralAt(index, self.interval).call())

    def _claim(self, index: int, owner: str) -> Claim:
        bundle = self.bundle
        before = self._genesis.state
        if self.interval > 1:
            before = read_bundle(self._data(self.interval - 1)).state
        reserve = self._account(0)
        facts = ChainFacts(
            separator=domain_separator(
                self.domain.chain_id, self.domain.ledger, self.domain.market_id
            ),
            owners={0: bytes.fromhex(reserve[0][2:]), index: bytes.fromhex(owner[2:])},
            collateral={who: self._collateral(who) for who in (0, index)},
            forced=(),
            domain_hash=self.domain.hash(),
            filed=self._filed(index),
        )
        measured, lag = None, self._policy.meter_lag
        if 0 < lag < self.interval:
            then = self._posted(self.interval - lag)
            measured = open_claim(then, then.state, self._policy, self._grid(then), facts)
        return open_claim(bundle, before, self._policy, self._grid(bundle), facts, measured)

    def _filed(self, index: int) -> tuple[FiledReading, ...]:
        """The participant's readings that were filed on the chain."""
        block = self._chain.web3.eth.block_number
        every = filed_readings(self._chain, self._readings, block)
        return tuple(f for f in every if int.from_bytes(f.record[:4], "big") == index)

    def _grid(self, bundle: Bundle) -> Grid:
        registry = self._registry.functions
        return unpack(bytes(registry.packedGrid(bundle.header.grid_version).call()))
