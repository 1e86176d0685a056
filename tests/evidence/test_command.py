"""`clearwatt evidence fair-play`: one command, one page, one line for bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from oracle import cli
from oracle.commands import evidence as command
from oracle.evidence.config import EvidenceConfig
from tests.evidence.small import small_config


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with the small configuration."""

    def load(path: Path | None) -> EvidenceConfig:
        config = small_config(20)
        return replace(config, run=replace(config.run, seeds=1))

    monkeypatch.setattr(command, "load_config", load)


@pytest.mark.usefixtures("small")
def test_a_run_writes_the_page_and_resumes_without_running_again(tmp_path: Path) -> None:
    arguments = ["fair-play", "--out", str(tmp_path), "--jobs", "1", "--json"]
    first = CliRunner().invoke(command.evidence, arguments, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    report = json.loads(first.stdout)
    assert report["failed"] == report["dc_violations"] == report["payments_sum"] == 0
    assert report["certified"] == report["intervals"] > report["committed"] > 0
    page = tmp_path / "fair-play.html"
    assert report["page"] == str(page)
    results = {path: path.stat().st_mtime_ns for path in (tmp_path / "scenarios").iterdir()}

    page.unlink()
    again = CliRunner().invoke(command.evidence, [*arguments, "--resume"], catch_exceptions=False)
    assert json.loads(again.stdout) == report
    assert page.is_file()
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "scenarios").iterdir()}
    assert after == results


@pytest.mark.slow
def test_the_quick_run_shows_every_network_certified_and_committed(tmp_path: Path) -> None:
    arguments = ["fair-play", "--quick", "--out", str(tmp_path), "--json"]
    ended = CliRunner().invoke(command.evidence, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    summary = json.loads(ended.stdout)["summary"]
    committed = [row for row in summary["checked"] if row["part"] == "main, committed"]
    assert {row["network"] for row in committed} == {"ieee14", "ieee57", "ieee118"}
    for row in committed:
        assert row["committed"] == row["certified"] == row["intervals"] == 2 * 200
    assert summary["run"]["scenarios"] == summary["run"]["scenarios_planned"]


@pytest.mark.slow
def test_ctrl_c_ends_at_once_and_keeps_what_is_finished(tmp_path: Path) -> None:
    # A process that was started in the background may have been told to ignore the interrupt.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from oracle.cli import main; main()"
    )
    arguments = ["--quick", "--intervals", "20", "--seeds", "1", "--jobs", "2"]
    command_line = [sys.executable, "-c", program, "evidence", "fair-play", *arguments]
    with subprocess.Popen(
        [*command_line, "--out", str(tmp_path)], stderr=subprocess.PIPE, text=True
    ) as process:
        while not any(tmp_path.glob("scenarios/*.json")):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate()
    assert process.returncode == cli.EXIT_INTERRUPTED
    assert "scenarios are kept; go on with --resume" in error
    for path in tmp_path.glob("scenarios/*.json"):
        assert json.loads(path.read_text())["job"]["key"] == path.stem


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--intervals", "-3"], "--intervals"),
        (["--jobs", "0"], "--jobs"),
        (["--config", "nowhere.toml"], "config: nowhere.toml cannot be read"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["evidence", "fair-play", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.splitlines()) == 1


def test_a_folder_with_results_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "one.json").write_text("{}")
    assert cli.run(["evidence", "fair-play", "--quick", "--out", str(tmp_path)]) == 2
    assert "add --resume" in capsys.readouterr().err
