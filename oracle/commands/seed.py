"""`clearwatt seed`: bring the drand round that makes an interval's seed to the chain."""

from __future__ import annotations

import json

import click
from web3 import Web3

from deploy.contracts import artifact
from deploy.devnet import connect
from offchain.errors import InputError
from offchain.randomness.drand import Network, compressed_key
from oracle.rounds import PLACE, fetch_round


@click.command()
@click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
@click.option("--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger.")
@click.option(
    "--rounds",
    metavar="SOURCE",
    required=True,
    help=f"A drand relay's URL, or a file, with {PLACE} where the round's number belongs.",
)
@click.option(
    "--interval", type=click.IntRange(1), help="Which interval; by default the one after the head."
)
@click.option("--dry-run", is_flag=True, help="Fetch and verify the round, and send nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
def seed(
    rpc: str, ledger: str, rounds: str, interval: int | None, dry_run: bool, json_wanted: bool
) -> None:
    r"""Bring the drand round that makes an interval's seed.

    The orders of the interval must be fixed. The chain says which round it awaits; the round is fetched, verified here,
    and sent. Anybody may: where the payer is no bonded signer the chain verifies the signature at once. The node's
    first unlocked account pays the gas, or the key in CLEARWATT_PRIVATE_KEY.

    \b
    Examples:
      clearwatt seed --rpc URL --ledger 0x... --rounds https://RELAY/CHAIN_HASH/public/{round}
      clearwatt seed --rpc URL --ledger 0x... --rounds rounds/{round}.json --dry-run
    """
    if not Web3.is_address(ledger):
        raise InputError(f"ledger: '{ledger}' is not an address; give 0x and 40 digits")
    chain = connect(rpc)
    contract = chain.web3.eth.contract(
        Web3.to_checksum_address(ledger), abi=artifact("ClearingLedger").abi
    )
    wanted = interval or int(contract.functions.head().call()) + 1
    beacon = chain.web3.eth.contract(
        contract.functions.beacon().call(), abi=artifact("DrandBeacon").abi
    )
    try:
        key = bytes(beacon.functions.publicKey().call())
    except chain.engine.refusals:
        raise InputError("ledger: its seeds are not made of drand rounds") from None
    try:
        round_ = int(beacon.functions.awaitedRound(wanted).call())
    except chain.engine.refusals:
        raise InputError(
            f"interval: {wanted} awaits no seed; fix its orders first, or name another"
        ) from None
    network = Network(
        compressed_key(key),
        int(beacon.functions.genesisTime().call()),
        int(beacon.functions.period().call()),
    )
    if chain.now() < network.time_of(round_) and not chain.is_devnet:
        raise InputError(f"interval: its round {round_} is not out yet; try again in a moment")
    signature = fetch_round(rounds, round_, network)
    gas = 0
    if not dry_run:
        gas = int(chain.transact(beacon.functions.submit(wanted, signature))["gasUsed"])
    told = {"interval": wanted, "round": round_, "signature": "0x" + signature.hex(), "gas": gas}
    if json_wanted:
        click.echo(json.dumps(told, indent=1))
    else:
        did = "would make" if dry_run else "makes"
        click.echo(f"Round {round_} {did} the seed of interval {wanted}; {gas:,} gas.")
