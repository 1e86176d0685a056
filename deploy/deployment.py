"""A pilot's deployment that can be interrupted and taken up again: the deployments file remembers what stands where."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3

from deploy.chain import Chain, ChainError
from deploy.contracts import (
    CONTRACTS,
    Deployment,
    Journal,
    artifact_names,
    deploy_all,
    has_code_of,
    payment,
)
from deploy.devnet import embedded
from deploy.pilot import VACANT, Pilot
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.records import RESERVE

FORMAT: Final = 1
REGISTER_AT_ONCE: Final = 100
"""Participants registered in one transaction."""

Told = Callable[[str, int], None]
"""Hears of every step and its gas; 0 where the step had been taken before."""


def silent(step: str, gas: int) -> None:
    """Tell nobody."""


@dataclass
class DeploymentFile(Journal):
    """The deployments file: written before a contract is created and after it stands.

    Attributes:
        path: Where it lies.
        chain: The chain it speaks of.
        told: Hears of every step.
        head: Everything but the contracts.
        contracts: By name: contract, address, and once it stands code_hash, block and gas.
        artifacts: The artefact of each contract.
    """

    path: Path
    chain: Chain
    told: Told = silent
    head: dict[str, Any] = field(default_factory=dict)
    contracts: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=lambda: CONTRACTS)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def open(cls, path: Path, chain: Chain, pilot: Pilot, told: Told = silent) -> DeploymentFile:
        """Take up a file, or begin one; nothing is written yet.

        Raises:
            InputError: When the file is not ours, or is of another chain, payer or pilot.
        """
        file = cls(path, chain, told, artifacts=artifact_names(pilot.randomness))
        if not path.exists():
            if not path.parent.is_dir():
                raise InputError(f"out: there is no folder {path.parent}; make it first")
            nonce, salt_key = secrets.token_bytes(32), secrets.token_bytes(32)
            file.head = {
                "format": FORMAT,
                "name": pilot.name,
                "version": version("clearwatt"),
                "chain_id": chain.chain_id,
                "payer": chain.payer,
                "from_block": chain.web3.eth.block_number,
                "genesis_nonce": nonce.hex(),
                "salt_key": salt_key.hex(),
                "settings_hash": _settings_hash(pilot, nonce, salt_key),
                "complete": False,
            }
            return file
        try:
            data = json.loads(path.read_text())
            file.contracts = data.pop("contracts")
            file.head = data
            known = (data["format"], data["chain_id"], data["payer"], data["settings_hash"])
            file.at = {
                name: Web3.to_checksum_address(entry["address"])
                for name, entry in file.contracts.items()
            }
            nonce, salt_key = file.nonce, file.salt_key
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"out: {path} is not a deployments file; name another file") from None
        ours = (FORMAT, chain.chain_id, chain.payer, _settings_hash(pilot, nonce, salt_key))
        for what, theirs, wanted in zip(_IDENTITY, known, ours, strict=True):
            if theirs != wanted:
                raise InputError(
                    f"out: {path} was begun with another {what}; name another file, or go on with the same {what}"
                )
        for name in [n for n, e in file.contracts.items() if not file.holds(n, e)]:
            del file.contracts[name]["code_hash"]  # the chain has forgotten it
        return file

    @property
    def nonce(self) -> bytes:
        """What tells this market from every other."""
        return bytes.fromhex(self.head["genesis_nonce"])

    @property
    def salt_key(self) -> bytes:
        """Key of the salts of the first state; published with the genesis bundle."""
        return bytes.fromhex(self.head["salt_key"])

    def holds(self, name: str, entry: Mapping[str, Any]) -> bool:
        """Whether a contract stands as recorded, or has not been recorded as standing."""
        if "code_hash" not in entry:
            return True
        return name in self.artifacts and entry["code_hash"] == self._code_hash(self.at[name])

    def standing(self) -> list[str]:
        """The contracts whose code is at their address now."""
        return [
            name
            for name, address in self.at.items()
            if has_code_of(self.chain.web3, self.artifacts[name], address)
        ]

    def plan(self, addresses: Mapping[str, ChecksumAddress]) -> None:
        """See Journal."""
        super().plan(addresses)
        for name, address in addresses.items():
            self.contracts[name] = {"contract": self.artifacts[name], "address": address}
        self.write()

    def done(self, step: str, gas: int) -> None:
        """See Journal."""
        if step in self.contracts and "code_hash" not in self.contracts[step]:
            self.contracts[step] |= {
                "code_hash": self._code_hash(self.at[step]),
                "block": self.chain.web3.eth.block_number,
                "gas": gas,
            }
            self.write()
        self.told(step, gas)

    def write(self) -> None:
        """Replace the file as a whole, so that an interruption leaves the old one or the new one."""
        draft = self.path.with_name(self.path.name + ".new")
        draft.write_text(json.dumps(self.head | {"contracts": self.contracts}, indent=1) + "\n")
        draft.replace(self.path)

    def _code_hash(self, address: ChecksumAddress) -> str:
        return "0x" + keccak(bytes(self.chain.web3.eth.get_code(address))).hex()


_IDENTITY: Final = ("format", "chain", "payer", "configuration")


def deploy_pilot(chain: Chain, pilot: Pilot, out: Path, told: Told = silent) -> Deployment:
    """Deploy a pilot's market; what an earlier run has done is not done again.

    Writes the deployments file, and beside it, under the same name, the genesis bundle. Ends with every participant
    registered, if the payer is the registrar.

    Args:
        chain: Where; its payer pays.
        pilot: What; unchanged since an earlier run.
        out: The deployments file.
        told: Hears of every step.

    Raises:
        InputError: When the file speaks of something else; nothing has been changed.
        ChainError: When the chain refuses; run again to go on.
    """
    file = DeploymentFile.open(out, chain, pilot, told)
    _check_payer(chain)
    file.write()
    deployment = deploy_all(chain, pilot.settings(file.nonce, file.salt_key), file)
    ledger = bytes.fromhex(deployment.ledger.address[2:])
    start = pilot.genesis(
        chain.chain_id, ledger, file.nonce, file.salt_key, deployment.grid_version
    )
    if bytes(deployment.ledger.functions.genesisHash().call()) != start.state.header_hash:
        raise ChainError("deployment: the ledger's genesis is not this configuration's")
    out.with_suffix(".genesis.bundle").write_bytes(start.bundle)
    gas = deployment.gas + _register(chain, deployment, pilot, told)
    file.head |= {
        "grid_version": deployment.grid_version,
        "market_id": "0x" + start.state.domain.market_id.hex(),
        "genesis_hash": "0x" + start.state.header_hash.hex(),
        "complete": True,
    }
    file.write()
    return replace(deployment, gas=gas)


def rehearse(pilot: Pilot, payer: ChecksumAddress) -> dict[str, int]:
    """Gas of every step of a deployment, measured on a chain inside this process with a test currency.

    Args:
        pilot: What would be deployed.
        payer: Who would pay.
    """
    steps: dict[str, int] = {}

    class Notes(Journal):
        def done(self, step: str, gas: int) -> None:
            steps[step] = gas

    with embedded() as chain:
        registrar = None if pilot.registrar == payer else pilot.registrar
        draft = replace(pilot, token=None, registrar=registrar)
        deployment = deploy_all(chain, draft.settings(bytes(32), bytes(32)), Notes())
        _register(chain, deployment, draft, steps.__setitem__)
    if pilot.token is not None:
        for step in ("token", "mint", "mint for the reserve"):
            steps.pop(step, None)
    return steps


def _register(chain: Chain, deployment: Deployment, pilot: Pilot, told: Told) -> int:
    """Register who is not registered, where the payer may; returns the gas."""
    escrow, spent = deployment.escrow, 0
    if pilot.registrar not in (None, chain.payer):
        return 0
    reserve = pilot.policy.reserve_micro
    if reserve and not int(escrow.functions.ownerOf(RESERVE).call(), 16):
        # What the policy lets the reserve spend it must own from the first interval on, or it is overdrawn.
        for step, call in payment(
            deployment.token,
            chain.payer,
            escrow.functions.register(pilot.owners[RESERVE], RESERVE, reserve),
            reserve,
            "policy.reserve_micro",
            test=pilot.token is None,
        ):
            gas = int(chain.transact(call)["gasUsed"])
            told("the reserve's deposit" if step == "payment" else f"{step} for the reserve", gas)
            spent += gas
    for first, owners in _batches(pilot.owners, 1 if reserve else 0):
        step = f"participants {first} to {first + len(owners) - 1}"
        if int(escrow.functions.ownerOf(first).call(), 16):
            told(step, 0)
            continue
        call = escrow.functions.registerMany(list(owners), first, 0)
        gas = int(chain.transact(call)["gasUsed"])
        told(step, gas)
        spent += gas
    return spent


def _batches(
    owners: tuple[ChecksumAddress, ...], first: int
) -> Iterator[tuple[int, tuple[ChecksumAddress, ...]]]:
    """Runs of owners from a registration number on, with their first; vacant places are left out."""
    while first < len(owners):
        last = first
        while last < len(owners) and last < first + REGISTER_AT_ONCE and owners[last] != VACANT:
            last += 1
        if last > first:
            yield first, owners[first:last]
        first = max(last, first + 1)


def _check_payer(chain: Chain) -> None:
    """Refuse while transactions of an interrupted run are on their way: their places are taken."""
    mined, sent = (chain.web3.eth.get_transaction_count(chain.payer, at) for at in _COUNTED)
    if sent > mined:
        raise ChainError(
            f"rpc: {sent - mined} transactions of {chain.payer} wait to be mined; "
            "deploy again once they are"
        )


_COUNTED: Final = ("latest", "pending")


def _settings_hash(pilot: Pilot, nonce: bytes, salt_key: bytes) -> str:
    settings = pilot.settings(nonce, salt_key)
    return "0x" + keccak(repr((pilot.name, settings)).encode()).hex()
