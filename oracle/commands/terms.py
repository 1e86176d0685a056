"""`clearwatt terms`: what is in force in a market, and its change by who is responsible."""

from __future__ import annotations

import json
import os
from typing import Any, Final

import click
from eth_account import Account
from eth_account.signers.local import LocalAccount
from rich.console import Console

from deploy.chain import PRIVATE_KEY_VARIABLE
from offchain.errors import InputError
from offchain.grid.tighten import hold, tighten
from oracle.commands.announce import announce
from oracle.commands.terms_common import announcement_json, market_options, office_of, tell
from oracle.reader import read_market
from oracle.terms import ENDLESS, GATES_TO_SEND, Kind, TermsOffice, sign_message
from oracle.terms_input import limits_of, signature_of

_KINDS: Final = tuple(kind.name.lower() for kind in Kind)


@click.group()
def terms() -> None:
    r"""What is in force in a market, and how it changes.

    The grid operator tightens the grid at the next gate, because an outage cannot wait. Everything else is announced,
    and adopted once whoever dislikes it could have left.

    \b
    Examples:
      clearwatt terms show --rpc URL --ledger 0x...
      clearwatt terms tighten --rpc URL --ledger 0x... --limit 3=9000
      clearwatt terms announce grid --rpc URL --ledger 0x... --limit 3=12000 --gate 500
    """


@terms.command()
@market_options
def show(rpc: str, ledger: str, json_wanted: bool) -> None:
    """Show what is in force, since when, and what is announced. Nothing is sent."""
    office = office_of(rpc, ledger)
    market = read_market(office.chain, ledger)
    opened = office.ledger.functions
    history: list[dict[str, Any]] = [
        {
            "from": 1,
            "grid_version": int(opened.gridVersion().call()),
            "policy_hash": market.policy_hash.hex(),
            "shares_root": market.shares_root.hex(),
            "contracts_root": bytes(opened.contractsRoot().call()).hex(),
        }
    ]
    history += [
        {
            "from": change.first,
            "grid_version": change.grid_version,
            "policy_hash": change.policy_hash.hex(),
            "shares_root": change.shares_root.hex(),
            "contracts_root": change.contracts_root.hex(),
        }
        for change in market.amendments
    ]
    announced = [announcement_json(office, kind) for kind in Kind if office.announced(kind)]
    told = {
        "next_gate": office.next_gate,
        "delay_seconds": int(office.terms.functions.delaySeconds().call()),
        "roles": {kind.name.lower(): office.role(kind) for kind in Kind},
        "in_force": history,
        "announced": announced,
    }
    if json_wanted:
        click.echo(json.dumps(told, indent=1))
        return
    console = Console(highlight=False)
    for before, now in zip([None, *history], history, strict=False):
        changed = [n for n in now if n != "from" and (before is None or before[n] != now[n])]
        values = ", ".join(f"{n.replace('_', ' ')} {now[n]}" for n in changed)
        console.print(f"from {now['from']:<6} {values}", soft_wrap=True)
    for entry in announced:
        waits = entry["waits_for"] or "can be adopted now"
        console.print(
            f"announced     {entry['kind']} {entry['value']} for interval {entry['gate']}: {waits}",
            soft_wrap=True,
        )
    console.print(f"next gate     interval {told['next_gate']}")


@terms.command("tighten")
@market_options
@click.option("--limit", "limits", metavar="LINE=WH", multiple=True, help="A lower limit; repeat.")
@click.option(
    "--out", "removed", type=int, metavar="LINE", multiple=True, help="A line out; repeat."
)
@click.option("--hold", "held", type=int, metavar="LINE", help="A line out that closes a loop.")
@click.option(
    "--last-gate",
    type=click.IntRange(1, ENDLESS),
    help=f"The signature's last gate; {GATES_TO_SEND} after the next if not given.",
)
@click.option("--signature", metavar="HEX", help="The grid operator's, if its key is elsewhere.")
@click.option("--message", is_flag=True, help="Print what is to be signed; register the grid only.")
def tighten_command(
    rpc: str,
    ledger: str,
    json_wanted: bool,
    limits: tuple[str, ...],
    removed: tuple[int, ...],
    held: int | None,
    last_gate: int | None,
    signature: str | None,
    message: bool,
) -> None:
    r"""Lower limits or take lines out, from the next gate on.

    A line that closes a loop cannot be taken out at once: without it the others may carry more than before. --hold
    keeps it at its least limit, and leaves the others room for its flow; then announce the grid without it.

    The grid operator signs: with the key in CLEARWATT_PRIVATE_KEY, or with its own wallet what --message prints, to be
    given with --signature. Anyone may send it.

    \b
    Examples:
      clearwatt terms tighten --rpc URL --ledger 0x... --limit 3=9000
      clearwatt terms tighten --rpc URL --ledger 0x... --out 12 --message
    """
    office = office_of(rpc, ledger)
    before = office.grid(office.latest().grid_version)
    wanted = limits_of(limits) if held is None else hold(before, held) | limits_of(limits)
    if not wanted and not removed:
        raise InputError("limit: nothing to tighten; give --limit, --out or --hold")
    after = tighten(before, wanted, removed)
    if last_gate is None and signature is not None:
        last_gate = office.last_gate_signed(after.hash(), signature_of(signature))
    elif last_gate is None:
        last_gate = office.next_gate + GATES_TO_SEND
    typed = office.tightening_message(after.hash(), last_gate)
    signed = _signature(office, signature, typed, Kind.GRID) if not message else b""
    version = office.registered(after)
    if message:
        click.echo(json.dumps(typed, indent=1))
        return
    first = office.tighten(version, last_gate, signed)
    tell(
        json_wanted,
        {"grid_version": version, "from": first},
        f"grid {version} holds from interval {first} on",
    )


@terms.command()
@market_options
@click.argument("kind", type=click.Choice(_KINDS))
def adopt(rpc: str, ledger: str, json_wanted: bool, kind: str) -> None:
    """Put an announced change in force from the next gate on. Anyone may, once it has waited."""
    first = office_of(rpc, ledger).adopt(Kind[kind.upper()])
    tell(json_wanted, {"kind": kind, "from": first}, f"the {kind} holds from interval {first} on")


@terms.command()
@market_options
@click.argument("kind", type=click.Choice(_KINDS))
def cancel(rpc: str, ledger: str, json_wanted: bool, kind: str) -> None:
    """Take an announcement back."""
    office_of(rpc, ledger).cancel(Kind[kind.upper()])
    tell(json_wanted, {"kind": kind, "cancelled": True}, f"the announced {kind} is taken back")


def _signature(
    office: TermsOffice, given: str | None, message: dict[str, Any], kind: Kind
) -> bytes:
    if given is not None:
        return signature_of(given)
    secret = os.environ.get(PRIVATE_KEY_VARIABLE)
    try:
        account: LocalAccount | None = Account.from_key(secret) if secret else None
    except (ValueError, TypeError):
        raise InputError(
            f"{PRIVATE_KEY_VARIABLE}: not a private key; give 32 bytes in hexadecimal"
        ) from None
    wanted = office.role(kind)
    if account is None or account.address != wanted:
        raise InputError(
            f"signature: {wanted} must sign; put its key into {PRIVATE_KEY_VARIABLE}, or sign what --message prints "
            "and give --signature"
        )
    return sign_message(message, account)


terms.add_command(announce)
