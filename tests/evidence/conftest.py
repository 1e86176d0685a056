"""One small run for all tests of what is made from a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.evidence.jobs import Job
from oracle.evidence.runner import Result
from oracle.evidence.summary import Summary
from tests.evidence.small import finished, small_config, summary_of


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small run writes its roots."""
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(scope="session")
def pairs(run_folder: Path) -> list[tuple[Job, Result]]:
    """The small run: every job with its result."""
    return finished(small_config(), run_folder)


@pytest.fixture(scope="session")
def summary(pairs: list[tuple[Job, Result]]) -> Summary:
    """The summary of the small run."""
    return summary_of(small_config(), pairs)
