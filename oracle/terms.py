"""What is in force in a market, and what is sent to change it (docs/protocol.md, section 9)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, cast

import numpy as np
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature
from eth_typing import ChecksumAddress
from eth_utils.exceptions import ValidationError
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD

from deploy.chain import Chain
from deploy.contracts import artifact
from deploy.grids import register_grid
from offchain.commitment.terms import Terms
from offchain.errors import InputError
from offchain.grid.model import Grid, unpack
from offchain.market.amend import ContractChange
from offchain.records import CONTRACT, wire

ENDLESS: Final = 2**32 - 1
"""As the last gate of a signature: until the grid changes."""

GATES_TO_SEND: Final = 12
"""How many gates after the next a signature may be brought, if nothing else is asked for."""


class Kind(IntEnum):
    """What can change, as the contract numbers it."""

    GRID = 0
    POLICY = 1
    SHARES = 2
    CONTRACTS = 3


@dataclass(frozen=True)
class Announcement:
    """An announced change.

    Attributes:
        kind: Of what.
        value: The grid's version, the policy's hash or a root, 32 bytes.
        gate: The first interval for which it is meant to hold.
        leave_by: An interval that must be final before.
        adoptable_at: Block time from which on it can be adopted.
    """

    kind: Kind
    value: bytes
    gate: int
    leave_by: int
    adoptable_at: int


@dataclass(frozen=True)
class TermsOffice:
    """The contract of a market that says what is in force, and the registry of its grids.

    Methods that send return the first interval for which the change holds, or nothing; the chain's payer sends unless
    an account is given.
    """

    chain: Chain
    ledger: Contract
    terms: Contract
    registry: Contract

    @classmethod
    def of(cls, chain: Chain, ledger_address: str) -> TermsOffice:
        """The terms of a market's ledger."""

        def at(name: str, address: ChecksumAddress) -> Contract:
            return chain.web3.eth.contract(address=address, abi=artifact(name).abi)

        ledger = at("ClearingLedger", Web3.to_checksum_address(ledger_address))
        terms = at("MarketTerms", ledger.functions.terms().call())
        return cls(chain, ledger, terms, at("GridRegistry", ledger.functions.registry().call()))

    # ASKING

    @property
    def next_gate(self) -> int:
        """The first interval whose orders cannot be fixed yet."""
        return int(self.ledger.functions.nextGate().call())

    def latest(self) -> Terms:
        """What is in force from the last change on; its first interval is not asked for."""
        version, policy_hash, shares, contracts = self.terms.functions.latest().call()
        return Terms(0, int(version), bytes(policy_hash), bytes(shares), bytes(contracts))

    def grid(self, version: int) -> Grid:
        """A registered grid."""
        return unpack(bytes(self.registry.functions.packedGrid(version).call()))

    def announced(self, kind: Kind) -> Announcement | None:
        """What is announced of a kind."""
        value, gate, leave_by, at = self.terms.functions.announced(kind).call()
        if not any(value):
            return None
        return Announcement(kind, bytes(value), int(gate), int(leave_by), int(at))

    def waits_for(self, announced: Announcement) -> str | None:
        """Why an announced change cannot be adopted yet, in words; None if it can."""
        if self.chain.now() < announced.adoptable_at:
            return f"block time {announced.adoptable_at} has not come"
        if self.next_gate < announced.gate:
            return f"the next gate is that of interval {self.next_gate}, not yet {announced.gate}"
        final = int(self.ledger.functions.finalHead().call())
        if final < announced.leave_by:
            return f"interval {announced.leave_by} is not final, so somebody may still be leaving"
        return None

    def role(self, kind: Kind) -> ChecksumAddress:
        """Who announces a kind of change."""
        names = ("gridOperator", "marketOperator", "marketOperator", "registrar")
        return cast(ChecksumAddress, getattr(self.terms.functions, names[kind])().call())

    # SIGNING

    def tightening_message(self, grid_hash: bytes, last_gate: int) -> dict[str, Any]:
        """What the grid operator signs to tighten: EIP-712 typed data, as wallets take it."""
        change = int(self.terms.functions.gridChanges().call())
        fields = {"change": "uint32", "gridHash": "bytes32", "lastGate": "uint32"}
        values = {"change": change, "gridHash": _hexed(grid_hash), "lastGate": last_gate}
        return self._message("GridTightening", fields, values)

    def last_gate_signed(self, grid_hash: bytes, signature: bytes) -> int:
        """The last gate that a grid operator's signature is for, if it is one that would have been proposed.

        A signature does not tell what it is of. Where none fits, the chain says why.
        """
        next_gate, signer = self.next_gate, self.role(Kind.GRID)
        gates = range(next_gate + GATES_TO_SEND, next_gate - 1, -1)
        for gate in gates:
            message = encode_typed_data(full_message=self.tightening_message(grid_hash, gate))
            with suppress(BadSignature, ValidationError, ValueError):
                if Account.recover_message(message, signature=signature) == signer:
                    return gate
        return gates[0]

    def shares_message(self, root: bytes, gate: int) -> dict[str, Any]:
        """What the registrar signs to agree to shares."""
        fields = {"sharesRoot": "bytes32", "gate": "uint32"}
        return self._message("Shares", fields, {"sharesRoot": _hexed(root), "gate": gate})

    def contracts_message(self, root: bytes, gate: int) -> dict[str, Any]:
        """What the market operator signs to agree to contracts."""
        fields = {"contractsRoot": "bytes32", "gate": "uint32"}
        return self._message("Contracts", fields, {"contractsRoot": _hexed(root), "gate": gate})

    def contract_message(self, change: ContractChange, gate: int) -> dict[str, Any]:
        """What an owner signs to move."""
        (row,) = np.frombuffer(change.after, dtype=wire(CONTRACT))
        fields = {
            "index": "uint32",
            "owner": "address",
            "bus": "uint16",
            "slot": "uint32",
            "gate": "uint32",
        }
        values: dict[str, object] = {
            "index": change.index,
            "owner": Web3.to_checksum_address(bytes(row["owner"])),
            "bus": int(row["bus"]),
            "slot": int(row["slot"]),
            "gate": gate,
        }
        return self._message("Contract", fields, values)

    def _message(
        self, name: str, fields: dict[str, str], values: dict[str, object]
    ) -> dict[str, Any]:
        domain = {
            "name": ("string", "clearwatt"),
            "version": ("string", "1"),
            "chainId": ("uint256", self.chain.chain_id),
            "verifyingContract": ("address", self.ledger.address),
            "salt": ("bytes32", _hexed(bytes(self.ledger.functions.marketId().call()))),
        }
        return {
            "types": {
                "EIP712Domain": [{"name": n, "type": kind} for n, (kind, _) in domain.items()],
                name: [{"name": n, "type": kind} for n, kind in fields.items()],
            },
            "primaryType": name,
            "domain": {n: value for n, (_, value) in domain.items()},
            "message": values,
        }

    # SENDING

    def registered(self, grid: Grid) -> int:
        """The version of a grid, which is registered unless it was the last that was."""
        return register_grid(self.chain, self.registry, grid.packed())

    def tighten(self, version: int, last_gate: int, signature: bytes) -> int:
        """Tighten the grid by the grid operator's signature."""
        return self._changed(self.terms.functions.tighten(version, last_gate, signature))

    def announce_grid(self, version: int, gate: int, account: LocalAccount | None = None) -> None:
        """Announce another grid."""
        self.chain.transact(self.terms.functions.announceGrid(version, gate), account)

    def announce_policy(
        self, before: bytes, after: bytes, gate: int, account: LocalAccount | None = None
    ) -> None:
        """Announce another policy, packed like the one in force."""
        self.chain.transact(self.terms.functions.announcePolicy(before, after, gate), account)

    def announce_shares(
        self, root: bytes, gate: int, signature: bytes, account: LocalAccount | None = None
    ) -> None:
        """Announce other shares, which the registrar has signed."""
        self.chain.transact(self.terms.functions.announceShares(root, gate, signature), account)

    def announce_contracts(
        self,
        changes: list[tuple[ContractChange, bytes]],
        gate: int,
        signature: bytes,
        account: LocalAccount | None = None,
    ) -> None:
        """Announce changed contracts, each with its owner's signature, which the market operator has signed too."""
        listed = [(c.before, c.after, c.path, signed) for c, signed in changes]
        call = self.terms.functions.announceContracts(listed, gate, signature)
        self.chain.transact(call, account)

    def cancel(self, kind: Kind, account: LocalAccount | None = None) -> None:
        """Take an announcement back."""
        self.chain.transact(self.terms.functions.cancel(kind), account)

    def adopt(self, kind: Kind) -> int:
        """Put an announced change in force from the next gate on.

        Raises:
            InputError: Nothing is announced, or it must wait; the message says for what.
        """
        announced = self.announced(kind)
        if announced is None:
            raise InputError(f"kind: no {kind.name.lower()} is announced; announce it first")
        reason = self.waits_for(announced)
        if reason is not None:
            raise InputError(f"kind: the {kind.name.lower()} cannot be adopted: {reason}")
        return self._changed(self.terms.functions.adopt(kind))

    def _changed(self, call: ContractFunction) -> int:
        receipt = self.chain.transact(call)
        (event,) = self.terms.events.Amended().process_receipt(receipt, errors=DISCARD)
        return int(event["args"]["from"])


def sign_message(message: dict[str, Any], account: LocalAccount) -> bytes:
    """The signature of typed data, 65 bytes."""
    return bytes(account.sign_message(encode_typed_data(full_message=message)).signature)


def _hexed(data: bytes) -> str:
    return f"0x{data.hex()}"
