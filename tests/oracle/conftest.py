"""Markets that several files look at; each test sets the chain back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from offchain.audit.findings import Rule
from oracle.demo import DemoRun
from tests.oracle.markets import market


@pytest.fixture(scope="session")
def honest_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A market that kept the rules."""
    with market(tmp_path_factory.mktemp("honest")) as run:
        yield run


@pytest.fixture(scope="session")
def lying_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A market whose last interval has two false payments."""
    with market(tmp_path_factory.mktemp("lied"), Rule.PAYMENT) as run:
        yield run


@pytest.fixture(scope="session")
def hollow_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRun]:
    """A market whose last interval has a false node that is in no bundle."""
    with market(tmp_path_factory.mktemp("hollow"), Rule.ROOT) as run:
        yield run
