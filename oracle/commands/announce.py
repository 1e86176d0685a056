"""`clearwatt terms announce`: changes that wait until whoever dislikes them could have left."""

from __future__ import annotations

import json
from pathlib import Path

import click

from offchain.errors import InputError
from offchain.grid.tighten import loosened, with_limits
from offchain.market.amend import contract_changes
from offchain.policy import Policy
from oracle.commands.terms_common import announcement_json, market_options, office_of, tell
from oracle.reader import read_market
from oracle.terms import Kind, TermsOffice
from oracle.terms_input import (
    changed_policy,
    contracts_of,
    genesis_of,
    limits_of,
    moved,
    shares_root_of,
    signature_of,
    signatures_of,
)

_gate = click.option(
    "--gate",
    type=click.IntRange(1),
    help="First interval for which it is meant to hold; or the next.",
)


_genesis = click.option(
    "--genesis",
    type=click.Path(path_type=Path),
    required=True,
    help="The market's genesis bundle.",
)


@click.group()
def announce() -> None:
    """Announce a change, to be adopted after the delay."""


@announce.command("grid")
@market_options
@_gate
@click.option("--limit", "limits", metavar="LINE=WH", multiple=True, help="Another limit; repeat.")
@click.option("--version", type=click.IntRange(1), help="A registered grid instead.")
def announce_grid(
    rpc: str,
    ledger: str,
    json_wanted: bool,
    gate: int | None,
    limits: tuple[str, ...],
    version: int | None,
) -> None:
    """Announce a grid: other limits of the one in force, or one that is registered."""
    if bool(limits) == (version is not None):
        raise InputError("limit: give either --limit or --version")
    office = office_of(rpc, ledger)
    before = office.grid(office.latest().grid_version)
    if version is None:
        after = with_limits(before, limits_of(limits))
        version = office.registered(after)
    else:
        after = office.grid(version)
    note = (
        "it only tightens, `clearwatt terms tighten` is quicker"
        if loosened(before, after) is None
        else ""
    )
    when = gate or office.next_gate
    office.announce_grid(version, when)
    _announced(office, Kind.GRID, json_wanted, note)


@announce.command("policy")
@market_options
@_gate
@_genesis
@click.option(
    "--set", "changes", metavar="FIELD=VALUE", multiple=True, required=True, help="Repeat."
)
def announce_policy(
    rpc: str,
    ledger: str,
    json_wanted: bool,
    gate: int | None,
    genesis: Path,
    changes: tuple[str, ...],
) -> None:
    """Announce a policy: the one in force with other numbers."""
    office = office_of(rpc, ledger)
    market = read_market(office.chain, ledger)
    opened = genesis_of(genesis).policy
    policies = {Policy.unpack(opened).hash(): opened, **market.policies}
    in_force = office.latest().policy_hash
    if in_force not in policies:
        raise InputError(
            "genesis: its policy is not this market's; give the market's own genesis bundle"
        )
    before = Policy.unpack(policies[in_force])
    after = changed_policy(before, changes)
    office.announce_policy(before.packed(), after.packed(), gate or office.next_gate)
    _announced(office, Kind.POLICY, json_wanted)


@announce.command("shares")
@market_options
@click.option("--gate", type=click.IntRange(1), required=True, help="First interval; it is signed.")
@_genesis
@click.option(
    "--file", "path", type=click.Path(path_type=Path), required=True, help="CSV: index,share_ppb."
)
@click.option(
    "--signature", metavar="HEX", help="The registrar's; without it, what it signs is printed."
)
def announce_shares(
    rpc: str,
    ledger: str,
    json_wanted: bool,
    gate: int,
    genesis: Path,
    path: Path,
    signature: str | None,
) -> None:
    """Announce the shares of another period, which the registrar has signed too."""
    office = office_of(rpc, ledger)
    root = shares_root_of(path, len(genesis_of(genesis).contracts))
    if signature is None:
        click.echo(json.dumps(office.shares_message(root, gate), indent=1))
        return
    office.announce_shares(root, gate, signature_of(signature))
    _announced(office, Kind.SHARES, json_wanted)


@announce.command("contracts")
@market_options
@click.option("--gate", type=click.IntRange(1), required=True, help="First interval; it is signed.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    required=True,
    help="A bundle with the contracts in force, or the genesis bundle.",
)
@click.option(
    "--move", "moves", metavar="INDEX=BUS", multiple=True, required=True, help="Who moves; repeat."
)
@click.option("--owner", metavar="ADDRESS", help="Who takes the vacant place that moves.")
@click.option(
    "--signatures",
    type=click.Path(path_type=Path),
    help="JSON: contracts, and every owner's by number; without it, what they sign is printed.",
)
def announce_contracts(
    rpc: str,
    ledger: str,
    json_wanted: bool,
    gate: int,
    bundle: Path,
    moves: tuple[str, ...],
    owner: str | None,
    signatures: Path | None,
) -> None:
    """Announce that participants move, which they and the market operator have signed."""
    office = office_of(rpc, ledger)
    in_force = office.latest()
    before = contracts_of(bundle, in_force.contracts_root)
    buses = office.grid(in_force.grid_version).n_bus
    changes, root = contract_changes(before, moved(before, moves, owner, buses))
    signing = {c.index for c in changes if c.before[:26] != c.after[:26]}
    if signatures is None:
        messages = {
            str(c.index): office.contract_message(c, gate) for c in changes if c.index in signing
        }
        click.echo(
            json.dumps({"contracts": office.contracts_message(root, gate), **messages}, indent=1)
        )
        return
    given = signatures_of(signatures, ["contracts", *map(str, sorted(signing))])
    listed = [(c, given.get(str(c.index), b"")) for c in changes]
    office.announce_contracts(listed, gate, given["contracts"])
    _announced(office, Kind.CONTRACTS, json_wanted)


def _announced(office: TermsOffice, kind: Kind, json_wanted: bool, note: str = "") -> None:
    told = announcement_json(office, kind)
    words = (
        f"{told['kind']} {told['value']} is announced for interval {told['gate']}; "
        f"adoptable from block time {told['adoptable_at']}"
    )
    tell(json_wanted, told, f"{words} ({note})" if note else words)
