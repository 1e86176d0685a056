"""A market whose headers are made to measure: for the cost of a step only sizes, depths and hashes matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress, Hash32
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import Nonce, TxReceipt
from web3.utils.address import get_create_address

from deploy.chain import development_key
from deploy.contracts import artifact, least_terms_delay
from deploy.devnet import Chain, embedded
from deploy.grids import register_grid
from offchain.commitment.hashing import inner, sum_inner
from offchain.commitment.header import Header, bus_vector_hash
from offchain.keccak import keccak
from offchain.policy import Policy
from offchain.records import wire
from oracle.chain import NOBODY
from tests.contracts.cost import Cost, written_slots

#: Depth of the trees over registration numbers: a million participants.
DEPTH: Final = 20
RING: Final = 8
WINDOW_S: Final = 180
DAY_S: Final = 86_400
MONEY: Final = 10**12
_LINKS: Final = 32
#: Type hashes of what a second signer signs (EIP-712), and a time that does not come.
_HEADER: Final = keccak(b"Header(bytes32 headerHash)")
_ORDERS: Final = keccak(b"Orders(uint32 interval,bytes32 ordersRoot,uint32 until)")
_ALWAYS: Final = 2**32 - 1
GRID_OPERATOR: Final = development_key("grid operator", 0)
_CONTRACTS_ROOT: Final = keccak(b"contracts")
_SHARES_ROOT: Final = keccak(b"shares")
_GENESIS_ROOT: Final = keccak(b"genesis")

Evidence = tuple[bytes, bytes]


@dataclass
class Rig:
    """The contracts of such a market, and where its chain of headers stands.

    Attributes:
        chain: embedded.
        contracts: by the names used in ``MARKET``, and ``token``.
        version: grid version.
        eager: whether headers bring their certificate.
        head: newest interval.
        previous: its header hash.
        state_root: its state root.
        links: what the one party of the beacon has still to reveal.
        seeds: by interval; a void leaves them standing.
        cosigner: the second signer of each header, if there is one.
    """

    chain: Chain
    contracts: dict[str, Contract]
    version: int
    eager: bool
    head: int
    previous: bytes
    state_root: bytes
    links: list[bytes]
    seeds: dict[int, bytes]
    cosigner: LocalAccount | None = None

    def gas(self, name: str, function: str, *arguments: object) -> Cost:
        """Cost of a transaction."""
        return self._send(self._call(name, function, *arguments))[0]

    def calldata(self, name: str, function: str, *arguments: object) -> bytes:
        """What a transaction sends."""
        return _calldata(self._call(name, function, *arguments))

    def _call(self, name: str, function: str, *arguments: object) -> ContractFunction:
        call: ContractFunction = getattr(self.contracts[name].functions, function)(*arguments)
        return call

    def _send(self, call: ContractFunction) -> tuple[Cost, TxReceipt]:
        with written_slots() as slots:
            receipt = self.chain.transact(call)
        return Cost.of(receipt["gasUsed"], _calldata(call), slots), receipt

    def ask(self, name: str, function: str, *arguments: object) -> Any:  # noqa: ANN401 - any ABI type
        """Answer of a call."""
        return getattr(self.contracts[name].functions, function)(*arguments).call()

    def post(
        self, certificate: bytes = b"", injections: tuple[int, ...] = (), **fields: object
    ) -> tuple[Evidence, dict[str, Cost]]:
        """Orders, seed and header of the next interval.

        Args:
            certificate: of the network; empty when the ledger is not eager.
            injections: the vector that belongs to it, Wh.
            fields: what differs from the header made here.

        Returns:
            The header as evidence, and the cost of the transactions: of orders and seed only where
            they are not fixed yet.
        """
        interval, orders_root = self.head + 1, keccak(b"orders %d" % self.head)
        fresh = interval not in self.seeds
        used = self._fix_inputs(interval, orders_root) if fresh else {}
        header = self._header(
            interval=interval,
            orders_root=orders_root,
            seed=self.seeds[interval],
            bus_vector_hash=bus_vector_hash(certificate, list(injections)),
            **fields,
        )
        payload, sent = header.packed(), header.sent(self.previous) + certificate
        named = (header.policy_hash, header.shares_root, header.contracts_root)
        if named != (Policy().hash(), _SHARES_ROOT, _CONTRACTS_ROOT):
            payer = self.chain.payer
            used["header"] = self.gas("ledger", "postAmended", sent, b"", payer, *named)
        elif self.cosigner is not None:
            hashed = header.hash(self.ask("ledger", "domainHash"), self.previous)
            signed = self._signed(_HEADER + hashed)
            used["header"] = self.gas("ledger", "postSigned", sent, signed)
        elif fresh:
            used["header"] = self.gas("ledger", "post", sent)
        else:
            used["header"] = self.gas("ledger", "postInstead", sent, b"", NOBODY)
        evidence = (self.previous, payload)
        self.head, self.state_root = interval, header.state_root
        self.previous = bytes(self.ask("ledger", "hashHeader", evidence))
        return evidence, used

    def _fix_inputs(self, interval: int, orders_root: bytes) -> dict[str, Cost]:
        if self.cosigner is None:
            used = {"commit orders": self.gas("ledger", "commitOrders", interval, orders_root)}
        else:
            words = (interval, int.from_bytes(orders_root), _ALWAYS)
            signed = self._signed(_ORDERS + b"".join(word.to_bytes(32) for word in words))
            call = (interval, orders_root, _ALWAYS, signed)
            used = {"commit orders": self.gas("ledger", "commitOrdersSigned", *call)}
        reveal, receipt = self._send(self._call("beacon", "reveal", interval, [self.links.pop()]))
        (event,) = self.contracts["beacon"].events.Revealed().process_receipt(receipt, DISCARD)
        self.seeds[interval] = bytes(event["args"]["seed"])
        return used | {"reveal seed": reveal}

    def _signed(self, struct: bytes) -> bytes:
        """The second signer's compact signature of a struct (EIP-712, EIP-2098)."""
        assert self.cosigner is not None
        separator = bytes(self.ask("ledger", "domainSeparator"))
        digest = Hash32(keccak(b"\x19\x01" + separator + keccak(struct)))
        signed = self.cosigner.unsafe_sign_hash(digest)
        parity = (signed.v - 27) << 255
        return signed.r.to_bytes(32, "big") + (signed.s | parity).to_bytes(32, "big")

    def pass_window(self) -> None:
        """Let every header become final."""
        self.chain.wait_until(self.chain.now() + WINDOW_S)

    def lap(self, certificate: bytes = b"", injections: tuple[int, ...] = ()) -> None:
        """Go once round the ring, so that no slot is new any more."""
        for _ in range(RING):
            self.post(certificate, injections)
            self.pass_window()

    def _header(self, **fields: Any) -> Header:  # noqa: ANN401 - the header's own types
        number = fields["interval"]
        words = ("allocation_root", "state_root", "meter_root", "bundle_hash")
        made: dict[str, Any] = {word: keccak(f"{word} {number}".encode()) for word in words}
        made |= {
            "pre_state_root": self.state_root,
            "contracts_root": _CONTRACTS_ROOT,
            "shares_root": _SHARES_ROOT,
            "policy_hash": Policy().hash(),
            "grid_version": self.version,
            "requested": 123_456_789,
            "served": 112_345_678,
            "offered": 134_567_890,
            "dispatched": 112_345_678,
            "credit_sum": 23_456_789_012,
            "debit_sum": 23_456_789_012,
            "pot": 3_456_789_012,
            "shortfall": 0,
            "imbalance_scale_ppb": 10**9,
            "forced_cursor": 0,
        }
        return Header(**(made | fields))


def open_rig(
    packed_grid: bytes, *, eager: bool, window_s: int = WINDOW_S, cosigned: bool = False
) -> Rig:
    """Deploy such a market.

    Args:
        packed_grid: its grid.
        eager: whether headers bring their certificate.
        window_s: how long they can be disputed.
        cosigned: whether each header needs a second signature.
    """
    cosigner = development_key("cosigner", 0) if cosigned else None
    chain = embedded()

    def create(name: str, *arguments: object) -> Contract:
        compiled = artifact(name)
        return chain.deploy(name, compiled.abi, compiled.bytecode, *arguments)[0]

    token, registry = create("TestToken"), create("GridRegistry")
    version = register_grid(chain, registry, packed_grid)
    names = (
        "ledger", "bond", "beacon", "faults", "escrow", "verifier", "forced", "requests", "terms",
        "readings",
    )  # fmt: skip
    first = chain.nonce()
    at = {name: get_create_address(chain.payer, Nonce(first + i)) for i, name in enumerate(names)}
    roots = (Policy().hash(), _CONTRACTS_ROOT, _SHARES_ROOT, _GENESIS_ROOT, bytes(32))
    times = (window_s, DAY_S, RING)
    config = (registry.address, at["beacon"], at["bond"], at["faults"], at["terms"], *roots, version)
    links = [keccak(b"secret")]
    for _ in range(_LINKS):
        links.append(keccak(links[-1]))
    stake = (token.address, at["ledger"], at["faults"], chain.payer, address(1), MONEY, MONEY)
    courts = ("ledger", "bond", "escrow", "verifier", "forced", "requests", "readings")
    signers = [chain.payer] + ([cosigner.address] if cosigner else [])
    contracts = {
        "token": token,
        "registry": registry,
        "ledger": create(
            "ClearingLedger",
            (*config, 1 << DEPTH, *times, 1 + cosigned, eager),
            Policy().packed(),
        ),
        "bond": create("OracleBond", (*stake, MONEY // 4, least_terms_delay(window_s, DAY_S)), signers),
        "beacon": create("CommitReveal", at["ledger"], [links.pop()]),
        "faults": create("FaultProofs", *(at[name] for name in courts)),
        "escrow": create("SettlementEscrow", token.address, at["ledger"], chain.payer, MONEY, 1),
        "verifier": create("NetworkVerifier", registry.address),
        "forced": create("ForcedOrders", at["ledger"], at["escrow"]),
        "requests": create("DataRequests", at["ledger"], window_s // 3, 10**9),
        "terms": create(
            "MarketTerms",
            at["ledger"],
            GRID_OPERATOR.address,
            chain.payer,
            chain.payer,
            least_terms_delay(window_s, DAY_S),
        ),
        "readings": create("FiledReadings", at["ledger"]),
    }
    genesis = bytes(contracts["ledger"].functions.genesisHash().call())
    rig = Rig(chain, contracts, version, eager, 0, genesis, _GENESIS_ROOT, links, {}, cosigner)
    rig.gas("token", "mint", chain.payer, 100 * MONEY)
    for spender in ("bond", "escrow"):
        rig.gas("token", "approve", at[spender], 2**256 - 1)
    rig.gas("bond", "bond", 10 * MONEY)
    return rig


def _calldata(call: ContractFunction) -> bytes:
    return bytes(HexBytes(call._encode_transaction_data()))


def address(number: int) -> ChecksumAddress:
    """An address that nobody has the key of."""
    return Web3.to_checksum_address(keccak(b"address %d" % number)[:20])


def record(layout: np.dtype, **fields: int | bytes) -> bytes:
    """A packed record; what is not given is zero, salts are filled."""
    row = np.zeros(1, dtype=layout)
    if "salt" in (layout.names or ()):
        row["salt"] = np.void(keccak(b"salt")[:16])
    for name, value in fields.items():
        row[name] = np.void(value) if isinstance(value, bytes) else value
    return row.astype(wire(layout)).tobytes()


def plain_tree(node: bytes, index: int) -> tuple[bytes, bytes]:
    """A root above a node ``DEPTH`` levels below, and the path to it."""
    for level in range(DEPTH):
        node = inner(_sibling(level), node) if index >> level & 1 else inner(node, _sibling(level))
    return node, b"".join(_sibling(level) for level in range(DEPTH))


def sum_tree(node: bytes, index: int, depth: int) -> tuple[bytes, bytes]:
    """As `plain_tree` in a tree with sums of any depth."""
    for level in range(depth):
        pair = (_sibling(level), node) if index >> level & 1 else (node, _sibling(level))
        node = sum_inner(*pair, keccak(_sibling(level)))
    return node, b"".join(_sibling(level) + keccak(_sibling(level)) for level in range(depth))


def _sibling(level: int) -> bytes:
    return keccak(b"sibling %d" % level)
