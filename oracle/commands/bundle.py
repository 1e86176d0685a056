"""`clearwatt bundle`: look into a published bundle."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from offchain.commitment.bundle import Bundle, GenesisBundle, read_bundle, read_genesis
from offchain.errors import InputError

_ROWS = 10


@click.group()
def bundle() -> None:
    """Look into published bundles."""


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rows", default=_ROWS, show_default=True, metavar="N", help="Allocations to show.")
def show(file: Path, rows: int) -> None:
    r"""Show what is in a bundle: its header and what everybody asked for, got and paid.

    The bundle is only read here; whether it keeps the rules is for `clearwatt audit` to say.

    \b
    Examples:
      clearwatt bundle show bundles/00017.bundle
      clearwatt bundle show bundles/genesis.bundle --rows 100
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"bundle: cannot read {file} ({error.strerror}); name a file") from None
    console = Console(highlight=False)
    if b'"interval":0,' in data[:400]:
        _show_genesis(console, read_genesis(data), rows)
        return
    opened = read_bundle(data)
    if opened.hash != opened.header.bundle_hash:
        raise InputError(
            "bundle: its bytes do not match the hash in its own header; fetch it again"
        )
    _show_interval(console, opened, rows)


def _show_interval(console: Console, opened: Bundle, rows: int) -> None:
    console.print(f"interval {opened.interval}, {len(opened.orders)} signed orders", style="bold")
    _show_fields(console, {**vars(opened.header), "salt_key": opened.salt_key})
    table = Grid(box=None, padding=(0, 1, 0, 0))
    for title in ("#", "bus", "asked Wh", "served Wh", "offered Wh", "sold Wh", "key", "price"):
        table.add_column(title, justify="right")
    for name in ("cost", "paid", "pot", "shortfall"):
        table.add_column(f"{name} micro", justify="right")
    for row in opened.allocation[:rows]:
        table.add_row(
            *(
                str(value)
                for value in (
                    row["index"],
                    row["bus"],
                    int(row["essential_q_wh"]) + int(row["flexible_q_wh"]),
                    int(row["essential_x_wh"]) + int(row["flexible_x_wh"]),
                    row["supply_q_wh"],
                    row["supply_x_wh"],
                    row["key_ticks"],
                    row["price_ticks"],
                    row["energy_cost"],
                    row["supply_pay"],
                    row["pot_share"],
                    row["shortfall"],
                )
            )
        )
    console.print(table)
    _show_rest(console, len(opened.allocation), rows)


def _show_genesis(console: Console, genesis: GenesisBundle, rows: int) -> None:
    console.print(f"genesis, {len(genesis.state)} registered", style="bold")
    domain = genesis.domain
    _show_fields(
        console,
        {
            "chain_id": domain.chain_id,
            "ledger": domain.ledger,
            "market_id": domain.market_id,
            "grid_version": genesis.grid_version,
            "policy bytes": len(genesis.policy),
            "grid bytes": len(genesis.grid),
        },
    )
    table = Grid(box=None, padding=(0, 1, 0, 0))
    names = ("rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "supply_cap_wh")
    for title in ("#", "bus", *names, "share_ppb"):
        table.add_column(title, justify="right")
    for index in np.arange(len(genesis.state))[:rows]:
        state = genesis.state[index]
        table.add_row(
            str(index),
            str(genesis.contracts["bus"][index]),
            *(str(state[name]) for name in names),
            str(genesis.shares["share_ppb"][index]),
        )
    console.print(table)
    _show_rest(console, len(genesis.state), rows)


def _show_fields(console: Console, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        shown = f"0x{value.hex()}" if isinstance(value, bytes) else f"{value:,}"
        console.print(f"  {name:<20} {shown}", soft_wrap=True)


def _show_rest(console: Console, total: int, rows: int) -> None:
    if total > rows:
        console.print(f"... and {total - rows} more; --rows {total} shows them all")
