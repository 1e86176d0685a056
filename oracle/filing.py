"""Filing a meter reading on the chain, held first to everything that the proof of its being ignored will ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deploy.chain import Chain
from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle
from offchain.commitment.bundle import read_genesis
from offchain.commitment.terms import Terms, terms_at
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.metering.readings import ReadingTable, check_readings, unsigned_rows
from offchain.orders.signing import domain_separator
from offchain.policy import Policy
from offchain.records import READING, wire
from oracle.market_contracts import MarketContracts
from oracle.reader import read_market


@dataclass(frozen=True)
class Filing:
    """A reading on the chain.

    Attributes:
        index: Registration number.
        interval: Which interval was measured.
        consumed_wh: Energy taken from the grid.
        produced_wh: Energy fed into it.
        settled_by: The interval whose header may not leave it out.
        filed: Whether it is on the chain; not after a dry run.
        gas: What filing took; 0 where nothing was sent.
    """

    index: int
    interval: int
    consumed_wh: int
    produced_wh: int
    settled_by: int
    filed: bool
    gas: int


class FilingDesk:
    """Files readings of one market."""

    def __init__(self, chain: Chain, ledger: str, read: ReadBundle) -> None:
        """Look at a market.

        Args:
            chain: Its chain.
            ledger: Address of its ledger.
            read: Where bundles come from; only the genesis is asked for.

        Raises:
            InputError: There is no such market, or the genesis is missing or another's.
        """
        contracts = MarketContracts.of(chain, ledger)
        self._chain, self._market = chain, read_market(chain, ledger)
        self._ledger = contracts.at["ClearingLedger"].functions
        self._readings = contracts.at["FiledReadings"].functions
        data = read(GENESIS)
        if data is None:
            raise InputError("bundles: the bundle of the genesis is missing; fetch it")
        genesis = read_genesis(data)
        self._participants = len(genesis.state)
        self._policies = {self._market.policy_hash: genesis.policy, **self._market.policies}
        opened = Policy.unpack(genesis.policy)
        if opened.hash() != self._market.policy_hash:
            raise InputError(
                "bundles: the genesis has another policy than the chain; fetch it again"
            )
        self._lag = opened.meter_lag
        if not self._lag:
            raise InputError("ledger: this market settles no meter readings")

    @property
    def separator(self) -> bytes:
        """What readings of the market are signed for, 32 bytes."""
        domain = self._market.domain
        return domain_separator(domain.chain_id, domain.ledger, domain.market_id)

    def require_operator(self, reading: ReadingTable) -> None:
        """Hold a reading to the metering operator of the interval that settles it.

        Raises:
            InputError: Somebody else signed it.
        """
        opened = Terms(0, 0, self._market.policy_hash, bytes(32), bytes(32))
        settled_by = int(reading["interval"][0]) + self._lag
        terms = terms_at((opened, *self._market.amendments), settled_by)
        operator = Policy.unpack(self._policies[terms.policy_hash]).meter_operator
        if unsigned_rows(reading, operator, self.separator):
            raise InputError(
                f"reading: not signed by the metering operator 0x{operator.hex()} for this market; "
                "ask it for a signed one"
            )

    def check(self, record: bytes) -> ReadingTable:
        """Read a packed reading that anybody must settle if it is in time.

        Raises:
            InputError: It is none of this market.
        """
        if len(record) != READING.itemsize:
            raise InputError(
                f"reading: {len(record)} bytes; a signed reading has {READING.itemsize}, "
                f"{2 * READING.itemsize} hexadecimal digits"
            )
        reading = np.frombuffer(record, dtype=wire(READING)).astype(READING)
        check_readings(reading, int(reading["interval"][0]), self._participants)
        self.require_operator(reading)
        return reading

    def file(self, record: bytes, *, send: bool = True) -> Filing:
        """File a reading, unless it is filed already.

        Args:
            record: 81 bytes.
            send: Whether to, after all checks.

        Raises:
            InputError: It is none of this market, or it is too late for it.
            ChainError: The chain refuses.
        """
        reading = self.check(record)
        measured = int(reading["interval"][0])
        settled_by = measured + self._lag
        was = int(self._readings.dueOf(keccak(record)).call())
        due = was or int(self._ledger.nextGate().call()) - 1
        if due > settled_by:
            raise InputError(
                f"reading: too late: interval {settled_by} settles readings of {measured}, and only what is filed "
                f"before the header of {settled_by - 1} is posted counts"
            )
        gas = 0
        if send and not was:
            gas = int(self._chain.transact(self._readings.file(record))["gasUsed"])
        return Filing(
            index=int(reading["index"][0]),
            interval=measured,
            consumed_wh=int(reading["consumed_wh"][0]),
            produced_wh=int(reading["produced_wh"][0]),
            settled_by=settled_by,
            filed=bool(send or was),
            gas=gas,
        )
