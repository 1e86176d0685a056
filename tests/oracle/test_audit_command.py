"""`clearwatt audit` tells in words, in JSON and by its exit code what it found and what it could not judge."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from offchain.audit.published import Code, PublishedMarket
from oracle import cli
from oracle.bundles import BundleDirectory
from oracle.commands import audit as command
from oracle.market_contracts import ForeignCodeError
from tests.audit.honest import Honest, honest_market, posted, with_header

INTERVALS = 3
LEDGER = "0x" + "11" * 20


@pytest.fixture
def honest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Honest:
    """A market that kept the rules, on a chain that says so."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    market = honest_market(INTERVALS)
    says(monkeypatch, market.published)
    directory = BundleDirectory.create(tmp_path / "bundles")
    for interval, data in market.bundles.items():
        directory.write(interval, data)
    monkeypatch.chdir(tmp_path)
    return market


def says(monkeypatch: pytest.MonkeyPatch, told: PublishedMarket | Exception) -> None:
    """Let the chain behind any URL say something."""

    def read(*_: object) -> PublishedMarket:
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr(command, "connect", lambda url: None)
    monkeypatch.setattr(command, "read_market", read)


def audit(*more: str) -> int:
    """The exit code of an audit."""
    return cli.run(
        ["audit", "--rpc", "http://x", "--ledger", LEDGER, "--bundles", "bundles", *more]
    )


def lie(honest: Honest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last interval be a lie about the pot."""
    truth = honest.intervals[-1]
    told = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    headers = (*honest.published.headers[:-1], posted(told))
    says(monkeypatch, replace(honest.published, headers=headers))
    BundleDirectory.open(Path("bundles")).write(INTERVALS, told.bundle)


def test_an_honest_market_ends_with_0_and_every_rule(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert (told["from"], told["to"], told["intervals"]) == (1, INTERVALS, INTERVALS)
    assert told["checks"] == sum(told["rules"].values())
    assert told["head"] == honest.intervals[-1].header_hash.hex()
    assert told["not_checkable"]
    assert (told["faults"], told["broken"], told["unjudged"], told["assumed"]) == ([], [], {}, [])


def test_a_lie_ends_with_1_and_both_numbers_also_after_an_honest_run(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit() == 0
    lie(honest, monkeypatch)
    assert audit() == 1
    pot = honest.intervals[-1].header.pot
    out = capsys.readouterr().out
    assert f"interval 3, totals: the pot is {pot + 1}; the rules give {pot}" in out
    assert audit("--json") == 1
    (broken,) = json.loads(capsys.readouterr().out)["broken"]
    assert broken == {
        "interval": 3,
        "rule": "totals",
        "where": "the pot",
        "expected": str(pot),
        "found": str(pot + 1),
    }


def test_missing_data_end_with_2_and_say_what_is_missing(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bundles/00002.bundle").unlink()
    assert audit() == 2
    out, err = capsys.readouterr()
    assert "interval 2 cannot be judged: its bundle is missing" in out
    assert "interval 3 follows and cannot be judged either: the state before it is not known" in out
    assert "in 1 of 3 intervals" in out, "which rules were kept there"
    assert err.splitlines()[-1] == (
        "clearwatt: error: audit: 2 of 3 intervals cannot be judged, because bundle 2 is missing; "
        "fetch it, or ask for it on the chain: `clearwatt challenge --ask`"
    )
    Path("bundles/00001.bundle").unlink()
    assert audit("--afresh") == 2
    assert "3 of 3 intervals cannot be judged, because bundles 1 and 2 are missing; fetch them" in (
        capsys.readouterr().err
    )
    assert audit("--afresh", "--from", "3") == 2
    assert "because of interval 3: the state before it is not known; fetch the bundles before" in (
        capsys.readouterr().err
    )


def test_where_nothing_was_judged_there_is_no_table(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit() == 0
    assert "in all 3 intervals" in capsys.readouterr().out
    Path("bundles/genesis.bundle").unlink()
    assert audit() == 2
    out, err = capsys.readouterr()
    assert "values compared" not in out
    assert "because the bundle of the genesis is missing; fetch it" in err
    assert "--ask" not in err, "nobody can be asked for a genesis"


def test_a_bundle_of_something_else_is_named_with_its_remedy(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bundles/00002.bundle").write_bytes(honest.bundles[1])
    assert audit() == 2
    assert "because bundle 2 is not the one whose hash is in the header; fetch it again" in (
        capsys.readouterr().err
    )


def test_a_lie_counts_more_than_missing_data(
    honest: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie(honest, monkeypatch)
    Path("bundles/00001.bundle").unlink()
    assert audit() == 1


def test_a_second_run_goes_on_from_the_first_unless_it_is_to_start_afresh(
    honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("--to", "2") == 0
    assert audit() == 0
    assert "2 intervals were judged by an earlier run" in capsys.readouterr().out
    assert audit("--afresh") == 0
    assert "earlier run" not in capsys.readouterr().out


def test_a_state_file_can_be_named(honest: Honest, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("--resume", "mine") == 0
    assert Path("mine").read_text().count("\n") == 1 + INTERVALS
    Path("mine").write_text(Path("mine").read_text()[:-9])
    assert audit("--resume", "mine") == 0
    assert "1 lines of the state were not written here, or were damaged" in capsys.readouterr().err
    Path("mine").write_text("something else\n")
    assert audit("--resume", "mine") == 2
    assert "not the state of an audit" in capsys.readouterr().err


def test_without_a_place_for_the_state_everything_is_judged_and_nothing_kept(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", "file")
    assert audit() == 0
    assert "nothing is kept for a later run" in capsys.readouterr().err
    assert audit("--resume", "mine") == 2


def test_an_interruption_says_how_to_go_on(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_audit", interrupted)
    assert audit() == 130
    assert f"0 of {INTERVALS} intervals judged; the same command goes on" in capsys.readouterr().err


def test_a_market_with_a_contract_of_other_code_ends_with_1_and_names_it(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = Code("SettlementEscrow", "0x02", b"\1" * 32, b"\2" * 32)
    says(monkeypatch, ForeignCodeError(code, 1))
    assert audit("--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["faults"] == ["code"]
    assert told["broken"][0]["where"] == "the code of the SettlementEscrow at 0x02"
    assert not told["ok"]


def test_an_address_without_a_ledger_ends_with_2(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = Code("ClearingLedger", LEDGER, b"\1" * 32, b"\2" * 32)
    says(monkeypatch, ForeignCodeError(code, 1))
    assert audit() == 2
    assert f"there is no clearwatt ClearingLedger at {LEDGER}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (("--to", "9"), "to: there is no interval 9; intervals 1 ... 3 have a header"),
        (("--from", "4"), "from: there is no interval 4; intervals 1 ... 3 have a header"),
        (("--from", "9", "--to", "9"), "from: there is no interval 9"),
        (("--from", "3", "--to", "2"), "from: interval 3 comes after --to 2"),
        (("--from", "0"), "--from"),
    ],
)
def test_intervals_without_a_header_are_refused_by_the_option_that_names_them(
    part: tuple[str, ...], words: str, honest: Honest, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(*part) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert "Auditing" not in err, "nothing was begun"
    assert out == ""


def test_a_market_without_a_header_is_judged_by_its_genesis(
    honest: Honest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says(monkeypatch, replace(honest.published, headers=()))
    assert audit("--report", "report.html") == 0
    out = capsys.readouterr().out
    assert "No header stands yet, so the genesis alone was judged" in out
    assert Path("report.html").exists()
    assert audit("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["from"], told["to"], told["intervals"], told["head"]) == (1, 0, 0, None)
    assert audit("--from", "1") == 2
    assert "from: no header stands yet; leave --from out" in capsys.readouterr().err
    Path("bundles/genesis.bundle").unlink()
    assert audit() == 2
    assert "the genesis cannot be judged: its bundle is missing" in capsys.readouterr().out
