"""What the operator of a market sends to its chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from hexbytes import HexBytes
from web3.logs import DISCARD

from deploy.chain import Chain, ChainError
from deploy.contracts import Deployment
from offchain.commitment.hashing import packed_rows
from offchain.commitment.header import Header
from offchain.keccak import keccak
from offchain.market import Interval
from offchain.randomness.links import HashChain
from offchain.units import UNLIMITED, Int64Array

NOBODY: Final = "0x" + 40 * "0"
"""Whom an interval is reserved for after a void."""

_NOT_RESERVED: Final = ("Ledger_NotReserved()", "Ledger_WrongInputs()")
"""What the ledger says of an interval that is reserved for another, or for nobody."""


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
                covers[index] = min(int.from_bytes(log["data"]), UNLIMITED)
        return covers

    def commit_orders(self, interval: int, orders_root: bytes) -> int:
        """Fix the orders of an interval."""
        return self._send(self.contracts.ledger.functions.commitOrders(interval, orders_root))

    def reveal(self, interval: int, chains: Sequence[HashChain]) -> tuple[bytes, int]:
        """Fix the seed of an interval by the next links of all parties' chains; returns it, and the gas."""
        beacon = self.contracts.beacon
        skipped = int(beacon.functions.skipped().call())
        links = [
            chain.link(bytes(beacon.functions.tip(party).call()), skipped)
            for party, chain in enumerate(chains)
        ]
        receipt = self.chain.transact(beacon.functions.reveal(interval, links))
        (revealed,) = beacon.events.Revealed().process_receipt(receipt, errors=DISCARD)
        return bytes(revealed["args"]["seed"]), int(receipt["gasUsed"])

    def submit_round(self, interval: int, signature: bytes) -> tuple[bytes, int]:
        """Fix the seed of an interval by a drand round; returns it, and the gas."""
        beacon = self.contracts.beacon
        receipt = self.chain.transact(beacon.functions.submit(interval, signature))
        (drawn,) = beacon.events.Drawn().process_receipt(receipt, errors=DISCARD)
        return bytes(drawn["args"]["seed"]), int(receipt["gasUsed"])

    def post(self, previous_hash: bytes, payload: bytes, certificate: bytes) -> int:
        """Post a header with its network certificate.

        As the signer that fixed the orders; where the interval is not reserved for it any more, after a void or once
        the bond has forgotten who that was, as any bonded signer.
        """
        header, ledger = Header.unpack(payload), self.contracts.ledger.functions
        sent = header.sent(previous_hash) + certificate
        named = (header.policy_hash, header.shares_root, header.contracts_root)
        opened = (ledger.policyHash, ledger.sharesRoot, ledger.contractsRoot)
        amended = any(now != bytes(then().call()) for now, then in zip(named, opened, strict=True))
        payer = self.chain.payer
        call = ledger.postAmended(sent, b"", payer, *named) if amended else ledger.post(sent)
        try:
            return self._send(call)
        except ChainError:
            if self.chain.refusal(call, {"from": payer}) not in _NOT_RESERVED:
                raise
            reserved = self._reserved(header, keccak(b"".join(named)))
            if reserved is None:
                raise
        if amended:
            return self._send(ledger.postAmended(sent, b"", reserved, *named))
        return self._send(ledger.postInstead(sent, b"", reserved))

    def _reserved(self, header: Header, terms_hash: bytes) -> str | None:
        """Whom the inputs of an interval name, as postInstead must; None if the ledger has others for it."""
        ledger = self.contracts.ledger
        accepted = ledger.events.SeedAccepted()
        events = (
            accepted.process_log(log)["args"]
            for log in self.chain.logs(ledger.address)
            if bytes(log["topics"][0]) == bytes(HexBytes(accepted.topic))
        )
        named = {event["reserved"] for event in events if event["interval"] == header.interval}
        for reserved in (NOBODY, *sorted(named - {NOBODY})):
            fixed = (header.interval, header.orders_root, header.seed, reserved)
            if ledger.functions.hasInputs(*fixed, header.grid_version, terms_hash).call():
                return str(reserved)
        return None

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
