"""A reading is signed by the metering operator, checked before it costs anything, and filed once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.chain import development_key
from oracle import cli
from oracle.demo import POLICY, DemoRun
from oracle.reader import read_market
from tests.oracle.markets import CONFIG, LAST, market, undone

METER = "0x" + bytes(development_key("meter", 0).key).hex()
WHO = 5


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A market with all its intervals posted; the newest one's readings can still be filed."""
    with market(tmp_path_factory.mktemp("readings")) as run:
        yield run


@pytest.fixture
def run(shared: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """The same, behind every URL and set back afterwards."""
    monkeypatch.setattr("oracle.commands.reading.connect", lambda _: shared.chain)
    monkeypatch.setenv("CLEARWATT_PRIVATE_KEY", METER)
    with undone(shared.chain):
        yield shared


def command(run: DemoRun, *more: str) -> int:
    """The exit code of a command about readings."""
    ledger, place = run.contracts.ledger.address, str(run.out.path)
    name, *rest = more
    market_of = ["--rpc", "http://x", "--ledger", ledger, "--bundles", place]
    return cli.run(["reading", name, *market_of, *rest])


def signed(
    run: DemoRun, capsys: pytest.CaptureFixture[str], *, index: int = WHO, interval: int = LAST
) -> str:
    """A reading in hexadecimal, signed by the metering operator."""
    about = ["--index", str(index), "--interval", str(interval), "--consumed", "412"]
    assert command(run, "sign", *about) == 0
    return capsys.readouterr().out.strip()


def filed(
    run: DemoRun, capsys: pytest.CaptureFixture[str], reading: str, *more: str
) -> dict[str, Any]:
    """What filing it says."""
    assert command(run, "file", "--reading", reading, "--json", *more) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_signed_reading_is_filed_and_read_back_from_the_chain(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = signed(run, capsys)
    told = filed(run, capsys, reading)
    due = LAST + POLICY.meter_lag
    assert (told["index"], told["interval"], told["consumed_wh"]) == (WHO, LAST, 412)
    assert (told["settled_by"], told["filed"]) == (due, True)
    assert told["gas"] > 0
    (on_chain,) = read_market(run.chain, run.contracts.ledger.address).filed
    assert (on_chain.due, "0x" + on_chain.record.hex()) == (due, reading)


def test_filing_twice_sends_nothing_more(run: DemoRun, capsys: pytest.CaptureFixture[str]) -> None:
    reading = signed(run, capsys)
    filed(run, capsys, reading)
    assert filed(run, capsys, reading)["gas"] == 0
    assert len(read_market(run.chain, run.contracts.ledger.address).filed) == 1


def test_a_dry_run_sends_nothing(run: DemoRun, capsys: pytest.CaptureFixture[str]) -> None:
    told = filed(run, capsys, signed(run, capsys), "--dry-run")
    assert (told["filed"], told["gas"]) == (False, 0)
    assert read_market(run.chain, run.contracts.ledger.address).filed == ()


def test_what_comes_too_late_is_refused_with_the_last_moment(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    late = signed(run, capsys, interval=LAST - 1)
    assert command(run, "file", "--reading", late) == 2
    assert f"before the header of {LAST} is posted counts" in capsys.readouterr().err
    assert read_market(run.chain, run.contracts.ledger.address).filed == ()


def test_only_the_metering_operator_signs(
    run: DemoRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = ["--index", str(WHO), "--interval", str(LAST)]
    monkeypatch.setenv("CLEARWATT_PRIVATE_KEY", "0x" + "07" * 32)
    assert command(run, "sign", *about) == 2
    assert f"metering operator 0x{POLICY.meter_operator.hex()}" in capsys.readouterr().err
    monkeypatch.setenv("CLEARWATT_PRIVATE_KEY", "nonsense")
    assert command(run, "sign", *about) == 2
    assert "CLEARWATT_PRIVATE_KEY: not a private key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ("hello", "not hexadecimal"),
        ("0x00", "1 bytes; a signed reading has 81, 162 hexadecimal digits"),
        ("0x" + bytes(81).hex(), "none are settled in this interval"),
    ],
)
def test_what_is_no_reading_is_refused(
    run: DemoRun, reading: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(run, "file", "--reading", reading) == 2
    assert said in capsys.readouterr().err


def test_a_spoilt_or_foreign_reading_is_refused(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = bytes.fromhex(signed(run, capsys)[2:])
    assert command(run, "file", "--reading", (reading[:-1] + bytes([reading[-1] ^ 7])).hex()) == 2
    assert "not signed by the metering operator" in capsys.readouterr().err
    nobody = (CONFIG.participants + 1).to_bytes(4, "big") + reading[4:]
    assert command(run, "file", "--reading", nobody.hex()) == 2
    assert f"is not registered; the last is {CONFIG.participants}" in capsys.readouterr().err
