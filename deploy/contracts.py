"""The contracts as compiled: reading the committed artefacts, and deploying them in one call."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from eth_typing import ABI, ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import Nonce
from web3.utils.address import get_create_address

from deploy.chain import Chain, ChainError
from deploy.grids import register_grid
from offchain.errors import ClearwattError
from offchain.policy import Policy
from offchain.randomness.drand import Network, evm_key

MAX_RING: Final = 1_280
"""The most headers that a ledger keeps."""

LEAST_ANSWER_S: Final = 60
"""The least time to answer a question about data: five blocks of the slowest chain."""

ARTIFACTS: Final = Path(__file__).resolve().parent / "artifacts"

GROUP: Final = (
    "ledger",
    "bond",
    "beacon",
    "faults",
    "escrow",
    "verifier",
    "forced",
    "requests",
    "terms",
    "readings",
)
"""The contracts that name each other, in the order of their creation: the others ask the ledger how deep trees are."""

CONTRACTS: Final = {
    "token": "TestToken",
    "registry": "GridRegistry",
    "ledger": "ClearingLedger",
    "bond": "OracleBond",
    "beacon": "CommitReveal",
    "faults": "FaultProofs",
    "escrow": "SettlementEscrow",
    "verifier": "NetworkVerifier",
    "forced": "ForcedOrders",
    "requests": "DataRequests",
    "terms": "MarketTerms",
    "readings": "FiledReadings",
}
"""The artefact of each contract of a market; of the beacon, the adapter that is used where nothing else is said."""

BEACONS: Final = {"commit-reveal": "CommitReveal", "drand": "DrandBeacon", "dev": "DevBeacon"}
"""The artefact of each randomness adapter by its name in a configuration."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: The contract's name.
        abi: Its interface.
        bytecode: Code that creates it, hexadecimal with 0x.
        deployed: Code that stays on the chain, hexadecimal with 0x; immutable values are zero in
            it.
        immutables: Where in that code immutable values stand, as (name, start, length) in bytes.
    """

    name: str
    abi: ABI
    bytecode: str
    deployed: str
    immutables: tuple[tuple[str, int, int], ...]

    @property
    def code(self) -> bytes:
        """Code that stays on the chain, as bytes."""
        return bytes.fromhex(self.deployed.removeprefix("0x"))


ANSWERS_FOR: Final = {"FaultProofs": "FaultsAnnex"}
"""Contracts whose address answers to the functions of another as well, by forwarding."""


@cache
def artifact(name: str) -> Artifact:
    """Read the committed artefact of a contract.

    Raises:
        ClearwattError: When it is missing, or needs a library that is not part of it.
    """
    path = ARTIFACTS / f"{name}.json"
    try:
        compiled = json.loads(path.read_text())
    except FileNotFoundError:
        raise ClearwattError(
            f"artefact: {name} is missing in {ARTIFACTS.name}/; run `make contracts`"
        ) from None
    if compiled["linkReferences"]:
        raise ClearwattError(f"artefact: {name} is not linked; make its libraries internal")
    abi = compiled["abi"]
    if name in ANSWERS_FOR:
        others = artifact(ANSWERS_FOR[name]).abi
        abi = abi + [e for e in others if e["type"] == "function" and e not in abi]
    return Artifact(
        name=name,
        abi=abi,
        bytecode=compiled["bytecode"],
        deployed=compiled["deployedBytecode"],
        immutables=tuple(
            (r["name"], r["start"], r["length"]) for r in compiled["immutableReferences"]
        ),
    )


@dataclass(frozen=True)
class DrandSettings:
    """Which rounds make a market's seeds.

    Attributes:
        network: The drand network.
        delay_seconds: Least time between the orders and the round; longer than a fork of the chain can be.
    """

    network: Network
    delay_seconds: int


@dataclass(frozen=True)
class MarketSettings:
    """What a market's contracts are deployed with.

    Attributes:
        policy: The packed policy.
        contracts_root: Root of the contracts tree at genesis.
        shares_root: Root of the shares tree.
        state_root: Root of the state tree before interval 1.
        nonce: 32 bytes that tell this market from every other with equal settings.
        packed_grid: The first grid.
        participants: How many registration numbers the trees have room for.
        tips: Ends of the hash chains of the parties that make the seeds; empty with another adapter.
        relief: Who receives what a slashed bond leaves over for the harmed.
        window_seconds: How long a header can be disputed.
        deadline_seconds: How late the next header may be before anyone may freeze the ledger.
        ring_size: Number of headers kept, at most `MAX_RING`.
        bond_micro: Least bond below which nobody can post.
        paid_micro: What is paid into it; None for the minimum and one penalty, so that one slash stops nobody.
        penalty_micro: What one proven fault costs; half of it is burned.
        reward_micro: What the prover receives of it; None for a quarter.
        delay_seconds: How long announced changes of the bond wait; None for the shortest.
        signers: Who may post; empty for the payer alone.
        signatures: How many of them each header needs.
        eager: Whether each header brings its network certificate.
        treasurer: Who may announce changes of the bond; None for the payer.
        registrar: Who admits participants and announces contracts; None for the payer.
        grid_operator: Who announces and tightens grids; None for the payer.
        market_operator: Who announces policies and shares; None for the payer.
        terms_delay_seconds: How long these announcements wait; None for the least that lets everybody leave before.
        token: The currency; None to deploy one that anyone can mint.
        randomness: The adapter, a name in `BEACONS`.
        drand: Its rounds, where that is drand.
        answer_seconds: How long a question about data waits, at least `LEAST_ANSWER_S`; None for a quarter of the
            window.
        least_gas_price_wei: Least price of gas that the fee for an answer reckons with.
        outflow_cap_micro: Most that is paid in a window to who never deposited; None for the bond.
        outflow_stake_micro: Deposits from which on an account is not bounded so.
    """

    policy: bytes
    contracts_root: bytes
    shares_root: bytes
    state_root: bytes
    nonce: bytes
    packed_grid: bytes
    participants: int
    tips: tuple[bytes, ...]
    relief: ChecksumAddress
    window_seconds: int
    deadline_seconds: int
    ring_size: int
    bond_micro: int
    penalty_micro: int
    paid_micro: int | None = None
    reward_micro: int | None = None
    delay_seconds: int | None = None
    signers: tuple[ChecksumAddress, ...] = ()
    signatures: int = 1
    eager: bool = True
    treasurer: ChecksumAddress | None = None
    registrar: ChecksumAddress | None = None
    grid_operator: ChecksumAddress | None = None
    market_operator: ChecksumAddress | None = None
    terms_delay_seconds: int | None = None
    token: ChecksumAddress | None = None
    randomness: str = "commit-reveal"
    drand: DrandSettings | None = None
    answer_seconds: int | None = None
    least_gas_price_wei: int = 10**9
    outflow_cap_micro: int | None = None
    outflow_stake_micro: int = 1


@dataclass(frozen=True)
class Deployment:
    """The contracts of one market on one chain.

    Attributes:
        token: The currency; on a development chain anyone can mint it.
        registry: GridRegistry.
        bond: OracleBond.
        beacon: CommitReveal, DrandBeacon or DevBeacon.
        faults: FaultProofs.
        escrow: SettlementEscrow.
        ledger: ClearingLedger.
        verifier: NetworkVerifier.
        forced: ForcedOrders.
        requests: DataRequests.
        terms: MarketTerms.
        readings: FiledReadings.
        grid_version: Version of the first grid.
        gas: What it took, all transactions together.
    """

    token: Contract
    registry: Contract
    bond: Contract
    beacon: Contract
    faults: Contract
    escrow: Contract
    ledger: Contract
    verifier: Contract
    forced: Contract
    requests: Contract
    terms: Contract
    readings: Contract
    grid_version: int
    gas: int


class Journal:
    """Where a deployment's contracts lie, or are to lie. This one lasts as long as the process.

    Attributes:
        at: Address of each contract by its name in `CONTRACTS`; set before it is created.
    """

    def __init__(self) -> None:
        self.at: dict[str, ChecksumAddress] = {}

    def plan(self, addresses: Mapping[str, ChecksumAddress]) -> None:
        """Contracts will be created at these addresses next."""
        self.at.update(addresses)

    def done(self, step: str, gas: int) -> None:
        """A step is behind us; it took gas, or 0 if it had been taken before."""


def artifact_names(randomness: str) -> dict[str, str]:
    """The artefact of each contract of a market with a randomness adapter."""
    return CONTRACTS | {"beacon": BEACONS[randomness]}


def deploy_all(
    chain: Chain, settings: MarketSettings, journal: Journal | None = None
) -> Deployment:
    """Deploy a market, register its grid and pay its bond; only what is not there yet.

    The chain's payer becomes signer, treasurer and registrar where the settings name nobody. The contracts of a market
    name each other, so their addresses are computed from the payer's nonce and written into the journal beforehand.
    Should another transaction of the payer take one of these places, the whole group is deployed anew.

    Args:
        chain: Where; its payer pays.
        settings: With what; the same as before where a journal is taken up again.
        journal: What was planned and done in an earlier run.

    Raises:
        ChainError: When the chain refuses, the payer lacks the bond, or its account is used meanwhile.
    """
    return _Site(chain, settings, journal or Journal()).build()


class _Site:
    """A deployment under way."""

    def __init__(self, chain: Chain, settings: MarketSettings, journal: Journal) -> None:
        self._chain = chain
        self._settings = settings
        self._journal = journal
        self._names = artifact_names(settings.randomness)
        self._gas = 0

    def build(self) -> Deployment:
        settings = self._settings
        if settings.token is None:
            token = self._alone("token")
        else:
            if not self._chain.web3.eth.get_code(settings.token):
                raise ChainError(
                    f"escrow.token: no contract at {settings.token}; check the address"
                )
            token = self._chain.web3.eth.contract(settings.token, abi=artifact("TestToken").abi)
        registry = self._alone("registry")
        version = register_grid(self._chain, registry, settings.packed_grid, self._took)
        self._plan_group()
        arguments = self._arguments(token.address, registry.address, version)
        group = {name: self._create(name, *arguments[name]) for name in GROUP}
        self._pay_bond(token, group["bond"])
        return Deployment(token, registry, **group, grid_version=version, gas=self._gas)

    def _arguments(
        self, token: ChecksumAddress, registry: ChecksumAddress, version: int
    ) -> dict[str, tuple[object, ...]]:
        """What each contract of the group is created with."""
        s, at, payer = self._settings, self._journal.at, self._chain.payer
        delay, reward = s.delay_seconds, s.reward_micro
        bond = (
            token,
            at["ledger"],
            at["faults"],
            s.treasurer or payer,
            s.relief,
            s.bond_micro,
            s.penalty_micro,
            s.penalty_micro // 4 if reward is None else reward,
            least_terms_delay(s.window_seconds, s.deadline_seconds) if delay is None else delay,
        )
        ledger = (
            registry,
            at["beacon"],
            at["bond"],
            at["faults"],
            at["terms"],
            Policy.unpack(s.policy).hash(),
            s.contracts_root,
            s.shares_root,
            s.state_root,
            s.nonce,
            version,
            s.participants,
            s.window_seconds,
            s.deadline_seconds,
            s.ring_size,
            s.signatures,
            s.eager,
        )
        peers = ("ledger", "bond", "escrow", "verifier", "forced", "requests", "readings")
        cap = s.bond_micro if s.outflow_cap_micro is None else s.outflow_cap_micro
        quarter = max(LEAST_ANSWER_S, s.window_seconds // 4)
        patience = quarter if s.answer_seconds is None else s.answer_seconds
        return {
            "ledger": (ledger, s.policy),
            "bond": (bond, list(s.signers) or [payer]),
            "beacon": self._beacon_arguments(),
            "faults": tuple(at[name] for name in peers),
            "escrow": (token, at["ledger"], s.registrar or payer, cap, s.outflow_stake_micro),
            "verifier": (registry,),
            "forced": (at["ledger"], at["escrow"]),
            "readings": (at["ledger"],),
            "requests": (at["ledger"], patience, s.least_gas_price_wei),
            "terms": (
                at["ledger"],
                s.grid_operator or payer,
                s.market_operator or payer,
                s.registrar or payer,
                s.terms_delay_seconds or least_terms_delay(s.window_seconds, s.deadline_seconds),
            ),
        }

    def _beacon_arguments(self) -> tuple[object, ...]:
        s, at = self._settings, self._journal.at
        if s.randomness == "dev":
            return (at["ledger"],)
        if s.randomness == "commit-reveal":
            return (at["ledger"], list(s.tips))
        if s.drand is None:
            raise ChainError("randomness: drand needs its network; name it in the settings")
        network = s.drand.network
        times = (network.genesis_time, network.period_s, s.drand.delay_seconds)
        return (at["ledger"], at["bond"], evm_key(network.public_key), *times)

    def _plan_group(self) -> None:
        """Keep the planned addresses if what is missing can still be created there, else plan anew."""
        missing = [name for name in GROUP if not self._stands(name)]
        following = self._following(len(missing))
        if [self._journal.at.get(name) for name in missing] != following:
            self._journal.plan(dict(zip(GROUP, self._following(len(GROUP)), strict=True)))

    def _following(self, count: int) -> list[ChecksumAddress]:
        """Where the payer's next contracts will lie."""
        chain, first = self._chain, self._chain.nonce()
        return [get_create_address(chain.payer, Nonce(first + i)) for i in range(count)]

    def _stands(self, name: str) -> bool:
        address = self._journal.at.get(name)
        return address is not None and has_code_of(self._chain.web3, self._names[name], address)

    def _alone(self, name: str) -> Contract:
        """A contract that needs no other's address."""
        if not self._stands(name):
            self._journal.plan({name: self._following(1)[0]})
        return self._create(name)

    def _create(self, name: str, *arguments: object) -> Contract:
        """A contract at its planned address, where it may stand already."""
        compiled, planned = artifact(self._names[name]), self._journal.at[name]
        if self._stands(name):
            self._journal.done(name, 0)
            return self._chain.web3.eth.contract(planned, abi=compiled.abi)
        contract, gas = self._chain.deploy(
            compiled.name, compiled.abi, compiled.bytecode, *arguments
        )
        if contract.address != planned:
            raise ChainError("deployment: the payer's account was used meanwhile; deploy again")
        self._took(name, gas)
        return contract

    def _pay_bond(self, token: Contract, bond: Contract) -> None:
        """Fill the bond up to what is to be paid in."""
        s, payer = self._settings, self._chain.payer
        paid = s.bond_micro + s.penalty_micro if s.paid_micro is None else s.paid_micro
        lacking = paid - bond.functions.bonded().call()
        if lacking <= 0:
            self._journal.done("bond payment", 0)
            return
        for step, call in payment(
            token,
            payer,
            bond.functions.bond(lacking),
            lacking,
            "bond.paid_micro",
            test=s.token is None,
        ):
            self._call("bond payment" if step == "payment" else step, call)

    def _call(self, step: str, function: ContractFunction) -> None:
        self._took(step, self._chain.transact(function)["gasUsed"])

    def _took(self, step: str, gas: int) -> None:
        self._gas += gas
        self._journal.done(step, gas)


def payment(
    token: Contract,
    payer: ChecksumAddress,
    call: ContractFunction,
    amount: int,
    field: str,
    *,
    test: bool,
) -> Iterator[tuple[str, ContractFunction]]:
    """The transactions by which a contract is paid, each asked for when the one before it is mined.

    Args:
        token: The currency.
        payer: Who pays.
        call: Of the contract that takes the amount.
        amount: In micro.
        field: Of the configuration that says so, for the error.
        test: Whether anybody can mint the currency.

    Raises:
        ChainError: When the payer holds too little.
    """
    held = token.functions.balanceOf(payer).call()
    if held < amount:
        if not test:
            raise ChainError(
                f"{field}: {payer} holds {held} micro of the currency and is to pay {amount}; "
                "fund the account and deploy again"
            )
        yield "mint", token.functions.mint(payer, amount - held)
    spender = call.address
    if token.functions.allowance(payer, spender).call() < amount:
        yield "approve", token.functions.approve(spender, amount)
    yield "payment", call


def least_terms_delay(window_seconds: int, deadline_seconds: int) -> int:
    """The shortest delay of announced terms, in seconds: longer than a withdrawal, the window and a posting deadline.

    A withdrawal is released by the third header at most after its announcement.
    """
    return 4 * deadline_seconds + window_seconds + 1


def has_code_of(web3: Web3, name: str, address: ChecksumAddress) -> bool:
    """Whether the code at an address is that of an artefact, but for its immutable values."""
    return masked_code(web3, name, address) == artifact(name).code


def masked_code(web3: Web3, name: str, address: ChecksumAddress) -> bytes:
    """The code at an address with zeros where an artefact's immutable values stand.

    Each immutable value must be the same wherever it stands: code that was not made by the artefact's own constructor
    can show one value to who asks and use another. Where it is not, or the length differs, the code stays as it is.
    """
    code = bytes(web3.eth.get_code(address))
    compiled = artifact(name)
    if len(code) != len(compiled.code):
        return code
    values = immutable_values(code, compiled)
    masked = bytearray(code)
    for immutable, start, length in compiled.immutables:
        if code[start : start + length] != values[immutable]:
            return code
        masked[start : start + length] = bytes(length)
    return bytes(masked)


def immutable_values(code: bytes, compiled: Artifact) -> dict[str, bytes]:
    """The immutable values of a deployed contract by name, 32 bytes each, from the first place of each."""
    values: dict[str, bytes] = {}
    for name, start, length in compiled.immutables:
        values.setdefault(name, code[start : start + length])
    return values
