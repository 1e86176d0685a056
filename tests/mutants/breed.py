"""Mutants of a valid interval: one field changed, everything above it hashed again as a liar would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from offchain.audit.findings import Rule
from offchain.clearing.certificate import Certificate
from offchain.commitment.hashing import BUS_TAG, EMPTY_TAG, LEAF_TAG
from offchain.commitment.trees import PlainTree
from offchain.errors import ClearwattError
from offchain.market import Outcome, clear_interval
from offchain.proofs import Claim
from offchain.proofs.claim import NodeAt
from offchain.proofs.opening import opening
from offchain.records import (
    ALLOCATION,
    BUS,
    CONTRACT,
    HEADER,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_READING,
    KIND_SHARE,
    KIND_STATE,
    ORDER,
    READING,
    RESERVE,
    SHARE,
    STATE,
    wire,
)
from oracle.forgery import deeper, shallower, with_fields, with_leaf, with_node
from oracle.lies import changed, followed, tell
from tests.proofs.court import FILED, Stage


@dataclass(frozen=True)
class Mutant:
    """An altered interval.

    Attributes:
        kind: of the record that was altered.
        field: of it.
        change: how, in words.
        claim: what is posted, opened as far as the liar can open it.
        certificate: posted with it.
        moved_wh: energy that changed hands.
        moved_micro: money that changed hands.
        committed_orders: whether its orders root has to be committed to first.
    """

    kind: str
    field: str
    change: str
    claim: Claim
    certificate: bytes
    moved_wh: int = 0
    moved_micro: int = 0
    committed_orders: bool = False


def values(layout: np.dtype, record: bytes, field: str) -> Iterator[tuple[str, bytes]]:
    """A record with one field changed: one more, one less, a high bit, the first or the last byte."""
    own = wire(layout)
    if own[field].kind == "V":
        row = np.frombuffer(record, dtype=own).copy()
        data = row[field][0].tobytes()
        for change, at in (("first byte", 0), ("last byte", len(data) - 1)):
            row[field] = np.void(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            yield change, row.tobytes()
        return
    bits = 8 * own[field].itemsize
    value = int(np.frombuffer(record, dtype=own)[field][0])
    top = 1 << (bits - 2)  # below the sign of a signed field
    for change, new in (("+1", value + 1), ("-1", value - 1), ("high bit", value ^ top)):
        lowest = -(1 << (bits - 1)) if own[field].kind == "i" else 0
        if lowest <= new < lowest + (1 << bits):
            row = np.frombuffer(record, dtype=own).copy()
            row[field] = new
            yield change, row.tobytes()


def breed(stage: Stage) -> Iterator[Mutant]:
    """Every mutant of the stage's interval."""
    own = stage.truth.interval.certificate
    yield from _lines(stage.claim, own)
    yield from _buses(stage.claim, own)
    yield from _leaves(stage.claim, own)
    yield from _headers(stage.claim, own)
    yield from _certificates(stage)
    yield from _pairs(stage)
    yield _deleted_reading(stage)
    yield _uncounted_order(stage)


def _sums(claim: Claim, preimage: bytes) -> tuple[int, ...]:
    return opening(claim, claim.known.add(preimage))[1]


def _lines(claim: Claim, own: bytes) -> Iterator[Mutant]:
    """Every field of a consumer's, a power station's and the reserve's line."""
    lines = [
        at for at in claim.nodes if at.bus is not None and at.evidence.preimage[:1] == LEAF_TAG
    ]
    head = LEAF_TAG + bytes([KIND_ALLOCATION])
    for at in _chosen(claim, lines):
        record = at.evidence.preimage[len(head) :]
        for field in ALLOCATION.names or ():
            for change, other in values(ALLOCATION, record, field):
                for follow in (True, False):
                    before, after = _sums(claim, head + record), _sums(claim, head + other)
                    by = tuple(b - a for a, b in zip(before, after, strict=True))
                    if not follow and not any(by):
                        continue
                    how = f"{change}, totals {'follow' if follow else 'kept'}"
                    try:
                        lie = with_node(claim, at.evidence, head + other, by, totals=follow)
                    except OverflowError:
                        continue
                    yield Mutant("allocation", field, how, lie, own)
    yield Mutant(
        "allocation",
        "(whole)",
        "left out",
        with_node(
            claim,
            lines[-1].evidence,
            EMPTY_TAG,
            tuple(-by for by in _sums(claim, lines[-1].evidence.preimage)),
        ),
        own,
    )


def _chosen(claim: Claim, lines: list[NodeAt]) -> list[NodeAt]:
    """The reserve, the largest buyer and the largest seller."""
    by_sums = [(_sums(claim, at.evidence.preimage), at) for at in lines]
    largest = [max(by_sums, key=lambda pair: pair[0][column])[1] for column in (2, 3)]
    reserve = next(at for at in lines if at.evidence.preimage[2:6] == bytes(4))
    return [reserve, *largest]


def _buses(claim: Claim, own: bytes) -> Iterator[Mutant]:
    names = list(BUS.names or ())
    sums = names[names.index("requested") : names.index("root")]
    at = max(
        (at for at in claim.nodes if at.bus is None and at.evidence.preimage[:1] == BUS_TAG),
        key=lambda at: _sums(claim, at.evidence.preimage),
    )
    record = at.evidence.preimage[1:]
    for field in names:
        for change, other in values(BUS, record, field):
            before, after = _sums(claim, BUS_TAG + record), _sums(claim, BUS_TAG + other)
            by = tuple(b - a for a, b in zip(before, after, strict=True))
            for follow in (True, False) if field in sums else (True,):
                how = f"{change}, totals {'follow' if follow else 'kept'}" if any(by) else change
                try:
                    lie = with_node(claim, at.evidence, BUS_TAG + other, by, totals=follow)
                except OverflowError:
                    continue
                yield Mutant("bus", field, how, lie, own)
    yield Mutant("bus", "(whole)", "a level deeper, root follows", deeper(claim, at.evidence), own)
    at = next(node for node in claim.nodes if node.bus is not None and node.bus["depth"] > 0)
    bus = next(
        node.evidence
        for node in claim.nodes
        if node.bus is None and node.evidence.preimage == BUS_TAG + at.evidence.bus
    )
    yield Mutant("bus", "(whole)", "a level shallower, root follows", shallower(claim, bus), own)


def _leaves(claim: Claim, own: bytes) -> Iterator[Mutant]:
    """Every field of an order, state, contract, share and reading."""
    for name, kind, layout, root in (
        ("order", KIND_ORDER, ORDER, "orders_root"),
        ("state", KIND_STATE, STATE, "state_root"),
        ("contract", KIND_CONTRACT, CONTRACT, "contracts_root"),
        ("share", KIND_SHARE, SHARE, "shares_root"),
        ("reading", KIND_READING, READING, "meter_root"),
    ):
        leaves = claim.leaves(getattr(claim.header, root))
        for index in (1, max(index for index, leaf in leaves.items() if leaf.record)):
            record = leaves[index].record
            if not record:
                continue
            head = LEAF_TAG + bytes([kind])
            for field in layout.names or ():
                for change, other in values(layout, record, field):
                    lie = with_leaf(claim, root, index, head + other)
                    yield Mutant(name, field, change, lie, own, committed_orders=name == "order")
        index = max(index for index, leaf in leaves.items() if leaf.record)
        lie = with_leaf(claim, root, index, EMPTY_TAG)
        yield Mutant(name, "(whole)", "left out", lie, own, committed_orders=name == "order")


def _headers(claim: Claim, own: bytes) -> Iterator[Mutant]:
    record = claim.header.packed()
    for field in HEADER.names or ():
        for change, other in values(HEADER, record, field):
            row = np.frombuffer(other, dtype=wire(HEADER))[0]
            lie = with_fields(claim, **{field: row[field].item()})
            yield Mutant("header", field, change, lie, own)
    for low, high in (("served", "dispatched"), ("credit_sum", "debit_sum")):
        both = {name: getattr(claim.header, name) + 1 for name in (low, high)}
        lie = with_fields(claim, **both)
        yield Mutant("header", f"{low}, {high}", "+1 both", lie, own)


def _certificates(stage: Stage) -> Iterator[Mutant]:
    """Another certificate of the same allocations; buses and vector are made to agree with it."""
    outcome = stage.truth.interval.outcome
    true = outcome.clearing.certificate
    for field, change, certificate in _altered(true, stage):
        try:
            told = stage.truth.told(
                replace(outcome, clearing=replace(outcome.clearing, certificate=certificate))
            )
        except (ClearwattError, OverflowError):
            continue
        yield Mutant("certificate", field, change, stage.claim_of(told), told.certificate)
    own = true.packed()
    for at in range(0, len(own), 16):
        other = own[:at] + bytes([own[at] ^ 1]) + own[at + 1 :]
        yield Mutant("certificate", "bytes", "one bit, header kept", stage.claim, other)


def _altered(true: Certificate, stage: Stage) -> Iterator[tuple[str, str, Certificate]]:
    for by in (1, -1, 2**8, 2**16, 2**30):
        for bus in range(len(true.theta)):
            theta = (*true.theta[:bus], true.theta[bus] + by, *true.theta[bus + 1 :])
            yield "theta", f"{by:+}", replace(true, theta=theta)
            pi = (*true.pi[:bus], true.pi[bus] + by, *true.pi[bus + 1 :])
            yield "pi", f"{by:+}", replace(true, pi=pi)
        for at, (line, mu) in enumerate(true.mu):
            other = (*true.mu[:at], (line, mu + by), *true.mu[at + 1 :])
            yield "mu", f"{by:+}", replace(true, mu=other)
    for at in range(len(true.mu)):
        yield "mu", "dropped", replace(true, mu=(*true.mu[:at], *true.mu[at + 1 :]))
    priced = {line for line, _ in true.mu}
    for line in set(range(stage.truth.before.market.grid.n_line + 1)) - priced:
        for mu in (1, -1, 2**16):
            other = tuple(sorted((*true.mu, (line, mu))))
            yield "mu", f"added {mu:+}", replace(true, mu=other)


def _pairs(stage: Stage) -> Iterator[Mutant]:
    """What one loses another gains, with every sum and payment following."""
    truth, own = stage.truth, stage.truth.interval.certificate
    outcome = truth.interval.outcome
    bus, served = truth.column("bus"), truth.column("essential_x_wh")
    one = next(i for i in np.argsort(-served).tolist() if (bus == bus[i]).sum() > 1)
    two = next(i for i in np.flatnonzero(bus == bus[one]).tolist() if i != one)
    for wh in (1, 2, 10):
        moved = _repriced(
            changed(outcome, ("essential_x_wh", one, -wh), ("essential_x_wh", two, wh)), (one, two)
        )
        lie = stage.claim_of(truth.told(followed(truth, moved)))
        cost = truth.column("price_ticks")[one] * wh // 1000 + 1
        yield Mutant(
            "allocation", "essential_x_wh", f"{wh} to a neighbour", lie, own, wh, int(cost)
        )
    parts = truth.column("pot_share")
    rich = int(np.argmax(parts))
    other = next(i for i in np.argsort(-parts).tolist() if i != rich)
    for micro in (1, 2, 10):
        if parts[rich] < micro:
            continue
        moved = changed(outcome, ("pot_share", rich, -micro), ("pot_share", other, micro))
        lie = stage.claim_of(truth.told(followed(truth, moved)))
        change = f"{micro} to another"
        yield Mutant("allocation", "pot_share", change, lie, own, 0, micro)
    lie = stage.claim_of(truth.told(followed(truth, _pot_to_the_reserve(outcome))))
    worth = outcome.payments.pot
    yield Mutant("allocation", "pot_share", "all to the reserve", lie, own, 0, worth)
    yield from _other_shares(stage)
    paid = truth.column("energy_cost")
    rows = np.argsort(-paid).tolist()[:2]
    moved = changed(outcome, ("energy_cost", rows[0], -1), ("energy_cost", rows[1], 1))
    lie = stage.claim_of(truth.told(followed(truth, moved)))
    yield Mutant("allocation", "energy_cost", "1 to another", lie, own, 0, 1)


def _pot_to_the_reserve(outcome: Outcome) -> Outcome:
    """No pot: what was in it is said to be what the reserve receives."""
    table, payments = outcome.allocation.copy(), outcome.payments
    table["pot_share"] = 0
    table["imbalance_credit"][RESERVE] += payments.pot
    return replace(outcome, allocation=table, payments=replace(payments, pot=0))


def _other_shares(stage: Stage) -> Iterator[Mutant]:
    """Other shares of the pot, and the pot split by them: consistent, but not what was agreed."""
    truth, own = stage.truth, stage.truth.interval.certificate
    shares = truth.before.market.shares.copy()
    rich = int(np.argmax(shares["share_ppb"]))
    shares["share_ppb"][0] += shares["share_ppb"][rich]
    shares["share_ppb"][rich] = 0
    tree = PlainTree.of_table(KIND_SHARE, shares, len(shares))
    market = replace(truth.before.market, shares=shares)
    before = replace(truth.before, market=market, shares_tree=tree)
    told = clear_interval(
        before,
        truth.interval.orders,
        truth.interval.header.seed,
        truth.salt_key,
        truth.clearer,
    )
    moved = int(truth.column("pot_share")[rich])
    yield Mutant(
        "share", "share_ppb", "moved, pot follows", stage.claim_of(told), own, 0, max(moved, 2)
    )


def _deleted_reading(stage: Stage) -> Mutant:
    """A filed reading is left out, and what was metered settled by the others: consistent in itself."""
    truth, readings = stage.truth, stage.truth.interval.outcome.readings
    told = clear_interval(
        truth.before,
        truth.interval.orders,
        truth.interval.header.seed,
        truth.salt_key,
        truth.clearer,
        readings=readings[readings["index"] != FILED],
    )
    moved = sum(
        int(abs(told.allocation[name].astype(np.int64) - truth.column(name)).sum())
        for name in ("imbalance_debit", "imbalance_credit")
    )
    claim, own = stage.claim_of(told), truth.interval.certificate
    return Mutant("reading", "(whole)", "deleted, imbalance follows", claim, own, 0, moved)


def _uncounted_order(stage: Stage) -> Mutant:
    """An order that is covered counts as none, and all is cleared without it: consistent in itself."""
    truth = stage.truth
    told = tell(Rule.UNCOVERED, truth, stage.earlier)
    served = truth.column("essential_x_wh") + truth.column("flexible_x_wh")
    moved = int(abs(told.outcome.served_wh - served).sum())
    claim, own = stage.claim_of(told), told.certificate
    return Mutant("allocation", "(whole)", "counts as none, all follows", claim, own, moved, moved)


def _repriced(outcome: Outcome, rows: tuple[int, ...]) -> Outcome:
    """Energy costs of some lines by their new energy; what the sum changes by goes to the first."""
    table = outcome.allocation.copy()
    before = int(table["energy_cost"].sum())
    for row in rows:
        used = int(table["essential_x_wh"][row]) + int(table["flexible_x_wh"][row])
        table["energy_cost"][row] = int(table["price_ticks"][row]) * used // 1000
    gained = int(table["energy_cost"].sum()) - before
    receiver = int(np.argmax(table["pot_share"]))
    table["pot_share"][receiver] = int(table["pot_share"][receiver]) + gained
    return replace(outcome, allocation=table)
