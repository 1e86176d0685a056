"""What every command asks that looks at a market from outside: its chain, its ledger, its bundles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from offchain.audit.history import audit_market
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from oracle.bundles import BundleDirectory
from oracle.terminal import Reporter

Command = TypeVar("Command", bound=Callable[..., Any])


def chain_options(command: Command) -> Command:
    """The options `--rpc` and `--ledger`."""
    ledger = click.option(
        "--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger."
    )
    rpc = click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
    return rpc(ledger(command))


def bundles_option(command: Command) -> Command:
    """The option `--bundles`, passed on as `directory`."""
    return click.option(
        "--bundles",
        "directory",
        type=click.Path(path_type=Path),
        required=True,
        help="Directory with genesis.bundle, 00001.bundle and so on.",
    )(command)


def audited(market: PublishedMarket, bundles: BundleDirectory, reporter: Reporter) -> Verdict:
    """Audit a market, telling how far it is."""
    verdict = Verdict()
    with reporter.phase("Auditing", len(market.headers) + 1) as phase:
        for verdict in audit_market(market, bundles.read):
            phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults")
    return verdict
