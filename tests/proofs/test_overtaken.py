"""Whoever copies a waiting proof voids the header, and the reward stays that of who had reserved the proof.

A copy need not be the same call: evidence can be packed otherwise, and a false interval has more than one proof.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from deploy.chain import ChainError
from offchain.audit.findings import Rule
from oracle.challenge import _reservation
from oracle.lies import NAMES
from tests.proofs.court import LAST, Stage, convict
from tests.proofs.test_lies import FORGERIES, answering, proof_of, told

Others = Callable[[Stage, ContractFunction], None]


def sends(stage: Stage, data: bytes) -> None:
    """What another account sends to the proofs, for the chain to take."""
    eth = stage.chain.web3.eth
    sender = list(eth.accounts)[1]
    to = stage.court.faults.address
    sent = eth.send_transaction({"from": sender, "to": to, "data": data, "gas": 2_000_000})
    assert eth.wait_for_transaction_receipt(sent)["status"] == 1


def calldata(call: ContractFunction) -> bytes:
    """What a call sends."""
    return bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))


def copied(stage: Stage, call: ContractFunction) -> None:
    """The very same call, by who has reserved nothing."""
    sends(stage, calldata(call))


def altered(stage: Stage, call: ContractFunction) -> None:
    """The same evidence in another call, so that no reservation is of it."""
    sends(stage, calldata(call) + b"\0")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Callable[[Others], None]:
    """Let others act between a proof's reservation and the proof, of which they see all."""

    def arrange(others: Others) -> None:
        transact = stage.chain.transact

        def overtaken(call: ContractFunction, account: LocalAccount | None = None) -> TxReceipt:
            if call.fn_name != "commit":
                others(stage, call)
            return transact(call, account)

        monkeypatch.setattr(stage.chain, "transact", overtaken)

    return arrange


@pytest.mark.parametrize("copy", [copied, altered])
@pytest.mark.parametrize("name", NAMES)
def test_who_had_reserved_a_proof_of_a_lie_is_paid_by_the_proof_that_came_too_late(
    stage: Stage, seen: Callable[[Others], None], name: str, copy: Others
) -> None:
    rule = Rule(name)
    with stage.undone():
        proof = answering(stage.claim_of(told(stage, rule)), rule)
        seen(copy)
        challenge = convict(stage, proof)
        assert challenge.overtaken
        assert challenge.reward_micro == stage.court.bond.functions.reward().call()


@pytest.mark.parametrize("what", FORGERIES)
def test_so_is_who_had_reserved_a_proof_of_a_forgery(
    stage: Stage, seen: Callable[[Others], None], what: str
) -> None:
    fault, forge = FORGERIES[what]
    with stage.undone():
        stage.commit(stage.orders)
        lie = forge(stage.claim)
        stage.post_claim(lie)
        seen(copied)
        assert convict(stage, proof_of(lie, fault)).overtaken


def test_who_is_not_overtaken_is_not_told_so(stage: Stage) -> None:
    with stage.undone():
        proof = answering(stage.claim_of(told(stage, Rule.PAYMENT)), Rule.PAYMENT)
        assert not convict(stage, proof).overtaken


def test_nothing_is_left_where_somebody_faster_had_reserved_too(
    stage: Stage, seen: Callable[[Others], None]
) -> None:
    """The other prover owns the reward, and the late one's proof is refused as ever."""
    with stage.undone():
        proof = answering(stage.claim_of(told(stage, Rule.PAYMENT)), Rule.PAYMENT)
        other = list(stage.chain.web3.eth.accounts)[1]
        commit = stage.court.faults.functions.commit(_reservation(other, stage.court.call(proof)))
        sends(stage, calldata(commit))
        seen(copied)
        with pytest.raises(ChainError, match="Ledger_UnknownHeader"):
            stage.court.submit(LAST, proof)
        token = stage.run.contracts.token.functions
        assert token.balanceOf(other).call() == stage.court.bond.functions.reward().call()


def test_what_nobody_collects_is_the_relief_fund_s_in_the_end(stage: Stage) -> None:
    chain, bond = stage.chain, stage.court.bond.functions
    with stage.undone():
        lie = stage.claim_of(told(stage, Rule.PAYMENT))
        copied(stage, stage.court.call(answering(lie, Rule.PAYMENT)))
        fallen = stage.court.ledger.functions.hashHeader(lie.evidence).call()
        amount, _, until = bond.aside(fallen).call()
        assert amount == bond.reward().call() > 0
        with pytest.raises(ChainError, match="Bond_NotDue"):
            chain.transact(bond.lapse(fallen))
        chain.wait_until(until)
        chain.transact(bond.lapse(fallen))
        token, relief = stage.run.contracts.token.functions, bond.relief().call()
        had = token.balanceOf(relief).call()
        chain.transact(bond.distribute())
        shared = bond.penalty().call() // 2
        assert token.balanceOf(relief).call() == had + shared
        assert token.balanceOf(stage.court.bond.address).call() == bond.bonded().call()
