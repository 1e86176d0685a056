"""`clearwatt reading`: sign a meter reading, and file one on the chain that nobody may overlook."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

import click
from coincurve import PrivateKey

from deploy.chain import PRIVATE_KEY_VARIABLE
from deploy.devnet import connect
from offchain.commitment.hashing import packed_rows
from offchain.errors import InputError
from offchain.metering.readings import readings_from_columns, signed_readings
from oracle.bundles import bundle_source
from oracle.commands.market import bundles_option, chain_options
from oracle.filing import FilingDesk


@click.group()
def reading() -> None:
    r"""Meter readings that no operator can leave out.

    Readings go from the metering operator to the market's operator. Who fears that one is left out files it on the
    chain: a header that settles its interval without it can be voided by anybody. The metering operator signs, so
    that whoever is billed by a reading has no say in it; filing is open to all.

    \b
    Examples:
      clearwatt reading sign --rpc URL --ledger 0x... --bundles bundles --index 30 --interval 17 --consumed 412
      clearwatt reading file --rpc URL --ledger 0x... --bundles bundles --reading 0x0000001e...
    """


@reading.command()
@chain_options
@bundles_option
@click.option("--index", type=click.IntRange(0), required=True, help="Registration number.")
@click.option("--interval", type=click.IntRange(1), required=True, help="What was measured.")
@click.option("--consumed", metavar="WH", type=click.IntRange(0), default=0, help="From the grid.")
@click.option("--produced", metavar="WH", type=click.IntRange(0), default=0, help="Into the grid.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
def sign(
    rpc: str,
    ledger: str,
    bundles: str,
    index: int,
    interval: int,
    consumed: int,
    produced: int,
    json_wanted: bool,
) -> None:
    r"""Sign a reading as the metering operator, with the key in CLEARWATT_PRIVATE_KEY. Nothing is sent.

    \b
    Examples:
      clearwatt reading sign --rpc URL --ledger 0x... --bundles bundles --index 30 --interval 17 --consumed 412
      clearwatt reading sign --rpc URL --ledger 0x... --bundles URL --index 2 --interval 17 --produced 2350 --json
    """
    key = _key()
    desk = FilingDesk(connect(rpc), ledger, bundle_source(bundles).read)
    row = readings_from_columns([index], interval, [consumed], [produced])
    record = packed_rows(signed_readings(row, key, desk.separator)).tobytes()
    desk.check(record)
    _tell(json_wanted, {"reading": f"0x{record.hex()}"}, f"0x{record.hex()}")


@reading.command()
@chain_options
@bundles_option
@click.option("--reading", "text", metavar="HEX", required=True, help="As it was signed.")
@click.option("--dry-run", is_flag=True, help="Check that it would count, and send nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
def file(rpc: str, ledger: str, bundles: str, text: str, dry_run: bool, json_wanted: bool) -> None:
    r"""File a signed reading, so that it must be settled.

    It counts if it is filed before the header of the interval before the one that settles it is posted, so file it as
    soon as it seems to be missing. What could prove nothing is refused here, before it costs anything. Of the bundles
    only the genesis is needed. The node's first unlocked account pays the gas, or the key in CLEARWATT_PRIVATE_KEY.

    \b
    Examples:
      clearwatt reading file --rpc URL --ledger 0x... --bundles bundles --reading 0x0000001e... --dry-run
      clearwatt reading file --rpc URL --ledger 0x... --bundles bundles --reading 0x0000001e... --json
    """
    try:
        record = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise InputError("reading: not hexadecimal; give 0x and 162 digits") from None
    desk = FilingDesk(connect(rpc), ledger, bundle_source(bundles).read)
    filing = desk.file(record, send=not dry_run)
    did = "is filed" if filing.filed else "would count"
    words = (
        f"The reading of participant {filing.index} in interval {filing.interval} {did}: interval "
        f"{filing.settled_by} must settle it; {filing.gas:,} gas."
    )
    _tell(json_wanted, asdict(filing), words)


def _key() -> PrivateKey:
    secret = os.environ.get(PRIVATE_KEY_VARIABLE, "")
    try:
        return PrivateKey(bytes.fromhex(secret.removeprefix("0x")))
    except ValueError:
        raise InputError(
            f"{PRIVATE_KEY_VARIABLE}: not a private key; give the metering operator's, 32 bytes in hexadecimal"
        ) from None


def _tell(json_wanted: bool, told: dict[str, Any], words: str) -> None:
    click.echo(json.dumps(told, indent=1) if json_wanted else words)
