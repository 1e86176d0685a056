"""A market on a chain: what its operator sends, and what anybody can read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.logs import DISCARD
from web3.types import LogReceipt

from deploy.contracts import Deployment, artifact, has_code_of
from deploy.devnet import Chain
from offchain.audit.history import PublishedMarket
from offchain.audit.interval import PostedHeader
from offchain.commitment.hashing import packed_rows
from offchain.commitment.header import Domain, Header
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.market import Interval

_TOLD: Final = ("OrdersCommitted", "SeedAccepted", "HeaderPosted", "HeadersVoided")


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

    def commit_orders(self, interval: int, orders_root: bytes) -> int:
        """Fix the orders of an interval."""
        return self._send(self.contracts.ledger.functions.commitOrders(interval, orders_root))

    def reveal(self, interval: int, preimages: Sequence[bytes]) -> tuple[bytes, int]:
        """Fix the seed of an interval; returns it, and the gas."""
        beacon = self.contracts.beacon
        receipt = self.chain.transact(beacon.functions.reveal(interval, list(preimages)))
        (revealed,) = beacon.events.Revealed().process_receipt(receipt, errors=DISCARD)
        return bytes(revealed["args"]["seed"]), int(receipt["gasUsed"])

    def post(self, previous_hash: bytes, payload: bytes, certificate: bytes) -> int:
        """Post a header with its network certificate."""
        post = self.contracts.ledger.functions.post
        return self._send(post(previous_hash, payload, certificate))

    def claim(self, interval: Interval, index: int) -> int:
        """Pay out what a participant has earned up to a final interval."""
        header = (interval.before.header_hash, interval.payload)
        record = packed_rows(interval.state.market.state[index : index + 1]).tobytes()
        leaf = (record, interval.state.state_tree.path(index))
        return self._send(self.contracts.escrow.functions.claim(header, leaf))

    def _send(self, function: Any) -> int:  # noqa: ANN401 - web3 builds these types at run time
        return int(self.chain.transact(function)["gasUsed"])


def read_market(chain: Chain, ledger_address: str) -> PublishedMarket:
    """Read everything that a ledger and its registry say about a market.

    Args:
        chain: The chain; nothing is sent and nobody needs to be able to pay.
        ledger_address: Address of the ledger.

    Raises:
        InputError: When the address is none, or no clearwatt ledger is there.
    """
    if not Web3.is_address(ledger_address):
        raise InputError(f"ledger: '{ledger_address}' is not an address; give 0x and 40 digits")
    address = Web3.to_checksum_address(ledger_address)
    if not has_code_of(chain.web3, "ClearingLedger", address):
        raise InputError(
            f"ledger: there is no clearwatt ledger at {address} on chain {chain.chain_id}; "
            "check the address and the RPC URL"
        )
    ledger = _contract(chain, "ClearingLedger", address)
    registry = _contract(chain, "GridRegistry", ledger.functions.registry().call())
    domain = Domain(
        chain.chain_id, bytes.fromhex(address[2:]), bytes(ledger.functions.marketId().call())
    )
    posted, orders, seeds = _history(chain, ledger)
    versions = {Header.unpack(header.payload).grid_version for header in posted}
    return PublishedMarket(
        domain=domain,
        policy_hash=bytes(ledger.functions.policyHash().call()),
        genesis_hash=bytes(ledger.functions.genesisHash().call()),
        grids={v: bytes(registry.functions.packedGrid(v).call()) for v in sorted(versions)},
        orders_roots=orders,
        seeds=seeds,
        headers=posted,
    )


def _contract(chain: Chain, name: str, address: ChecksumAddress) -> Contract:
    return chain.web3.eth.contract(address=address, abi=artifact(name).abi)


def _history(
    chain: Chain, ledger: Contract
) -> tuple[tuple[PostedHeader, ...], dict[int, bytes], dict[int, bytes]]:
    """The headers that stand, and the orders root and seed of each interval, from the ledger's events."""
    headers: list[PostedHeader] = []
    orders: dict[int, bytes] = {}
    seeds: dict[int, bytes] = {}
    for name, arguments, log in _events(chain, ledger):
        interval = int(arguments["interval"])
        if name == "OrdersCommitted":
            orders[interval] = bytes(arguments["ordersRoot"])
        elif name == "SeedAccepted":
            seeds[interval] = bytes(arguments["seed"])
        elif name == "HeadersVoided":
            del headers[interval - 1 :]
        elif name == "HeaderPosted":
            headers.append(_posted(chain, ledger, bytes(arguments["headerHash"]), log))
    return tuple(headers), orders, seeds


def _events(chain: Chain, ledger: Contract) -> Iterator[tuple[str, Any, LogReceipt]]:
    """The events of the ledger that tell its history, decoded."""
    events = [getattr(ledger.events, name)() for name in _TOLD]
    by_topic = {bytes(HexBytes(event.topic)): event for event in events}
    for log in chain.logs(ledger.address):
        event = by_topic.get(bytes(log["topics"][0]))
        if event is not None:
            yield event.event_name, event.process_log(log)["args"], log


def _posted(chain: Chain, ledger: Contract, header_hash: bytes, log: LogReceipt) -> PostedHeader:
    """A header as it was posted: payload and certificate are the transaction's input."""
    try:
        _, arguments = ledger.decode_function_input(chain.input_of(log))
    except (Web3Exception, ValueError):
        raise InputError(
            f"ledger: the header in transaction {log['transactionHash'].hex()} was not posted directly; "
            "read it from the contract that posted it"
        ) from None
    return PostedHeader(
        previous_hash=bytes(arguments["previousHash"]),
        payload=bytes(arguments["payload"]),
        certificate=bytes(arguments["certificate"]),
        header_hash=header_hash,
    )
