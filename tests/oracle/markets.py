"""Small markets on a chain in this process, whose operator may lie in the last interval and is not yet caught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.chain import Chain
from deploy.devnet import embedded
from offchain.audit.findings import Rule
from oracle.bundles import BundleDirectory
from oracle.demo import DemoRun
from oracle.inject import LyingRun
from oracle.scenario import ScenarioConfig, draw_scenario
from oracle.terminal import Reporter

CONFIG = ScenarioConfig(participants=12, intervals=4, seed=3)
LAST = CONFIG.intervals


def market_on(chain: Chain, folder: Path, fault: Rule | None = None) -> DemoRun:
    """A market whose intervals are all posted and published; nothing is final yet."""
    parts = (draw_scenario(CONFIG), chain, BundleDirectory.create(folder), Reporter())
    run = DemoRun(*parts) if fault is None else LyingRun(*parts, fault)
    run.open()
    run.clear_all()
    return run


@contextmanager
def market(folder: Path, fault: Rule | None = None) -> Iterator[DemoRun]:
    """A market on a chain of its own."""
    with embedded() as chain:
        yield market_on(chain, folder, fault)


@contextmanager
def undone(chain: Chain) -> Iterator[None]:
    """Set an embedded chain back afterwards."""
    tester = chain.web3.provider.ethereum_tester  # type: ignore[attr-defined]
    before, nonces = tester.take_snapshot(), dict(chain._nonces)
    try:
        yield
    finally:
        tester.revert_to_snapshot(before)
        chain._nonces = nonces


def outlast_window(run: DemoRun) -> None:
    """Let time pass until every header is final."""
    ledger = run.contracts.ledger.functions
    posted = int(ledger.postedAt(LAST).call())
    run.chain.wait_until(posted + int(ledger.windowSeconds().call()) + 1)
