"""Runs all jobs on several processes; what is finished is kept, and need not be run again."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from offchain.errors import ClearwattError, InputError
from oracle.evidence.execute import execute
from oracle.evidence.jobs import Job, MarketJob, key

RESULTS_FOLDER: Final = "scenarios"
#: One thread per process, and the same rounding on every machine with the same lock file.
_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)

Result = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """A job and what came of it.

    Attributes:
        job: which.
        failure: why it could not be run, or nothing.
    """

    job: Job
    failure: str


def result_path(folder: Path, job: Job) -> Path:
    """Where the result of a job is kept."""
    return folder / RESULTS_FOLDER / f"{key(job)}.json"


def prepare(folder: Path, *, resume: bool) -> None:
    """Make the folder, or take up one that is there.

    Raises:
        InputError: it is no folder, or it holds results and they are not to be taken up.
    """
    try:
        (folder / RESULTS_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out: {folder} cannot be made ({error.strerror})") from None
    if not resume and any((folder / RESULTS_FOLDER).iterdir()):
        raise InputError(
            f"out: {folder} already holds results; add --resume to go on with them, "
            "or name another folder"
        )


def read_result(folder: Path, job: Job) -> Result | None:
    """The result of a finished job; None if there is none that can be read."""
    path = result_path(folder, job)
    try:
        result: Result = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    roots = result.get("committed", {}).get("file")
    return result if roots is None or (folder / roots).is_file() else None


def run(
    jobs: Sequence[Job], folder: Path, processes: int, finished: Callable[[Finished], None]
) -> None:
    """Run jobs; each result is written as soon as it is there.

    Args:
        jobs: what to run.
        folder: where results go.
        processes: how many to run at once.
        finished: told of every job that ended.
    """
    os.environ.update(_ONE_THREAD)
    for ended in _each(jobs, folder, processes):
        finished(ended)


def _each(jobs: Sequence[Job], folder: Path, processes: int) -> Iterator[Finished]:
    if processes == 1 or len(jobs) <= 1:
        yield from (_work(job, folder) for job in jobs)
        return
    executor = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_ignore_interrupt,
    )
    try:
        waiting: set[Future[Finished]] = set()
        for job in jobs:
            waiting.add(executor.submit(_work, job, folder))
            if len(waiting) > processes:
                ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        yield from (future.result() for future in as_completed(waiting))
    except BaseException:
        # What they are at is not finished and would be run again anyhow.
        for child in multiprocessing.active_children():
            child.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _ignore_interrupt() -> None:
    """Ctrl-C reaches the whole group; the parent alone decides what follows."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(job: Job, folder: Path) -> Finished:
    try:
        result = execute(job, folder)
    except ClearwattError as error:
        return Finished(job, str(error))
    path = result_path(folder, job)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(result, separators=(",", ":")), "utf-8")
    unfinished.replace(path)
    return Finished(job, "")


def weight(job: Job) -> int:
    """How long a job takes, roughly, in arbitrary units: for the estimate of what is left."""
    per_interval = {"ieee14": 4, "ieee57": 7, "ieee118": 14}.get(job.network, 120)
    extra = 3 if isinstance(job, MarketJob) and job.committed else 1
    return 2000 + job.intervals * per_interval * extra
