"""An audit in parts, in parallel or resumed says what one in one go says, and no file hides a fault."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from offchain.audit.findings import Rule
from offchain.audit.published import (
    CollateralChange,
    Draw,
    FiledReading,
    ForcedOrder,
    PublishedMarket,
)
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from oracle import audit_run, audit_state
from oracle.audit_run import run_audit
from oracle.audit_state import AuditState, default_file, local_key
from oracle.bundles import BundleDirectory
from tests.audit.honest import Honest, honest_market, posted, with_header

INTERVALS = 5
KEY = b"\7" * 32


@pytest.fixture
def honest() -> Honest:
    """A market that kept the rules."""
    return honest_market(INTERVALS)


@pytest.fixture
def published(honest: Honest, tmp_path: Path) -> BundleDirectory:
    """Its bundles in a directory."""
    directory = BundleDirectory.create(tmp_path / "bundles")
    for interval, data in honest.bundles.items():
        directory.write(interval, data)
    return directory


def state_of(market: PublishedMarket, honest: Honest, path: Path, key: bytes = KEY) -> AuditState:
    """What a file says of a market's intervals."""
    return AuditState(path, key, market, honest.bundles[0])


def test_two_processes_say_what_one_says(
    honest: Honest, published: BundleDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_run, "CHUNK", 2)
    truth = honest.intervals[2]
    lie = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    headers = (*honest.published.headers[:2], posted(lie), *honest.published.headers[3:])
    market = replace(honest.published, headers=headers)
    published.file(3).write_bytes(lie.bundle)
    published.file(5).unlink()
    alone = run_audit(market, published, jobs=1)
    assert run_audit(market, published, jobs=2) == alone
    assert [(f.interval, f.rule) for f in alone.faults] == [(3, Rule.TOTALS), (4, Rule.CHAIN)]
    assert alone.unjudged == {5: "its bundle is missing"}


def test_a_part_says_what_it_started_from_and_what_it_left_out(
    honest: Honest, published: BundleDirectory
) -> None:
    published.file(1).unlink()
    verdict = run_audit(honest.published, published, first=3, last=4)
    assert verdict.ok
    assert verdict.judged == {3, 4}
    before, after = verdict.assumed
    assert "interval 3 starts from the state in the bundle of interval 2" in before
    assert "intervals 1 ... 2 kept the rules was not looked at" in before
    assert "after interval 4" in after


def test_one_interval_is_told_as_one(honest: Honest, published: BundleDirectory) -> None:
    before, *_ = run_audit(honest.published, published, first=2, last=2).assumed
    assert "whether interval 1 kept the rules was not looked at" in before


def test_a_part_cannot_start_from_another_state_than_the_header_s(
    honest: Honest, published: BundleDirectory
) -> None:
    published.write(2, honest.bundles[1])
    verdict = run_audit(honest.published, published, first=3)
    assert verdict.unjudged == {3: "the state before it is not known"}


@pytest.mark.parametrize(("first", "last"), [(0, 2), (4, 2), (1, INTERVALS + 1)])
def test_intervals_that_have_no_header_are_refused(
    honest: Honest, published: BundleDirectory, first: int, last: int
) -> None:
    with pytest.raises(
        InputError, match=rf"^(from|to): .*intervals 1 ... {INTERVALS} have a header"
    ):
        run_audit(honest.published, published, first=first, last=last)


def test_after_an_interruption_what_was_judged_is_not_judged_again(
    honest: Honest,
    published: BundleDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_run, "CHUNK", 1)
    whole = run_audit(honest.published, published)

    def interrupt(verdict: Verdict, count: int) -> None:
        if verdict.intervals == 3:
            raise KeyboardInterrupt

    path = tmp_path / "state"
    state = state_of(honest.published, honest, path)
    with pytest.raises(KeyboardInterrupt):
        run_audit(honest.published, published, state=state, step=interrupt)
    again = state_of(honest.published, honest, path)
    assert sorted(again.clean) == [1, 2, 3]
    for interval in (1, 2):
        published.file(interval).unlink()  # no longer needed
    resumed = run_audit(honest.published, published, state=again)
    assert resumed.ok
    assert resumed.compared == whole.compared
    assert "3 intervals were judged by an earlier run" in resumed.assumed[0]


def kept(honest: Honest, published: BundleDirectory, path: Path) -> AuditState:
    """The state after a whole audit."""
    run_audit(honest.published, published, state=state_of(honest.published, honest, path))
    state = state_of(honest.published, honest, path)
    assert sorted(state.clean) == list(range(1, INTERVALS + 1))
    return state


def test_faults_and_what_could_not_be_judged_are_never_kept(
    honest: Honest, published: BundleDirectory, tmp_path: Path
) -> None:
    truth = honest.intervals[-1]
    lie = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    market = replace(honest.published, headers=(*honest.published.headers[:-1], posted(lie)))
    published.write(INTERVALS, lie.bundle)
    published.file(1).unlink()
    state = state_of(market, honest, tmp_path / "state")
    assert not run_audit(market, published, state=state).ok
    assert sorted(state_of(market, honest, tmp_path / "state").clean) == [3, 4]


def test_a_file_of_the_truth_does_not_hide_a_lie_told_since(
    honest: Honest, published: BundleDirectory, tmp_path: Path
) -> None:
    kept(honest, published, tmp_path / "state")
    truth = honest.intervals[2]
    lie = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    headers = (*honest.published.headers[:2], posted(lie), *honest.published.headers[3:])
    market = replace(honest.published, headers=headers)
    published.write(3, lie.bundle)
    state = state_of(market, honest, tmp_path / "state")
    assert sorted(state.clean) == [1, 2], "all that comes after is judged again as well"
    verdict = run_audit(market, published, state=state)
    assert [(f.interval, f.rule) for f in verdict.faults] == [(3, Rule.TOTALS), (4, Rule.CHAIN)]


@pytest.mark.parametrize(
    "change",
    [
        {"orders_roots": {2: bytes(32)}},
        {"seeds": {2: bytes(32)}},
        {"draws": {2: Draw(7, bytes(48))}},
        {"collateral": (CollateralChange(2, 1, -1),)},
        {"forced": (ForcedOrder(2, bytes(97)),)},
        {"filed": (FiledReading(2, bytes(81)),)},
    ],
    ids=["orders", "seed", "a drand round", "a deposit", "a forced order", "a filed reading"],
)
def test_what_was_judged_by_other_inputs_is_judged_again(
    honest: Honest, published: BundleDirectory, tmp_path: Path, change: dict[str, object]
) -> None:
    kept(honest, published, tmp_path / "state")
    name, value = next(iter(change.items()))
    old = getattr(honest.published, name)
    new = {**old, **value} if isinstance(value, dict) else (*old, *value)  # type: ignore[misc]
    market = replace(honest.published, **{name: new})  # type: ignore[arg-type]
    assert sorted(state_of(market, honest, tmp_path / "state").clean) == [1]


def test_every_word_of_the_chain_that_an_interval_is_judged_by_is_in_its_fingerprint() -> None:
    """A new field of a market must be put into one of these, or a stale file could hide a fault."""
    hashed = {"domain", "policy_hash", "shares_root", "genesis_hash", "public_key", "grids"}
    hashed |= {"orders_roots", "seeds", "draws", "headers", "collateral", "forced", "filed"}
    hashed |= {"amendments", "policies"}
    judged_in_every_run = {"owners", "grid_hashes", "escrow", "code", "asked", "answers", "now"}
    judged_in_every_run |= {"signers", "signatures", "meter_lag"}
    about_the_audit = {"unreadable", "on_chain"}
    told = {field.name for field in fields(PublishedMarket)}
    assert told == hashed | judged_in_every_run | about_the_audit


@pytest.mark.parametrize("name", ["policy_hash", "shares_root", "genesis_hash", "public_key"])
def test_what_was_judged_in_another_market_is_judged_again(
    honest: Honest, published: BundleDirectory, tmp_path: Path, name: str
) -> None:
    kept(honest, published, tmp_path / "state")
    market = replace(honest.published, **{name: b"\5" * 32})  # type: ignore[arg-type]
    assert not state_of(market, honest, tmp_path / "state").clean


def test_another_grid_or_genesis_is_judged_again(
    honest: Honest, published: BundleDirectory, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    kept(honest, published, path)
    grids = {**honest.published.grids, 2: honest.published.grids[1]}
    assert not state_of(replace(honest.published, grids=grids), honest, path).clean
    kept(honest, published, path)
    assert not AuditState(path, KEY, honest.published, honest.bundles[0] + b"\0").clean


def test_what_other_code_judged_is_judged_again(
    honest: Honest, published: BundleDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(honest, published, tmp_path / "state")
    monkeypatch.setattr(audit_state, "_code", lambda: b"another version")
    assert not state_of(honest.published, honest, tmp_path / "state").clean


def test_lines_that_were_not_written_here_are_not_believed(
    honest: Honest, published: BundleDirectory, tmp_path: Path
) -> None:
    """Somebody knows the format, all hashes and the program, but not this user's key."""
    path = tmp_path / "state"
    kept(honest, published, path)
    forged = state_of(honest.published, honest, path, key=b"\10" * 32)
    assert not forged.clean
    assert forged.refused == INTERVALS


@pytest.mark.parametrize("damage", ["cut", "flipped", "moved"])
def test_a_damaged_line_is_judged_again_and_the_others_are_not(
    honest: Honest, published: BundleDirectory, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "state"
    kept(honest, published, path)
    head, *lines = path.read_text().splitlines()
    if damage == "cut":
        lines[-1] = lines[-1][: len(lines[-1]) // 2]
    elif damage == "flipped":
        lines[-1] = lines[-1].replace('"bundle": 4', '"bundle": 5')
    else:
        lines[-1] = lines[-1].replace("[5,", "[4,")
    path.write_text("\n".join([head, *lines]))
    state = state_of(honest.published, honest, path)
    assert sorted(state.clean) == [1, 2, 3, 4]
    assert state.refused == 1


def test_a_file_of_another_ledger_or_of_something_else_is_refused_and_left_alone(
    honest: Honest, tmp_path: Path
) -> None:
    other = replace(honest.published, domain=replace(honest.published.domain, chain_id=2))
    path = tmp_path / "state"
    state_of(other, honest, path)
    letter = tmp_path / "letter"
    letter.write_text("Dear auditor,\n")
    for file in (path, letter):
        before = file.read_bytes()
        with pytest.raises(InputError, match="not the state of an audit of this ledger"):
            state_of(honest.published, honest, file)
        assert file.read_bytes() == before


def test_the_key_is_made_once_and_for_its_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: Honest
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    key = local_key()
    assert local_key() == key
    file = default_file(honest.published).parent / "audit.key"
    assert file.stat().st_mode & 0o077 == 0
    file.write_bytes(b"short")
    with pytest.raises(InputError, match="damaged"):
        local_key()


def test_a_state_says_what_it_is_for(honest: Honest, tmp_path: Path) -> None:
    state_of(honest.published, honest, tmp_path / "state")
    head = json.loads((tmp_path / "state").read_text().splitlines()[0])
    assert head == {"format": "clearwatt audit state 1", "chain": 1, "ledger": "11" * 20}
