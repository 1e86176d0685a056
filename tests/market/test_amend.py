"""A market goes on under other terms: what is owed and owed back stays, the rest is as if it had opened so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.clearing.program import Clearer
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.tighten import tighten
from offchain.keccak import keccak
from offchain.market import amend, clear_interval
from offchain.market.amend import contract_changes, seated
from offchain.policy import DEFAULT_POLICY
from offchain.records import KIND_CONTRACT
from tests.market.small import orders, ring, run, start


def test_a_tighter_grid_changes_flows_and_nothing_that_was_owed() -> None:
    before = run(2)[-1].state
    grid = tighten(before.market.grid, {2: 300})
    after = amend(before, grid=grid, grid_version=7)
    assert after.grid_version == 7
    np.testing.assert_array_equal(after.market.state, before.market.state)
    assert after.header_hash == before.header_hash
    done = clear_interval(after, orders(3), keccak(b"seed"), keccak(b"salt"), Clearer(grid))
    assert done.header.grid_version == 7
    assert done.header.pre_state_root == before.state_tree.root
    assert before.market.grid.limit_wh[2] == 900, "what was is not touched"


def test_shares_contracts_and_policy_name_their_new_roots() -> None:
    before = run(1)[-1].state
    shares, contracts = before.market.shares.copy(), before.market.contracts.copy()
    shares["share_ppb"] = shares["share_ppb"][::-1]
    who = 1  # alone at bus 1, goes to bus 0 behind the reserve and the first supplier
    contracts["bus"][who], contracts["slot"][who] = 0, 2
    policy = replace(DEFAULT_POLICY, p_lo_ticks=70_000)
    after = amend(before, shares=shares, contracts=contracts, policy=policy)
    clearer = Clearer(after.market.grid)
    header = clear_interval(after, orders(2), keccak(b"seed"), keccak(b"salt"), clearer).header
    assert header.policy_hash == policy.hash()
    assert header.shares_root == after.shares_tree.root != before.shares_tree.root
    assert header.contracts_root == after.contracts_tree.root != before.contracts_tree.root


def test_what_a_running_market_cannot_go_on_with_is_refused() -> None:
    state = start().state
    contracts, shares = state.market.contracts, state.market.shares

    def other(table: np.ndarray, name: str, row: int, value: object) -> np.ndarray:
        changed = table.copy()
        changed[name][row] = value
        return changed

    for changes, complaint in (
        ({"grid": ring()}, "grid_version: give it together"),
        ({"policy": replace(DEFAULT_POLICY, meter_lag=1, meter_operator=b"\1" * 20)}, "meter_lag"),
        ({"policy": replace(DEFAULT_POLICY, essential_rank=3)}, "essential_rank: 3 instead of 2"),
        ({"shares": other(shares, "share_ppb", 0, 5)}, "shares.share_ppb: sum to"),
        ({"shares": other(shares, "index", 0, 3)}, "shares.index"),
        ({"contracts": other(contracts, "index", 0, 3)}, "contracts.index"),
        ({"contracts": other(contracts, "owner", 2, b"\7" * 20)}, "participant 2 has another"),
        ({"contracts": other(contracts, "slot", 3, 7)}, "contracts.slot: 2 at bus 2"),
        ({"contracts": other(contracts, "bus", 1, 3)}, "grid: 3 buses, but a contract names bus 3"),
    ):
        with pytest.raises(InputError, match=complaint):
            amend(state, **changes)


def test_a_vacant_place_is_taken_by_somebody() -> None:
    state = start().state
    vacant = state.market.contracts.copy()
    vacant["owner"][3] = bytes(20)
    contracts = vacant.copy()
    contracts["owner"][3] = b"\7" * 20
    opened = replace(state, market=replace(state.market, contracts=vacant))
    assert bytes(amend(opened, contracts=contracts).market.contracts["owner"][3]) == b"\7" * 20


def test_who_moves_leaves_no_gap_and_the_changes_lead_to_the_root() -> None:
    contracts = start().state.market.contracts
    after = seated(contracts, 2, 0)  # the first of three at bus 2 goes behind the two at bus 0
    assert (after["bus"][2], after["slot"][2]) == (0, 2)
    assert (after["bus"][5], after["slot"][5]) == (2, 0), "the last at bus 2 takes its slot"
    changes, root = contract_changes(contracts, after)
    assert [change.index for change in changes] == [2, 5]
    assert root == PlainTree.of_table(KIND_CONTRACT, after, len(after)).root
    with pytest.raises(InputError, match="index: 9 is not one of"):
        seated(contracts, 9, 0)
    with pytest.raises(InputError, match="participant 2 has another"):
        seated(contracts, 2, 0, b"\7" * 20)


@pytest.mark.parametrize("bus", [-1, 65_535, 70_000])
def test_nobody_is_seated_at_what_cannot_be_a_bus(bus: int) -> None:
    contracts = start().state.market.contracts
    with pytest.raises(InputError, match=f"bus: {bus} is not in 0"):
        seated(contracts, 1, bus)
