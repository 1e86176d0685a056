"""Write the vectors of leaves, trees and headers: python -m tests.vectors.make_commitment.

Records are filled from labels, so that no vector depends on what a solver found. Tables as in
``make.py``.
"""

from __future__ import annotations

import numpy as np

from offchain.commitment.allocation import (
    SUM_NAMES,
    BusTrees,
    Layout,
    UpperTree,
    leaf_sums,
    sums_bytes,
)
from offchain.commitment.hashing import (
    EMPTY_ROOTS,
    Table,
    bus_node,
    leaf,
    node_salts,
    packed_rows,
    record_salts,
)
from offchain.commitment.header import Domain, Header, bus_vector_hash, genesis_hash, market_id
from offchain.commitment.trees import PlainTree, depth_of
from offchain.grid.model import Holarchy
from offchain.keccak import keccak
from offchain.policy import DEFAULT_POLICY
from offchain.records import (
    ALLOCATION,
    BUS,
    CONTRACT,
    HEADER,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_SHARE,
    KIND_STATE,
    ORDER,
    SHARE,
    STATE,
)
from tests.vectors.make import HERE, Columns, Row, Tables, columns, dumped, number

SALT_KEY = keccak(b"salt key")
#: Buses by position in the upper tree, with holes, and the participants of each.
POSITIONS = (2, 0, 5, 3)
MEMBERS = (3, 1, 9, 0)


def filled(layout: np.dtype, n: int, label: str) -> Table:
    """A table of n records whose every field but the index depends on its label."""
    table = np.zeros(n, dtype=layout)
    for name in layout.names or ():
        size = layout[name].itemsize
        for row in range(n):
            value = keccak(f"{label} {name} {row}".encode())[:size]
            if layout[name].kind == "V":
                table[name][row] = np.void(value)
            else:
                table[name][row] = int.from_bytes(value[: min(size, 7)], "big") >> 1
    if "index" in (layout.names or ()):
        table["index"] = np.arange(n)
    return table


def plain_trees() -> Columns:
    """Leaves of every kind with their paths; the orders tree has absent leaves."""
    rows: list[Row] = []
    kinds = (
        (KIND_ORDER, filled(ORDER, 7, "order")[[1, 2, 4, 6]]),
        (KIND_STATE, filled(STATE, 7, "state")),
        (KIND_CONTRACT, filled(CONTRACT, 6, "contract")),
        (KIND_SHARE, filled(SHARE, 1, "share")),
    )
    for kind, table in kinds:
        tree = PlainTree.of_table(kind, table, int(table["index"][-1]) + 1)
        for row, record in zip(table, packed_rows(table), strict=True):
            index, packed = int(row["index"]), record.tobytes()
            proof: Row = {"path": tree.path(index), "root": tree.root}
            rows.append(
                {
                    "kind": kind,
                    "index": index,
                    "record": packed,
                    "leaf": leaf(kind, packed),
                    **proof,
                }
            )
    return columns(rows)


def allocation_tree() -> tuple[Columns, Columns]:
    """Allocation lines with both parts of their path, and the buses with their totals."""
    bus_of = [bus for bus, count in enumerate(MEMBERS) for _ in range(count)]
    contracts = np.zeros(len(bus_of), dtype=CONTRACT)
    contracts["bus"] = bus_of
    contracts["slot"] = [bus_of[:row].count(bus) for row, bus in enumerate(bus_of)]
    depth = depth_of(max(POSITIONS) + 1)
    layout = Layout.of(contracts, Holarchy(depth, np.array(POSITIONS, dtype=np.int32), ()))
    table = filled(ALLOCATION, len(bus_of), "allocation")
    table["salt"] = record_salts(SALT_KEY, KIND_ALLOCATION, table["index"])
    trees = BusTrees.of(layout, table, SALT_KEY)
    buses = filled(BUS, len(POSITIONS), "bus")
    buses["bus"], buses["depth"] = np.arange(len(POSITIONS)), layout.depth
    buses["pi"] = -buses["pi"]
    for at, name in enumerate(SUM_NAMES):
        buses[name] = trees.sums[:, at]
    buses["root"] = trees.roots.view("V32").ravel()
    upper = UpperTree.of(layout, buses)
    records, bus_records = packed_rows(table), packed_rows(buses)
    sums = sums_bytes(leaf_sums(table))
    lines: list[Row] = [
        {
            "slot": int(layout.slot[row]),
            "position": POSITIONS[bus],
            "record": records[row].tobytes(),
            "sums": sums[row].tobytes(),
            "leaf": leaf(KIND_ALLOCATION, records[row].tobytes()),
            "lower": trees.path(row),
            "bus": bus_records[bus].tobytes(),
            "busNode": bus_node(bus_records[bus].tobytes()),
            "upper": upper.path(bus),
            "root": upper.root,
        }
        for row, bus in enumerate(bus_of)
    ]
    totals: list[Row] = [
        {
            "position": POSITIONS[bus],
            "members": MEMBERS[bus],
            "root": trees.roots[bus].tobytes(),
            "sums": sums_bytes(trees.sums)[bus].tobytes(),
        }
        for bus in range(len(POSITIONS))
    ]
    return columns(lines), columns(totals)


def headers() -> tuple[Columns, Columns]:
    """A market's names and a chain of payloads."""
    policy = DEFAULT_POLICY
    roots = [keccak(label) for label in (b"grid", b"contracts", b"state", b"nonce")]
    market = market_id(policy.hash(), *roots)
    domain = Domain(31337, keccak(b"ledger")[:20], market)
    previous = genesis_hash(domain.hash(), roots[2])
    names: Row = {
        "policy": policy.packed(),
        "policyHash": policy.hash(),
        **dict(zip(("gridHash", "contractsRoot", "stateRoot", "nonce"), roots, strict=True)),
        "marketId": market,
        "chainId": domain.chain_id,
        "ledger": domain.ledger,
        "domainHash": domain.hash(),
        "genesisHash": previous,
    }
    rows: list[Row] = []
    for i in range(4):
        header = Header.unpack(packed_rows(filled(HEADER, 1, f"header {i}")).tobytes())
        certificate = b"".join(keccak(f"certificate {i} {n}".encode()) for n in range(i + 1))
        injections = [number(f"injection {i} {n}", 2**40) - 2**39 for n in range(2 * i + 2)]
        packed = np.array(injections, dtype=">i8").tobytes()
        result = header.hash(domain.hash(), previous)
        rows.append(
            {
                "previous": previous,
                "payload": header.packed(),
                "hash": result,
                "certificate": certificate,
                "injections": packed,
                "busVectorHash": bus_vector_hash(certificate, injections),
            }
        )
        previous = result
    return columns([names]), columns(rows)


def salts() -> Columns:
    """Salts of records and of nodes inside buses."""
    rows: list[Row] = []
    for i in range(12):
        key = keccak(f"salt key {i % 3}".encode())
        bus, level = number(f"bus {i}", 2**16), 1 + i
        position, index = number(f"position {i}", 2**20), number(f"index {i}", 2**32)
        kind = (KIND_ALLOCATION, KIND_STATE)[i % 2]
        made: Row = {
            "node": node_salts(key, [bus], level, [position])[0].tobytes(),
            "record": record_salts(key, kind, [index])[0].tobytes(),
        }
        place: Row = {"bus": bus, "level": level, "position": position}
        rows.append({"key": key, **place, "kind": kind, "index": index, **made})
    return columns(rows)


def commitment() -> Tables:
    """All tables of the file."""
    lines, buses = allocation_tree()
    domain, chain = headers()
    empty: list[Row] = [{"level": i, "root": root} for i, root in enumerate(EMPTY_ROOTS)]
    return {
        "leaves": plain_trees(),
        "lines": lines,
        "buses": buses,
        "domain": domain,
        "headers": chain,
        "salts": salts(),
        "empty": columns(empty),
    }


if __name__ == "__main__":
    (HERE / "commitment.json").write_text(dumped(commitment()))
