"""What is finished is kept; what is not is run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from offchain.errors import InputError
from oracle.evidence import runner
from oracle.evidence.jobs import MarketJob, plan
from oracle.evidence.runner import Finished, prepare, read_result, result_path, run
from tests.evidence.small import small_config


def small_jobs(count: int) -> list[MarketJob]:
    """The first market runs."""
    jobs = [job for job in plan(small_config(20)) if isinstance(job, MarketJob)]
    return jobs[:count]


def test_a_finished_job_is_read_and_not_run_again(tmp_path: Path) -> None:
    prepare(tmp_path, resume=False)
    jobs = small_jobs(2)
    ended: list[Finished] = []
    run(jobs, tmp_path, 1, ended.append)
    assert [one.failure for one in ended] == ["", ""]
    for job in jobs:
        result = read_result(tmp_path, job)
        assert result is not None
        assert result["intervals"] == job.intervals
    assert read_result(tmp_path, replace(jobs[0], mechanism="lmp")) is None


def test_half_a_result_is_none(tmp_path: Path) -> None:
    prepare(tmp_path, resume=False)
    (job,) = small_jobs(1)
    result_path(tmp_path, job).write_text('{"intervals": 2')
    assert read_result(tmp_path, job) is None


def test_a_committed_run_without_its_roots_is_run_again(tmp_path: Path) -> None:
    prepare(tmp_path, resume=False)
    (job,) = small_jobs(1)
    assert job.committed
    run([job], tmp_path, 1, lambda _: None)
    result = read_result(tmp_path, job)
    assert result is not None
    (tmp_path / result["committed"]["file"]).unlink()
    assert read_result(tmp_path, job) is None


def test_results_are_not_mixed_with_others_by_accident(tmp_path: Path) -> None:
    prepare(tmp_path, resume=False)
    result_path(tmp_path, small_jobs(1)[0]).write_text("{}")
    with pytest.raises(InputError, match="--resume"):
        prepare(tmp_path, resume=False)
    prepare(tmp_path, resume=True)


def test_a_job_that_cannot_be_run_is_told_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: object, folder: Path) -> None:
        raise InputError("study: impossible")

    monkeypatch.setattr(runner, "execute", refuse)
    prepare(tmp_path, resume=False)
    (job,) = small_jobs(1)
    ended: list[Finished] = []
    run([job], tmp_path, 1, ended.append)
    assert [one.failure for one in ended] == ["study: impossible"]
    assert read_result(tmp_path, job) is None


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    jobs = small_jobs(2)
    found = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        prepare(folder, resume=False)
        run(jobs, folder, processes, lambda _: None)
        results = [read_result(folder, job) for job in jobs]
        found.append([{k: v for k, v in (r or {}).items() if k != "seconds"} for r in results])
    assert found[0] == found[1]
