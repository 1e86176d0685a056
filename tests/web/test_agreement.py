"""The two checkers, one in Python and one in JavaScript, say the same of honest and of false intervals."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offchain.audit.findings import Rule
from offchain.clearing.certificate import check_network
from offchain.commitment.container import read_sections
from offchain.errors import InputError
from offchain.grid.model import build_grid, unpack
from offchain.grid.pandapower_case import load_case
from offchain.market import Interval
from offchain.market.interval import commit
from offchain.policy import Policy
from tests.clearing.test_islands import BUSES, with_flows
from tests.market import small
from tests.vectors.make import dumped, text
from tests.vectors.make_intervals import (
    LAST,
    POLICY,
    History,
    Told,
    cases,
    history,
    rebodied,
    salt_of,
    tables_of,
    verdict,
)

WEB = Path(__file__).resolve().parents[2] / "oracle" / "web"
#: docs/protocol.md, section 6.
PACKED_POLICY = np.dtype(
    [
        ("version", ">u2"),
        *((n, ">u4") for n in ("interval_s", "p_cap", "v", "kappa", "w_s", "k_max")),
        ("essential_rank", "u1"),
        ("gamma", ">u8"),
        ("tau", ">u8"),
        *((n, ">u4") for n in ("beta", "p_lo", "p_hi", "max_bid")),
        *((n, "u1") for n in ("mechanism", "price_curve", "meter_lag")),
        ("spread", ">u4"),
        ("reserve", ">u8"),
        *((f"operator_{i}", ">u4") for i in range(5)),
    ]
)
SECTIONS = ("orders", "allocation", "state", "contracts", "shares", "readings", "certificate")

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (WEB / "node_modules").is_dir(),
    reason="the checker in JavaScript is not installed; run `make setup-node`",
)


def flipped(truth: Interval, rng: np.random.Generator, number: int) -> Told:
    """A random byte of a random section is another one, and the header names the bundle."""
    names = [name for name in SECTIONS if section(truth, name)]
    name = names[rng.integers(len(names))]
    data = bytearray(section(truth, name))
    data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
    told = Told.of(f"{number}: a byte of the {name}", truth)
    if name == "certificate":
        told = replace(told, certificate=bytes(data))
    return replace(told, **rebodied(truth, name, bytes(data)))


def section(truth: Interval, name: str) -> bytes:
    names = ("manifest", "previous_hash", "salt_key", *SECTIONS, "header")
    return read_sections(truth.bundle, names)[name]


def retold(truth: Interval, rng: np.random.Generator, number: int) -> Told:
    """A random field of a random line or state is moved a little, and all is committed again."""
    outcome = truth.outcome
    lines = rng.integers(2) == 0
    table = (outcome.allocation if lines else outcome.market.state).copy()
    fields = [name for name in table.dtype.names or () if table.dtype[name].kind == "u"]
    name, row = fields[rng.integers(1, len(fields))], int(rng.integers(len(table)))
    most = 2 ** (8 * table.dtype[name].itemsize) - 1
    by = int(rng.choice([1, -1, 1000, -1000]))
    table[name][row] = min(max(int(table[name][row]) + by, 0), most)
    if lines:
        outcome = replace(outcome, allocation=table)
    else:
        outcome = replace(outcome, market=replace(outcome.market, state=table))
    told = commit(truth.before, outcome, truth.orders, truth.header.seed, salt_of(LAST))
    return Told.of(f"{number}: {name} of {row}", told)


def told_falsely(market: History, seed: int) -> Iterator[Told]:
    truth, rng = market.intervals[-1], np.random.default_rng(seed)
    yield Told.of("honest", truth)
    for number in range(15):
        yield flipped(truth, rng, number)
        yield retold(truth, rng, number)


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        (1, {}),
        (2, {"price_curve": 2, "meter_lag": 2, "reserve_micro": 5_000}),
        (3, {"price_curve": 0, "meter_lag": 0, "beta_ppb": 10**9}),
    ],
    ids=["one interval's lag", "a poor reserve", "no meters"],
)
def test_they_agree_on_every_fault(tmp_path: Path, seed: int, changes: dict[str, Any]) -> None:
    market = history(replace(POLICY, **changes))
    tables = tables_of(market, told_falsely(market, seed))
    file = tmp_path / "intervals.json"
    file.write_text(dumped(tables))
    for case, theirs in enumerate(javascript(file)):
        ours = verdict(tables, case)
        label = tables["cases"]["label"][case]
        assert theirs["judged"] == (not ours.unjudged), label
        faults = [(str(f.interval), f.rule.value, f.where) for f in ours.faults]
        found = [(f["interval"], f["rule"], f["where"]) for f in theirs["faults"]]
        assert found == faults, label
        for fault, also in zip(ours.faults, theirs["faults"], strict=True):
            if fault.rule != "network":  # the violation is in words, and each has its own
                assert (also["expected"], also["found"]) == (fault.expected, fault.found), label


def test_they_compare_as_many_values_on_an_honest_interval(tmp_path: Path) -> None:
    market = history()
    tables = tables_of(market, [next(cases(market))])
    file = tmp_path / "intervals.json"
    file.write_text(dumped(tables))
    [theirs] = javascript(file)
    ours = verdict(tables, 0)
    assert theirs["checks"] == ours.checks - ours.compared[Rule.WITHHELD], "which is the chain's"


#: Values at which rules change their mind.
EDGES = (
    0,
    1,
    2,
    3,
    999,
    1000,
    1024,
    2**16,
    2**17 - 1,
    2**17,
    250_000,
    300_000,
    10**9,
    2**29,
    2**62,
)


def policies(rng: np.random.Generator) -> Iterator[bytes]:
    """The policy with random fields at or beside an edge."""
    whole = np.frombuffer(POLICY.packed(), dtype=PACKED_POLICY)
    yield whole.tobytes()
    yield whole.tobytes()[:-1]
    for _ in range(400):
        changed = whole.copy()
        for name in rng.choice(np.array(PACKED_POLICY.names), size=rng.integers(1, 3)):
            most = 2 ** (8 * PACKED_POLICY[name].itemsize) - 1
            edge = int(rng.choice(np.array([*EDGES, int(whole[name][0])], dtype=object))) + int(
                rng.integers(-1, 2)
            )
            changed[name] = min(max(edge, 0), most)
        yield changed.tobytes()


def grids(rng: np.random.Generator) -> Iterator[bytes]:
    """Small grids with random bytes or numbers that are a little off."""
    for grid in (small.ring(), load_case("ieee14").grid):
        whole = grid.packed()
        yield whole
        yield whole + b"\0"
        for _ in range(150):
            changed = bytearray(whole)
            at = int(rng.integers(len(whole)))
            changed[at] = (changed[at] + int(rng.choice([1, 255, int(rng.integers(1, 256))]))) % 256
            yield bytes(changed)


def accepted(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except InputError:
        return False
    return True


def test_they_accept_the_same_policies_and_grids(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    tried = {"policies": list(policies(rng)), "grids": list(grids(rng))}
    theirs = accepted_there(tmp_path, **tried)
    for name, read in (("policies", Policy.unpack), ("grids", unpack)):
        ours = [accepted(read, data) for data in tried[name]]
        assert 0 < sum(ours) < len(ours)
        differ = [
            data.hex() for data, a, b in zip(tried[name], ours, theirs[name], strict=True) if a != b
        ]
        assert differ == []


def test_they_balance_every_island_for_itself(tmp_path: Path) -> None:
    rows = [i for i in range(2 * BUSES - 1) if i != BUSES - 1]
    ends = [i + 1 for i in rows]
    grid = build_grid("two", "ABCDEFGHIJKLMNOP", rows, ends, [1e4] * 14, [5e5] * 14)
    # Every bus within a quarter of a Wh of a whole number, one island a Wh short, the other over.
    remainder = [37] * (BUSES - 1)
    moved = [*remainder, -259, *(-r for r in remainder), 259]
    tried = [with_flows(grid, [0] * grid.n_bus), with_flows(grid, moved)]
    assert [check_network(grid, one).ok for one in tried] == [True, False]
    pairs = [[text(grid.packed()), text(one.packed())] for one in tried]
    theirs = accepted_there(tmp_path, certificates=pairs)["certificates"]
    assert theirs == [check_network(grid, one).ok for one in tried]


def accepted_there(folder: Path, **tried: list) -> dict[str, list[bool]]:
    """What the checker in JavaScript accepts."""
    lists = {"policies": [], "grids": [], "certificates": [], **tried}
    file = folder / "tried.json"
    as_text = {
        name: [text(one) if isinstance(one, bytes) else one for one in data]
        for name, data in lists.items()
    }
    file.write_text(json.dumps(as_text))
    said: dict[str, list[bool]] = run_node("accepted", file)
    return said


def javascript(file: Path) -> list[dict]:
    """The verdicts of the checker in JavaScript on the cases of a file."""
    verdicts: list[dict] = run_node("verdicts", file)
    return verdicts


def run_node(tool: str, file: Path) -> Any:  # noqa: ANN401 - any JSON
    """What a tool of the checker in JavaScript prints about a file."""
    command = ["node", f"tools/{tool}.js", str(file)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, check=True, text=True)
    return json.loads(done.stdout)
