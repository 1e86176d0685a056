"""One participant checks its own line against the chain, keeps a ticket, and gets its money out with it alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain.bill.page import money
from offchain.commitment.bundle import read_bundle
from oracle import cli
from oracle.demo import DemoRun
from oracle.ticket import read_ticket
from tests.oracle.markets import CONFIG, LAST, outlast_window, undone

SELLER = 1
"""A power station."""


@pytest.fixture
def run(honest_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """The honest market behind every URL; the chain is set back after each test."""
    with undone(honest_run.chain):
        yield behind_urls(honest_run, monkeypatch)


def behind_urls(run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> DemoRun:
    """Let every URL lead to a market's chain."""
    for name in ("verify_mine", "ticket"):
        monkeypatch.setattr(f"oracle.commands.{name}.connect", lambda _: run.chain)
    return run


def verify(run: DemoRun, account: object, tickets: Path, *more: str) -> int:
    """The exit code of a check."""
    ledger, place = run.contracts.ledger.address, str(run.out.path)
    command = ["verify-mine", "--rpc", "http://x", "--ledger", ledger, "--bundles", place]
    return cli.run([*command, "--account", str(account), "--tickets", str(tickets), *more])


def checked(
    run: DemoRun, account: object, tickets: Path, capsys: pytest.CaptureFixture[str], code: int = 0
) -> list[dict[str, Any]]:
    """What a check says, as JSON."""
    assert verify(run, account, tickets, "--json") == code
    result = json.loads(capsys.readouterr().out)
    assert isinstance(result, list)
    return result


def ticket_of(run: DemoRun, account: object, tickets: Path, interval: int = LAST) -> Path:
    """The ticket that a check keeps."""
    assert verify(run, account, tickets, "--interval", str(interval)) == 0
    return tickets / f"ticket-{account}-{interval:05d}.json"


# THE CHECK


@pytest.mark.parametrize("index", [0, SELLER, 5, CONFIG.participants])
def test_an_honest_line_follows_from_the_rules_and_says_what_the_bundle_says(
    index: int, run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own,) = checked(run, index, tmp_path, capsys)
    bundle = read_bundle(run.intervals[-1].bundle)
    assert own["ok"] is True
    assert own["header_hash"] == run.intervals[-1].header_hash.hex()
    for table, told in ((bundle.allocation, own["allocation"]), (bundle.state, own["state"])):
        assert all(told[name] == int(table[name][index]) for name in told)
    change = own["state"]["credit"] - own["state"]["debit"]
    change -= own["state_before"]["credit"] - own["state_before"]["debit"]
    assert own["total"] == change


def test_every_kind_of_fault_that_it_has_evidence_for_is_tried(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own,) = checked(run, 5, tmp_path, capsys)
    # no receipt was given, nobody filed a reading, no drand network makes the seeds, and of its bus it knows its slot
    without = {name for name, pieces in own["checks"].items() if not pieces}
    assert without == {"bus-depth", "omitted", "reading-ignored", "seed"}
    assert set(own["checks"]) >= {"bracket", "payment", "price", "key", "transition", "imbalance"}
    assert not {"forced-ignored", "forced-cursor", "withheld"} & set(own["checks"])


def test_an_owner_finds_itself_by_its_address(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own,) = checked(run, run.accounts[7].address, tmp_path, capsys)
    assert own["participant"] == 7
    assert own["owner"] == run.accounts[7].address


def test_only_those_who_are_robbed_see_it_in_their_own_line(
    lying_run: DemoRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = behind_urls(lying_run, monkeypatch)
    lines = read_bundle(run.intervals[-1].bundle).allocation
    used = lines["essential_x_wh"].astype(np.int64) + lines["flexible_x_wh"]
    true = lines["price_ticks"].astype(np.int64) * used // 1000
    victims = set(np.flatnonzero(lines["energy_cost"] != true).tolist())
    assert len(victims) == 2
    for index in victims | {0, SELLER}:
        robbed = index in victims
        (own,) = checked(run, index, tmp_path, capsys, code=int(robbed))
        assert ("payment" in own["proofs"]) is robbed
        assert ("payment" in own["faults"]) is robbed
        assert (own["ticket"] is None) is robbed


def test_a_person_reads_what_it_got_and_what_was_not_checked(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(run, 5, tmp_path) == 0
    out = capsys.readouterr().out
    for words in ("Participant 5, interval 4", "Received", "Shortage memory", "to leave with"):
        assert words in out
    assert "open to dispute until" in out
    assert "Not checked" in out
    assert str(tmp_path / "ticket-5-00004.json") in out


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("13", "13 is not registered; give 0 ... 12"),
        ("0x" + "22" * 20, "owns no registration number"),
        ("somebody", "neither an address nor a registration number"),
    ],
)
def test_a_stranger_is_told_so(
    account: str,
    words: str,
    run: DemoRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify(run, account, tmp_path) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_reads_no_more_bundles_than_it_needs(
    run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    honest = type(run.out).read

    def noted(place: Any, interval: int) -> bytes | None:  # noqa: ANN401 - a method's self
        read.append(interval)
        return honest(place, interval)

    monkeypatch.setattr(type(run.out), "read", noted)
    assert verify(run, 5, tmp_path) == 0
    assert set(read) == {0, LAST - 2, LAST - 1, LAST}


@pytest.mark.parametrize("interval", [0, LAST - 2, LAST - 1, LAST])
def test_without_a_bundle_that_it_needs_it_cannot_tell(
    interval: int,
    run: DemoRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    honest = type(run.out).read
    monkeypatch.setattr(type(run.out), "read", lambda p, t: None if t == interval else honest(p, t))
    assert verify(run, 5, tmp_path) == 2
    assert "is missing; fetch it" in capsys.readouterr().err


def test_a_bundle_of_another_market_is_not_the_chain_s(
    run: DemoRun,
    lying_run: DemoRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(type(run.out), "read", lambda _, t: lying_run.out.file(t).read_bytes())
    assert verify(run, 5, tmp_path) == 2
    assert "the ledger does not hold the header" in capsys.readouterr().err


def test_a_changed_bundle_is_damaged(
    run: DemoRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = bytearray(run.out.file(LAST).read_bytes())
    data[500] ^= 1
    honest = type(run.out).read
    monkeypatch.setattr(
        type(run.out), "read", lambda p, t: bytes(data) if t == LAST else honest(p, t)
    )
    assert verify(run, 5, tmp_path) == 2
    assert "is damaged; fetch it again" in capsys.readouterr().err


@pytest.mark.parametrize("interval", [0, LAST + 1])
def test_an_interval_without_a_header_is_refused(
    interval: int, run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(run, 5, tmp_path, "--interval", str(interval)) == 2
    assert f"interval: {interval} has no header; give 1 ... {LAST}" in capsys.readouterr().err


# MONEY WITH THE TICKET ALONE


def cash(command: str, ticket: Path, *more: str) -> int:
    """The exit code of `claim` or `escape`; nothing but the ticket and the chain is named."""
    return cli.run([command, "--rpc", "http://x", "--ticket", str(ticket), "--json", *more])


def balance(run: DemoRun, index: int) -> int:
    """What an owner has in its own account."""
    owner = run.accounts[index].address
    return int(run.contracts.token.functions.balanceOf(owner).call())


def test_what_was_earned_is_collected_with_the_ticket_alone(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = ticket_of(run, SELLER, tmp_path)
    state = read_ticket(ticket).state
    capsys.readouterr()
    assert cash("claim", ticket) == 2
    assert "can be disputed until" in capsys.readouterr().err
    outlast_window(run)
    had = balance(run, SELLER)
    assert cash("claim", ticket) == 0
    paid = json.loads(capsys.readouterr().out)
    assert paid["micro"] == state["credit"] - state["debit"] > 0
    assert balance(run, SELLER) == had + paid["micro"]
    assert cash("claim", ticket) == 2
    err = capsys.readouterr().err
    assert f"claim: nothing is due: {money(state['credit'])} were earned" in err
    assert "micro" not in err


@pytest.mark.parametrize("index", [0, SELLER, 5])
def test_a_frozen_market_is_left_with_the_ticket_alone(
    index: int, run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = ticket_of(run, index, tmp_path)
    state = read_ticket(ticket).state
    deposit = int(run.contracts.escrow.functions.account(index).call()[3])
    capsys.readouterr()
    assert cash("escape", ticket) == 2
    assert "the market is not frozen" in capsys.readouterr().err
    assert cash("escape", ticket, "--freeze") == 2
    err = capsys.readouterr().err
    assert "its operator has time for the next header until 20" in err
    assert "Ledger_" not in err
    outlast_window(run)
    deadline = int(run.contracts.ledger.functions.deadlineSeconds().call())
    run.chain.wait_until(run.chain.now() + deadline)
    assert cash("escape", ticket) == 2
    assert "its operator is late; give --freeze" in capsys.readouterr().err
    had = balance(run, index)
    assert cash("escape", ticket, "--freeze") == 0
    paid = json.loads(capsys.readouterr().out)
    assert paid["micro"] == deposit + state["credit"] - state["debit"] > 0
    assert balance(run, index) == had + paid["micro"]
    assert cash("escape", ticket) != 0


def test_only_the_last_header_s_ticket_opens_the_way_out(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = ticket_of(run, 5, tmp_path, LAST - 1)
    outlast_window(run)
    deadline = int(run.contracts.ledger.functions.deadlineSeconds().call())
    run.chain.wait_until(run.chain.now() + deadline)
    run.chain.transact(run.contracts.ledger.functions.freeze())
    capsys.readouterr()
    assert cash("escape", older) == 2
    assert f"is of interval {LAST - 1}, the last header that stands of {LAST}" in (
        capsys.readouterr().err
    )


def test_older_tickets_are_kept_because_a_newer_header_may_be_voided(
    run: DemoRun, tmp_path: Path
) -> None:
    tickets = [ticket_of(run, 5, tmp_path, interval) for interval in (LAST - 1, LAST)]
    assert sorted(tmp_path.iterdir()) == tickets


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("record", None, "its record is missing or wrong"),
        ("state_root", "0x" + "00" * 32, "does not lie under its state root"),
        ("index", 6, "is not the state of participant 6"),
        ("interval", "four", "its interval is missing or wrong"),
        ("ledger", "0x12", "its ledger is missing or wrong"),
        ("kind", "a bill", "is no clearwatt ticket"),
        ("chain_id", 1, "it is of chain 1"),
        ("escrow", "0x" + "33" * 20, "the file was changed"),
        ("header_hash", "0x" + "44" * 32, "the ledger does not hold its header"),
    ],
)
def test_a_changed_ticket_is_refused(
    field: str,
    value: object,
    words: str,
    run: DemoRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticket = ticket_of(run, 5, tmp_path)
    ticket.write_text(json.dumps({**json.loads(ticket.read_text()), field: value}))
    capsys.readouterr()
    assert cash("claim", ticket) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"kind": 1}'])
def test_what_is_no_ticket_is_one_line(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ticket.json"
    file.write_bytes(content)
    assert cli.run(["claim", "--rpc", "http://127.0.0.1:9", "--ticket", str(file)]) == 2
    err = capsys.readouterr().err
    assert "`clearwatt verify-mine` makes one" in err
    assert "Traceback" not in err
