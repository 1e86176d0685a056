"""Evidence about sums, buses and the form of trees; the judges are those of TreeFaults.sol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import numpy as np

from offchain.clearing.certificate import Certificate, check_network
from offchain.commitment.allocation import MAX_BUS_DEPTH, SUM_NAMES
from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    EMPTY_TAG,
    HASH_BYTES,
    INNER_TAG,
    LEAF_TAG,
    MAX_DEPTH,
    SALT_BYTES,
    SUM_INNER_TAG,
)
from offchain.commitment.header import NO_READINGS_ROOT
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.pricing import layer_tightness, price_ticks
from offchain.proofs.claim import BusEvidence, Claim, NodeAt, SumEvidence, bus_sums, slot_evidence
from offchain.proofs.lines import Shown
from offchain.proofs.opening import opening
from offchain.proofs.preimages import (
    PLAIN_BYTES,
    SUM_BYTES,
    SUMS_BYTES,
    Place,
    UndisclosedError,
    add,
    unpacked_sums,
)
from offchain.records import (
    ALLOCATION,
    BUS,
    KIND_ALLOCATION,
    KIND_ORDER,
    KIND_READING,
    KIND_SHARE,
    KIND_STATE,
    ORDER,
    READING,
    SHARE,
    STATE,
)

_REQUESTED, _OFFERED = SUM_NAMES.index("requested"), SUM_NAMES.index("offered")
#: Plain trees whose form is judged: kind of record, field of the header, length of the record.
_PLAIN: Final = (
    (KIND_ORDER, "orders_root", ORDER.itemsize),
    (KIND_STATE, "state_root", STATE.itemsize),
    (KIND_SHARE, "shares_root", SHARE.itemsize),
    (KIND_READING, "meter_root", READING.itemsize),
)


def sum_node(claim: Claim) -> Iterator[Shown]:
    """The sums of a node are not those of its children together."""
    for at in claim.nodes:
        preimage = at.evidence.preimage
        if preimage[:1] != SUM_INNER_TAG or len(preimage) != SUM_BYTES:
            continue
        with suppress(UndisclosedError):
            opened, sums = opening(claim, keccak(preimage))
            left, of_left = opening(claim, preimage[1 : 1 + HASH_BYTES])
            right, of_right = opening(claim, preimage[1 + HASH_BYTES : 1 + 2 * HASH_BYTES])
            evidence = SumEvidence(at.evidence._replace(preimage=opened), left, right)
            hidden = at.bus is None and any(opened[-SALT_BYTES:])
            yield (evidence,), sums != add(of_left, of_right) or hidden


def bus_root(claim: Claim) -> Iterator[Shown]:
    """The sums in a bus record are not those of its participants' root."""
    for at in claim.buses:
        with suppress(UndisclosedError):
            opened, sums = opening(claim, at.row["root"].tobytes())
            yield (at.evidence, opened), sums != bus_sums(at.row)


def bus_vector(claim: Claim) -> Iterator[Shown]:
    """A bus's angle, price or injection are not those of the checked vector."""
    with suppress(UndisclosedError):
        vector, n = claim.vector, claim.grid.n_bus
        for at in claim.buses:
            bus = int(at.row["bus"])
            wrong = bus >= n or len(vector) < 24 * n
            if not wrong:
                theta, pi = np.frombuffer(vector, dtype=">i8", count=2, offset=16 * bus).tolist()
                stated = np.frombuffer(vector[len(vector) - 8 * n :], dtype=">i8")[bus]
                injection = int(at.row["dispatched"]) - int(at.row["served"])
                wrong = (
                    theta != int(at.row["theta"])
                    or pi != int(at.row["pi"])
                    or injection != int(stated)
                )
            yield (at.evidence, vector), wrong


def bus_placement(claim: Claim) -> Iterator[Shown]:
    """A bus lies elsewhere than the grid says, or nothing lies in its place."""
    position = claim.grid.holarchy.position.tolist()
    for at in claim.buses:
        bus = int(at.row["bus"])
        wrong = (
            bus >= len(position)
            or position[bus] != at.evidence.position
            or int(at.row["depth"]) > MAX_BUS_DEPTH
        )
        yield (bus, at.evidence), wrong
    for node in claim.nodes:
        empty = keccak(node.evidence.preimage) == EMPTY_ROOTS[min(node.height, 32)]
        if node.bus is not None or not empty:
            continue
        for bus, place in enumerate(position):
            if place >> node.height == node.evidence.position:
                yield (bus, BusEvidence(b"", place, node.evidence.upper)), True


def bus_depth(claim: Claim) -> Iterator[Shown]:
    """A bus's tree is deeper than its participants need: the first slot of its right half is empty."""
    for at in claim.nodes:
        if at.bus is None or keccak(at.evidence.preimage) != EMPTY_ROOTS[min(at.height, 32)]:
            continue
        depth = int(at.bus["depth"])
        far = 1 << depth >> 1
        inside = depth > 0 and far >> at.height == at.evidence.slot
        slot = far if inside else at.evidence.slot << at.height
        if depth <= MAX_DEPTH:
            yield (slot_evidence(at.evidence, b"", slot),), inside


def totals(claim: Claim) -> Iterator[Shown]:
    """The header's totals are not the root's, energy does not balance, or both pot and shortfall."""
    header = claim.header
    with suppress(UndisclosedError):
        opened, sums = opening(claim, header.allocation_root)
        told = (
            header.requested,
            header.offered,
            header.served,
            header.dispatched,
            header.credit_sum,
            header.debit_sum,
        )
        *same, energy_credit, energy_debit = sums
        wrong = tuple(same) != told or energy_credit != energy_debit
        yield (opened,), wrong or (header.pot != 0 and header.shortfall != 0)


def price(claim: Claim) -> Iterator[Shown]:
    """A bus's price is not that of its tightest layer."""
    holarchy = claim.grid.holarchy
    for at in claim.buses:
        with suppress(UndisclosedError):
            hashes = [
                at.evidence.upper[start + HASH_BYTES : start + 2 * HASH_BYTES]
                for start in range(0, len(at.evidence.upper), 2 * HASH_BYTES)
            ]
            above = [claim.known[digest] for digest in hashes]
            if len(above) != holarchy.depth or any(
                len(sums) != SUMS_BYTES + SALT_BYTES or any(sums[SUMS_BYTES:]) for sums in above
            ):
                continue
            sums = [bus_sums(at.row), *map(unpacked_sums, above)]
            tau = 0
            for layer in holarchy.layers:
                if at.evidence.position >> layer.level == layer.position:
                    own = sums[layer.level]
                    # A tree whose sums are false may offer less in all than in a part.
                    total = max(sums[-1][_OFFERED], own[_OFFERED])
                    tau = max(
                        tau,
                        layer_tightness(
                            own[_REQUESTED], own[_OFFERED], total, layer.import_limit_wh
                        ),
                    )
            expected = int(price_ticks(claim.policy, np.array(tau, dtype=np.int64)))
            packed = b"".join(sums_[:SUMS_BYTES] for sums_ in above)
            arguments = (at.evidence, packed, claim.policy.packed())
            yield arguments, int(at.row["price_ticks"]) != expected


def network(claim: Claim) -> Iterator[Shown]:
    """The certificate behind the bus vector breaks a rule of the network."""
    with suppress(UndisclosedError):
        vector, tail = claim.vector, 8 * claim.grid.n_bus
        if len(vector) < tail:
            yield (vector,), True
            return
        certificate, stated = vector[: len(vector) - tail], vector[len(vector) - tail :]
        try:
            check = check_network(claim.grid, Certificate.unpack(certificate, claim.grid.n_bus))
        except InputError:
            yield (vector,), True
            return
        true = check.ok and np.array(check.injection_wh, dtype=">i8").tobytes() == stated
        yield (vector,), not true


def allocation_form(claim: Claim) -> Iterator[Shown]:
    """A node of the allocation tree is not of a type that can stand where it stands."""
    for at in claim.nodes:
        yield (at.evidence,), not _well_formed(at)


def _well_formed(at: NodeAt) -> bool:
    preimage = at.evidence.preimage
    if at.bus is not None and int(at.bus["depth"]) > MAX_BUS_DEPTH:
        return False
    if at.height:
        inner = preimage[:1] == SUM_INNER_TAG and len(preimage) == SUM_BYTES
        return inner or keccak(preimage) == EMPTY_ROOTS[min(at.height, 32)]
    if len(preimage) == 1:
        return preimage == EMPTY_TAG
    if at.bus is not None:
        head = LEAF_TAG + bytes([KIND_ALLOCATION])
        return len(preimage) == 2 + ALLOCATION.itemsize and preimage[:2] == head
    return len(preimage) == 1 + BUS.itemsize and preimage[:1] == BUS_TAG


def record_form(claim: Claim) -> Iterator[Shown]:
    """A node of the orders, state, readings or shares tree cannot stand there, or a record not at its index."""
    for kind, name, length in _PLAIN:
        root = getattr(claim.header, name)
        if kind == KIND_READING and root == NO_READINGS_ROOT:
            continue  # without readings to settle there is no tree to be well formed
        for place in claim.known.walk(root, claim.depth, sums=False):
            arguments = (kind, place.preimage, place.position, place.path)
            yield arguments, not _plain_form(place, kind, length)


def _plain_form(place: Place, kind: int, length: int) -> bool:
    preimage = place.preimage
    if place.height:
        return preimage[:1] == INNER_TAG and len(preimage) == PLAIN_BYTES
    if len(preimage) == 1:
        return preimage == EMPTY_TAG
    return (
        len(preimage) == 2 + length
        and preimage[:2] == LEAF_TAG + bytes([kind])
        and int.from_bytes(preimage[2:6], "big") == place.position
    )
