"""What anybody can read back of a market from its chain: headers, inputs, owners, deposits, forced orders."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final, cast

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import LogReceipt

from deploy.chain import Chain
from deploy.contracts import artifact, has_code_of
from offchain.audit.published import (
    CollateralChange,
    ForcedOrder,
    PostedHeader,
    PublishedMarket,
)
from offchain.commitment.header import Domain, Header
from offchain.errors import InputError

_LEDGER_EVENTS: Final = ("OrdersCommitted", "SeedAccepted", "HeaderPosted", "HeadersVoided")
_ESCROW_EVENTS: Final = ("Registered", "Deposited", "WithdrawalAnnounced", "Withdrawn", "Escaped")
_FORCED_EVENTS: Final = ("Filed",)

_Place = tuple[int, int, int]
"""Where an event stands: block, transaction, log."""


def read_market(chain: Chain, ledger_address: str) -> PublishedMarket:
    """Read everything that the contracts of a market say.

    Args:
        chain: The chain; nothing is sent and nobody needs to be able to pay.
        ledger_address: Address of the ledger.

    Raises:
        InputError: When the address is none, or the contracts there are not clearwatt's as published.
    """
    contracts = open_contracts(chain, ledger_address)
    ledger, registry = contracts.ledger, contracts.registry
    escrow, forced = contracts.escrow, contracts.forced
    domain = contracts.domain(chain)
    history = _History(domain.hash())
    for name, arguments, log in _events(chain, ledger, _LEDGER_EVENTS):
        history.add(chain, ledger, name, arguments, log)
    headers, unreadable = history.readable()
    deposits = _Deposits(history.places)
    for name, arguments, log in _events(chain, escrow, _ESCROW_EVENTS):
        deposits.add(name, arguments, log)
    versions = {Header.unpack(header.payload).grid_version for header in headers}
    return PublishedMarket(
        domain=domain,
        policy_hash=bytes(ledger.functions.policyHash().call()),
        shares_root=bytes(ledger.functions.sharesRoot().call()),
        genesis_hash=bytes(ledger.functions.genesisHash().call()),
        grids={v: bytes(registry.functions.packedGrid(v).call()) for v in sorted(versions)},
        orders_roots=history.orders_roots,
        seeds=history.seeds,
        headers=headers,
        owners=deposits.owners,
        collateral=tuple(sorted(deposits.changes, key=lambda change: change.interval)),
        forced=tuple(
            ForcedOrder(int(arguments["due"]), bytes(arguments["order"]))
            for _, arguments, _ in _events(chain, forced, _FORCED_EVENTS)
        ),
        unreadable=unreadable,
    )


@dataclass(frozen=True)
class Contracts:
    """The contracts of a market that is only looked at; the code of each is the published one."""

    ledger: Contract
    registry: Contract
    escrow: Contract
    forced: Contract

    def domain(self, chain: Chain) -> Domain:
        """What the market's hashes are bound to."""
        return Domain(
            chain.chain_id,
            bytes.fromhex(self.ledger.address[2:]),
            bytes(self.ledger.functions.marketId().call()),
        )


def open_contracts(chain: Chain, ledger_address: str) -> Contracts:
    """The contracts of a ledger.

    Published code is not enough: a court could judge another ledger, an escrow pay by one. So every contract of the
    market is held to its code, and to those that it must name in turn.

    Raises:
        InputError: When the address is none, a contract's code is not the published one, or it belongs to another
            market.
    """
    if not Web3.is_address(ledger_address):
        raise InputError(f"ledger: '{ledger_address}' is not an address; give 0x and 40 digits")
    ledger = _contract(chain, "ClearingLedger", Web3.to_checksum_address(ledger_address))
    registry = _contract(chain, "GridRegistry", ledger.functions.registry().call())
    faults = _contract(chain, "FaultProofs", ledger.functions.faults().call())
    bond = _contract(chain, "OracleBond", ledger.functions.bond().call())
    beacon = _contract(chain, "CommitReveal", ledger.functions.beacon().call())
    escrow = _contract(chain, "SettlementEscrow", faults.functions.escrow().call())
    forced = _contract(chain, "ForcedOrders", faults.functions.forced().call())
    verifier = _contract(chain, "NetworkVerifier", faults.functions.verifier().call())
    for name, contract, other, expected in (
        ("FaultProofs", faults, "ledger", ledger),
        ("FaultProofs", faults, "bond", bond),
        ("OracleBond", bond, "ledger", ledger),
        ("OracleBond", bond, "faults", faults),
        ("CommitReveal", beacon, "ledger", ledger),
        ("SettlementEscrow", escrow, "ledger", ledger),
        ("ForcedOrders", forced, "ledger", ledger),
        ("ForcedOrders", forced, "escrow", escrow),
        ("NetworkVerifier", verifier, "registry", registry),
    ):
        named = getattr(contract.functions, other)().call()
        if named != expected.address:
            raise InputError(
                f"ledger: its {name} at {contract.address} names {named} as its {other}, not {expected.address}; "
                "these contracts are not one market, take no part in it"
            )
    return Contracts(ledger, registry, escrow, forced)


def _contract(chain: Chain, name: str, address: ChecksumAddress) -> Contract:
    """A contract at an address, whose code must be the published one."""
    if not has_code_of(chain.web3, name, address):
        raise InputError(
            f"ledger: there is no clearwatt {name} at {address} on chain {chain.chain_id}; "
            "check the address and the RPC URL"
        )
    return chain.web3.eth.contract(address=address, abi=artifact(name).abi)


def _events(
    chain: Chain, contract: Contract, names: tuple[str, ...]
) -> Iterator[tuple[str, Mapping[str, Any], LogReceipt]]:
    """The named events of a contract, decoded, oldest first."""
    events = [getattr(contract.events, name)() for name in names]
    by_topic = {bytes(HexBytes(event.topic)): event for event in events}
    for log in chain.logs(contract.address):
        event = by_topic.get(bytes(log["topics"][0]))
        if event is not None:
            yield event.event_name, event.process_log(log)["args"], log


def _posted(
    chain: Chain, ledger: Contract, domain_hash: bytes, header_hash: bytes, log: LogReceipt
) -> PostedHeader | None:
    """The header that the ledger announced; None where the transaction does not show it.

    The ledger announces a hash only. What was posted is believed when the ledger was called directly and the hash
    is that of what it was called with: the calldata of a call through another contract may be anything.
    """
    data = chain.input_of(log)
    if data is None:
        return None
    try:
        _, call = ledger.decode_function_input(data)
        previous, payload = bytes(call["previousHash"]), bytes(call["payload"])
        if Header.unpack(payload).hash(domain_hash, previous) != header_hash:
            return None
    except (Web3Exception, ValueError, KeyError, InputError):
        return None
    return PostedHeader(previous, payload, bytes(call["certificate"]), header_hash)


def _place(log: LogReceipt) -> _Place:
    return log["blockNumber"], log["transactionIndex"], log["logIndex"]


@dataclass
class _History:
    """The ledger's events, as they add up: what was voided is forgotten.

    Attributes:
        domain_hash: What the hashes of headers are bound to.
        headers: The headers that stand; None for those that cannot be read back.
        places: Where each of them was posted.
        orders_roots: Root of the orders of each interval.
        seeds: Seed of each interval.
    """

    domain_hash: bytes
    headers: list[PostedHeader | None] = field(default_factory=list)
    places: list[_Place] = field(default_factory=list)
    orders_roots: dict[int, bytes] = field(default_factory=dict)
    seeds: dict[int, bytes] = field(default_factory=dict)

    def add(
        self,
        chain: Chain,
        ledger: Contract,
        name: str,
        arguments: Mapping[str, Any],
        log: LogReceipt,
    ) -> None:
        """Take up the next event."""
        interval = int(arguments["interval"])
        if name == "OrdersCommitted":
            self.orders_roots[interval] = bytes(arguments["ordersRoot"])
        elif name == "SeedAccepted":
            self.seeds[interval] = bytes(arguments["seed"])
        elif name == "HeadersVoided":
            del self.headers[interval - 1 :], self.places[interval - 1 :]
        else:
            header_hash = bytes(arguments["headerHash"])
            self.headers.append(_posted(chain, ledger, self.domain_hash, header_hash, log))
            self.places.append(_place(log))

    def readable(self) -> tuple[tuple[PostedHeader, ...], dict[int, str]]:
        """The headers up to the first that cannot be read back, and the intervals from there on with the reason."""
        headers = tuple(takewhile(lambda header: header is not None, self.headers))
        reasons = {
            interval: "its header was posted through another contract and is not in the transaction"
            if header is None
            else "the state before it is not known"
            for interval, header in enumerate(self.headers, start=1)
            if interval > len(headers)
        }
        return cast("tuple[PostedHeader, ...]", headers), reasons


@dataclass
class _Deposits:
    """The escrow's events, as they add up to collateral.

    An announced withdrawal counts against the deposit from the interval on that it is released for.

    Attributes:
        places: Where each standing header was posted, from interval 1.
        owners: Owner of each registration number.
        changes: What was deposited and taken back.
        announced: Amount and first interval of each open announcement.
    """

    places: list[_Place]
    owners: dict[int, bytes] = field(default_factory=dict)
    changes: list[CollateralChange] = field(default_factory=list)
    announced: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, name: str, arguments: Mapping[str, Any], log: LogReceipt) -> None:
        """Take up the next event."""
        index = int(arguments["index"])
        now = bisect_left(self.places, _place(log)) + 1
        if name == "Registered":
            self.owners[index] = bytes.fromhex(arguments["owner"][2:])
        elif name == "Deposited":
            self._change(now, index, int(arguments["amount"]))
        elif name == "WithdrawalAnnounced":
            self._forget(now, index)
            amount, released = int(arguments["amount"]), int(arguments["withdrawableFrom"])
            self.announced[index] = (amount, released)
            self._change(released, index, -amount)
        else:
            self._forget(now, index)
            self._change(now, index, -int(arguments["amount"]))

    def _forget(self, now: int, index: int) -> None:
        """An announcement that is replaced or carried out counts no more."""
        amount, released = self.announced.pop(index, (0, 0))
        self._change(max(now, released), index, amount)

    def _change(self, interval: int, index: int, micro: int) -> None:
        if micro:
            self.changes.append(CollateralChange(interval, index, micro))
