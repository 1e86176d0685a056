"""A sample of the committed intervals before the contract: the network check in a real EVM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from deploy.chain import Chain
from deploy.contracts import artifact
from deploy.devnet import embedded
from deploy.grids import register_grid
from offchain.commitment.header import Header
from offchain.grid.registered import Grid, unpack
from offchain.units import FLOW_FRACTION_BITS
from oracle.evidence.runner import Result

#: The first angle of a certificate.
_THETA_BYTES: Final = 8

Row = dict[str, Any]
#: A deployed contract; web3 builds its methods at run time.
_Contract = Any


@dataclass
class _Count:
    """What the contract said about one network's sample.

    Attributes:
        network: its name.
        checked: certificates of honest intervals.
        accepted: of these, those that the contract accepted.
        as_committed: for which it computed the hash that the header carries.
        chained: whose header makes the header hash that was recorded.
        altered: certificates altered as a control.
        altered_refused: of these, those that it refused.
        priced_lines_most: the most lines with a price in a certificate.
    """

    network: str
    checked: int = 0
    accepted: int = 0
    as_committed: int = 0
    chained: int = 0
    altered: int = 0
    altered_refused: int = 0
    priced_lines_most: int = 0


def verify(runs: Mapping[str, Sequence[Result]], tampered_per_network: int) -> list[Row]:
    """Put the kept certificates before the contract NetworkVerifier.

    Args:
        runs: committed runs by network.
        tampered_per_network: how many certificates to alter as a control.

    Returns:
        Per network how many were checked, accepted, hashed to what their header commits to and
        chained to the recorded header hash; and how many altered ones were refused.
    """
    with embedded() as chain:
        verifier = _Verifier(chain)
        return [
            asdict(_network(verifier, network, results, tampered_per_network))
            for network, results in runs.items()
        ]


class _Verifier:
    """Registry and verifier on a chain; grids are registered when they are first asked for."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._registry = self._create("GridRegistry")
        self._verifier = self._create("NetworkVerifier", self._registry.address)
        self._versions: dict[str, int] = {}

    def _create(self, name: str, *arguments: object) -> _Contract:
        compiled = artifact(name)
        contract, _ = self._chain.deploy(name, compiled.abi, compiled.bytecode, *arguments)
        return contract

    def check(self, kept: dict[str, Any], certificate: bytes) -> bytes | None:
        """The bus vector hash that the contract computes; None if it refuses the certificate."""
        grid = kept["grid_hash"]
        if grid not in self._versions:
            packed = bytes.fromhex(kept["grid"])
            self._versions[grid] = register_grid(self._chain, self._registry, packed)
        try:
            found = self._verifier.functions.check(self._versions[grid], certificate).call()
        except self._chain.engine.refusals:
            return None
        return bytes(found)


def _network(verifier: _Verifier, network: str, results: Sequence[Result], tampered: int) -> _Count:
    count = _Count(network)
    for result in results:
        kept = result["committed"]
        for sample in kept["samples"]:
            header = Header.unpack(bytes.fromhex(sample["payload"]))
            certificate = bytes.fromhex(sample["certificate"])
            found = verifier.check(kept, certificate)
            count.checked += 1
            count.accepted += found is not None
            count.as_committed += found == header.bus_vector_hash
            count.chained += _chained(kept, sample, header)
            count.priced_lines_most = max(count.priced_lines_most, sample["priced_lines"])
            if count.altered < tampered:
                count.altered += 1
                altered = _altered(unpack(bytes.fromhex(kept["grid"])), certificate)
                count.altered_refused += verifier.check(kept, altered) is None
    return count


def _altered(grid: Grid, certificate: bytes) -> bytes:
    """The certificate with its first angle moved so that the first bus sends half a Wh more.

    That is no whole number of Wh, and as far from one as can be.
    """
    at_first = (grid.line_from == 0) | (grid.line_to == 0)
    stiffness: int = sum(grid.b[at_first].tolist())
    moved = (1 << (FLOW_FRACTION_BITS - 1 + grid.shift)) // stiffness
    angle = int.from_bytes(certificate[:_THETA_BYTES], "big", signed=True) + moved
    return angle.to_bytes(_THETA_BYTES, "big", signed=True) + certificate[_THETA_BYTES:]


def _chained(kept: dict[str, Any], sample: dict[str, Any], header: Header) -> bool:
    """Whether the header hash that was recorded for the interval follows from what is kept."""
    previous = bytes.fromhex(sample["previous_hash"])
    recorded: str = sample["header_hash"]
    return header.hash(bytes.fromhex(kept["domain_hash"]), previous).hex() == recorded
