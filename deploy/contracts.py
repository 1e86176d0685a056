"""The contracts as compiled: reading the committed artefacts, and deploying them in one call."""

import json
from dataclasses import dataclass, replace
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
from offchain.errors import ClearwattError

ARTIFACTS: Final = Path(__file__).resolve().parent / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: The contract's name.
        abi: Its interface.
        bytecode: Code that creates it, hexadecimal with 0x.
        deployed: Code that stays on the chain, hexadecimal with 0x; immutable values are zero in
            it.
        immutable_at: Where in that code immutable values stand, as (start, length) in bytes.
    """

    name: str
    abi: ABI
    bytecode: str
    deployed: str
    immutable_at: tuple[tuple[int, int], ...]


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
    return Artifact(
        name=name,
        abi=compiled["abi"],
        bytecode=compiled["bytecode"],
        deployed=compiled["deployedBytecode"],
        immutable_at=tuple((r["start"], r["length"]) for r in compiled["immutableReferences"]),
    )


@dataclass(frozen=True)
class MarketSettings:
    """What a market's contracts are deployed with.

    Attributes:
        policy_hash: Hash of the packed policy.
        contracts_root: Root of the contracts tree at genesis.
        state_root: Root of the state tree before interval 1.
        nonce: 32 bytes that tell this market from every other with equal settings.
        packed_grid: The first grid.
        participants: How many registration numbers the trees have room for.
        tips: Ends of the hash chains of the parties that make the seeds.
        relief: Who receives what a slashed bond leaves over for the harmed.
        window_seconds: How long a header can be disputed.
        deadline_seconds: How late the next header may be before anyone may freeze the ledger.
        ring_size: Number of headers kept.
        bond_micro: The operator's bond.
        penalty_micro: What one proven fault costs; half of it is burned, half of the rest is the prover's.
    """

    policy_hash: bytes
    contracts_root: bytes
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


@dataclass(frozen=True)
class Deployment:
    """The contracts of one market on one chain.

    Attributes:
        token: The currency; on a development chain anyone can mint it.
        registry: GridRegistry.
        bond: OracleBond.
        beacon: CommitReveal.
        faults: FaultProofs.
        escrow: SettlementEscrow.
        ledger: ClearingLedger.
        verifier: NetworkVerifier.
        forced: ForcedOrders.
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
    grid_version: int
    gas: int


def deploy_all(chain: Chain, settings: MarketSettings) -> Deployment:
    """Deploy a market with its test currency, register its grid and pay its bond.

    The chain's payer becomes signer, treasurer and registrar. The contracts name each other, so their addresses are
    computed beforehand and compared afterwards.

    Raises:
        ChainError: When the chain refuses, or another transaction of the payer came in between.
    """
    gas = 0

    def create(name: str, *arguments: object) -> Contract:
        nonlocal gas
        compiled = artifact(name)
        contract, used = chain.deploy(name, compiled.abi, compiled.bytecode, *arguments)
        gas += used
        return contract

    def call(function: ContractFunction) -> None:
        nonlocal gas
        gas += chain.transact(function)["gasUsed"]

    token = create("TestToken")
    registry = create("GridRegistry")
    call(registry.functions.registerGrid(settings.packed_grid))
    version = int(registry.functions.latestVersion().call())

    # the ledger first: the others ask it how deep its trees are
    names = ("ledger", "bond", "beacon", "faults", "escrow", "verifier", "forced")
    first = chain.nonce()
    at = {name: get_create_address(chain.payer, Nonce(first + i)) for i, name in enumerate(names)}
    bond_config = (
        token.address,
        at["ledger"],
        at["faults"],
        chain.payer,
        settings.relief,
        settings.bond_micro,
        settings.penalty_micro,
        settings.penalty_micro // 4,
        2 * (settings.window_seconds + settings.deadline_seconds),
    )
    ledger_config = (
        registry.address,
        at["beacon"],
        at["bond"],
        at["faults"],
        settings.policy_hash,
        settings.contracts_root,
        settings.state_root,
        settings.nonce,
        version,
        settings.participants,
        settings.window_seconds,
        settings.deadline_seconds,
        settings.ring_size,
        1,
        True,
    )
    deployment = Deployment(
        token=token,
        registry=registry,
        ledger=create("ClearingLedger", ledger_config),
        bond=create("OracleBond", bond_config, [chain.payer]),
        beacon=create("CommitReveal", at["ledger"], list(settings.tips)),
        faults=create(
            "FaultProofs",
            *(at[name] for name in ("ledger", "bond", "escrow", "verifier", "forced")),
        ),
        escrow=create("SettlementEscrow", token.address, at["ledger"], chain.payer),
        verifier=create("NetworkVerifier", registry.address),
        forced=create("ForcedOrders", at["ledger"], at["escrow"]),
        grid_version=version,
        gas=gas,
    )
    for name in names:
        if getattr(deployment, name).address != at[name]:
            raise ChainError("deployment: the payer's account was used meanwhile; deploy again")
    call(token.functions.mint(chain.payer, settings.bond_micro))
    call(token.functions.approve(at["bond"], settings.bond_micro))
    call(deployment.bond.functions.bond(settings.bond_micro))
    return replace(deployment, gas=gas)


def has_code_of(web3: Web3, name: str, address: ChecksumAddress) -> bool:
    """Whether the code at an address is that of an artefact, but for its immutable values."""
    compiled = artifact(name)
    code = bytearray(web3.eth.get_code(address))
    expected = bytes.fromhex(compiled.deployed.removeprefix("0x"))
    if len(code) != len(expected):
        return False
    for start, length in compiled.immutable_at:
        code[start : start + length] = bytes(length)
    return bytes(code) == expected
