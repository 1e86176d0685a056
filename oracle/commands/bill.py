"""`clearwatt bill`: what one participant pays and is paid in an interval, every number in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
import numpy as np

from offchain.bill import Bill, Settled, bill
from offchain.commitment.bundle import Bundle, read_bundle, read_genesis
from offchain.errors import InputError
from offchain.grid.model import unpack
from offchain.policy import Policy
from oracle.bundles import BundleDirectory

_DEFAULT_DIRECTORY: Final = "bundles"


@click.command(name="bill")
@click.option("--participant", type=int, required=True, metavar="I", help="Registration number.")
@click.option("--interval", type=int, required=True, metavar="T", help="The interval, from 1.")
@click.option(
    "--bundles",
    "directory",
    type=click.Path(path_type=Path),
    default=_DEFAULT_DIRECTORY,
    show_default=True,
    help="Directory with genesis.bundle, 00001.bundle and so on.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object, money in micro.")
def bill_command(participant: int, interval: int, directory: Path, json_wanted: bool) -> None:
    r"""Explain the bill of a participant for one interval, so that it can be checked by hand.

    Everything is computed again from the published bundles; an amount that the rules do not give is
    refused. Bundles are kept by `clearwatt demo --out bundles`.

    \b
    Examples:
      clearwatt demo --intervals 12 --out bundles
      clearwatt bill --participant 30 --interval 5
      clearwatt bill --participant 30 --interval 5 --bundles bundles --json
    """
    result = read_bill(BundleDirectory.open(directory), interval, participant)
    click.echo(json.dumps(_as_json(result), indent=1) if json_wanted else result.text().rstrip())


def read_bill(bundles: BundleDirectory, interval: int, participant: int) -> Bill:
    """The bill of a participant from published bundles alone.

    Args:
        bundles: of the market; the genesis, the interval, the one before and the one measured.
        interval: which, from 1.
        participant: whose.

    Raises:
        InputError: a bundle is missing or not by the rules, or there is no such participant.
    """
    if interval < 1:
        raise InputError(f"interval: {interval} is none; give 1 or more")
    start = bundles.read(0)
    if start is None:
        raise InputError(
            f"bundles: no genesis.bundle in {bundles.path}; name the directory of a market, "
            "or make one with 'clearwatt demo --out DIR'"
        )
    genesis = read_genesis(start)
    policy, grid = Policy.unpack(genesis.policy), unpack(genesis.grid)
    billed = _bundle(bundles, interval)
    before = genesis.state if interval == 1 else _bundle(bundles, interval - 1).state
    measured: np.ndarray | None = None
    if 0 < policy.meter_lag < interval:
        measured = _bundle(bundles, interval - policy.meter_lag).allocation
    return bill(Settled.of_bundle(policy, grid, before, billed, measured), participant)


def _bundle(bundles: BundleDirectory, interval: int) -> Bundle:
    data = bundles.read(interval)
    if data is None:
        raise InputError(
            f"interval: no bundle of interval {interval} in {bundles.path}; "
            "give one that was cleared, or fetch the bundle"
        )
    return read_bundle(data)


def _as_json(result: Bill) -> dict[str, object]:
    return {
        "participant": result.participant,
        "interval": result.interval,
        "service": list(result.service),
        "lines": [
            {"name": line.name, "amount": line.amount, "words": line.words} for line in result.lines
        ],
        "total": result.total,
        "balance_before": result.balance_before,
        "balance_after": result.balance_before + result.total,
        "standing": list(result.standing),
    }
