"""One participant's part of an interval: its records with their paths, and whether they follow the rules.

A light proof is a claim of which nothing is known but what lies on a participant's paths, so the generators
of evidence judge its line and no other, and what they find is ready to be sent to the chain. The reserve's
line comes with it: the shortfall is reckoned with it, and it is nobody's secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from offchain.audit.findings import Rule
from offchain.commitment.hashing import HASH_BYTES
from offchain.commitment.header import Header
from offchain.proofs.claim import Claim, LeafEvidence, Line
from offchain.proofs.find import FAULTS, RULES, Proof
from offchain.proofs.preimages import Preimages, UndisclosedError
from offchain.records import RESERVE

#: Roots of the plain trees in which a participant has a leaf.
_ROOTS: Final = (
    "orders_root",
    "pre_state_root",
    "state_root",
    "contracts_root",
    "shares_root",
    "meter_root",
)
#: Need what a participant has no part in: orders filed, and questions asked, by anybody on the chain.
_OTHERS: Final = ("forcedIgnored", "forcedCursor", "withheld")


@dataclass(frozen=True)
class Checked:
    """One function of FaultProofs, tried on a participant's own evidence.

    Attributes:
        function: of FaultProofs.
        rules: the audit's rules that it answers.
        pieces: how many pieces of evidence were judged; 0 where there was nothing to judge.
        proof: what shows the fault; None if there is none.
    """

    function: str
    rules: tuple[Rule, ...]
    pieces: int
    proof: Proof | None


def light_claim(claim: Claim, index: int) -> Claim:
    """What of a claim lies on the paths of one participant and of the reserve.

    Args:
        claim: of the interval.
        index: registration number.

    Raises:
        UndisclosedError: the participant has no line that anybody has published.
    """
    wanted = (index, RESERVE)
    lines = [line for line in claim.lines if line.index in wanted]
    if not any(line.index == index for line in lines):
        raise UndisclosedError(
            f"commitment: nobody has published the line of participant {index} "
            f"in interval {claim.header.interval}; ask the operator for it"
        )
    known = Preimages()
    for line in lines:
        _add_line(known, claim, line)
    for name in _ROOTS:
        for who in wanted:
            _add_path(known, claim, getattr(claim.header, name), claim.depth, who, sums=False)
    with suppress(UndisclosedError):
        known.add(claim.vector)
    measured = claim.measured
    if measured is not None:
        with suppress(UndisclosedError):
            measured = light_claim(measured, index)
    return replace(claim.told(claim.header, known), measured=measured)


def _add_line(known: Preimages, claim: Claim, line: Line) -> None:
    header: Header = claim.header
    at, depth = line.evidence, claim.grid.holarchy.depth
    _add_path(known, claim, header.allocation_root, depth, at.position, sums=True)
    root = line.bus["root"].tobytes()
    _add_path(known, claim, root, int(line.bus["depth"]), at.slot, sums=True)


def _add_path(
    known: Preimages, claim: Claim, root: bytes, depth: int, position: int, *, sums: bool
) -> None:
    """Know the nodes from a root down to a position, as far as they are published."""
    node = root
    for height in range(depth, -1, -1):
        try:
            preimage = claim.known[node]
        except UndisclosedError:
            return
        known.add(preimage)
        if height == 0 or len(preimage) < 1 + 2 * HASH_BYTES:
            return
        if sums and len(preimage) == 1 + 3 * HASH_BYTES:
            with suppress(UndisclosedError):
                known.add(claim.known[preimage[1 + 2 * HASH_BYTES :]])
        right = position >> (height - 1) & 1
        node = preimage[1 + right * HASH_BYTES :][:HASH_BYTES]


def check_light(light: Claim) -> Iterator[Checked]:
    """Try every proof that a participant's own evidence admits.

    Args:
        light: of `light_claim`.

    Yields:
        One entry for each function of FaultProofs but those about what others do on the chain.
    """
    for function, evidence in FAULTS.items():
        if function in _OTHERS:
            continue
        pieces, proof = 0, None
        for arguments, shows in evidence(light):
            pieces += 1
            if shows:
                proof = Proof(function, (light.evidence, *arguments))
                break
        yield Checked(function, RULES[function], pieces, proof)


def own_line(light: Claim, index: int) -> Line:
    """A participant's line."""
    return next(line for line in light.lines if line.index == index)


def own_state(light: Claim, index: int) -> LeafEvidence:
    """A participant's state after the interval, with its path."""
    return light.leaf(light.header.state_root, index)
