"""A pilot's deployment: checked before it begins, the same on every chain, and taken up where it was interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import devnet
from deploy.chain import Chain, ChainError, development_key
from deploy.contracts import CONTRACTS, GROUP, artifact, has_code_of
from deploy.deployment import DeploymentFile, deploy_pilot, rehearse
from deploy.pilot import Pilot, read_pilot
from offchain.commitment.bundle import read_genesis
from offchain.errors import InputError
from offchain.randomness.drand import QUICKNET, compressed_key
from offchain.records import RESERVE
from oracle import cli
from oracle.commands.deploy import caveats
from tests.randomness.network import LocalNetwork
from tests.vectors.make_drand import GENUINE

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
EXAMPLE = DEPLOY / "pilot.example.toml"
PEOPLE = DEPLOY / "participants.example.csv"
TRANSACTIONS = 17
"""Of the example: eleven contracts, the grid, three for the bond, one for the participants."""


class ProcessEndedError(Exception):
    """The process ends here."""


def has_anvil() -> bool:
    """Whether Foundry's anvil is installed."""
    try:
        devnet.anvil_binary()
    except InputError:
        return False
    return True


anvil = (
    pytest.mark.anvil
    if has_anvil()
    else pytest.mark.skip(reason="anvil is not installed; run `make setup-node`")
)


@pytest.fixture(params=["embedded", pytest.param("anvil", marks=anvil)])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """A development chain."""
    with devnet.open_chain(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def pilot() -> Pilot:
    """The example that the product ships."""
    return read_pilot(EXAMPLE)


def sent(chain: Chain) -> int:
    """How many transactions the payer has sent."""
    return int(chain.web3.eth.get_transaction_count(chain.payer))


def recorded(path: Path) -> dict[str, Any]:
    """A deployments file."""
    data = json.loads(path.read_text())
    assert isinstance(data, dict)
    return data


def test_the_example_is_deployed_and_written_down(
    chain: Chain, pilot: Pilot, tmp_path: Path
) -> None:
    out = tmp_path / "riverside.json"
    deployment = deploy_pilot(chain, pilot, out)
    assert sent(chain) == TRANSACTIONS
    data = recorded(out)
    assert data["complete"] is True
    assert data["chain_id"] == chain.chain_id
    assert data["version"]
    assert {name: entry["contract"] for name, entry in data["contracts"].items()} == CONTRACTS
    for name, entry in data["contracts"].items():
        assert entry["address"] == getattr(deployment, name).address
        assert has_code_of(chain.web3, entry["contract"], entry["address"])
        assert len(entry["code_hash"]) == 66
        assert data["from_block"] < entry["block"] <= chain.web3.eth.block_number
    ledger, escrow, bond = deployment.ledger, deployment.escrow, deployment.bond
    assert ledger.functions.windowSeconds().call() == pilot.window_seconds
    assert bond.functions.mayPost(chain.payer).call() is True
    # one slash unbonds nobody
    assert bond.functions.bonded().call() == pilot.bond_micro + pilot.penalty_micro
    owners = [escrow.functions.ownerOf(i).call() for i in range(len(pilot.owners))]
    assert tuple(owners) == pilot.owners
    genesis = read_genesis((tmp_path / "riverside.genesis.bundle").read_bytes())
    assert genesis.domain.ledger.hex() == ledger.address[2:].lower()
    assert genesis.domain.market_id == ledger.functions.marketId().call()


def test_a_second_run_sends_nothing(chain: Chain, pilot: Pilot, tmp_path: Path) -> None:
    out = tmp_path / "d.json"
    deploy_pilot(chain, pilot, out)
    before, text = sent(chain), out.read_text()
    assert deploy_pilot(chain, pilot, out).gas == 0
    assert sent(chain) == before
    assert out.read_text() == text


@pytest.mark.parametrize("step", ["token", "grid", "ledger", "faults", "forced", "approve"])
def test_an_interruption_between_chain_and_file_costs_no_contract(
    step: str, pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: the transaction is mined, and nothing has been written down."""
    out, honest = tmp_path / "d.json", DeploymentFile.done

    def interrupted(self: DeploymentFile, done: str, gas: int) -> None:
        if done == step:
            raise ProcessEndedError
        honest(self, done, gas)

    with devnet.embedded() as chain:
        with monkeypatch.context() as patch:
            patch.setattr(DeploymentFile, "done", interrupted)
            with pytest.raises(ProcessEndedError):
                deploy_pilot(chain, pilot, out)
        planned = {n: e["address"] for n, e in recorded(out)["contracts"].items()}
        assert recorded(out)["complete"] is False
        deployment = deploy_pilot(chain, pilot, out)
        assert sent(chain) == TRANSACTIONS
        assert recorded(out)["complete"] is True
        for name, address in planned.items():
            assert getattr(deployment, name).address == address


def test_a_transaction_in_between_moves_the_group_as_a_whole(
    pilot: Pilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, honest = tmp_path / "d.json", DeploymentFile.done

    def interrupted(self: DeploymentFile, done: str, gas: int) -> None:
        honest(self, done, gas)
        if done == "faults":
            raise ProcessEndedError

    with devnet.embedded() as chain:
        with monkeypatch.context() as patch:
            patch.setattr(DeploymentFile, "done", interrupted)
            with pytest.raises(ProcessEndedError):
                deploy_pilot(chain, pilot, out)
        before = recorded(out)["contracts"]
        chain.transfer(development_key("somebody", 1).address, 1)
        deployment = deploy_pilot(chain, pilot, out)
        after = recorded(out)["contracts"]
        for name in CONTRACTS:
            assert (before[name]["address"] == after[name]["address"]) is (name not in GROUP)
        assert deployment.escrow.functions.ledger().call() == deployment.ledger.address
        assert deployment.ledger.functions.faults().call() == deployment.faults.address


def test_a_chain_that_was_reset_is_deployed_on_afresh(pilot: Pilot, tmp_path: Path) -> None:
    out = tmp_path / "d.json"
    for _ in range(2):
        with devnet.embedded() as chain:
            deploy_pilot(chain, pilot, out)
            assert sent(chain) == TRANSACTIONS


def test_a_file_of_something_else_is_left_alone(pilot: Pilot, tmp_path: Path) -> None:
    out, other = tmp_path / "d.json", tmp_path / "other"
    other.mkdir()
    (other / "pilot.toml").write_text(EXAMPLE.read_text().replace("7200", "3600"))
    (other / PEOPLE.name).write_text(PEOPLE.read_text())
    with devnet.embedded() as chain:
        deploy_pilot(chain, pilot, out)
        text = out.read_text()
        with pytest.raises(InputError, match="another configuration; name another file"):
            deploy_pilot(chain, read_pilot(other / "pilot.toml"), out)
        assert out.read_text() == text
        out.write_text(text.replace(f'"chain_id": {chain.chain_id}', '"chain_id": 1'))
        with pytest.raises(InputError, match="begun with another chain"):
            deploy_pilot(chain, pilot, out)
        out.write_text("{}")
        with pytest.raises(InputError, match="not a deployments file"):
            deploy_pilot(chain, pilot, out)
        assert sent(chain) == TRANSACTIONS


def test_a_currency_of_one_s_own_must_cover_the_bond(pilot: Pilot, tmp_path: Path) -> None:
    address = '"' + development_key("nobody", 1).address + '"'
    (tmp_path / "pilot.toml").write_text(
        EXAMPLE.read_text().replace('token = "test"', f"token = {address}")
    )
    (tmp_path / PEOPLE.name).write_text(PEOPLE.read_text())
    with devnet.embedded() as chain, pytest.raises(ChainError, match=r"escrow\.token: no contract"):
        deploy_pilot(chain, read_pilot(tmp_path / "pilot.toml"), tmp_path / "d.json")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "riverside"', "name = 7", "market.name: 7 will not do; give a text"),
        ("[bond]", "[bnd]", r"bond: missing; add a section \[bond\]"),
        ("deadline_seconds = 86400", "", "ledger.deadline_seconds: missing"),
        ("window_seconds = 7200", 'window_seconds = "2h"', "window_seconds: '2h' will not do"),
        ("ring_size = 16", "ring_size = 8", r"ledger.ring_size: 8 will not do; .* 9 \.\.\."),
        (
            "interval_s = 1800",
            f'interval_s = 1800\nmeter_lag = 9\nmeter_operator = "0x{7:040x}"',
            r"ledger.ring_size: 16 will not do; .* 17 \.\.\.",
        ),
        ("signatures = 1", "signatures = 2", r"ledger.signatures: 2 will not do; .* 1 \.\.\. 1"),
        ("eager = true", "eager = 1", "ledger.eager: 1 will not do; give true or false"),
        ("eager = true", "lazy = true", "ledger.lazy: there is no such field; ledger knows"),
        ("p_lo_ticks = 50_000", "p_lo_ticks = 400_000", "policy.p_lo_ticks: must be at most p_hi"),
        ('"linear"', '"cubic"', "policy.price_curve: 'cubic' is none; give one of linear"),
        ("reward_micro = 250", "reward_micro = 999", "bond.reward_micro: .* will not do"),
        ("000000aa", "000000", "bond.relief: .* is not an address"),
        ('"0x290d', '"0x', r"beacon.tips\[0\]: .* 64 hexadecimal digits"),
        ('"commit-reveal"', '"lottery"', "beacon.randomness: 'lottery' is none; give one of"),
        ('"commit-reveal"', '"drand"', "beacon.delay_seconds: missing; give a whole number"),
        (
            "# answer_seconds = 1800",
            "answer_seconds = 2401",
            "ledger.answer_seconds: 2401 will not",
        ),
        (
            "# answer_seconds = 1800",
            "answer_seconds = 59",
            r"ledger.answer_seconds: 59 will not do; .* 60 \.\.\. 2400",
        ),
        (
            "window_seconds = 7200",
            "window_seconds = 179",
            r"window_seconds: 179 will not do; .* 180 ",
        ),
        (
            "minimum_micro = 10_000_000_000",
            "minimum_micro = 999_999_999",
            r"bond.minimum_micro: 999999999 will not do; .* 1000000000 ",
        ),
        (
            "# paid_micro = 11_000_000_000",
            "paid_micro = 9_999_999_999",
            r"bond.paid_micro: 9999999999 will not do; .* 10000000000 ",
        ),
        (
            "# outflow_cap_micro = 10_",
            "outflow_cap_micro = 0 # ",
            "escrow.outflow_cap_micro: 0 will",
        ),
        ("participants.example", "nobody", r"market.participants: nobody.csv cannot be read"),
        ('"ieee14"', '"ieee15"', "grid 'ieee15': no such name"),
        ("[market]", "[market", "config: pilot.toml is not TOML"),
    ],
)
def test_a_bad_field_is_named_with_its_remedy(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    (tmp_path / "pilot.toml").write_text(text.replace(old, new, 1))
    (tmp_path / PEOPLE.name).write_text(PEOPLE.read_text())
    with pytest.raises(InputError, match=words):
        read_pilot(tmp_path / "pilot.toml")


def test_a_ring_just_large_enough_for_late_readings_will_do(tmp_path: Path) -> None:
    lag = f'interval_s = 1800\nmeter_lag = 8\nmeter_operator = "0x{7:040x}"'
    (tmp_path / EXAMPLE.name).write_text(EXAMPLE.read_text().replace("interval_s = 1800", lag))
    (tmp_path / PEOPLE.name).write_text(PEOPLE.read_text())
    pilot = read_pilot(tmp_path / EXAMPLE.name)
    assert (pilot.ring_size, pilot.policy.meter_lag) == (16, 8)


def test_who_has_staked_less_than_the_penalty_is_bounded_by_the_outflow_cap(pilot: Pilot) -> None:
    assert pilot.outflow_stake_micro == pilot.penalty_micro > 1
    assert f"# outflow_stake_micro = {pilot.penalty_micro:_} " in EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("owner,bus", "bus,owner", "the first line must be owner,bus"),
        (",5,0,5000", ",99,0,5000", "line 4, bus: '99' is no bus"),
        (",20000,3", ",-1,3", "line 5, supply_cap_wh: '-1' is not a whole number"),
        (",20000,3", ",20000", "line 5: 7 cells; give 8"),
        (",5000,9000,0,0\n", ",0,9000,0,0\n", "state.rate_wh: 0 of participant 1"),
    ],
)
def test_a_bad_row_is_named_with_its_remedy(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = PEOPLE.read_text()
    assert old in text
    (tmp_path / EXAMPLE.name).write_text(EXAMPLE.read_text())
    (tmp_path / PEOPLE.name).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        read_pilot(tmp_path / EXAMPLE.name)


def with_beacon(folder: Path, section: str) -> Pilot:
    """The example with another section [beacon]."""
    head, _, _ = EXAMPLE.read_text().partition("[beacon]")
    (folder / "pilot.toml").write_text(f"{head}[beacon]\n{section}\n")
    (folder / PEOPLE.name).write_text(PEOPLE.read_text())
    return read_pilot(folder / "pilot.toml")


def test_the_reserve_is_paid_what_it_may_spend(chain: Chain, tmp_path: Path) -> None:
    example = read_pilot(EXAMPLE)
    pilot = replace(example, policy=replace(example.policy, reserve_micro=7_000_000))
    out = tmp_path / "d.json"
    foretold = rehearse(pilot, chain.payer)
    deployment = deploy_pilot(chain, pilot, out)
    escrow = deployment.escrow.functions
    assert escrow.collateralAt(RESERVE, 1).call() == 7_000_000
    assert [escrow.account(i).call()[3] for i in range(1, len(pilot.owners))] == [0] * 4
    assert escrow.ownerOf(RESERVE).call() == pilot.owners[RESERVE]
    assert "the reserve's deposit" in foretold
    before = sent(chain)
    deploy_pilot(chain, pilot, out)
    assert sent(chain) == before


def test_a_payer_without_the_reserve_s_deposit_is_told_the_field(
    chain: Chain, tmp_path: Path
) -> None:
    example = read_pilot(EXAMPLE)
    compiled = artifact("TestToken")
    token, _ = chain.deploy("TestToken", compiled.abi, compiled.bytecode)
    chain.transact(token.functions.mint(chain.payer, example.paid_micro))
    policy = replace(example.policy, reserve_micro=7_000_000)
    pilot = replace(example, policy=policy, token=token.address)
    with pytest.raises(
        ChainError, match=r"policy.reserve_micro: .* holds 0 micro .* pay 7000000; fund"
    ):
        deploy_pilot(chain, pilot, tmp_path / "d.json")
    chain.transact(token.functions.mint(chain.payer, 7_000_000))
    deployment = deploy_pilot(chain, pilot, tmp_path / "d.json")
    assert deployment.escrow.functions.collateralAt(RESERVE, 1).call() == 7_000_000


def test_seeds_can_be_drand_rounds(chain: Chain, tmp_path: Path) -> None:
    pilot = with_beacon(tmp_path, 'randomness = "drand"\ndelay_seconds = 60')
    out = tmp_path / "d.json"
    beacon = deploy_pilot(chain, pilot, out).beacon.functions
    assert recorded(out)["contracts"]["beacon"]["contract"] == "DrandBeacon"
    assert compressed_key(beacon.publicKey().call()) == QUICKNET.public_key
    assert beacon.genesisTime().call() == QUICKNET.genesis_time
    assert (beacon.period().call(), beacon.delaySeconds().call()) == (3, 60)
    assert beacon.isSigned(1000, bytes.fromhex(GENUINE[1000])).call() is True
    assert beacon.isSigned(1000, bytes.fromhex(GENUINE[1001])).call() is False
    before = sent(chain)
    deploy_pilot(chain, pilot, out)
    assert sent(chain) == before


def test_seeds_can_be_those_of_another_network(tmp_path: Path) -> None:
    local = LocalNetwork(7, 1_700_000_000).network
    section = f'randomness = "drand"\ndelay_seconds = 6\npublic_key = "{local.public_key.hex()}"\n'
    pilot = with_beacon(tmp_path, section + "genesis_time = 1700000000\nperiod_seconds = 3")
    assert pilot.drand is not None
    assert pilot.drand.network == local
    for wrong, words in (
        (section.replace(local.public_key.hex(), "ab"), "beacon.public_key: give the 192"),
        (section.replace(local.public_key.hex(), "z"), "beacon.public_key: give the 192"),
        (section.replace(local.public_key.hex(), "ab" * 96), "public_key: not a key"),
        (section, "beacon.genesis_time: missing"),
    ):
        with pytest.raises(InputError, match=words):
            with_beacon(tmp_path, wrong)


def test_seeds_for_development_need_nothing(chain: Chain, tmp_path: Path) -> None:
    deployment = deploy_pilot(chain, with_beacon(tmp_path, 'randomness = "dev"'), tmp_path / "d")
    chain.transact(deployment.ledger.functions.commitOrders(1, bytes(32)))
    chain.transact(deployment.beacon.functions.draw(1))
    assert deployment.ledger.functions.ordersCommittedAt(1).call() == 0


@anvil
def test_a_chain_without_pairings_refuses_drand(tmp_path: Path) -> None:
    pilot = with_beacon(tmp_path, 'randomness = "drand"\ndelay_seconds = 60')
    with (
        devnet.anvil("cancun") as chain,
        pytest.raises(ChainError, match=r"deployment of DrandBeacon: .*Bls_Unavailable"),
    ):
        deploy_pilot(chain, pilot, tmp_path / "d.json")


def test_a_rehearsal_foretells_the_gas(pilot: Pilot, tmp_path: Path) -> None:
    spent: dict[str, int] = {}
    with devnet.embedded() as chain:
        foretold = rehearse(pilot, chain.payer)
        deploy_pilot(chain, pilot, tmp_path / "d.json", spent.__setitem__)
    assert foretold.keys() == spent.keys()
    for step, gas in spent.items():  # calldata costs by its zeros, and addresses differ
        assert gas == pytest.approx(foretold[step], rel=0.01)


def test_what_may_not_be_meant_is_noted_by_field() -> None:
    pilot = replace(read_pilot(EXAMPLE), signatures=2)

    def noted(lag: int, signatures: int = 2) -> list[str]:
        policy = replace(pilot.policy, meter_lag=lag, meter_operator=b"m" * 20)
        found = caveats(replace(pilot, policy=policy, signatures=signatures))
        return [caveat.split(":")[0] for caveat in found]

    assert noted(0) == noted(3) == []
    assert noted(1) == noted(2) == ["policy.meter_lag"]
    assert noted(2, signatures=1) == ["policy.meter_lag", "ledger.signatures"]


@anvil
def test_the_command_plans_deploys_and_tells(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "d.json"
    with devnet.anvil() as chain:
        url = str(chain.web3.provider.endpoint_uri)  # type: ignore[attr-defined]
        command = ["deploy", "--rpc", url, "--config", str(EXAMPLE), "--out", str(out)]
        assert cli.run([*command, "--dry-run", "--json"]) == 0
        plan = json.loads(capsys.readouterr().out)
        assert plan["affordable"] is True
        assert plan["caveats"] == caveats(read_pilot(EXAMPLE))
        assert plan["gas"] == sum(step["gas"] for step in plan["steps"]) > 10_000_000
        assert not out.exists()
        assert sent(chain) == 0

        assert cli.run([*command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == recorded(out)
        assert sent(chain) == TRANSACTIONS
        assert cli.run([*command, "--dry-run"]) == 0
        assert "is there" in capsys.readouterr().out
        assert cli.run(command) == 0
        shown = capsys.readouterr()
        assert recorded(out)["contracts"]["ledger"]["address"] in shown.out
        assert "ledger: is there" in shown.err
        assert sent(chain) == TRANSACTIONS


def test_a_bad_configuration_is_one_line_and_changes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "d.json"
    command = ["deploy", "--rpc", "http://127.0.0.1:1", "--config", str(tmp_path / "none.toml")]
    assert cli.run([*command, "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("clearwatt: error: config: cannot read")
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_vacant_places_are_kept_and_taken_later(tmp_path: Path) -> None:
    """Who is vacant has a contract and a state, and nobody in the escrow until the registrar admits somebody."""
    rows = PEOPLE.read_text().splitlines()
    rows[3] = "vacant," + rows[3].partition(",")[2]
    (tmp_path / PEOPLE.name).write_text("\n".join(rows) + "\n")
    (tmp_path / "pilot.toml").write_text(EXAMPLE.read_text())
    pilot = read_pilot(tmp_path / "pilot.toml")
    with devnet.embedded() as chain:
        deployment = deploy_pilot(chain, pilot, tmp_path / "d.json")
        escrow = deployment.escrow
        owners = [int(escrow.functions.ownerOf(i).call(), 16) for i in range(len(pilot.owners))]
        assert [owner == 0 for owner in owners] == [i == 2 for i in range(len(owners))]
        joiner = development_key("joiner", 0).address
        chain.transact(escrow.functions.register(joiner, 2, 0))
        assert escrow.functions.ownerOf(2).call() == joiner
    genesis = read_genesis((tmp_path / "d.genesis.bundle").read_bytes())
    assert not any(bytes(genesis.contracts["owner"][2]))
    assert genesis.state["rate_wh"][2] > 0


def test_the_reserve_is_not_vacant(tmp_path: Path) -> None:
    rows = PEOPLE.read_text().splitlines()
    rows[1] = "vacant," + rows[1].partition(",")[2]
    (tmp_path / PEOPLE.name).write_text("\n".join(rows) + "\n")
    (tmp_path / "pilot.toml").write_text(EXAMPLE.read_text())
    with pytest.raises(InputError, match="owner: 'vacant' is not an address"):
        read_pilot(tmp_path / "pilot.toml")
