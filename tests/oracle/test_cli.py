"""The command line: quick to help, and one clear line for everything that goes wrong."""

from __future__ import annotations

import socket
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from deploy.chain import PRIVATE_KEY_VARIABLE
from oracle import cli
from tests.audit.honest import honest_market

LEDGER = "0x" + "11" * 20


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def complaint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a wrong command line gives."""
    assert cli.run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith("clearwatt: error: ")]
    assert len(lines) == 1
    assert err.splitlines()[-1] == lines[0]
    assert "Traceback" not in err
    return lines[0]


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"clearwatt {version('clearwatt')}\n"


@pytest.mark.parametrize(
    "command",
    [[], ["demo"], ["audit"], ["bundle", "show"]],
    ids=["clearwatt", "demo", "audit", "show"],
)
def test_help_comes_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    assert f"clearwatt {' '.join(command)}".strip() in out


def test_every_command_can_be_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    context = click.Context(cli.cli)
    for name in cli.cli.list_commands(context):
        assert cli.run([name, "--help"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demos"], ["No such command 'demos'", "clearwatt --help"]),
        (["demo", "--loud"], ["No such option", "clearwatt demo --help"]),
        (["demo", "--case", "ieee15"], ["case:", "'ieee15'", "ieee14, ieee57, ieee118"]),
        (["demo", "--intervals", "-3"], ["intervals: -3", "give 1"]),
        (["demo", "--intervals", "0"], ["intervals: 0"]),
        (["demo", "--intervals", "many"], ["'many'"]),
        (["demo", "--participants", "-1"], ["participants: -1", "give 2"]),
        (["demo", "--seed", "-1"], ["seed: -1"]),
        (["demo", "--chain", "mainnet"], ["'mainnet'", "embedded"]),
        (["demo", "--rpc", "ftp://x", "--intervals", "1"], ["rpc: not a URL"]),
        (["audit", "--rpc", "http://x", "--ledger", LEDGER], ["--bundles"]),
        (["bundle", "show", "nowhere.bundle"], ["cannot read nowhere.bundle"]),
    ],
)
def test_wrong_input_is_one_line_with_a_remedy(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(arguments, capsys)
    for word in words:
        assert word in line


def test_a_node_that_does_not_answer_is_one_line(
    free_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://user:secret@127.0.0.1:{free_port}"
    demo = ["demo", "--rpc", url, "--participants", "2", "--intervals", "1"]
    audit = ["audit", "--rpc", url, "--ledger", LEDGER, "--bundles", str(tmp_path)]
    for arguments in (demo, audit):
        line = complaint(arguments, capsys)
        assert "rpc: the node does not answer" in line
        assert "secret" not in line


def test_a_private_key_that_is_none_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(PRIVATE_KEY_VARIABLE, "hunter2")
    line = complaint(["demo", "--participants", "2", "--intervals", "1"], capsys)
    assert f"{PRIVATE_KEY_VARIABLE}: not a private key" in line
    assert "hunter2" not in line


def test_bundles_of_another_run_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "00001.bundle").write_bytes(b"kept")
    line = complaint(["demo", "--out", str(tmp_path), "--participants", "2"], capsys)
    assert "already holds bundles" in line
    assert (tmp_path / "00001.bundle").read_bytes() == b"kept"


def test_a_bundle_shows_its_header_and_what_everybody_got(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = honest_market()
    for number in (0, 3):
        (tmp_path / f"{number}.bundle").write_bytes(honest.bundles[number])
    assert cli.run(["bundle", "show", str(tmp_path / "3.bundle"), "--rows", "2"]) == 0
    out = capsys.readouterr().out
    assert "interval 3, 16 signed orders" in out
    assert honest.intervals[2].header.state_root.hex() in out
    assert "and 14 more" in out
    assert cli.run(["bundle", "show", str(tmp_path / "0.bundle")]) == 0
    assert "genesis, 16 registered" in capsys.readouterr().out


@pytest.mark.parametrize("place", [3, 40, 2000, -500])
def test_a_corrupted_bundle_is_one_line(
    place: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(honest_market().bundles[2])
    data[place] ^= 0x10
    (tmp_path / "broken.bundle").write_bytes(data)
    line = complaint(["bundle", "show", str(tmp_path / "broken.bundle")], capsys)
    assert "clearwatt: error: bundle" in line


def test_interrupting_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("oracle.commands.demo.draw_scenario", interrupted)
    assert cli.run(["demo"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "clearwatt: interrupted"
    assert "Traceback" not in err
