"""A failed audit becomes a proof: what it costs and brings is shown first, and nothing is sent unasked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from eth_account.signers.local import LocalAccount
from rich.console import Console
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from deploy.chain import development_key
from offchain.audit.findings import Rule
from oracle import cli
from oracle.challenge import Challenge, print_challenge
from oracle.demo import DemoRun
from tests.oracle.markets import LAST, outlast_window, undone


@pytest.fixture
def run(lying_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """The same behind every URL; the chain is set back after each test."""
    monkeypatch.setattr("oracle.commands.challenge.connect", lambda _: lying_run.chain)
    with undone(lying_run.chain):
        yield lying_run


def command(run: DemoRun, *more: str, bundles: Path | None = None) -> list[str]:
    """A challenge of the market."""
    place = str(bundles or run.out.path)
    ledger = run.contracts.ledger.address
    return ["challenge", "--rpc", "http://x", "--ledger", ledger, "--bundles", place, *more]


def head(run: DemoRun) -> int:
    """The last header that stands."""
    return int(run.contracts.ledger.functions.head().call())


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one JSON object."""
    result = json.loads(capsys.readouterr().out)
    assert isinstance(result, dict)
    return result


def test_a_dry_run_shows_cost_and_reward_and_sends_nothing(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    block = run.chain.web3.eth.block_number
    assert cli.run(command(run, "--dry-run", "--json")) == 1
    offered = told(capsys)
    assert (offered["interval"], offered["fault"], offered["proof"]) == (LAST, "payment", "payment")
    assert offered["voided"] is False
    assert offered["reward"] == run.contracts.bond.functions.reward().call() > 0
    gas = offered["gas"] + offered["reserve_gas"]
    assert offered["cost_wei"] == gas * run.chain.web3.eth.gas_price > 0
    assert run.chain.web3.eth.block_number == block
    assert head(run) == LAST


def test_what_is_sent_voids_the_header_pays_the_sender_and_costs_no_more_than_was_said(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(run, "--dry-run", "--json")) == 1
    offered = told(capsys)
    token, sender = run.contracts.token.functions, run.chain.payer
    had = token.balanceOf(sender).call()
    assert cli.run(command(run, "--yes", "--json")) == 1
    done = told(capsys)
    assert (done["voided"], done["overtaken"]) == (True, False)
    assert head(run) == LAST - 1
    assert token.balanceOf(sender).call() == had + done["reward"]
    assert done["gas"] <= offered["gas"] < done["gas"] + 40_000
    assert done["reserve_gas"] <= offered["reserve_gas"] < done["reserve_gas"] + 10_000


@pytest.mark.parametrize("json_wanted", [True, False])
def test_who_is_overtaken_by_a_copy_is_told_and_paid(
    json_wanted: bool,
    run: DemoRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    chain, token, sender = run.chain, run.contracts.token.functions, run.chain.payer
    transact, copier = chain.transact, development_key("copier", 0)
    had = token.balanceOf(sender).call()

    def overtaken(call: ContractFunction, account: LocalAccount | None = None) -> TxReceipt:
        if call.fn_name == "payment":
            chain.transfer(copier.address, 10**19)
            transact(call, copier)
        return transact(call, account)

    monkeypatch.setattr(chain, "transact", overtaken)
    assert cli.run(command(run, "--yes", *(["--json"] if json_wanted else []))) == 1
    if json_wanted:
        done = told(capsys)
        assert (done["voided"], done["overtaken"]) == (True, True)
        assert done["reward"] == run.contracts.bond.functions.reward().call()
    else:
        assert "Somebody's copy was faster" in capsys.readouterr().out
    assert token.balanceOf(sender).call() == had + run.contracts.bond.functions.reward().call()
    assert head(run) == LAST - 1


def test_where_nobody_can_be_asked_nothing_is_sent(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(run)) == 2
    assert "give --yes to send, or --dry-run" in capsys.readouterr().err
    assert head(run) == LAST


@pytest.mark.parametrize(("answer", "code", "left"), [(False, 2, LAST), (True, 1, LAST - 1)])
def test_a_person_is_shown_the_price_and_asked(
    answer: bool,
    code: int,
    left: int,
    run: DemoRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", confirm)
    assert cli.run(command(run)) == code
    err = capsys.readouterr().err
    assert asked == [f"Send the proof and void interval {LAST}?"]
    assert "gas" in err
    assert head(run) == left


def test_a_final_interval_is_past_proving(run: DemoRun, capsys: pytest.CaptureFixture[str]) -> None:
    outlast_window(run)
    assert cli.run(command(run, "--yes")) == 2
    assert f"interval {LAST} is final, its window has passed" in capsys.readouterr().err
    assert head(run) == LAST


def test_once_void_there_is_nothing_to_prove(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(run, "--yes", "--json")) == 1
    capsys.readouterr()
    assert cli.run(command(run, "--yes", "--json")) == 0
    assert told(capsys) == {"fault": None, "voided": False}


def test_without_the_bundle_it_cannot_be_told(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(run, "--yes", bundles=without_last(run, tmp_path))) == 2
    err = capsys.readouterr().err
    assert f"interval {LAST} cannot be judged: its bundle is missing" in err
    assert "ask for its data on the chain with --ask INDEX" in err


# ASKING FOR WHAT NOBODY HAS PUBLISHED


@pytest.fixture
def hollow(hollow_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """A market with a false node that is in no bundle, behind every URL."""
    monkeypatch.setattr("oracle.commands.challenge.connect", lambda _: hollow_run.chain)
    with undone(hollow_run.chain):
        yield hollow_run


def without_last(run: DemoRun, folder: Path) -> Path:
    """The bundles, but for the last."""
    for bundle in run.out.path.iterdir():
        if not bundle.name.startswith(f"{LAST:05d}"):
            (folder / bundle.name).write_bytes(bundle.read_bytes())
    return folder


@pytest.mark.parametrize("missing", ["a node", "the bundle"])
def test_what_nobody_shows_is_asked_for_and_voids_the_interval_when_nobody_answers(
    missing: str, hollow: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = None if missing == "a node" else without_last(hollow, tmp_path)
    asking = command(hollow, "--yes", "--json", "--ask", "1", bundles=place)
    assert cli.run([*asking, "--dry-run"]) == 0
    offered = told(capsys)
    assert (offered["interval"], offered["asked"]) == (LAST, False)
    assert cli.run(asking) == 0
    asked = told(capsys)
    assert asked["asked"] is True
    assert asked["fee_wei"] == offered["fee_wei"] > 0
    assert cli.run(asking) == 2
    assert "its data were asked for, come again in" in capsys.readouterr().err
    hollow.chain.wait_until(asked["answer_by"] + 1)
    assert cli.run(command(hollow, "--yes", "--json", bundles=place)) == 1
    done = told(capsys)
    assert (done["proof"], done["voided"]) == ("withheld", True)
    assert done["reserve_gas"] == 0
    assert head(hollow) == LAST - 1


def test_a_false_node_in_no_bundle_is_told_with_the_remedy(
    hollow: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(hollow, "--yes")) == 2
    assert "ask for its data on the chain with --ask INDEX" in capsys.readouterr().err
    assert head(hollow) == LAST


@pytest.mark.parametrize(
    ("voided", "words"),
    [
        (False, "can be voided: the proof `payment` (balance) with its reservation takes 30 gas"),
        (True, "is void: the proof `payment` (balance) with its reservation took 30 gas"),
    ],
)
def test_what_was_done_is_told_in_the_past_and_each_name_once(
    voided: bool, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = (Rule.PAYMENT, Rule.BALANCE)
    done = Challenge(3, "payment", rules, 5_000_000, 20, 10, 10**15, voided, 0)
    print_challenge(done, Console(highlight=False))
    told = capsys.readouterr().out
    assert f"Interval 3 {words}" in told
    assert ("paid 5.00" in told, "who sent it" in told) == (voided, voided)
