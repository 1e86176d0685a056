"""A committed interval: roots, header and bundle are functions of state, orders, seed and salt."""

import numpy as np
import pytest

from offchain.clearing.certificate import check_network
from offchain.clearing.program import Clearer
from offchain.commitment.bundle import read_bundle, read_genesis
from offchain.commitment.hashing import EMPTY_ROOTS, bus_node, leaf, packed_rows
from offchain.commitment.trees import plain_root, sum_root
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.market import clear_interval
from offchain.records import KIND_ALLOCATION, KIND_CONTRACT, KIND_ORDER, KIND_SHARE, KIND_STATE
from tests.market.small import N, orders, run, start

RUN = run(4)
LAST = RUN[-1]


def test_the_same_inputs_give_the_same_headers_and_bundles() -> None:
    again = run(4)
    assert [i.header_hash for i in again] == [i.header_hash for i in RUN]
    assert [i.bundle for i in again] == [i.bundle for i in RUN]


@pytest.mark.parametrize("changed", ["seed", "salt_key", "orders"])
def test_every_input_is_committed(changed: str) -> None:
    state = start().state
    clearer = Clearer(state.market.grid)
    one = clear_interval(state, orders(1), keccak(b"a"), keccak(b"b"), clearer)
    other = clear_interval(
        state,
        orders(2 if changed == "orders" else 1),
        keccak(b"c" if changed == "seed" else b"a"),
        keccak(b"d" if changed == "salt_key" else b"b"),
        clearer,
    )
    assert one.header_hash != other.header_hash
    assert one.header.bundle_hash != other.header.bundle_hash


def test_headers_form_a_chain() -> None:
    genesis = start()
    previous, root = genesis.state.header_hash, genesis.state.state_tree.root
    domain = genesis.state.domain.hash()
    assert previous == keccak(b"\x08" + domain + root)
    for number, interval in enumerate(RUN, start=1):
        assert interval.header.interval == number
        assert interval.header.pre_state_root == root
        assert interval.header_hash == keccak(previous + keccak(domain + interval.payload))
        previous, root = interval.header_hash, interval.header.state_root


def test_the_totals_balance_and_are_those_of_the_lines() -> None:
    for interval in RUN:
        header, table = interval.header, interval.allocation
        assert header.served == header.dispatched == int(table["supply_x_wh"].sum())
        assert header.credit_sum == header.debit_sum
        assert header.requested == int(table["essential_q_wh"].sum() + table["flexible_q_wh"].sum())
        assert header.pot == int(table["pot_share"].sum())
        assert header.shortfall == int(table["shortfall"].sum())
        assert header.imbalance_scale_ppb == 10**9
        assert header.meter_root == EMPTY_ROOTS[0]


def test_the_bus_vector_is_what_the_certificate_says() -> None:
    for interval in RUN:
        grid = interval.before.market.grid
        check = check_network(grid, interval.outcome.clearing.certificate)
        assert check.ok
        vector = interval.certificate + np.array(check.injection_wh, dtype=">i8").tobytes()
        assert interval.header.bus_vector_hash == keccak(vector)


@pytest.mark.parametrize("participant", range(N))
def test_every_record_is_proved_by_its_paths(participant: int) -> None:
    header, after = LAST.header, LAST.state.market
    plain = (
        (KIND_STATE, after.state, LAST.state.state_tree, header.state_root),
        (KIND_CONTRACT, after.contracts, LAST.state.contracts_tree, header.contracts_root),
        (KIND_SHARE, after.shares, LAST.state.shares_tree, header.shares_root),
    )
    for kind, table, tree, root in plain:
        record = packed_rows(table)[participant].tobytes()
        assert plain_root(leaf(kind, record), participant, tree.path(participant)) == root
    line = packed_rows(LAST.allocation)[participant].tobytes()
    layout = after.shape.layout
    bus, slot = int(layout.bus[participant]), int(layout.slot[participant])
    bus_root = sum_root(leaf(KIND_ALLOCATION, line), slot, LAST.bus_trees.path(participant))
    assert bus_root == LAST.buses["root"][bus].tobytes()
    node = bus_node(packed_rows(LAST.buses)[bus].tobytes())
    position = int(layout.position[bus])
    assert sum_root(node, position, LAST.upper_tree.path(bus)) == header.allocation_root


def test_who_has_an_order_is_proved_by_it_and_who_has_none_by_the_empty_leaf() -> None:
    records = packed_rows(LAST.orders)
    root = LAST.header.orders_root
    first = leaf(KIND_ORDER, records[0].tobytes())
    assert plain_root(first, 1, LAST.orders_tree.path(1)) == root
    assert plain_root(EMPTY_ROOTS[0], 0, LAST.orders_tree.path(0)) == root


def test_salts_of_records_differ_from_each_other_and_from_interval_to_interval() -> None:
    salts = [
        s.tobytes() for i in RUN for t in (i.allocation, i.state.market.state) for s in t["salt"]
    ]
    assert len(set(salts)) == len(salts) == 4 * 2 * N


def test_a_bundle_gives_back_what_was_published() -> None:
    def same(one: np.ndarray, other: np.ndarray) -> bool:
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()

    for interval in RUN:
        bundle = read_bundle(interval.bundle)
        assert bundle.header == interval.header
        assert bundle.hash == interval.header.bundle_hash
        assert bundle.previous_hash == interval.before.header_hash
        assert bundle.certificate == interval.certificate
        assert same(bundle.orders, interval.orders)
        assert same(bundle.allocation, interval.allocation)
        assert same(bundle.state, interval.state.market.state)
        assert same(bundle.contracts, interval.state.market.contracts)
        assert same(bundle.shares, interval.state.market.shares)
        assert same(bundle.readings, interval.outcome.readings)


def test_a_genesis_bundle_gives_back_the_start_of_the_market() -> None:
    genesis = start()
    bundle = read_genesis(genesis.bundle)
    market = genesis.state.market
    assert bundle.domain == genesis.state.domain
    assert bundle.policy == market.policy.packed()
    assert bundle.grid == market.grid.packed()
    assert bundle.state.tobytes() == market.state.tobytes()
    assert bundle.shares["share_ppb"].tolist() == [10**8, 0, 0, 0, 5 * 10**8, 4 * 10**8]


def test_the_market_is_named_by_all_it_starts_from() -> None:
    state = start().state
    market = state.market
    assert state.domain.market_id == keccak(
        b"\x07"
        + market.policy.hash()
        + market.grid.hash()
        + state.contracts_tree.root
        + state.state_tree.root
        + keccak(b"nonce")
    )


def test_a_salt_key_of_another_length_is_refused() -> None:
    state = start().state
    with pytest.raises(InputError, match=r"^salt_key: 5 bytes; give 32"):
        clear_interval(state, orders(1), keccak(b"a"), b"short", Clearer(state.market.grid))


def test_the_cursor_of_forced_orders_is_committed_and_only_rises() -> None:
    state = start().state
    clearer = Clearer(state.market.grid)
    keys = keccak(b"a"), keccak(b"b")
    first = clear_interval(state, orders(1), *keys, clearer, forced_cursor=3)
    second = clear_interval(first.state, orders(2), *keys, clearer)
    assert first.header.forced_cursor == second.header.forced_cursor == 3
    with pytest.raises(InputError, match=r"^forced_cursor: 2 after 3"):
        clear_interval(second.state, orders(3), *keys, clearer, forced_cursor=2)


def test_the_payload_has_436_bytes_in_the_order_of_the_protocol() -> None:
    payload = LAST.payload
    assert len(payload) == 436
    assert payload[:4] == (4).to_bytes(4, "big")
    assert payload[4:36] == LAST.orders_tree.root
    assert payload[36:68] == LAST.upper_tree.root
    assert payload[292:296] == (1).to_bytes(4, "big")
    assert payload[296:328] == LAST.header.seed
    assert payload[360:368] == LAST.header.requested.to_bytes(8, "big")
