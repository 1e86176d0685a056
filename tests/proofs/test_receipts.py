"""A receipt of the operator for an order that is not in the interval voids it; no other receipt does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from coincurve import PrivateKey

from offchain.commitment.hashing import packed_rows
from offchain.keccak import keccak
from offchain.orders.receipts import Receipt, receipt
from offchain.orders.signing import address, signed
from offchain.orders.table import OrderTable
from offchain.proofs import Claim, Proof
from offchain.proofs.inputs import omitted
from oracle.reader import read_market
from tests.proofs.court import LAST, Stage, convict


def _signer(stage: Stage) -> PrivateKey:
    """The key of the operator, the first account of the embedded chain."""
    tester: Any = stage.chain.web3.provider.ethereum_tester  # type: ignore[attr-defined]
    return PrivateKey(tester.backend.account_keys[0].to_bytes())


def _with(stage: Stage, claim: Claim, *receipts: Receipt) -> Claim:
    market = read_market(stage.chain, stage.run.contracts.ledger.address)
    facts = replace(claim.facts, signers=market.signers, receipts=receipts)
    return replace(claim, facts=facts)


def _receipt(stage: Stage, order: OrderTable, interval: int = LAST) -> Receipt:
    record = packed_rows(order).tobytes()
    return receipt(stage.claim.facts.separator, record, interval, _signer(stage))


def _next(stage: Stage, row: int) -> OrderTable:
    """The order of a row, replaced by its owner with a higher number."""
    order = stage.orders[row : row + 1].copy()
    order["seq"] += 1
    order["essential_wh"] = 0
    order["flexible_wh"] = 0
    order["supply_wh"] = 0
    key = stage.run.keys[int(order["index"][0])]
    return signed(order, [key], stage.claim.facts.separator)


def newer_receipt(stage: Stage) -> Claim:
    """The honest interval with a receipt for an order newer than the one in it."""
    return _with(stage, stage.claim, _receipt(stage, _next(stage, 0)))


def test_an_order_left_out_against_its_receipt_voids(stage: Stage) -> None:
    fewer = np.delete(stage.orders, 0)
    with stage.undone():
        stage.commit(fewer)
        told = stage.run.tell(LAST, fewer, stage_seed(stage))
        stage.post(told)
        lie = _with(stage, stage.claim_of(told), _receipt(stage, stage.orders[:1]))
        ((arguments, shows),) = omitted(lie)
        assert shows
        convict(stage, Proof("omitted", (lie.evidence, *arguments)))


def stage_seed(stage: Stage) -> bytes:
    """The seed that the chain has for the stage's interval."""
    market = read_market(stage.chain, stage.run.contracts.ledger.address)
    return market.seeds[LAST]


def test_a_replaced_order_voids_where_the_replacement_has_the_receipt(stage: Stage) -> None:
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        lie = newer_receipt(stage)
        ((arguments, shows),) = omitted(lie)
        assert shows
        convict(stage, Proof("omitted", (lie.evidence, *arguments)))


def test_receipts_never_void_an_honest_interval(stage: Stage) -> None:
    """Neither those of its own orders nor those of orders that their owner has replaced or cancelled since."""
    orders = stage.orders.copy()
    orders[:1] = _next(stage, 0)
    with stage.undone():
        stage.commit(orders)
        told = stage.run.tell(LAST, orders, stage_seed(stage))
        stage.post(told)
        receipts = [
            _receipt(stage, table[i : i + 1]) for table in (stage.orders, orders) for i in (0, 1)
        ]
        claim = _with(stage, stage.claim_of(told), *receipts)
        found = list(omitted(claim))
        assert len(found) == 3  # the second row is the same in both
        for arguments, shows in found:
            assert not shows
            refusal = stage.refusal(Proof("omitted", (claim.evidence, *arguments)))
            assert refusal == "Fault_NotProven()"


@pytest.mark.parametrize("wrong", ["interval", "signer", "owner"])
def test_what_is_no_receipt_is_no_evidence(stage: Stage, wrong: str) -> None:
    order = _next(stage, 0)
    if wrong == "owner":
        order = signed(order, [stage.run.keys[0]], stage.claim.facts.separator)
    made = _receipt(stage, order, LAST + 1 if wrong == "interval" else LAST)
    if wrong == "signer":
        record = packed_rows(order).tobytes()
        made = receipt(stage.claim.facts.separator, record, LAST, stage.run.keys[0])
    with stage.undone():
        stage.commit(stage.orders)
        stage.post(stage.truth.interval)
        claim = _with(stage, stage.claim, made)
        assert list(omitted(claim)) == []
        who, policy = int(order["index"][0]), claim.policy.packed()
        leaf = claim.leaf(claim.header.orders_root, who)
        pre = claim.leaf(claim.header.pre_state_root, who)
        proof = Proof("omitted", (claim.evidence, made.order, made.signature, leaf, pre, policy))
        assert stage.refusal(proof) == "Fault_Malformed()"


def test_receipts_of_as_many_signers_as_a_header_needs_count_together(stage: Stage) -> None:
    separator = stage.claim.facts.separator
    keys = [PrivateKey(keccak(b"signer %d" % i)) for i in range(3)]
    names = {address(key.public_key): key for key in keys}
    record = packed_rows(_next(stage, 0)).tobytes()
    given = [receipt(separator, record, LAST, key) for key in keys]
    facts = replace(stage.claim.facts, signers=frozenset(names), signatures=2)

    def found(*receipts: Receipt) -> list[object]:
        claim = replace(stage.claim, facts=replace(facts, receipts=receipts))
        return [arguments[1] for arguments, _ in omitted(claim)]

    assert found(given[0]) == []
    assert found(given[0], given[0]) == []
    assert found(given[0], receipt(separator, record, LAST, stage.run.keys[0])) == []
    ((joint),) = found(*given)
    lowest = [names[name] for name in sorted(names)[:2]]
    assert joint == b"".join(receipt(separator, record, LAST, key).signature for key in lowest)
    # of another interval, it is another word
    assert found(given[0], receipt(separator, record, LAST - 1, keys[1])) == []
