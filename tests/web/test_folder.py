"""A folder of bundles, checked without Python and without a chain, comes out as `clearwatt fsck` says."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from offchain.audit.findings import Rule
from offchain.audit.history import audit_market
from offchain.commitment.bundle import read_bundle, read_genesis
from oracle.bundles import BundleDirectory
from oracle.offline import offline_market
from tests.vectors.make_intervals import LAST, published, stored
from tests.web.test_agreement import WEB

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (WEB / "node_modules").is_dir(),
    reason="the checker in JavaScript is not installed; run `make setup-node`",
)


def written(folder: Path, label: str) -> tuple[BundleDirectory, bytes]:
    """The bundles of a case in a folder, and the hash of its last header."""
    tables = stored()
    _, bundles = published(tables, tables["cases"]["label"].index(label))
    directory = BundleDirectory.create(folder)
    for interval, data in bundles.items():
        directory.write(interval, data)
    last, domain = read_bundle(bundles[LAST]), read_genesis(bundles[0]).domain
    return directory, last.header.hash(domain.hash(), last.previous_hash)


def check(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the checker in JavaScript."""
    command = ["node", str(WEB / "tools" / "check.js"), str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "label",
    [
        "honest",
        "injected: payment",
        "injected: bus-vector",
        "header: another state_root",
        "covered: all orders but one",
        "covered: the fee in part",
    ],
)
def test_both_say_the_same_of_a_folder(tmp_path: Path, label: str) -> None:
    directory, head = written(tmp_path / "bundles", label)
    *_, verdict = audit_market(offline_market(directory, head), directory.read)
    code, output = check(directory.path, head.hex(), "--json")
    theirs: dict[str, Any] = json.loads(output)
    assert code == int(bool(verdict.faults))
    assert [(f["rule"], f["where"]) for f in theirs["findings"]] == [
        (fault.rule.value, fault.where) for fault in verdict.faults
    ]
    checks = verdict.checks - verdict.compared[Rule.WITHHELD]  # which is the chain's
    assert (theirs["intervals"], theirs["checks"]) == (verdict.intervals, checks)
    assert theirs["head"] == f"0x{head.hex()}"
    assert (theirs["uncounted"], theirs["uncharged"]) == (verdict.uncounted, verdict.uncharged)
    assert (verdict.uncounted > 0) is label.startswith("covered")


def test_another_head_a_missing_bundle_or_no_folder_cannot_be_told(tmp_path: Path) -> None:
    directory, _ = written(tmp_path / "bundles", "honest")
    assert check(directory.path, "11" * 32)[0] == 2
    directory.file(2).unlink()
    code, output = check(directory.path)
    assert code == 2
    assert "interval 2, its bundle is missing" in output
    code, output = check(tmp_path / "elsewhere")
    assert code == 2
    assert output.startswith("check: ")
    assert "there is no such folder; give the folder with genesis.bundle" in output
    assert "ENOENT" not in output
    code, output = check(directory.file(1))
    assert code == 2
    assert "it is no folder" in output


def test_help_is_a_usage_and_no_folder() -> None:
    code, output = check(Path("--help"))
    assert code == 0
    assert output.startswith("Usage: node oracle/web/tools/check.js FOLDER")
    code, output = check(Path("bundles"), "--jsno")
    assert code == 2
    assert "there is no option --jsno; --help names" in output
