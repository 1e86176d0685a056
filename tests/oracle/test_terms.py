"""What a grid operator and a market operator do on the command line: tighten at once, announce, wait, adopt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from deploy import devnet
from deploy.chain import Chain, development_key
from deploy.contracts import Deployment
from deploy.deployment import deploy_pilot
from deploy.pilot import read_pilot
from offchain.grid.load import load_grid
from offchain.grid.model import unpack
from offchain.grid.tighten import with_limits
from oracle import cli
from oracle.terms import GATES_TO_SEND, TermsOffice, sign_message
from oracle.watch import Watcher

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "pilot.example.toml"
GRID_OPERATOR = development_key("grid operator", 0)
REGISTRAR = development_key("registrar", 0)
MARKET_OPERATOR = development_key("market operator", 0)
OWNERS = [development_key("participant", index) for index in range(10)]


class Office:
    """A deployed market, and the command line beside it."""

    def __init__(
        self,
        chain: Chain,
        deployment: Deployment,
        genesis: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.chain, self.deployment, self.genesis, self._capsys = chain, deployment, genesis, capsys

    def terms(self, *arguments: str) -> dict[str, Any]:
        """Run `clearwatt terms` and return its one JSON object."""
        assert cli.run(self._line(*arguments)) == 0, self._capsys.readouterr().err
        told = json.loads(self._capsys.readouterr().out)
        assert isinstance(told, dict)
        return told

    def refused(self, *arguments: str) -> str:
        """Run it in vain and return the complaint."""
        assert cli.run(self._line(*arguments)) == 2
        return self._capsys.readouterr().err

    def _line(self, *arguments: str) -> list[str]:
        words = [a for a in arguments if not a.startswith("-")]
        named = 2 if words[0] == "announce" else 1
        common = ["--rpc", "embedded", "--ledger", self.deployment.ledger.address, "--json"]
        return ["terms", *arguments[:named], *common, *arguments[named:]]


@pytest.fixture(params=[None])
def office(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Office]:
    """The example pilot, whose payer is its registrar."""
    example = read_pilot(EXAMPLE)
    pilot = replace(
        example,
        grid_operator=GRID_OPERATOR.address,
        market_operator=request.param.address if request.param else None,
        owners=tuple(owner.address for owner in OWNERS[: len(example.owners)]),
    )
    with devnet.embedded() as chain:
        deployment = deploy_pilot(chain, pilot, tmp_path / "pilot.json")
        monkeypatch.setattr("oracle.commands.terms_common.connect", lambda _: chain)
        yield Office(chain, deployment, tmp_path / "pilot.genesis.bundle", capsys)


def test_a_limit_falls_by_a_signature_made_elsewhere(office: Office) -> None:
    registry = office.deployment.registry.functions
    before = unpack(bytes(registry.packedGrid(1).call()))
    wanted = int(before.limit_wh[3]) - 10
    message = office.terms("tighten", "--limit", f"3={wanted}", "--message")
    assert message["primaryType"] == "GridTightening"
    signature = sign_message(message, GRID_OPERATOR).hex()
    told = office.terms("tighten", "--limit", f"3={wanted}", "--signature", signature)
    assert told["from"] == 3
    after = unpack(bytes(registry.packedGrid(told["grid_version"]).call()))
    assert after.limit_wh[3] == wanted
    shown = office.terms("show")
    assert [entry["grid_version"] for entry in shown["in_force"]] == [1, told["grid_version"]]
    assert shown["in_force"][1]["from"] == 3
    assert office.terms("show")["roles"]["grid"] == GRID_OPERATOR.address


def test_what_is_announced_is_the_grid_that_was_meant_whoever_registers_another(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who watches for registrations sends a grid of his own right behind each."""
    registry = office.deployment.registry
    foreign = load_grid("ieee118").grid.packed()
    transact = Chain.transact

    def followed(
        chain: Chain, call: ContractFunction, account: LocalAccount | None = None
    ) -> TxReceipt:
        receipt = transact(chain, call, account)
        if call.fn_name == "registerGrid":
            transact(chain, registry.functions.registerGrid(foreign))
        return receipt

    monkeypatch.setattr(Chain, "transact", followed)
    before = unpack(bytes(registry.functions.packedGrid(1).call()))
    wanted = int(before.limit_wh[3]) - 10
    message = office.terms("tighten", "--limit", f"3={wanted}", "--message")
    signature = sign_message(message, GRID_OPERATOR).hex()
    told = office.terms("tighten", "--limit", f"3={wanted}", "--signature", signature)
    after = unpack(bytes(registry.functions.packedGrid(told["grid_version"]).call()))
    assert after.limit_wh[3] == wanted
    wires = TermsOffice(
        office.chain, office.deployment.ledger, office.deployment.terms, registry
    ).registered(with_limits(before, {3: wanted - 10}))
    assert unpack(bytes(registry.functions.packedGrid(wires).call())).limit_wh[3] == wanted - 10


def test_a_signature_is_not_for_ever_unless_it_is_asked_for(office: Office) -> None:
    """Signed and then not sent, it could be brought years later by whoever has seen it."""
    given = ("tighten", "--limit", "3=4000", "--message")
    assert office.terms(*given)["message"]["lastGate"] == 3 + GATES_TO_SEND
    assert office.terms(*given, "--last-gate", "9")["message"]["lastGate"] == 9
    # which of them it was need not be said again
    signed = sign_message(office.terms(*given, "--last-gate", "9"), GRID_OPERATOR).hex()
    told = office.terms("tighten", "--limit", "3=4000", "--signature", signed)
    assert told["from"] == 3


def test_a_line_of_a_loop_is_held_and_not_taken_out(office: Office) -> None:
    assert "closes a loop" in office.refused("tighten", "--out", "0")
    message = office.terms("tighten", "--hold", "7", "--message")
    signature = sign_message(message, GRID_OPERATOR).hex()
    assert office.terms("tighten", "--hold", "7", "--signature", signature)["from"] == 3


def test_what_cannot_be_is_refused_with_field_and_remedy(office: Office, tmp_path: Path) -> None:
    assert "limit: nothing to tighten; give --limit" in office.refused("tighten")
    assert "limit: '3:9' will not do; give LINE=WH" in office.refused("tighten", "--limit", "3:9")
    assert "a higher limit is announced" in office.refused("tighten", "--limit", "3=99999999")
    assert "must sign; put its key into" in office.refused("tighten", "--limit", "3=4000")
    wrong = sign_message(office.terms("tighten", "--limit", "3=4000", "--message"), REGISTRAR).hex()
    assert "Terms_NotSigned" in office.refused("tighten", "--limit", "3=4000", "--signature", wrong)
    assert "signature: 'zz' is not hexadecimal" in office.refused(
        "tighten", "--limit", "3=4000", "--signature", "zz"
    )
    assert "no grid is announced" in office.refused("adopt", "grid")
    assert "Terms_Unauthorised" in office.refused("announce", "grid", "--version", "1")
    assert "limit: give either" in office.refused("announce", "grid")
    genesis = ("--genesis", str(office.genesis))
    assert "policy.essential_rank: 1 instead of 2; it stays" in office.refused(
        "announce", "policy", *genesis, "--set", "essential_rank=1"
    )
    assert "set: a policy has no spred_ticks" in office.refused(
        "announce", "policy", *genesis, "--set", "spred_ticks=3"
    )
    assert "genesis: cannot read" in office.refused(
        "announce", "policy", "--genesis", str(tmp_path / "none"), "--set", "spread_ticks=3"
    )
    shares = tmp_path / "shares.csv"
    shares.write_text("index,share_ppb\n0,5\n")
    assert "the shares sum to 5 ppb" in office.refused(
        "announce", "shares", *genesis, "--file", str(shares), "--gate", "9"
    )


def test_a_policy_is_announced_waits_and_can_be_taken_back(office: Office) -> None:
    genesis = ("--genesis", str(office.genesis))
    told = office.terms("announce", "policy", *genesis, "--set", "spread_ticks=10000")
    assert told["gate"] == 3
    assert "has not come" in told["waits_for"]
    assert "cannot be adopted: block time" in office.refused("adopt", "policy")
    office.chain.wait_until(told["adoptable_at"])
    assert "is not final, so somebody may still be leaving" in office.refused("adopt", "policy")
    assert [entry["kind"] for entry in office.terms("show")["announced"]] == ["policy"]
    assert office.terms("cancel", "policy")["cancelled"] is True
    assert office.terms("show")["announced"] == []


def test_a_watcher_tells_each_announced_change_once_and_what_is_wrong_with_a_grid(
    office: Office,
) -> None:
    watcher = Watcher(
        lambda: office.chain, office.deployment.ledger.address, lambda _: None, grace_s=0
    )
    assert watcher.look() == []
    office.terms(
        "announce", "policy", "--genesis", str(office.genesis), "--set", "spread_ticks=10000"
    )
    (event,) = watcher.look()
    assert event.kind == "terms"
    assert event.alarm
    assert event.words.startswith("another policy is announced for interval 3, adoptable from")
    assert watcher.look() == []
    # what the registry takes and no auditor does: a tolerance of the signer's choice
    packed = bytearray(office.deployment.registry.functions.packedGrid(1).call())
    packed[6] = 1
    registry, terms = office.deployment.registry.functions, office.deployment.terms.functions
    office.chain.transact(registry.registerGrid(bytes(packed)))
    office.chain.transfer(GRID_OPERATOR.address, 10**20)
    office.chain.transact(terms.announceGrid(registry.latestVersion().call(), 9), GRID_OPERATOR)
    (event,) = watcher.look()
    assert "Nobody can clear or audit under it: eps_grid: does not follow" in event.words
    assert watcher.exit_code == 0


def test_shares_are_announced_with_the_registrars_signature(office: Office, tmp_path: Path) -> None:
    shares = tmp_path / "shares.csv"
    shares.write_text("index,share_ppb\n0,400000000\n2,600000000\n")
    given = ("--genesis", str(office.genesis), "--file", str(shares), "--gate", "9")
    message = office.terms("announce", "shares", *given)
    assert message["primaryType"] == "Shares"
    assert message["message"]["gate"] == 9
    stranger = sign_message(message, REGISTRAR).hex()
    assert "Terms_NotSigned" in office.refused(
        "announce", "shares", *given, "--signature", stranger
    )


@pytest.mark.parametrize("office", [MARKET_OPERATOR], indirect=True)
def test_a_participant_moves_with_everybodys_signatures(office: Office, tmp_path: Path) -> None:
    given = ("--bundle", str(office.genesis), "--gate", "9", "--move", "1=13")
    messages = office.terms("announce", "contracts", *given)
    assert set(messages) == {"contracts", "1"}
    assert messages["1"]["message"]["bus"] == 13
    signatures = tmp_path / "signatures.json"
    signed = {
        "contracts": sign_message(messages["contracts"], MARKET_OPERATOR).hex(),
        "1": sign_message(messages["1"], OWNERS[1]).hex(),
    }
    signatures.write_text(json.dumps({"contracts": signed["contracts"]}))
    complaint = office.refused("announce", "contracts", *given, "--signatures", str(signatures))
    assert "signatures: that of 1 is missing" in complaint
    signatures.write_text(json.dumps(signed | {"1": signed["contracts"]}))
    complaint = office.refused("announce", "contracts", *given, "--signatures", str(signatures))
    assert "Terms_NotSigned" in complaint
    signatures.write_text(json.dumps(signed))
    told = office.terms("announce", "contracts", *given, "--signatures", str(signatures))
    assert told["value"] == messages["contracts"]["message"]["contractsRoot"][2:]
    assert "move: '1-2' will not do" in office.refused(
        "announce", "contracts", "--bundle", str(office.genesis), "--gate", "9", "--move", "1-2"
    )
    for bus in ("14", "70000"):
        assert f"move: {bus} is not a bus; the grid in force has 0 ... 13" in office.refused(
            "announce", "contracts", *given[:4], "--move", f"1={bus}"
        )
