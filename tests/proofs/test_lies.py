"""Every lie is proven by its function: the header is void, the bond slashed, the prover paid.

The same evidence with one byte changed, or one byte short, proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deploy.chain import ChainError
from deploy.contracts import MarketSettings
from deploy.devnet import embedded
from offchain.audit.findings import Rule
from offchain.commitment.allocation import MAX_BUS_DEPTH
from offchain.commitment.hashing import (
    BUS_TAG,
    EMPTY_ROOTS,
    EMPTY_TAG,
    HASH_BYTES,
    INNER_TAG,
    LEAF_TAG,
    SALT_BYTES,
    SUM_INNER_TAG,
    packed_rows,
)
from offchain.keccak import keccak
from offchain.market import Genesis, Interval, clear_interval
from offchain.orders.signing import signed
from offchain.orders.table import Quantities, orders_from_columns
from offchain.proofs import RULES, Claim, Proof, proofs, published_claim
from offchain.proofs.claim import NodeAt
from offchain.proofs.opening import opening
from offchain.proofs.preimages import NO_SUMS, packed_sums, unpacked_sums
from offchain.records import BUS, KIND_STATE, RESERVE, STATE, wire
from offchain.settlement import apportion
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.demo import DemoRun
from oracle.forgery import deeper, shallower, with_leaf, with_node
from oracle.lies import NAMES, ORDER_LIES, Truth, changed, followed, tell
from oracle.reader import read_market
from oracle.scenario import draw_scenario
from oracle.terminal import Reporter
from tests.proofs.court import CONFIG, FILED, LAST, Stage, convict

Forgery = Callable[[Claim], Claim]


def proof_of(claim: Claim, fault: str) -> Proof:
    """The proof of a fault that a claim admits."""
    found = {proof.function: proof for proof in proofs(claim)}
    assert fault in found, f"found only {sorted(found)}"
    return found[fault]


def answering(claim: Claim, rule: Rule) -> Proof:
    """A proof that answers a rule of the audit."""
    found = list(proofs(claim))
    fitting = [proof for proof in found if rule in RULES[proof.function]]
    assert fitting, f"found only {[proof.function for proof in found]}"
    return fitting[0]


# LIES THAT ARE TOLD IN THE TABLES


def told(stage: Stage, rule: Rule) -> Interval:
    """The last interval as it is told by an oracle that breaks a rule, committed and posted."""
    orders = stage.orders
    if rule in ORDER_LIES:
        orders = tell(rule, stage.truth, stage.earlier).orders
    seed = stage.commit(orders)
    honest = stage.run.tell(LAST, stage.orders, seed)
    lie = tell(rule, replace(stage.truth, interval=honest), stage.earlier)
    stage.post(lie)
    return lie


@pytest.mark.parametrize("name", NAMES)
def test_a_lie_in_the_tables_is_proven_by_the_function_of_its_rule(stage: Stage, name: str) -> None:
    rule = Rule(name)
    with stage.undone():
        lie = told(stage, rule)
        convict(stage, answering(stage.claim_of(lie), rule))


# LIES THAT ARE BUILT INTO THE TREES


def a_node(claim: Claim, fits: Callable[[NodeAt], bool]) -> NodeAt:
    """The first node of the allocation tree that fits."""
    return next(at for at in claim.nodes if fits(at))


def a_line(at: NodeAt) -> bool:
    """Whether a node is a participant's line."""
    return at.bus is not None and at.evidence.preimage[:1] == LEAF_TAG


def a_bus(at: NodeAt) -> bool:
    """Whether a node is a bus."""
    return at.bus is None and at.evidence.preimage[:1] == BUS_TAG


def an_inner(at: NodeAt) -> bool:
    """Whether a node has sums."""
    return at.evidence.preimage[:1] == SUM_INNER_TAG


def false_sum(claim: Claim) -> Claim:
    """A node whose sums are not those of its children; the sums above follow it."""
    at = a_node(claim, lambda at: an_inner(at) and at.bus is not None)
    children = at.evidence.preimage[: 1 + 2 * HASH_BYTES]
    opened = claim.known.opened(at.evidence.preimage)
    sums = unpacked_sums(opened[2 * HASH_BYTES :])
    digest = claim.known.add(packed_sums((sums[0] + 1, *sums[1:])) + opened[-16:])
    return with_node(claim, at.evidence, children + digest, (1, *NO_SUMS[1:]))


def false_bus_sum(claim: Claim) -> Claim:
    """A bus that asks for more than its participants do."""
    at = a_node(claim, a_bus)
    record = np.frombuffer(at.evidence.preimage[1:], dtype=wire(BUS)).copy()
    record["requested"] += 1
    return with_node(claim, at.evidence, BUS_TAG + record.tobytes(), (1, *NO_SUMS[1:]))


def false_angle(claim: Claim) -> Claim:
    """A bus whose angle is not that of the certificate."""
    at = a_node(claim, a_bus)
    record = np.frombuffer(at.evidence.preimage[1:], dtype=wire(BUS)).copy()
    record["theta"] += 1
    return with_node(claim, at.evidence, BUS_TAG + record.tobytes())


def bottomless_bus(claim: Claim) -> Claim:
    """A bus of more levels than any, over a root that is the hash of nothing."""
    at = a_node(claim, a_bus)
    record = np.frombuffer(at.evidence.preimage[1:], dtype=wire(BUS)).copy()
    record["depth"], record["root"] = MAX_BUS_DEPTH + 1, np.void(keccak(b"nothing"))
    return with_node(claim, at.evidence, BUS_TAG + record.tobytes())


def crowded(at: NodeAt) -> bool:
    """Whether a node is a bus with more than one participant."""
    return a_bus(at) and np.frombuffer(at.evidence.preimage[1:], dtype=wire(BUS))["depth"][0] > 0


def deeper_bus(claim: Claim) -> Claim:
    """A bus with room for twice as many participants as it needs."""
    return deeper(claim, a_node(claim, crowded).evidence)


def shallower_bus(claim: Claim) -> Claim:
    """A bus without room for all of its participants."""
    return shallower(claim, a_node(claim, crowded).evidence)


def salted_zone(claim: Claim) -> Claim:
    """A sum above the buses under a salt that nobody knows."""
    at = a_node(claim, lambda at: an_inner(at) and at.bus is None)
    opened = claim.known.opened(at.evidence.preimage)
    digest = claim.known.add(opened[2 * HASH_BYTES : -SALT_BYTES] + b"\1" * SALT_BYTES)
    return with_node(claim, at.evidence, at.evidence.preimage[: 1 + 2 * HASH_BYTES] + digest)


def swapped_buses(claim: Claim) -> Claim:
    """Two buses in each other's place."""
    at = a_node(claim, lambda at: an_inner(at) and at.bus is None and at.height == 1)
    tag, left, right, sums = np.split(
        np.frombuffer(at.evidence.preimage, dtype=np.uint8), [1, 33, 65]
    )
    return with_node(claim, at.evidence, b"".join(p.tobytes() for p in (tag, right, left, sums)))


def missing_branch(claim: Claim) -> Claim:
    """Two neighbouring buses are left out, with the node that joins them."""
    at = a_node(claim, lambda at: an_inner(at) and at.bus is None and at.height == 1)
    return with_node(claim, at.evidence, INNER_TAG + 2 * EMPTY_ROOTS[0])


def exchanged_lines(claim: Claim) -> Claim:
    """Two participants of one bus in each other's slot."""
    lines = [at for at in claim.nodes if a_line(at)]
    first = next(
        at for at in lines if sum(other.evidence.bus == at.evidence.bus for other in lines) > 1
    )
    second = next(at for at in lines if at.evidence.bus == first.evidence.bus and at is not first)
    one, two = sums_of(claim, first), sums_of(claim, second)
    there = tuple(b - a for a, b in zip(one, two, strict=True))
    half = with_node(claim, first.evidence, second.evidence.preimage, there)
    same = a_node(
        half,
        lambda at: (
            a_line(at)
            and at.evidence.position == second.evidence.position
            and at.evidence.slot == second.evidence.slot
        ),
    )
    return with_node(half, same.evidence, first.evidence.preimage, tuple(-by for by in there))


def sums_of(claim: Claim, at: NodeAt) -> tuple[int, ...]:
    """What a line adds to the sums above it."""
    return opening(claim, claim.known.add(at.evidence.preimage))[1]


def foreign_record(claim: Claim) -> Claim:
    """A state stands where a line should."""
    at = a_node(claim, a_line)
    return with_node(claim, at.evidence, LEAF_TAG + bytes([KIND_STATE]) + bytes(STATE.itemsize))


def short_record(claim: Claim) -> Claim:
    """A line without its last byte."""
    at = a_node(claim, a_line)
    return with_node(claim, at.evidence, at.evidence.preimage[:-1])


def state_elsewhere(claim: Claim) -> Claim:
    """A state at another index than its own."""
    leaf = claim.leaf(claim.header.state_root, 1)
    return with_leaf(claim, "state_root", 2, LEAF_TAG + bytes([KIND_STATE]) + leaf.record)


def state_of_nobody(claim: Claim) -> Claim:
    """A state under a number that nobody has."""
    record = np.zeros(1, dtype=STATE)
    record["index"], record["credit"] = len(claim.facts.owners), 10**9
    preimage = LEAF_TAG + bytes([KIND_STATE]) + packed_rows(record).tobytes()
    return with_leaf(claim, "state_root", len(claim.facts.owners), preimage)


def deep_in_debt(claim: Claim) -> Claim:
    """A participant who owes more than it has deposited."""
    leaf = claim.leaf(claim.header.state_root, 1)
    record = np.frombuffer(leaf.record, dtype=wire(STATE)).copy()
    record["debit"] += 10**15
    preimage = LEAF_TAG + bytes([KIND_STATE]) + record.tobytes()
    return with_leaf(claim, "state_root", 1, preimage)


def missing_state(claim: Claim) -> Claim:
    """A participant's state is left out."""
    return with_leaf(claim, "state_root", 1, EMPTY_TAG)


def reading_left_out(claim: Claim) -> Claim:
    """A reading that was filed on the chain is not settled."""
    return with_leaf(claim, "meter_root", FILED, EMPTY_TAG)


FORGERIES: dict[str, tuple[str, Forgery]] = {
    "a node's sums": ("sumNode", false_sum),
    "a bus's sums": ("busRoot", false_bus_sum),
    "a bus's angle": ("busVector", false_angle),
    "a bus in another's place": ("busPlacement", swapped_buses),
    "a bus too deep to open": ("busPlacement", bottomless_bus),
    "a bus a level deeper than it needs": ("busDepth", deeper_bus),
    "a bus too shallow for its participants": ("placement", shallower_bus),
    "a salt above the buses": ("sumNode", salted_zone),
    "two buses left out": ("busPlacement", missing_branch),
    "a line in another's slot": ("placement", exchanged_lines),
    "a state in a line's place": ("allocationForm", foreign_record),
    "a line too short": ("allocationForm", short_record),
    "a state at another index": ("recordForm", state_elsewhere),
    "a state of nobody": ("orphan", state_of_nobody),
    "a state left out": ("transition", missing_state),
    "a filed reading left out": ("readingIgnored", reading_left_out),
    "a debt beyond the deposit": ("overdrawn", deep_in_debt),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_lie_in_the_trees_is_proven(stage: Stage, what: str) -> None:
    fault, forge = FORGERIES[what]
    with stage.undone():
        stage.commit(stage.orders)
        lie = forge(stage.claim)
        stage.post_claim(lie)
        convict(stage, proof_of(lie, fault))


# POT AND RESERVE


def pot_to_the_reserve(truth: Truth) -> Interval:
    """Nobody has a part of the pot; the reserve is said to receive as much more."""
    outcome = truth.interval.outcome
    table, payments = outcome.allocation.copy(), outcome.payments
    table["pot_share"] = 0
    table["imbalance_credit"][RESERVE] += payments.pot
    moved = replace(outcome, allocation=table, payments=replace(payments, pot=0))
    return truth.told(followed(truth, moved))


def reserve_to_the_pot(truth: Truth) -> Interval:
    """The pot is larger by what the reserve does not receive, and split as agreed."""
    outcome = truth.interval.outcome
    table, payments = outcome.allocation.copy(), outcome.payments
    taken = int(table["imbalance_credit"][RESERVE])
    assert taken > 0
    shares = truth.before.market.shares["share_ppb"].astype(np.int64)
    table["pot_share"] = apportion(payments.pot + taken, shares)
    table["imbalance_credit"][RESERVE] = 0
    moved = replace(outcome, allocation=table, payments=replace(payments, pot=payments.pot + taken))
    return truth.told(followed(truth, moved))


def reserve_on_both_sides(truth: Truth) -> Interval:
    """The reserve is said to receive and to pay a micro more than the others tell."""
    outcome = truth.interval.outcome
    more = (("imbalance_credit", RESERVE, 1), ("imbalance_debit", RESERVE, 1))
    return truth.told(followed(truth, changed(outcome, *more)))


@pytest.mark.parametrize(
    ("fault", "tale"),
    [
        ("totals", pot_to_the_reserve),
        ("totals", reserve_to_the_pot),
        ("reserve", reserve_on_both_sides),
    ],
)
def test_money_between_pot_and_reserve_is_proven(
    stage: Stage, fault: str, tale: Callable[[Truth], Interval]
) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        lie = tale(stage.truth)
        stage.post(lie)
        convict(stage, proof_of(stage.claim_of(lie), fault))


# MALFORMED EVIDENCE


def spoilt(argument: object) -> Iterator[object]:
    """An argument with one of its byte strings changed, or one byte short."""
    if isinstance(argument, bytes):
        if argument:
            yield argument[:-1] + bytes([argument[-1] ^ 1])
        if len(argument) > HASH_BYTES:  # the type of a single hash admits no other length
            yield argument[:-1]
    elif isinstance(argument, tuple):
        for at, part in enumerate(argument):
            for other in spoilt(part):
                yield (*argument[:at], other, *argument[at + 1 :])


#: A missing state is a fault under any policy, so that its proof does not look at the policy.
LOOKED_AT = [what for what in FORGERIES if what != "a state left out"]


@pytest.mark.parametrize("what", LOOKED_AT)
def test_spoilt_evidence_of_a_forgery_is_refused(stage: Stage, what: str) -> None:
    fault, forge = FORGERIES[what]
    with stage.undone():
        stage.commit(stage.orders)
        lie = forge(stage.claim)
        stage.post_claim(lie)
        assert accepted_when_spoilt(stage, proof_of(lie, fault)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_spoilt_evidence_of_a_lie_is_refused(stage: Stage, name: str) -> None:
    rule = Rule(name)
    with stage.undone():
        lie = told(stage, rule)
        assert accepted_when_spoilt(stage, answering(stage.claim_of(lie), rule)) == []


def accepted_when_spoilt(stage: Stage, proof: Proof) -> list[object]:
    """The spoilt versions of a proof's arguments that the chain accepts all the same."""
    assert stage.refusal(proof) == ""
    return [
        arguments
        for arguments in spoilt(proof.arguments)
        if isinstance(arguments, tuple) and stage.refusal(replace(proof, arguments=arguments)) == ""
    ]


# WHAT NEEDS ANOTHER STAGE


def test_a_false_certificate_is_refused_when_it_is_posted(stage: Stage) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        certificate = bytearray(stage.truth.interval.certificate)
        certificate[4] ^= 1
        with pytest.raises(ChainError, match="Network_"):
            stage.post_claim(stage.claim, bytes(certificate))


class LazyRun(DemoRun):
    """A market whose ledger does not look at certificates."""

    def settings(self, draft: Genesis) -> MarketSettings:
        """As the demo's, but not eager."""
        return replace(super().settings(draft), eager=False)


def test_a_false_certificate_is_proven_where_it_was_not_checked(tmp_path: Path) -> None:
    with embedded() as chain:
        run = LazyRun(
            draw_scenario(replace(CONFIG, intervals=LAST)),
            chain,
            BundleDirectory.create(tmp_path),
            Reporter(),
        )
        run.open()
        operator = Operator(chain, run.contracts)
        for interval in range(1, LAST):
            run.clear(operator, interval)
        stage = Stage(run)
        outcome = stage.truth.interval.outcome
        true = outcome.clearing.certificate
        false = replace(true, pi=(true.pi[0] + 2**40, *true.pi[1:]))
        lie = stage.truth.told(
            replace(outcome, clearing=replace(outcome.clearing, certificate=false))
        )
        stage.commit(stage.orders)
        stage.post(lie)
        convict(stage, proof_of(stage.claim_of(lie), "network"))


def test_a_forced_order_that_was_ignored_is_proven(stage: Stage) -> None:
    due = LAST + 2
    run = copy(stage.run)
    run.intervals = []
    who = int(stage.orders["index"][stage.orders["essential_wh"] > 0][0])
    quantities = Quantities(*(np.array([wh], dtype=np.int64) for wh in (1, 0, 0, 0)))
    order = orders_from_columns(np.array([who]), quantities, seq=1000, valid_from=1, valid_to=1000)
    order = signed(order, [run.keys[who]], stage.claim.facts.separator)
    with stage.undone():
        chain, forced = run.chain, run.contracts.forced
        chain.transact(forced.functions.file(packed_rows(order).tobytes()))
        for interval in range(LAST, due):
            run.clear(stage.operator, interval)
        before = run.state
        orders, _ = run.signed_orders(due)
        seed = stage.commit(orders, due)
        ignored = clear_interval(
            before, orders, seed, run.secret("salt", due), run.clearer, forced_cursor=1
        )
        stage.post(ignored)
        run.out.write(due, ignored.bundle)
        market = read_market(chain, run.contracts.ledger.address)
        claim = published_claim(market, run.out.read, due)
        proof = proof_of(claim, "forcedIgnored")
        assert accepted_when_spoilt(stage, proof) == []
        assert stage.court.submit(due, proof).voided


def test_an_estimate_tells_cost_and_reward_and_changes_nothing(stage: Stage) -> None:
    with stage.undone():
        lie = stage.claim_of(told(stage, Rule.BALANCE))
        proof = proof_of(lie, "transition")
        estimate = stage.court.estimate(LAST, proof, stage.chain.payer)
        assert not estimate.voided
        done = convict(stage, proof)
        assert estimate.reward_micro == done.reward_micro
        assert estimate.gas == pytest.approx(done.gas, rel=0.3)
