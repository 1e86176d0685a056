"""A committed run clears as a simulated one, and its headers make one chain."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from offchain.commitment.header import Header
from oracle.evidence.execute import execute
from oracle.evidence.jobs import Job, MarketJob
from oracle.evidence.runner import Result


@pytest.fixture(scope="module")
def committed(pairs: list[tuple[Job, Result]]) -> tuple[MarketJob, Result]:
    """The first committed run."""
    return next(
        (job, result) for job, result in pairs if isinstance(job, MarketJob) and job.committed
    )


def test_committing_changes_nothing_of_the_outcome(
    committed: tuple[MarketJob, Result], tmp_path: Path
) -> None:
    job, result = committed
    plain = execute(replace(job, committed=False), tmp_path)
    for name in ("served_wh", "certified", "consumers", "energy_cost_micro", "supply_cost_micro"):
        assert plain[name] == result[name], name


def test_every_interval_has_its_roots(
    committed: tuple[MarketJob, Result], run_folder: Path
) -> None:
    job, result = committed
    with (run_folder / result["committed"]["file"]).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["interval"]) for row in rows] == list(range(1, job.intervals + 1))
    for name in ("allocation_root", "state_root", "header_hash"):
        assert len({row[name] for row in rows}) == job.intervals
        assert all(len(row[name]) == 64 for row in rows)


def test_a_sample_carries_what_makes_its_header_hash(
    committed: tuple[MarketJob, Result], run_folder: Path
) -> None:
    _, result = committed
    kept = result["committed"]
    with (run_folder / kept["file"]).open() as file:
        recorded = {int(row["interval"]): row for row in csv.DictReader(file)}
    assert kept["samples"]
    for sample in kept["samples"]:
        header = Header.unpack(bytes.fromhex(sample["payload"]))
        row = recorded[sample["interval"]]
        assert header.allocation_root.hex() == row["allocation_root"]
        assert header.state_root.hex() == row["state_root"]
        made = header.hash(
            bytes.fromhex(kept["domain_hash"]), bytes.fromhex(sample["previous_hash"])
        )
        assert made.hex() == row["header_hash"]


def test_the_same_run_has_the_same_roots(
    committed: tuple[MarketJob, Result], tmp_path: Path
) -> None:
    job, result = committed
    again = execute(job, tmp_path)
    assert again["committed"] == result["committed"]
