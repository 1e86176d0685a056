"""`clearwatt verify-mine`: one participant checks its own line and keeps its way out."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.bill.page import energy, money, percent, price
from offchain.proofs import kebab
from offchain.units import PPB
from oracle.bundles import bundle_source
from oracle.commands.market import bundles_option, chain_options
from oracle.market_contracts import MarketContracts
from oracle.own import Own, OwnReader, registration_numbers
from oracle.payout import moment
from oracle.ticket import write_ticket

_NOT_CHECKED = (
    "the lines of the others, so not whether all parts add up",
    "the history before this interval",
    "orders filed on the chain",
)


@click.command(name="verify-mine")
@chain_options
@bundles_option
@click.option(
    "--account", metavar="A", required=True, help="Owner's address, or registration number."
)
@click.option("--interval", type=int, metavar="T", help="Which interval; the newest by default.")
@click.option(
    "--tickets",
    type=click.Path(file_okay=False, path_type=Path),
    default="tickets",
    show_default=True,
    help="Where the escape ticket is kept.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object, money in micro.")
@click.pass_context
def verify_mine(
    context: click.Context,
    rpc: str,
    ledger: str,
    bundles: str,
    account: str,
    interval: int | None,
    tickets: Path,
    json_wanted: bool,
) -> None:
    r"""Check what one participant was allocated, pays and is owed, in seconds.

    The header comes from the chain; of the bundles only the interval, the one before and the one whose meters it
    settles are read. The participant's order, allocation, price, payments, shortage memory, deficit and balance are
    followed through their paths to the header, and every proof that the contracts would accept is tried on them.
    The state leaf with its path is kept as a ticket: with it alone `clearwatt claim` and `clearwatt escape` get the
    money out, should nobody publish anything any more.

    \b
    Exit codes:
      0  everything follows from the rules
      1  something does not; `clearwatt challenge` proves it
      2  it cannot be told: a bundle or a record is missing, or is not the chain's

    \b
    Examples:
      clearwatt verify-mine --rpc URL --ledger 0x... --bundles bundles --account 30
      clearwatt verify-mine --rpc URL --ledger 0x... --bundles bundles --account 0x... --json
    """
    source = bundle_source(bundles)
    chain = connect(rpc)
    reader = OwnReader(chain, MarketContracts.of(chain, ledger), source.read, interval)
    checked = [
        reader.check(index) for index in registration_numbers(account, reader.bundle.contracts)
    ]
    kept = {own.index: write_ticket(own.ticket, tickets) for own in checked if own.ok}
    if json_wanted:
        click.echo(json.dumps([_as_json(own, kept.get(own.index)) for own in checked], indent=1))
    else:
        console = Console(highlight=False)
        for own in checked:
            _print(own, kept.get(own.index), console)
    context.exit(0 if all(own.ok for own in checked) else 1)


def _as_json(own: Own, ticket: Path | None) -> dict[str, object]:
    return {
        "participant": own.index,
        "owner": own.owner,
        "interval": own.interval,
        "header_hash": own.header_hash.hex(),
        "final": own.final,
        "ok": own.ok,
        "checks": {kebab(tried.function): tried.pieces for tried in own.checked},
        "faults": sorted({rule for tried in own.checked if tried.proof for rule in tried.rules}),
        "proofs": [kebab(tried.function) for tried in own.checked if tried.proof],
        "allocation": own.line,
        "state_before": own.before,
        "state": own.after,
        "total": own.total,
        "owed": own.owed,
        "ticket": str(ticket) if ticket else None,
        "not_checked": list(_NOT_CHECKED),
    }


def _print(own: Own, ticket: Path | None, console: Console) -> None:
    line, before, after = own.line, own.before, own.after
    standing = "final" if own.final else f"open to dispute until {moment(own.open_until)}"
    rows = [
        ("Header", f"0x{own.header_hash.hex()[:16]}…, on the ledger, {standing}"),
        (
            "Asked for",
            f"{energy(line['essential_q_wh'])} essential, {energy(line['flexible_q_wh'])} flexible",
        ),
        (
            "Received",
            f"{energy(line['essential_x_wh'])} essential, {energy(line['flexible_x_wh'])} flexible",
        ),
    ]
    if line["supply_q_wh"]:
        rows.append(
            ("Offered, sold", f"{energy(line['supply_q_wh'])}, {energy(line['supply_x_wh'])}")
        )
    rows += [
        ("Price", f"{price(line['price_ticks'])} at bus {line['bus']}"),
        ("This interval", f"{money(own.total)} in all"),
        (
            "Shortage memory",
            f"{percent(before['memory_ppb'])} before, {percent(after['memory_ppb'])} after",
        ),
        (
            "Owed energy",
            f"{own.deficit(before) / PPB:,.3f} Wh before, {own.deficit(after) / PPB:,.3f} Wh after",
        ),
        (
            "Balance",
            f"{money(after['credit'] - after['debit'])}; with the deposit, {money(own.owed)} to leave with",
        ),
    ]
    console.print(f"Participant {own.index}, interval {own.interval}", soft_wrap=True)
    for name, value in rows:
        console.print(f"  {name:<16}{value}", soft_wrap=True)
    for tried in own.checked:
        if tried.proof is not None:
            rules = ", ".join(tried.rules)
            console.print(
                f"  [bold]BROKEN[/bold]          {kebab(tried.function)} ({rules})", soft_wrap=True
            )
    nothing = [kebab(tried.function) for tried in own.checked if not tried.pieces]
    if own.ok:
        tried_ones = len(own.checked) - len(nothing)
        console.print(f"  {'Checked':<16}{tried_ones} kinds of fault, none found", soft_wrap=True)
    else:
        console.print("  Prove it with `clearwatt challenge`, before the window has passed.")
    if nothing:
        console.print(f"  {'No evidence on':<16}{', '.join(nothing)}", soft_wrap=True)
    console.print(f"  {'Not checked':<16}{'; '.join(_NOT_CHECKED)}", soft_wrap=True)
    if ticket:
        console.print(f"  {'Ticket':<16}{ticket}", soft_wrap=True, markup=False)
