"""A demo is a whole market: it ends in an audit that passes, repeats with its seed, and notices what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint

from deploy import devnet
from deploy.chain import Chain
from offchain.errors import InputError
from oracle import cli
from oracle.bundles import BundleDirectory

SMALL = ["--participants", "12", "--intervals", "3", "--seed", "5"]


def demo(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a small demo and return its one JSON object."""
    assert cli.run(["demo", "--json", *SMALL, *arguments]) == code
    result = json.loads(capsys.readouterr().out)
    assert isinstance(result, dict)
    return result


def lasting(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the one figure that no seed fixes."""
    return {name: value for name, value in result.items() if name != "seconds"}


def settled(result: dict[str, Any]) -> dict[str, Any]:
    """What is decided before chain id and addresses come in."""
    names = (
        "served_wh",
        "requested_wh",
        "price",
        "credit_sum",
        "debit_sum",
        "participants",
        "case",
    )
    return {name: result[name] for name in names}


def needs_anvil() -> pytest.MarkDecorator:
    """Skip where Foundry's anvil is not installed."""
    try:
        devnet.anvil_binary()
    except InputError as error:
        return pytest.mark.skip(reason=str(error))
    return pytest.mark.anvil


anvil = needs_anvil()


@contextmanager
def running_anvil() -> Iterator[tuple[Chain, str]]:
    """An anvil that somebody else has started, and its URL."""
    with devnet.anvil() as chain:
        yield chain, str(chain.web3.provider.endpoint_uri)  # type: ignore[attr-defined]


@contextmanager
def ticking_anvil() -> Iterator[str]:
    """An anvil on which a block comes every half second, whether anything happens or not; its URL.

    Each is a minute after the one before: no market can be disputed for less than three.
    """
    with running_anvil() as (_, url):
        web3, ended = Web3(HTTPProvider(url)), Event()
        spaced = RPCEndpoint("anvil_setBlockTimestampInterval")
        web3.provider.make_request(spaced, [60])

        def tick() -> None:
            while not ended.wait(0.5):
                web3.provider.make_request(RPCEndpoint("evm_mine"), [])

        clock = Thread(target=tick)
        clock.start()
        try:
            yield url
        finally:
            ended.set()
            clock.join()


def test_a_demo_is_cleared_settled_paid_and_audited(capsys: pytest.CaptureFixture[str]) -> None:
    result = demo(capsys)
    assert result["audit"]["ok"] is True
    assert result["audit"]["intervals"] == 3
    assert result["audit"]["faults"] == []
    assert result["audit"]["checks"] > 1000
    assert result["dc_violations"] == 0
    assert result["payments_sum"] == 0
    assert result["credit_sum"] == result["debit_sum"] > 0
    assert 0 < result["claimed"] <= result["credit_sum"]
    assert 0 < result["served_wh"] < result["requested_wh"]
    assert result["price"]["min"] <= result["price"]["max"]
    assert result["headers"][-1]["hash"] == result["head_hash"]
    assert all(gas > 20_000 for gas in result["gas"].values())


def test_the_same_seed_gives_the_same_headers(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = demo(capsys), demo(capsys)
    assert lasting(first) == lasting(second)


def test_another_seed_gives_other_headers(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = demo(capsys), demo(capsys, "--seed", "6")
    assert first["head_hash"] != second["head_hash"]


def test_the_smallest_market_is_one_who_asks_and_one_who_offers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = demo(capsys, "--participants", "2", "--intervals", "1")
    assert result["audit"]["ok"] is True
    assert result["payments_sum"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ieee57", "ieee118"])
def test_larger_networks_are_certified_on_the_chain_too(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = demo(capsys, "--case", case, "--participants", "60")
    assert result["audit"]["ok"] is True
    assert result["dc_violations"] == 0


def test_the_summary_is_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.run(["demo", *SMALL, "--out", str(tmp_path / "kept")]) == 0
    out, err = capsys.readouterr()
    for words in ("Energy served", "with Fair Play", "Sum of all payments", "Gas per interval"):
        assert words in out
    assert "passed:" in out
    assert "Clearing interval after interval" in err
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == ["00001.bundle", "00002.bundle", "00003.bundle", "genesis.bundle"]


def test_on_a_chain_that_outlives_it_the_summary_ends_with_the_audit_to_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("oracle.commands.demo.open_chain", lambda *_: devnet.embedded())
    out = tmp_path / "my bundles"
    small = ["demo", "--intervals", "1", "--participants", "2"]
    assert cli.run([*small, "--rpc", "http://x", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    (ledger,) = re.findall(r"^Ledger +(0x[0-9a-fA-F]{40})$", told, re.MULTILINE)
    command = f"clearwatt audit --rpc http://x --ledger {ledger} --bundles '{out}'"
    assert told.splitlines()[-1].strip() == command
    assert cli.run(small) == 0
    assert "Ledger" not in capsys.readouterr().out, "which is gone with the process"


def test_a_bundle_that_was_changed_fails_the_audit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = BundleDirectory.read

    def changed(directory: BundleDirectory, interval: int) -> bytes | None:
        data = honest(directory, interval)
        assert data is not None
        return data if interval != 2 else data[:500] + bytes([data[500] ^ 1]) + data[501:]

    monkeypatch.setattr(BundleDirectory, "read", changed)
    result = demo(capsys, code=1)
    assert result["audit"]["ok"] is False
    assert set(result["audit"]["unjudged"]) == {"2", "3"}


@anvil
def test_anvil_repeats_the_same_headers_and_settles_what_the_embedded_chain_settles(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = demo(capsys, "--chain", "anvil"), demo(capsys, "--chain", "anvil")
    assert lasting(first) == lasting(second)
    assert first["chain_id"] == 31337
    assert settled(first).keys() == settled(demo(capsys)).keys()
    assert first["requested_wh"] == demo(capsys)["requested_wh"]


@anvil
def test_any_node_serves_by_its_url_and_its_market_can_be_audited_by_anyone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with running_anvil() as (_, url):
        result = demo(capsys, "--rpc", url, "--out", str(tmp_path))
        assert result["audit"]["ok"] is True
        arguments = ["audit", "--rpc", url, "--ledger", result["ledger"], "--json"]
        assert cli.run([*arguments, "--bundles", str(tmp_path)]) == 0
        verdict = json.loads(capsys.readouterr().out)
        assert verdict["ok"] is True
        assert verdict["intervals"] == 3

        (tmp_path / "00003.bundle").unlink()
        assert cli.run([*arguments, "--bundles", str(tmp_path), "--afresh"]) == 2
        out, err = capsys.readouterr()
        assert json.loads(out)["unjudged"] == {"3": "its bundle is missing"}
        assert "intervals cannot be judged, because bundle 3 is missing" in err.splitlines()[-1]


@anvil
def test_where_time_cannot_be_made_to_pass_it_is_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.devnet._http_travel", lambda _: None)
    with ticking_anvil() as url:
        result = demo(capsys, "--rpc", url)
    assert result["audit"]["ok"] is True
    assert result["claimed"] > 0


@anvil
def test_a_chain_without_our_contracts_is_told_from_one_with_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with running_anvil() as (chain, url):
        for address, words in (
            ("0x" + "11" * 20, "there is no clearwatt ClearingLedger at 0x1111"),
            (chain.payer, "there is no clearwatt ClearingLedger"),
            ("0x1234", "'0x1234' is not an address"),
        ):
            command = ["audit", "--rpc", url, "--ledger", address, "--bundles", str(tmp_path)]
            assert cli.run(command) == 2
            out, err = capsys.readouterr()
            assert out == ""
            assert words in err.splitlines()[-1]
            assert "Traceback" not in err


def test_a_derated_line_comes_back_after_the_long_delay(capsys: pytest.CaptureFixture[str]) -> None:
    """Tightened for the fourth half-hour, announced then, adopted once everybody could have left, audited."""
    result = demo(capsys, "--intervals", "18", "--derate", "0@4")
    assert result["audit"]["ok"] is True
    assert result["dc_violations"] == 0
    (tight, first), (loose, second) = ((c["interval"], c["what"]) for c in result["changes"])
    assert tight == 4
    # two intervals until the deadline, four of those and the window of four, and the gates ahead
    assert tight + 12 <= loose <= 18
    assert first.split()[-5:] != second.split()[-5:]


@pytest.mark.parametrize(
    ("derate", "complaint"),
    [
        ("zero@4", "derate: 'zero@4' will not do; give LINE@T"),
        ("0@2", "derate: half-hour 2 is not in 3 ... 3"),
        ("99@3", "derate: line 99 is not one of 0 ... 19"),
    ],
)
def test_a_derating_that_cannot_be_is_refused(
    derate: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["demo", *SMALL, "--derate", derate]) == 2
    assert complaint in capsys.readouterr().err
