"""The contracts of a market as one ledger names them: each with the published code, each bound to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract

from deploy.chain import Chain
from deploy.contracts import BEACONS, artifact, immutable_values, masked_code
from offchain.audit.published import Code
from offchain.commitment.header import Domain
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.signing import domain_separator

_PLACES: Final = {
    "GridRegistry": ("ClearingLedger", "registry"),
    "FaultProofs": ("ClearingLedger", "faults"),
    "OracleBond": ("ClearingLedger", "bond"),
    "SettlementEscrow": ("FaultProofs", "escrow"),
    "ForcedOrders": ("FaultProofs", "forced"),
    "NetworkVerifier": ("FaultProofs", "verifier"),
    "FaultsAnnex": ("FaultProofs", "annex"),
    "DataRequests": ("FaultProofs", "requests"),
    "MarketTerms": ("ClearingLedger", "terms"),
    "FiledReadings": ("FaultsAnnex", "readings"),
}
"""Who names each contract, and as what."""

_COURT: Final = {
    "ledger": "ClearingLedger",
    "bond": "OracleBond",
    "escrow": "SettlementEscrow",
    "verifier": "NetworkVerifier",
    "forced": "ForcedOrders",
    "requests": "DataRequests",
    "_registry": "GridRegistry",
}
_BINDINGS: Final = {
    "FaultProofs": _COURT,
    "FaultsAnnex": {**_COURT, "readings": "FiledReadings"},
    "OracleBond": {"ledger": "ClearingLedger", "faults": "FaultProofs"},
    "CommitReveal": {"ledger": "ClearingLedger"},
    "DrandBeacon": {"ledger": "ClearingLedger", "bond": "OracleBond"},
    "DevBeacon": {"ledger": "ClearingLedger"},
    "DataRequests": {"ledger": "ClearingLedger"},
    "SettlementEscrow": {"ledger": "ClearingLedger"},
    "ForcedOrders": {"ledger": "ClearingLedger", "escrow": "SettlementEscrow"},
    "FiledReadings": {"ledger": "ClearingLedger"},
    "NetworkVerifier": {"registry": "GridRegistry"},
    "MarketTerms": {"ledger": "ClearingLedger", "registry": "GridRegistry"},
}
"""Which contract each immutable address of a contract must name."""

_WORD: Final = 32
_ADDRESS_AT: Final = 12


class ForeignCodeError(InputError):
    """A contract of a market has another code than the published one.

    Attributes:
        code: Which, and both hashes.
    """

    def __init__(self, code: Code, chain_id: int) -> None:
        super().__init__(
            f"ledger: there is no clearwatt {code.contract} at {code.address} on chain {chain_id}; "
            "check the address and the RPC URL"
        )
        self.code = code


@dataclass(frozen=True)
class MarketContracts:
    """The contracts of one market.

    Attributes:
        domain: Chain, ledger and market id.
        at: By name; with the token that the escrow holds, whose code is its issuer's affair, as `TestToken`.
        code: Their code beside the published one; equal, or this would not have been made.
        meter_lag: How many intervals later the ledger reckons that readings are settled; in its code alone.
    """

    domain: Domain
    at: Mapping[str, Contract]
    code: tuple[Code, ...]
    meter_lag: int

    @property
    def beacon(self) -> Contract:
        """The randomness adapter, whichever it is."""
        return next(self.at[name] for name in BEACONS.values() if name in self.at)

    @classmethod
    def of(cls, chain: Chain, ledger_address: str) -> MarketContracts:
        """The contracts of the market of a ledger.

        Published code is not enough: a court could judge another ledger, an escrow pay by one. So every contract of the
        market is held to its code, and to those that it must name in turn; also where no function shows what it names.

        Raises:
            InputError: When the address is none, a contract's code is not the published one (`ForeignCodeError`), or it
                belongs to another market.
        """
        if not Web3.is_address(ledger_address):
            raise InputError(f"ledger: '{ledger_address}' is not an address; give 0x and 40 digits")
        found = _Finder(chain)
        found.add("ClearingLedger", Web3.to_checksum_address(ledger_address))
        for name, (owner, immutable) in _PLACES.items():
            found.add(name, found.address(owner, immutable))
        found.add_beacon(found.address("ClearingLedger", "beacon"))
        found.require_bound()
        token = found.address("SettlementEscrow", "token")
        at = {
            name: chain.web3.eth.contract(
                Web3.to_checksum_address(code.address), abi=artifact(name).abi
            )
            for name, code in found.code.items()
        }
        at["TestToken"] = chain.web3.eth.contract(address=token, abi=artifact("TestToken").abi)
        return cls(found.domain(), at, tuple(found.code.values()), found.meter_lag())


class _Finder:
    """Contracts found so far, and the immutable values in their code."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.code: dict[str, Code] = {}
        self._values: dict[str, dict[str, bytes]] = {}

    def add(self, name: str, address: ChecksumAddress) -> None:
        """Take up a contract, whose code must be the published one."""
        web3, compiled = self._chain.web3, artifact(name)
        masked = masked_code(web3, name, address)
        code = Code(name, address, keccak(compiled.code), keccak(masked))
        if masked != compiled.code:
            raise ForeignCodeError(code, self._chain.chain_id)
        self.code[name] = code
        self._values[name] = immutable_values(bytes(web3.eth.get_code(address)), compiled)

    def add_beacon(self, address: ChecksumAddress) -> None:
        """Take up the randomness adapter, which may be any of the published ones."""
        web3 = self._chain.web3
        for name in BEACONS.values():
            if masked_code(web3, name, address) == artifact(name).code:
                self.add(name, address)
                return
        self.add(BEACONS["commit-reveal"], address)

    def address(self, name: str, immutable: str) -> ChecksumAddress:
        """An address in a contract's code."""
        return Web3.to_checksum_address(self._values[name][immutable][_ADDRESS_AT:])

    def meter_lag(self) -> int:
        """What the ledger keeps room for, in its code."""
        return int.from_bytes(self._values["ClearingLedger"]["_meterLag"], "big")

    def domain(self) -> Domain:
        """What the market's hashes are bound to, which must be what the ledger uses."""
        values, ledger = self._values["ClearingLedger"], self.code["ClearingLedger"].address
        domain = Domain(self._chain.chain_id, bytes.fromhex(ledger[2:]), values["marketId"])
        separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
        self._require("ClearingLedger", "domainHash", domain.hash())
        self._require("ClearingLedger", "domainSeparator", separator)
        return domain

    def require_bound(self) -> None:
        """Hold every contract to those that it must name, and to the depth of the ledger's trees."""
        here = {name: bindings for name, bindings in _BINDINGS.items() if name in self.code}
        for name, bindings in here.items():
            for immutable, other in bindings.items():
                expected = bytes.fromhex(self.code[other].address[2:]).rjust(_WORD, b"\0")
                self._require(name, immutable, expected)
        depth = int.from_bytes(self._values["ClearingLedger"]["treeDepth"], "big")
        for name in ("FaultProofs", "FaultsAnnex"):
            self._require(name, "_treeDepth", depth.to_bytes(_WORD, "big"))
        path = (_WORD * depth).to_bytes(_WORD, "big")
        self._require("SettlementEscrow", "_pathLength", path)

    def _require(self, name: str, immutable: str, expected: bytes) -> None:
        found = self._values[name].get(immutable, expected)
        if found != expected:
            raise InputError(
                f"ledger: its {name} at {self.code[name].address} names {_shown(found)} as its "
                f"{immutable.removeprefix('_')}, not {_shown(expected)}; these contracts are not one market, "
                "take no part in it"
            )


def _shown(word: bytes) -> str:
    """An address as it is written, anything else in hexadecimal."""
    if word[:_ADDRESS_AT] == bytes(_ADDRESS_AT) and any(word):
        return Web3.to_checksum_address(word[_ADDRESS_AT:])
    return f"0x{word.hex()}"
