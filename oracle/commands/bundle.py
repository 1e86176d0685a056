"""`clearwatt bundle`: look into a published bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np
from rich.console import Console

from offchain.commitment.bundle import Bundle, GenesisBundle, read_bundle, read_genesis
from offchain.errors import InputError

_ROWS = 10

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "#": ("index",),
    "bus": ("bus",),
    "asked": ("essential_q_wh", "flexible_q_wh"),
    "served": ("essential_x_wh", "flexible_x_wh"),
    "offered": ("supply_q_wh",),
    "sold": ("supply_x_wh",),
    "key": ("key_ticks",),
    "price": ("price_ticks",),
    "cost": ("energy_cost",),
    "paid": ("supply_pay",),
    "pot": ("pot_share",),
    "shortfall": ("shortfall",),
}
"""Columns that are shown of an allocation, and the fields that each adds up."""


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
    shown = [tuple(_COLUMNS), *(_allocation(row) for row in opened.allocation[:rows])]
    console.print("\nenergy in Wh, key and price in ticks, money in micro", style="bold")
    _show_rows(console, shown, len(opened.allocation))


def _allocation(row: np.void) -> tuple[str, ...]:
    """What the columns say of one participant."""
    return tuple(str(sum(int(row[name]) for name in names)) for names in _COLUMNS.values())


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
    names = ("rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "supply_cap_wh")
    shown: list[tuple[str, ...]] = [("#", "bus", *names, "share_ppb")]
    for index in range(len(genesis.state))[:rows]:
        state = genesis.state[index]
        bus, share = genesis.contracts["bus"][index], genesis.shares["share_ppb"][index]
        shown.append((str(index), str(bus), *(str(state[name]) for name in names), str(share)))
    _show_rows(console, shown, len(genesis.state))


def _show_fields(console: Console, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        shown = f"0x{value.hex()}" if isinstance(value, bytes) else f"{value:,}"
        console.print(f"  {name:<20} {shown}", soft_wrap=True)


def _show_rows(console: Console, rows: Sequence[tuple[str, ...]], total: int) -> None:
    """Print rows under their titles, each column as wide as it needs."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        console.print("  " + "  ".join(cells), soft_wrap=True)
    if total > len(rows) - 1:
        console.print(f"  ... and {total - len(rows) + 1} more; --rows {total} shows them all")
