"""Interfaces and storage of the contracts change only where a review sees it."""

from __future__ import annotations

import json

import pytest

from deploy.contracts import ANSWERS_FOR, BEACONS, CONTRACTS
from deploy.snapshots import SNAPSHOTS, snapshots

UPDATE = "if that is meant, run `python -m deploy.snapshots` and commit contracts/snapshots"

NAMES = sorted({*CONTRACTS.values(), *BEACONS.values(), *ANSWERS_FOR.values()})


def test_every_contract_has_a_snapshot_and_nothing_else_has() -> None:
    committed = {path.name for path in SNAPSHOTS.glob("*.json")}
    assert committed == snapshots().keys(), UPDATE
    assert committed == {f"{name}.json" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_interface_and_storage_are_those_of_the_snapshot(name: str) -> None:
    committed = json.loads((SNAPSHOTS / f"{name}.json").read_text())
    present = json.loads(snapshots()[f"{name}.json"])
    for part in ("interface", "storage", "structs"):
        assert present[part] == committed[part], f"the {part} of {name} has changed: {UPDATE}"


def test_a_snapshot_tells_selectors_that_everybody_knows() -> None:
    interface = json.loads(snapshots()["TestToken.json"])["interface"]
    assert "function transfer(address,uint256) nonpayable returns (bool) = 0xa9059cbb" in interface
    assert "event Transfer(address indexed,address indexed,uint256)" in interface


def test_no_contract_keeps_more_per_interval_or_participant_than_it_says() -> None:
    """Two slots per participant, one status slot: what gas and the size of the state rest on."""
    escrow = json.loads(snapshots()["SettlementEscrow.json"])["structs"]
    slots = escrow["struct SettlementEscrow.Slots"]
    assert {entry.split()[1] for entry in slots} == {"0", "1"}
    ledger = json.loads(snapshots()["ClearingLedger.json"])["structs"]
    assert {e.split()[1] for e in ledger["struct IntervalRing.Status"]} == {"0"}
