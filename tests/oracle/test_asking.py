"""The command line against a running node: data asked for and withheld, seeds brought from drand rounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coincurve import PrivateKey

from deploy import devnet
from offchain.commitment.hashing import packed_rows
from offchain.errors import InputError
from offchain.orders.receipts import receipt
from offchain.orders.signing import domain_separator, signed
from offchain.proofs import published_claim
from oracle import cli
from oracle.asking import Desk
from oracle.bundles import BundleDirectory
from oracle.chain import Operator
from oracle.challenge import Court
from oracle.demo import DemoRun
from oracle.reader import read_market
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter
from tests.proofs.test_seeds import DrandRun

#: The first account of every anvil, which deploys and operates here.
ANVIL_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


def _has_anvil() -> bool:
    try:
        devnet.anvil_binary()
    except InputError:
        return False
    return True


pytestmark = (
    pytest.mark.anvil
    if _has_anvil()
    else pytest.mark.skip(reason="anvil is not installed; run `make setup-node`")
)


@dataclass
class Node:
    """A market of two intervals on a node, the second without its bundle unless it is shown."""

    run: DemoRun
    url: str
    bundles: Path

    def command(self, name: str, *more: str) -> int:
        """Run a command against the market."""
        at = ["--rpc", self.url, "--ledger", self.run.contracts.ledger.address]
        return cli.run([name, *at, *more])


def _open(kind: type[DemoRun], tmp_path: Path, intervals: int) -> Iterator[Node]:
    scenario = draw_scenario(ScenarioConfig(participants=8, intervals=3, seed=3))
    with devnet.anvil() as chain:
        out = BundleDirectory.create(tmp_path / "bundles")
        run = kind(scenario, chain, out, Reporter())
        run.open()
        for interval in range(1, intervals + 1):
            run.clear(Operator(chain, run.contracts), interval)
        url = str(chain.web3.provider.endpoint_uri)  # type: ignore[attr-defined]
        yield Node(run, url, out.path)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    yield from _open(DemoRun, tmp_path, 2)


@pytest.fixture
def drand_node(tmp_path: Path) -> Iterator[Node]:
    yield from _open(DrandRun, tmp_path, 1)


def test_a_withheld_interval_is_asked_for_and_voided(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    (node.bundles / "00002.bundle").unlink()
    challenge = ("challenge", "--yes", "--bundles", str(node.bundles))
    assert node.command(*challenge) == 2
    assert (
        "ask for its data on the chain with --ask INDEX, or for all with --ask-all"
        in capsys.readouterr().err
    )
    assert node.command(*challenge, "--ask", "99") == 2
    assert "index: 99 is out of range; give 0 to 15" in capsys.readouterr().err
    assert node.command(*challenge, "--ask", "3", "--json") == 0
    asked = json.loads(capsys.readouterr().out)
    assert (asked["interval"], asked["asked"]) == (2, True)
    assert asked["fee_wei"] > 0
    assert node.command(*challenge, "--ask", "3") == 2
    assert "its data were asked for, come again in" in capsys.readouterr().err
    node.run.chain.wait_until(asked["answer_by"] + 1)
    assert node.command(*challenge, "--json") == 1
    done = json.loads(capsys.readouterr().out)
    assert (done["proof"], done["voided"]) == ("withheld", True)
    assert done["reward"] > 0
    assert node.run.contracts.ledger.functions.head().call() == 1


def test_all_of_a_withheld_interval_is_asked_for_at_once(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator is honest and answers: then the chain itself shows what the bundle would have."""
    told = (node.bundles / "00002.bundle").read_bytes()
    (node.bundles / "00002.bundle").unlink()
    challenge = ("challenge", "--yes", "--bundles", str(node.bundles), "--ask-all", "--json")
    ledger = node.run.contracts.ledger.address
    rounds = []

    def all_bundles(interval: int) -> bytes | None:
        return told if interval == 2 else BundleDirectory(node.bundles).read(interval)

    for _ in range(2):
        assert node.command(*challenge, "--dry-run") == 0
        expected = json.loads(capsys.readouterr().out)
        assert not expected["asked"]
        assert node.command(*challenge) == 0
        asked = json.loads(capsys.readouterr().out)
        assert asked["asked"]
        assert asked["questions"] == expected["questions"]
        rounds.append(asked["questions"])
        market = read_market(node.run.chain, ledger)
        claim = published_claim(market, all_bundles, 2)
        desk = Desk.of(Court.of(node.run.chain, ledger))
        for question in market.asked:
            desk.answer(claim, question.question)
    assert rounds[0] == 4
    assert rounds[1] > 0
    assert node.command(*challenge) == 2
    assert "nothing can be proven" in capsys.readouterr().err


def test_a_receipt_that_was_broken_is_proven(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The market is honest; the operator signed a receipt for a newer order that it did not take up."""
    run, domain = node.run, node.run.state.domain
    separator = domain_separator(domain.chain_id, domain.ledger, domain.market_id)
    orders, _ = run.signed_orders(2)
    signer = PrivateKey(bytes.fromhex(ANVIL_KEY))
    kept = receipt(separator, packed_rows(orders[:1]).tobytes(), 2, signer)
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([kept.to_json()]))
    bundles = str(node.bundles)
    challenge = ("challenge", "--yes", "--json", "--bundles", bundles, "--receipts", str(file))
    assert node.command(*challenge) == 2
    assert "nothing can be proven; interval 2 has no proof" in capsys.readouterr().err

    newer = orders[:1].copy()
    newer["seq"] += 1
    newer = signed(newer, [run.keys[int(newer["index"][0])]], separator)
    broken = receipt(separator, packed_rows(newer).tobytes(), 2, signer)
    file.write_text(json.dumps([kept.to_json(), broken.to_json()]))
    assert node.command(*challenge) == 1
    done = json.loads(capsys.readouterr().out)
    assert (done["proof"], done["voided"]) == ("omitted", True)
    file.write_text("{")
    assert node.command(*challenge) == 2
    assert "receipts: " in capsys.readouterr().err


def test_a_seed_is_brought_from_a_file(
    drand_node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = drand_node.run
    assert isinstance(run, DrandRun)
    source = str(tmp_path / "{round}.json")
    assert drand_node.command("seed", "--rounds", source) == 2
    assert "interval: 2 awaits no seed" in capsys.readouterr().err
    Operator(run.chain, run.contracts).commit_orders(2, bytes(32))
    round_ = run.awaited(2)
    file = tmp_path / f"{round_}.json"
    file.write_text(json.dumps({"round": round_, "signature": run.local.sign(round_ + 1).hex()}))
    assert drand_node.command("seed", "--rounds", source) == 2
    assert "not the network's signature" in capsys.readouterr().err
    file.write_text(json.dumps({"round": round_, "signature": run.local.sign(round_).hex()}))
    assert drand_node.command("seed", "--rounds", source, "--dry-run") == 0
    assert f"Round {round_} would make the seed of interval 2" in capsys.readouterr().out
    assert drand_node.command("seed", "--rounds", source, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["interval"], told["round"]) == (2, round_)
    assert told["gas"] > 0
    assert run.contracts.ledger.functions.ordersCommittedAt(2).call() == 0


def test_other_markets_have_no_rounds_to_bring(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert node.command("seed", "--rounds", "x") == 2
    assert "its seeds are not made of drand rounds" in capsys.readouterr().err
