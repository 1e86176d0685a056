"""What every command asks that looks at a market from outside: its chain, its ledger, its bundles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def chain_options(command: Command) -> Command:
    """The options `--rpc` and `--ledger`."""
    ledger = click.option(
        "--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger."
    )
    rpc = click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
    return rpc(ledger(command))


def bundles_option(command: Command) -> Command:
    """The option `--bundles`."""
    return click.option(
        "--bundles",
        metavar="DIR|URL",
        required=True,
        help="Where genesis.bundle, 00001.bundle and so on are.",
    )(command)
