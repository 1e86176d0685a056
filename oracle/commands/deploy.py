"""`clearwatt deploy`: a pilot's contracts on a chain, in one step that can be repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from deploy.chain import Chain
from deploy.deployment import DeploymentFile, deploy_pilot, rehearse
from deploy.devnet import connect
from deploy.pilot import Pilot, read_pilot

_WEI = 10**18


@click.command()
@click.option("--rpc", metavar="URL", required=True, help="A node of the chain to deploy on.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    required=True,
    help="The pilot's TOML file; see deploy/pilot.example.toml.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("deployments.json"),
    show_default=True,
    help="The deployments file; one that is there is taken up again.",
)
@click.option("--dry-run", is_flag=True, help="Show steps and gas; send and write nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
def deploy(rpc: str, config: Path, out: Path, dry_run: bool, json_wanted: bool) -> None:
    r"""Deploy a market as a configuration describes it, and register its participants.

    The whole configuration is checked first. The payer is the key in CLEARWATT_PRIVATE_KEY, or the node's first
    unlocked account. Addresses, code hashes and blocks go into the deployments file, the genesis bundle beside it.
    After an interruption the same command goes on where it was: contracts that stand are not deployed again.

    \b
    Exit codes:
      0  the market stands (or, with --dry-run, could)
      2  the configuration, the file or the chain will not do; the message names the remedy

    \b
    Examples:
      clearwatt deploy --rpc http://127.0.0.1:8545 --config pilot.toml --dry-run
      clearwatt deploy --rpc URL --config pilot.toml --out riverside.json
    """
    pilot = read_pilot(config)
    chain = connect(rpc)
    if dry_run:
        _show_plan(chain, pilot, out, json_wanted=json_wanted)
        return

    def told(step: str, gas: int) -> None:
        click.echo(f"  {step}: {f'{gas:,} gas' if gas else 'is there'}", err=True)

    for caveat in caveats(pilot):
        click.echo(f"Note: {caveat}", err=True)
    click.echo(f"Deploying {pilot.name} on chain {chain.chain_id}", err=True)
    deployment = deploy_pilot(chain, pilot, out, told)
    if json_wanted:
        click.echo(out.read_text(), nl=False)
        return
    for entry in json.loads(out.read_text())["contracts"].values():
        click.echo(f"{entry['contract']:<18}{entry['address']}")
    click.echo(f"\n{deployment.gas:,} gas in this run; recorded in {out}")


def _show_plan(chain: Chain, pilot: Pilot, out: Path, *, json_wanted: bool) -> None:
    file = DeploymentFile.open(out, chain, pilot)
    there = set(file.standing())
    steps = rehearse(pilot, chain.payer)
    gas = sum(used for step, used in steps.items() if step not in there)
    price = int(chain.web3.eth.gas_price)
    balance = int(chain.web3.eth.get_balance(chain.payer))
    plan: dict[str, Any] = {
        "name": pilot.name,
        "chain_id": chain.chain_id,
        "payer": chain.payer,
        "steps": [{"step": s, "gas": g, "there": s in there} for s, g in steps.items()],
        "gas": gas,
        "gas_price_wei": price,
        "cost_wei": gas * price,
        "balance_wei": balance,
        "affordable": balance >= gas * price,
        "caveats": caveats(pilot),
    }
    if json_wanted:
        click.echo(json.dumps(plan, indent=1))
        return
    table = Table("step", "gas", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for step, used in steps.items():
        table.add_row(step, "is there" if step in there else f"{used:,}")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"\n{gas:,} gas to go, {gas * price / _WEI:.6f} coins at the node's present price; "
        f"{chain.payer} holds {balance / _WEI:.6f}. Nothing was sent or written.",
        soft_wrap=True,
    )
    for caveat in plan["caveats"]:
        console.print(f"Note: {caveat}", soft_wrap=True)


#: With less, a signed reading may be made too late to be filed (docs/protocol.md, section 8, Filed readings).
_UNHURRIED_LAG: Final = 3


def caveats(pilot: Pilot) -> list[str]:
    """What can be deployed, and may not be meant: by field, with what to give instead."""
    found = []
    lag = pilot.policy.meter_lag
    if 0 < lag < _UNHURRIED_LAG:
        found.append(
            f"policy.meter_lag: with {lag} an operator can leave out a signed reading before anybody has "
            f"time to file it on the chain; give {_UNHURRIED_LAG} or more, or 0 to settle no readings"
        )
    if pilot.signatures == 1:
        found.append(
            "ledger.signatures: with 1 any signer alone can post a false header, which stands until "
            "somebody disproves it; give 2 or more where several parties can sign"
        )
    return found
