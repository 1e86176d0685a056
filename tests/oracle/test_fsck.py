"""Whoever keeps one header hash can tell whether an archive is whole, unchanged and was cleared by the rules."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from offchain.audit.findings import Rule
from offchain.commitment.bundle import read_bundle, read_genesis
from oracle import cli
from oracle.audit_run import run_audit
from oracle.bundles import BundleDirectory
from oracle.offline import offline_market
from tests.audit.honest import Honest, honest_market, with_header
from tests.vectors.make_intervals import LAST, published, stored

INTERVALS = 5


@pytest.fixture
def honest() -> Honest:
    """A market that kept the rules."""
    return honest_market(INTERVALS)


@pytest.fixture
def archive(honest: Honest, tmp_path: Path) -> BundleDirectory:
    """Its bundles."""
    directory = BundleDirectory.create(tmp_path / "bundles")
    for interval, data in honest.bundles.items():
        directory.write(interval, data)
    return directory


def fsck(
    archive: BundleDirectory, head: bytes | str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, object], str]:
    """Exit code, what was printed, and the error line."""
    text = head if isinstance(head, str) else f"0x{head.hex()}"
    code = cli.run(["fsck", str(archive.path), "--head", text, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err.splitlines()[-1]


def test_a_whole_archive_passes_and_says_what_only_a_chain_can_show(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, _ = fsck(archive, honest.intervals[-1].header_hash, capsys)
    assert (code, told["ok"], told["intervals"]) == (0, True, INTERVALS)
    rules = told["rules"]
    assert isinstance(rules, dict)
    unseen = {rule for rule, count in rules.items() if count == 0}
    needed = {
        "inputs",
        "seed",
        "forced-order",
        "ignored-reading",
        "omitted",
        "withheld",
        "uncovered",
        "overdrawn",
        "code",
        "escrow",
    }
    assert unseen == needed
    assumed = " ".join(told["assumed"])  # type: ignore[arg-type]
    assert all(f"{rule}" in assumed for rule in unseen)


def test_it_says_how_many_orders_it_had_to_believe_were_not_covered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = stored()
    _, bundles = published(tables, tables["cases"]["label"].index("covered: all orders but one"))
    directory = BundleDirectory.create(tmp_path / "bundles")
    for interval, data in bundles.items():
        directory.write(interval, data)
    last, domain = read_bundle(bundles[LAST]), read_genesis(bundles[0]).domain
    head = last.header.hash(domain.hash(), last.previous_hash)
    code, told, _ = fsck(directory, head, capsys)
    believed = "that no deposit covered the orders that count as none, 1 in all"
    assert (code, believed in told["assumed"]) == (0, True)  # type: ignore[operator]


def test_an_earlier_head_covers_what_was_before_it(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.write(INTERVALS, b"not looked at")
    code, told, _ = fsck(archive, honest.intervals[2].header_hash, capsys)
    assert (code, told["to"], told["intervals"]) == (0, 3, 3)
    assert "2 bundles are newer than the head and were not looked at" in told["assumed"]  # type: ignore[operator]


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, 0.999])
def test_a_changed_byte_anywhere_is_noticed_and_is_nobody_s_lie(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str], place: float
) -> None:
    data = bytearray(honest.bundles[3])
    data[int(place * len(data))] ^= 1
    archive.write(3, bytes(data))
    code, told, line = fsck(archive, honest.intervals[-1].header_hash, capsys)
    assert code == 2
    assert told["faults"] == []
    assert "3" in told["unjudged"]  # type: ignore[operator]
    assert line.startswith("clearwatt: error: fsck: ")
    assert "of 5 intervals cannot be judged, because " in line
    assert "3" in line.partition("because ")[2]


def test_nothing_leads_past_a_missing_bundle_but_what_is_after_it_is_judged(
    honest: Honest, archive: BundleDirectory
) -> None:
    archive.file(2).unlink()
    market = offline_market(archive, honest.intervals[-1].header_hash)
    verdict = run_audit(market, archive)
    lost = "the bundle of interval 2 is missing; nothing leads to it"
    assert verdict.unjudged == {1: lost, 2: lost, 3: "the state before it is not known"}
    assert verdict.judged == {4, 5}


def test_a_cut_bundle_is_noticed(honest: Honest, archive: BundleDirectory) -> None:
    archive.write(4, honest.bundles[4][:-200])
    verdict = run_audit(offline_market(archive, honest.intervals[-1].header_hash), archive)
    assert set(verdict.unjudged) == {1, 2, 3, 4, 5}


def test_a_lie_is_found_without_a_chain(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = honest.intervals[-1]
    lie = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    archive.write(INTERVALS, lie.bundle)
    code, told, _ = fsck(archive, lie.header_hash, capsys)
    assert (code, told["faults"]) == (1, ["totals"])


def test_an_interval_on_a_grid_that_is_not_in_the_archive_is_not_judged(
    honest: Honest, archive: BundleDirectory
) -> None:
    truth = honest.intervals[-1]
    lie = with_header(truth, replace(truth.header, grid_version=2))
    archive.write(INTERVALS, lie.bundle)
    verdict = run_audit(offline_market(archive, lie.header_hash), archive)
    reason = "its header names another grid than the genesis, and only the chain says whether it was in force"
    assert verdict.unjudged == {INTERVALS: reason}
    assert verdict.faults == []


def test_another_market_s_genesis_leads_to_no_head(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = honest.bundles[0].replace(b'"chain_id":"1"', b'"chain_id":"2"')
    archive.write(0, moved)
    code, _, line = fsck(archive, honest.intervals[-1].header_hash, capsys)
    assert code == 2
    assert "no bundle in" in line


def test_other_shares_than_the_headers_name_are_not_believed(
    honest: Honest, archive: BundleDirectory
) -> None:
    """The market id does not cover them; the headers do."""
    genesis = honest.bundles[0]
    label = b"\x06shares" + (8 * len(honest.published.owners)).to_bytes(8, "big")
    at = genesis.index(label) + len(label) + 7
    archive.write(0, genesis[:at] + bytes([genesis[at] ^ 1]) + genesis[at + 1 :])
    verdict = run_audit(offline_market(archive, honest.intervals[-1].header_hash), archive)
    assert verdict.unjudged[0] == (
        "these bundles are of another market, their shares root differs; check --head and the directory"
    )
    assert verdict.intervals == 0


@pytest.mark.parametrize(
    ("head", "remedy"),
    [("0x12", "give 64 hexadecimal digits"), ("no hash", "give 64"), ("ab" * 32, "no bundle in")],
)
def test_a_head_that_is_none_is_refused(
    archive: BundleDirectory, capsys: pytest.CaptureFixture[str], head: str, remedy: str
) -> None:
    code, _, line = fsck(archive, head, capsys)
    assert code == 2
    assert remedy in line


def test_a_directory_without_a_genesis_is_refused(
    honest: Honest, archive: BundleDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.file(0).unlink()
    code, _, line = fsck(archive, honest.intervals[-1].header_hash, capsys)
    assert code == 2
    assert "no genesis.bundle" in line


def test_the_head_is_looked_for_from_the_newest_bundle_back(
    honest: Honest, archive: BundleDirectory
) -> None:
    seen: list[int] = []
    offline_market(archive, honest.intervals[-2].header_hash, seen.append)
    assert seen == [5, 4, 3, 2, 1]
    assert (
        Rule.INPUTS
        not in run_audit(
            offline_market(archive, honest.intervals[-1].header_hash), archive
        ).compared
    )
