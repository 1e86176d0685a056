"""What the commands of `clearwatt terms` share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from deploy.devnet import connect
from offchain.errors import InputError
from oracle.market_contracts import MarketContracts
from oracle.terms import Announcement, Kind, TermsOffice


def market_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command has."""
    command = click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")(
        command
    )
    command = click.option(
        "--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger."
    )(command)
    return click.option("--rpc", metavar="URL", required=True, help="A node of its chain.")(command)


def office_of(rpc: str, ledger: str) -> TermsOffice:
    """The terms of a market on a chain."""
    chain = connect(rpc)
    at = MarketContracts.of(chain, ledger).at
    return TermsOffice(chain, at["ClearingLedger"], at["MarketTerms"], at["GridRegistry"])


def announcement_json(office: TermsOffice, kind: Kind) -> dict[str, Any]:
    """What is announced of a kind, for programs."""
    announced = office.announced(kind)
    if announced is None:
        raise InputError(f"kind: no {kind.name.lower()} is announced any more; ask again")
    return {
        "kind": kind.name.lower(),
        "value": _value(announced),
        "gate": announced.gate,
        "adoptable_at": announced.adoptable_at,
        "waits_for": office.waits_for(announced),
    }


def _value(announced: Announcement) -> str | int:
    return (
        int.from_bytes(announced.value, "big")
        if announced.kind is Kind.GRID
        else announced.value.hex()
    )


def tell(json_wanted: bool, told: dict[str, Any], words: str) -> None:
    """Print one JSON object, or one line."""
    click.echo(json.dumps(told, indent=1) if json_wanted else words)
