"""What anybody can read back of a market from its chain: headers, inputs, owners, deposits, forced orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Final, cast

from eth_utils.abi import function_abi_to_4byte_selector
from hexbytes import HexBytes
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import LogReceipt

from deploy.chain import Chain
from offchain.audit.published import (
    Account,
    Answer,
    Asked,
    CollateralChange,
    Draw,
    Escrow,
    FiledReading,
    ForcedOrder,
    PostedHeader,
    PublishedMarket,
    Question,
)
from offchain.commitment.header import SENT_BYTES, Header
from offchain.commitment.terms import Terms
from offchain.errors import InputError
from offchain.randomness.drand import compressed_key
from offchain.units import UNLIMITED
from oracle.market_contracts import MarketContracts

_POSTED: Final = "HeaderPosted"
_LEDGER_EVENTS: Final = (
    "OrdersCommitted",
    "SeedAccepted",
    "SeedReopened",
    _POSTED,
    "HeadersVoided",
)
_ESCROW_EVENTS: Final = (
    "Registered",
    "Deposited",
    "CollateralChanged",
    "Claimed",
    "Withdrawn",
    "Escaped",
)
_FORCED_EVENTS: Final = ("Filed",)
_REQUEST_EVENTS: Final = ("Asked", "Answered")
_TERMS_EVENTS: Final = ("Amended", "PolicyPublished")


def read_market(chain: Chain, ledger_address: str) -> PublishedMarket:
    """Read everything that the contracts of a market say, as of the block that is the newest now.

    Args:
        chain: The chain; nothing is sent and nobody needs to be able to pay.
        ledger_address: Address of the ledger.

    Raises:
        InputError: When the address is none, or the contracts there are not clearwatt's as published.
    """
    contracts = MarketContracts.of(chain, ledger_address)
    ledger, registry = contracts.at["ClearingLedger"], contracts.at["GridRegistry"]
    block = chain.web3.eth.block_number
    at: dict[str, Any] = {"block_identifier": block}
    escrow = contracts.at["SettlementEscrow"]
    balance = int(contracts.at["TestToken"].functions.balanceOf(escrow.address).call(**at))
    final = int(ledger.functions.finalHead().call(**at))
    opened = _opened(ledger)
    history = _History(contracts.domain.hash(), opened)
    events = list(_events(chain, ledger, _LEDGER_EVENTS, block))
    inputs = iter(chain.inputs_of([log for name, _, log in events if name == _POSTED]))
    posted_in = {
        bytes(arguments["headerHash"]): int(log["blockNumber"])
        for name, arguments, log in events
        if name == _POSTED
    }
    for name, arguments, _ in events:
        history.add(ledger, name, arguments, next(inputs) if name == _POSTED else None)
    headers, unreadable = history.readable()
    deposits = _Deposits()
    for name, arguments, _ in _events(chain, escrow, _ESCROW_EVENTS, block):
        deposits.add(name, arguments)
    amendments, policies = _amendments(chain, contracts.at["MarketTerms"], block)
    versions = sorted(
        {terms.grid_version for terms in amendments}
        | {Header.unpack(header.payload).grid_version for header in headers}
    )
    return PublishedMarket(
        domain=contracts.domain,
        policy_hash=opened.policy_hash,
        shares_root=opened.shares_root,
        genesis_hash=bytes(ledger.functions.genesisHash().call()),
        grids={v: bytes(registry.functions.packedGrid(v).call()) for v in versions},
        orders_roots=history.orders_roots,
        seeds=history.seeds,
        headers=headers,
        owners=deposits.owners,
        collateral=tuple(sorted(deposits.changes, key=lambda change: change.interval)),
        forced=tuple(
            ForcedOrder(int(arguments["due"]), bytes(arguments["order"]))
            for _, arguments, _ in _events(
                chain, contracts.at["ForcedOrders"], _FORCED_EVENTS, block
            )
        ),
        unreadable=unreadable,
        grid_hashes={v: bytes(registry.functions.gridHash(v).call()) for v in versions},
        escrow=Escrow(final, balance, deposits.accounts) if final <= len(headers) else None,
        code=contracts.code,
        public_key=_network(contracts.beacon),
        draws=_draws(chain, contracts.beacon, block),
        asked=_asked(chain, contracts.at["DataRequests"], block, posted_in),
        signatures=int(ledger.functions.signatures().call()),
        answers=_answers(chain, contracts.at["DataRequests"], block),
        signers=_signers(chain, contracts.at["OracleBond"], block),
        now=int(chain.web3.eth.get_block(block)["timestamp"]),
        amendments=amendments,
        policies=policies,
        filed=tuple(filed_readings(chain, contracts.at["FiledReadings"], block)),
        meter_lag=contracts.meter_lag,
    )


def filed_readings(chain: Chain, readings: Contract, until: int) -> Iterator[FiledReading]:
    """Meter readings filed on the chain up to a block, in the order of filing."""
    for _, arguments, _ in _events(chain, readings, ("Filed",), until):
        yield FiledReading(int(arguments["due"]), bytes(arguments["reading"]))


def _amendments(
    chain: Chain, terms: Contract, block: int
) -> tuple[tuple[Terms, ...], dict[bytes, bytes]]:
    """What was in force from an interval on at each change, and the policies that were announced, by hash."""
    amendments, policies = [], {}
    for name, arguments, _ in _events(chain, terms, _TERMS_EVENTS, block):
        if name == "Amended":
            amendments.append(
                Terms(
                    first=int(arguments["from"]),
                    grid_version=int(arguments["gridVersion"]),
                    policy_hash=bytes(arguments["policyHash"]),
                    shares_root=bytes(arguments["sharesRoot"]),
                    contracts_root=bytes(arguments["contractsRoot"]),
                )
            )
        else:
            policies[bytes(arguments["policyHash"])] = bytes(arguments["packed"])
    return tuple(amendments), policies


def _is_drand(beacon: Contract) -> bool:
    return any(entry.get("name") == "publicKey" for entry in beacon.abi)


def _network(beacon: Contract) -> bytes:
    """Public key of the drand network that makes the seeds; empty where none does."""
    return compressed_key(beacon.functions.publicKey().call()) if _is_drand(beacon) else b""


def _draws(chain: Chain, beacon: Contract, until: int) -> dict[int, Draw]:
    """What the newest seed of each interval is said to be made of."""
    if not _is_drand(beacon):
        return {}
    return {
        int(drawn["interval"]): Draw(int(drawn["round"]), bytes(drawn["signature"]))
        for _, drawn, _ in _events(chain, beacon, ("Drawn",), until)
    }


def _asked(
    chain: Chain, requests: Contract, until: int, posted_in: Mapping[bytes, int]
) -> tuple[Asked, ...]:
    """Questions about data that nobody has answered, asked since their headers were last posted.

    A header that was voided may be posted again; what was asked before that does not void it.
    """
    found: dict[bytes, Asked] = {}
    for name, arguments, _ in _events(chain, requests, _REQUEST_EVENTS, until):
        key = bytes(arguments["key"])
        if name == "Answered":
            del found[key]
        else:
            question = Question(*arguments["question"].values())
            found[key] = Asked(question, int(arguments["answerBy"]))
    seconds = int(requests.functions.answerSeconds().call()) if found else 0
    least = {
        header: int(chain.web3.eth.get_block(posted_in[header])["timestamp"]) + seconds
        for header in {asked.question.header_hash for asked in found.values()}
    }
    return tuple(
        asked for asked in found.values() if asked.answer_by >= least[asked.question.header_hash]
    )


def _answers(chain: Chain, requests: Contract, until: int) -> tuple[Answer, ...]:
    """What was shown on the chain of what was asked for."""
    names = {
        function_abi_to_4byte_selector(entry): entry["name"]
        for entry in requests.abi
        if entry["type"] == "function"
    }
    questions: dict[bytes, Question] = {}
    found = []
    for name, arguments, _ in _events(chain, requests, _REQUEST_EVENTS, until):
        key = bytes(arguments["key"])
        if name == "Asked":
            questions[key] = Question(*arguments["question"].values())
        else:
            given = (bytes(arguments["shown"]), bytes(arguments["path"]))
            found.append(Answer(questions[key], names[bytes(arguments["how"])], given))
    return tuple(found)


def _signers(chain: Chain, bond: Contract, until: int) -> frozenset[bytes]:
    """Who may sign headers and receipts now."""
    admitted = {
        arguments["signer"]: bool(arguments["admitted"])
        for _, arguments, _ in _events(chain, bond, ("SignerSet",), until)
    }
    return frozenset(bytes.fromhex(signer[2:]) for signer, is_now in admitted.items() if is_now)


def _events(
    chain: Chain, contract: Contract, names: tuple[str, ...], until: int
) -> Iterator[tuple[str, Mapping[str, Any], LogReceipt]]:
    """The named events of a contract up to a block, decoded, oldest first."""
    events = [getattr(contract.events, name)() for name in names]
    by_topic = {bytes(HexBytes(event.topic)): event for event in events}
    for log in chain.logs(contract.address, until):
        event = by_topic.get(bytes(log["topics"][0]))
        if event is not None:
            yield event.event_name, event.process_log(log)["args"], log


def _opened(ledger: Contract) -> Terms:
    """What a market opened with."""
    version = int(ledger.functions.gridVersion().call())
    names = ("policyHash", "sharesRoot", "contractsRoot")
    return Terms(0, version, *(bytes(getattr(ledger.functions, name)().call()) for name in names))


def _posted(
    ledger: Contract,
    domain_hash: bytes,
    opened: Terms,
    header_hash: bytes,
    data: HexBytes | None,
) -> PostedHeader | None:
    """The header that the ledger announced; None where the transaction does not show it.

    The ledger announces a hash only. What was posted is believed when the ledger was called directly and the hash
    is that of what it was called with: the calldata of a call through another contract may be anything.
    """
    if data is None:
        return None
    try:
        _, call = ledger.decode_function_input(data)
        sent = bytes(call["sent"])
        # Where policy, shares or contracts have changed, all three are sent.
        known = (
            bytes(call.get("contractsRoot", opened.contracts_root)),
            bytes(call.get("sharesRoot", opened.shares_root)),
            bytes(call.get("policyHash", opened.policy_hash)),
        )
        previous, header = Header.of_sent(sent[:SENT_BYTES], *known)
        if header.hash(domain_hash, previous) != header_hash:
            return None
    except (Web3Exception, ValueError, KeyError, InputError):
        return None
    return PostedHeader(previous, header.packed(), sent[SENT_BYTES:], header_hash)


@dataclass
class _History:
    """The ledger's events, as they add up: what was voided is forgotten.

    Attributes:
        domain_hash: What the hashes of headers are bound to.
        opened: What the market opened with, which the ledger puts into every header that brings no other.
        headers: The headers that stand; None for those that cannot be read back.
        orders_roots: Root of the orders of each interval.
        seeds: Seed of each interval.
    """

    domain_hash: bytes
    opened: Terms
    headers: list[PostedHeader | None] = field(default_factory=list)
    orders_roots: dict[int, bytes] = field(default_factory=dict)
    seeds: dict[int, bytes] = field(default_factory=dict)

    def add(
        self,
        ledger: Contract,
        name: str,
        arguments: Mapping[str, Any],
        data: HexBytes | None,
    ) -> None:
        """Take up the next event; of a posted header with what its transaction sent to the ledger."""
        interval = int(arguments["interval"])
        if name == "OrdersCommitted":
            self.orders_roots[interval] = bytes(arguments["ordersRoot"])
        elif name == "SeedAccepted":
            self.seeds[interval] = bytes(arguments["seed"])
        elif name == "SeedReopened":
            self.seeds.pop(interval, None)
        elif name == "HeadersVoided":
            del self.headers[interval - 1 :]
        else:
            header_hash = bytes(arguments["headerHash"])
            self.headers.append(_posted(ledger, self.domain_hash, self.opened, header_hash, data))

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
    """The escrow's events, as they add up to collateral and to its books.

    Attributes:
        owners: Owner of each registration number.
        changes: How what a deposit covers has changed, as the escrow keeps it.
        covered: What each deposit covers after the last change.
        accounts: What each registration number has there.
    """

    owners: dict[int, bytes] = field(default_factory=dict)
    changes: list[CollateralChange] = field(default_factory=list)
    covered: dict[int, int] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)

    def add(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take up the next event."""
        index = int(arguments["index"])
        if name == "Registered":
            self.owners[index] = bytes.fromhex(arguments["owner"][2:])
            self.accounts[index] = Account()
            return
        if name == "CollateralChanged":
            micro = min(int(arguments["micro"]), UNLIMITED)  # more than anybody can owe
            by, self.covered[index] = micro - self.covered.get(index, 0), micro
            if by:
                self.changes.append(CollateralChange(int(arguments["from"]), index, by))
            return
        account, amount = self.accounts[index], int(arguments["amount"])
        if name == "Deposited":
            account = replace(account, deposit=account.deposit + amount)
        elif name == "Claimed":
            account = replace(account, paid=account.paid + amount)
        else:
            left = name == "Escaped"
            deposit = 0 if left else account.deposit - amount
            account = replace(account, deposit=deposit, left=left)
        self.accounts[index] = account
