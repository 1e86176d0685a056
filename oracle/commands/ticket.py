"""`clearwatt claim` and `clearwatt escape`: money out with a ticket alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from deploy.devnet import connect
from offchain.bill.page import money
from oracle.payout import Counter, Payout
from oracle.ticket import read_ticket

Command = TypeVar("Command", bound=Callable[..., Any])


def _ticket_options(command: Command) -> Command:
    rpc = click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
    ticket = click.option(
        "--ticket",
        "path",
        type=click.Path(path_type=Path),
        required=True,
        help="The file that `clearwatt verify-mine` kept.",
    )
    wanted = click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
    return rpc(ticket(wanted(command)))


@click.command()
@_ticket_options
def claim(rpc: str, path: Path, json_wanted: bool) -> None:
    r"""Collect what was earned, with a ticket and no bundle.

    The ticket's header must be final. Everything earned up to it and not collected before is paid to the owner,
    whoever pays the gas: the node's first unlocked account, or the key in CLEARWATT_PRIVATE_KEY.

    \b
    Examples:
      clearwatt verify-mine --rpc URL --ledger 0x... --bundles bundles --account 30
      clearwatt claim --rpc URL --ticket tickets/ticket-30-00017.json
    """
    ticket = read_ticket(path)
    _tell(Counter(connect(rpc), ticket).claim(), json_wanted)


@click.command()
@_ticket_options
@click.option("--freeze", is_flag=True, help="Freeze the ledger first, if its operator is late.")
def escape(rpc: str, path: Path, json_wanted: bool, freeze: bool) -> None:
    r"""Leave a frozen market with deposit and balance, with a ticket and no bundle.

    When an operator falls silent for longer than the ledger's deadline, anyone may freeze it; once its last header
    can no longer be disputed everyone may leave. The ticket must be of that last header. The owner is paid, whoever
    pays the gas: the node's first unlocked account, or the key in CLEARWATT_PRIVATE_KEY.

    \b
    Examples:
      clearwatt escape --rpc URL --ticket tickets/ticket-30-00017.json
      clearwatt escape --rpc URL --ticket tickets/ticket-30-00017.json --freeze
    """
    ticket = read_ticket(path)
    _tell(Counter(connect(rpc), ticket).escape(freeze=freeze), json_wanted)


def _tell(payout: Payout, json_wanted: bool) -> None:
    if json_wanted:
        click.echo(json.dumps(asdict(payout), indent=1))
    else:
        click.echo(
            f"{money(payout.micro)} were paid to {payout.owner}, participant {payout.index}, "
            f"for {payout.gas:,} gas."
        )
