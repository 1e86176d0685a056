"""What the operator of a market sends to its chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from hexbytes import HexBytes
from web3.logs import DISCARD

from deploy.chain import Chain
from deploy.contracts import Deployment
from offchain.commitment.hashing import packed_rows
from offchain.commitment.header import Header
from offchain.keccak import keccak
from offchain.market import Interval
from offchain.units import Int64Array

NOBODY: Final = "0x" + 40 * "0"
"""Whom an interval is reserved for after a void."""


class HashChain:
    """One party's secret, hashed again and again: each interval reveals the value before the last.

    The party publishes the end of the chain when the market opens; it can withhold a value later, but not choose it.
    """

    def __init__(self, secret: bytes, length: int) -> None:
        """Compute the chain.

        Args:
            secret: 32 bytes that nobody else knows.
            length: How many values it must serve.
        """
        values = [secret]
        for _ in range(length):
            values.append(keccak(values[-1]))
        self._values = values

    @property
    def tip(self) -> bytes:
        """The end of the chain, which is published."""
        return self._values[-1]

    def preimage(self, interval: int) -> bytes:
        """The value that interval 1, 2, ... reveals."""
        return self._values[-1 - interval]


@dataclass(frozen=True)
class Operator:
    """What the operator of a market sends; methods return the gas that it took."""

    chain: Chain
    contracts: Deployment

    def collateral(self, interval: int, participants: int) -> Int64Array:
        """What everybody's deposit covers in an interval whose gate has passed; int64, micro."""
        escrow = self.contracts.escrow
        changed = bytes(HexBytes(escrow.events.CollateralChanged().topic))
        covers = np.zeros(participants, dtype=np.int64)
        for log in self.chain.logs(escrow.address):
            if bytes(log["topics"][0]) != changed:
                continue
            index, first = (int.from_bytes(topic) for topic in log["topics"][1:])
            # Of one participant they come in the order of the intervals they count from.
            if index < participants and first <= interval:
                covers[index] = int.from_bytes(log["data"])
        return covers

    def commit_orders(self, interval: int, orders_root: bytes) -> int:
        """Fix the orders of an interval."""
        return self._send(self.contracts.ledger.functions.commitOrders(interval, orders_root))

    def reveal(self, interval: int, preimages: Sequence[bytes]) -> tuple[bytes, int]:
        """Fix the seed of an interval; returns it, and the gas."""
        beacon = self.contracts.beacon
        receipt = self.chain.transact(beacon.functions.reveal(interval, list(preimages)))
        (revealed,) = beacon.events.Revealed().process_receipt(receipt, errors=DISCARD)
        return bytes(revealed["args"]["seed"]), int(receipt["gasUsed"])

    def submit_round(self, interval: int, signature: bytes) -> tuple[bytes, int]:
        """Fix the seed of an interval by a drand round; returns it, and the gas."""
        beacon = self.contracts.beacon
        receipt = self.chain.transact(beacon.functions.submit(interval, signature))
        (drawn,) = beacon.events.Drawn().process_receipt(receipt, errors=DISCARD)
        return bytes(drawn["args"]["seed"]), int(receipt["gasUsed"])

    def post(self, previous_hash: bytes, payload: bytes, certificate: bytes) -> int:
        """Post a header with its network certificate, as the signer that fixed the orders."""
        header, ledger = Header.unpack(payload), self.contracts.ledger.functions
        sent = header.sent(previous_hash) + certificate
        named = (header.policy_hash, header.shares_root, header.contracts_root)
        opened = (ledger.policyHash, ledger.sharesRoot, ledger.contractsRoot)
        if any(now != bytes(then().call()) for now, then in zip(named, opened, strict=True)):
            return self._send(ledger.postAmended(sent, b"", self.chain.payer, *named))
        return self._send(ledger.post(sent))

    def post_instead(
        self, previous_hash: bytes, payload: bytes, certificate: bytes, reserved: str = NOBODY
    ) -> int:
        """Post a header as another bonded signer, or one whose inputs a void left standing.

        Args:
            previous_hash: Hash of the header before it.
            payload: Of the header.
            certificate: Of its network.
            reserved: Whom the interval was reserved for; nobody after a void.
        """
        sent = Header.unpack(payload).sent(previous_hash)
        post = self.contracts.ledger.functions.postInstead
        return self._send(post(sent + certificate, b"", reserved))

    def restore_inputs(self, previous_hash: bytes, payload: bytes) -> int:
        """Let orders and seed of a header that fell with one before it stand again."""
        restore = self.contracts.ledger.functions.restoreInputs
        return self._send(restore((previous_hash, payload)))

    def claim(self, interval: Interval, index: int) -> int:
        """Pay out what a participant has earned up to a final interval."""
        record = packed_rows(interval.state.market.state[index : index + 1]).tobytes()
        leaf = (record, interval.state.state_tree.path(index))
        final = (interval.header.interval, interval.header_hash)
        return self._send(self.contracts.escrow.functions.claim(*final, leaf))

    def _send(self, function: Any) -> int:  # noqa: ANN401 - web3 builds these types at run time
        return int(self.chain.transact(function)["gasUsed"])
