"""The allocation tree: one path from a participant's line to its bus, layers and the root."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.commitment.allocation import SUM_NAMES, BusTrees, Layout, UpperTree, leaf_sums
from offchain.commitment.hashing import EMPTY_ROOTS, Table, bus_node, leaf, packed_rows
from offchain.commitment.trees import depth_of, sum_root
from offchain.errors import InputError
from offchain.grid.model import Holarchy
from offchain.keccak import keccak
from offchain.records import ALLOCATION, BUS, CONTRACT, KIND_ALLOCATION

SALT_KEY = bytes(range(32))

#: Positions of the buses in the upper tree: with a hole, an empty half and a single bus.
POSITIONS = ([0, 1, 2, 3], [2, 0, 5], [4, 6], [0], [7, 3, 1, 0, 2])

populations = st.sampled_from(POSITIONS).flatmap(
    lambda positions: st.tuples(
        st.just(positions), st.lists(st.integers(0, len(positions) - 1), min_size=1, max_size=24)
    )
)


def market(positions: list[int], bus_of: list[int]) -> tuple[Layout, Table, BusTrees, UpperTree]:
    """A tree over random allocations at some buses."""
    contracts = np.zeros(len(bus_of), dtype=CONTRACT)
    contracts["bus"] = bus_of
    contracts["slot"] = [bus_of[:i].count(bus) for i, bus in enumerate(bus_of)]
    depth = depth_of(max(positions) + 1)
    layout = Layout.of(contracts, Holarchy(depth, np.array(positions, dtype=np.int32), ()))
    rng = np.random.default_rng(len(bus_of))
    allocation = np.zeros(len(bus_of), dtype=ALLOCATION)
    for name in ALLOCATION.names or ():
        if name not in ("salt", "bus"):
            allocation[name] = rng.integers(0, 2**31, len(bus_of))
    trees = BusTrees.of(layout, allocation, SALT_KEY)
    buses = np.zeros(len(positions), dtype=BUS)
    buses["bus"], buses["depth"] = np.arange(len(positions)), layout.depth
    for at, name in enumerate(SUM_NAMES):
        buses[name] = trees.sums[:, at]
    buses["root"] = trees.roots.view("V32").ravel()
    return layout, allocation, trees, UpperTree.of(layout, buses)


def subtree(bus: int, leaves: list[tuple[bytes, list[int]]], height: int, position: int) -> bytes:
    """A node inside a bus straight from the definition; leaves are (hash, sums)."""
    if not leaves:
        return EMPTY_ROOTS[height]
    if height == 0:
        return leaves[0][0]
    half = 1 << (height - 1)
    left = subtree(bus, leaves[:half], height - 1, 2 * position)
    right = subtree(bus, leaves[half:], height - 1, 2 * position + 1)
    sums = b"".join(sum(s[i] for _, s in leaves).to_bytes(8, "big") for i in range(8))
    place = bus.to_bytes(2, "big") + bytes([height]) + position.to_bytes(4, "big")
    salt = keccak(b"\x05" + SALT_KEY + place)[:16]
    return keccak(b"\x02" + left + right + keccak(sums + salt))


@settings(max_examples=40)
@given(populations)
def test_every_bus_has_the_root_of_its_definition(
    population: tuple[list[int], list[int]],
) -> None:
    positions, bus_of = population
    layout, allocation, trees, _ = market(positions, bus_of)
    records, sums = packed_rows(allocation), leaf_sums(allocation).tolist()
    for bus in range(len(positions)):
        members = [i for i, at in enumerate(bus_of) if at == bus]
        leaves = [(leaf(KIND_ALLOCATION, records[i].tobytes()), sums[i]) for i in members]
        assert layout.depth[bus] == depth_of(len(members))
        root = subtree(bus, leaves, depth_of(len(members)), 0)
        assert trees.roots[bus].tobytes() == root
        assert trees.sums[bus].tolist() == [sum(sums[i][k] for i in members) for k in range(8)]


@settings(max_examples=40)
@given(populations)
def test_one_path_leads_from_a_line_to_its_bus_and_on_to_the_root(
    population: tuple[list[int], list[int]],
) -> None:
    positions, bus_of = population
    layout, allocation, trees, upper = market(positions, bus_of)
    records, bus_records = packed_rows(allocation), packed_rows(upper.buses)
    for participant, bus in enumerate(bus_of):
        slot = int(layout.slot[participant])
        line = leaf(KIND_ALLOCATION, records[participant].tobytes())
        root = sum_root(line, slot, trees.path(participant))
        assert root == trees.roots[bus].tobytes()
        node = bus_node(bus_records[bus].tobytes())
        assert sum_root(node, positions[bus], upper.path(bus)) == upper.root


def above(nodes: dict[int, tuple[bytes, list[int]]], height: int, position: int) -> bytes:
    """A node over bus positions straight from the definition; its salt is zero."""
    inside = {p: node for p, node in nodes.items() if p >> height == position}
    if not inside:
        return EMPTY_ROOTS[height]
    if height == 0:
        return inside[position][0]
    left = above(nodes, height - 1, 2 * position)
    right = above(nodes, height - 1, 2 * position + 1)
    sums = [sum(s[k] for _, s in inside.values()).to_bytes(8, "big") for k in range(8)]
    return keccak(b"\x02" + left + right + keccak(b"".join(sums) + bytes(16)))


@settings(max_examples=40)
@given(populations)
def test_the_root_is_that_of_its_definition_and_its_sums_are_the_markets(
    population: tuple[list[int], list[int]],
) -> None:
    positions, bus_of = population
    layout, allocation, trees, upper = market(positions, bus_of)
    records = packed_rows(upper.buses)
    nodes = {
        position: (bus_node(records[bus].tobytes()), trees.sums[bus].tolist())
        for bus, position in enumerate(positions)
    }
    assert upper.root == above(nodes, layout.upper_depth, 0)
    totals = leaf_sums(allocation).sum(axis=0).tolist()
    assert upper.sums == dict(zip(SUM_NAMES, totals, strict=True))


def test_a_bus_alone_in_a_half_has_empty_subtrees_beside_it() -> None:
    _, _, _, upper = market([4, 6], [0, 1])
    steps = upper.path(0)
    assert steps[:32] == EMPTY_ROOTS[0]
    assert steps[128:160] == EMPTY_ROOTS[2]


@settings(max_examples=40)
@given(populations, st.data())
def test_no_changed_byte_of_a_line_or_a_path_leads_to_the_root(
    population: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    layout, allocation, trees, _ = market(*population)
    participant = data.draw(st.integers(0, len(allocation) - 1))
    record = packed_rows(allocation)[participant].tobytes()
    joined = bytearray(record + trees.path(participant))
    joined[data.draw(st.integers(0, len(joined) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    line, path = bytes(joined[: len(record)]), bytes(joined[len(record) :])
    root = trees.roots[layout.bus[participant]].tobytes()
    slot = int(layout.slot[participant])
    assert sum_root(leaf(KIND_ALLOCATION, line), slot, path) != root


def test_a_line_adds_its_quantities_and_its_money() -> None:
    line = np.zeros(1, dtype=ALLOCATION)
    for value, name in enumerate(ALLOCATION.names or ()):
        if name != "salt":
            line[name] = 2**value
    names = (ALLOCATION.names or ()).index
    expected = [
        2 ** names("essential_q_wh") + 2 ** names("flexible_q_wh"),
        2 ** names("supply_q_wh"),
        2 ** names("essential_x_wh") + 2 ** names("flexible_x_wh"),
        2 ** names("supply_x_wh"),
        2 ** names("supply_pay") + 2 ** names("pot_share") + 2 ** names("imbalance_credit"),
        sum(
            2 ** names(name)
            for name in ("energy_cost", "shortfall", "subscription", "imbalance_debit")
        ),
        2 ** names("supply_pay") + 2 ** names("pot_share"),
        2 ** names("energy_cost") + 2 ** names("shortfall"),
    ]
    assert leaf_sums(line).tolist() == [expected]


@pytest.mark.parametrize(
    ("bus", "slot", "message"),
    [
        ([0, 4], [0, 0], r"^contracts\.bus: 4 is not a bus; give 0 \.\.\. 3"),
        ([0, 0], [0, 0], r"^contracts\.slot: bus 0 has a gap or a slot taken twice"),
        ([1, 1, 2], [0, 2, 0], r"^contracts\.slot: bus 1 "),
    ],
)
def test_contracts_that_do_not_fit_the_tree_are_refused(
    bus: list[int], slot: list[int], message: str
) -> None:
    contracts = np.zeros(len(bus), dtype=CONTRACT)
    contracts["bus"], contracts["slot"] = bus, slot
    with pytest.raises(InputError, match=message):
        Layout.of(contracts, Holarchy(2, np.arange(4, dtype=np.int32), ()))
