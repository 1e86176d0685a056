"""`clearwatt fsck`: a whole exported history against the rules, without a chain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from offchain.commitment.hashing import HASH_BYTES
from offchain.errors import InputError
from oracle.bundles import BundleDirectory
from oracle.commands.audit import audited, finish
from oracle.offline import offline_market
from oracle.terminal import Reporter
from oracle.verdict import print_verdict, verdict_json

NEEDS_CHAIN: Final = (
    "that orders were fixed before the seed, and that the seed is the beacon's (rules inputs, seed)",
    "that forced orders were taken (forced-order), and orders with a receipt (omitted)",
    "that readings filed on the chain were settled (ignored-reading)",
    "that questions about data were answered (withheld)",
    "that orders counted where deposits covered them (uncovered), and nobody owes more than its deposit (overdrawn)",
    "that the escrow holds what it owes (escrow)",
    "that the escrow pays the owners whom the contracts name",
    "the code of the contracts (code)",
    "that the head is the chain's: it was taken from --head",
)
"""What bundles cannot show."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--head",
    required=True,
    metavar="HASH",
    help="Hash of the newest header, from a source that is trusted; `clearwatt audit --json` tells it.",
)
@click.option("--jobs", metavar="N", type=click.IntRange(1), help="Processes; one for each core.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def fsck(
    context: click.Context, directory: Path, head: str, jobs: int | None, json_wanted: bool
) -> None:
    r"""Check a directory of bundles against every rule that needs no chain.

    The hash of the newest header binds all of them: it covers the header before it, and so on back to the genesis, and
    every header the hash of its bundle. So whoever keeps 32 bytes can tell years later whether an archive is whole,
    unchanged and was cleared by the rules. What only a chain can show is listed.

    \b
    Exit codes:
      0  every interval up to that header was cleared by the rules
      1  a rule was broken
      2  it cannot be told: a bundle is missing, or is not the one that the headers name

    \b
    Examples:
      clearwatt demo --intervals 8 --out bundles      # prints the head of the chain at its end
      clearwatt fsck bundles --head 0x88fb...
      clearwatt fsck bundles --head 0x88fb... --jobs 2 --json
    """
    bundles = BundleDirectory.open(directory)
    trusted = _hash(head)
    reporter = Reporter()
    with reporter.phase("Following the headers", bundles.newest()) as phase:
        market = offline_market(bundles, trusted, lambda interval: phase.step(f"{interval}"))
    verdict = audited(reporter, market, bundles, jobs=jobs)
    newer = bundles.newest() - len(market.headers)
    if newer:
        verdict.assumed.append(f"{newer} bundles are newer than the head and were not looked at")
    if verdict.uncharged:
        verdict.assumed.append(
            f"that no deposit covered more, where less than was due was charged: on {verdict.uncharged} lines"
        )
    if verdict.uncounted:
        verdict.assumed.append(
            f"that no deposit covered the orders that count as none, {verdict.uncounted} in all"
        )
    verdict.assumed.extend(NEEDS_CHAIN)
    if json_wanted:
        click.echo(json.dumps(verdict_json(verdict), indent=1))
    else:
        print_verdict(verdict, Console(highlight=False))
    finish(context, verdict)


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != HASH_BYTES:
        raise InputError(f"head: '{text}' is no hash; give 64 hexadecimal digits")
    return value
