"""Gas of the protocol's steps, measured on the embedded chain and held against its gates.

``python -m tests.contracts.gas`` prints the tables (`make gas`); with ``--write`` it renews the snapshot that the test
compares with. Headers are measured after the ring's first lap, proofs with everything that follows from them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from web3.contract import Contract

from deploy.contracts import artifact, least_terms_delay
from deploy.devnet import embedded
from deploy.grids import register_grid
from offchain.clearing.program import Clearer
from offchain.commitment.hashing import HASH_BYTES, bus_node, leaf
from offchain.grid.load import load_grid
from offchain.grid.tighten import tighten
from offchain.keccak import keccak
from offchain.policy import Policy
from offchain.records import ALLOCATION, BUS, KIND_ALLOCATION, KIND_STATE, STATE
from oracle.derate import GATES_AHEAD
from oracle.terms import ENDLESS, Kind, TermsOffice, sign_message
from tests.contracts.cost import UPDATE_RISE, Cost, noted_costs, written_slots
from tests.contracts.rig import (
    DAY_S,
    DEPTH,
    GRID_OPERATOR,
    WINDOW_S,
    Rig,
    address,
    open_rig,
    plain_tree,
    record,
    sum_tree,
)
from tests.vectors.make_clearing import orders

ROOT: Final = Path(__file__).resolve().parents[2]
SNAPSHOT: Final = ROOT / "contracts" / "snapshots" / "gas.json"
LINES: Final = {"ieee14": 20, "ieee57": 80, "ieee118": 186}
#: Networks whose grids do not fit one transaction.
LARGE: Final = {"case1354": "case1354pegase", "case2869": "case2869pegase"}
#: What a transaction may use (EIP-7825).
CAP: Final = 16_777_216
#: Intervals of a month of half-hours, for the cost of one claim per month.
MONTH: Final = 1_488
_BUS_DEPTH: Final = 14
_INDEX: Final = 777_777
#: Headers voided with a false one, to tell what each of them costs.
_LATER: Final = 3
#: Code that stores each word of its calldata in a slot of its own: the least that storing per participant costs.
_STORE_WORDS: Final = "60158060095f395ff35f5b80361115601357803581556020016001565b00"
_STORED: Final = 100

#: What each step may cost (docs/protocol.md); None where there is no gate.
GATES: Final[dict[str, int | None]] = {
    "commit orders": 32_000,
    "commit orders, 2 signers": None,
    "reveal seed": None,
    "header alone": 38_000,
    "header alone, 2 signers": 45_000,
    "header + certificate ieee14": 60_000,
    "header + certificate ieee57": 115_000,
    "header + certificate ieee118": 210_000,
    "certificate per line ieee118": 950,
    "certificate case1354": CAP,
    "certificate case2869": CAP,
    "page of a large grid": CAP,
    "grid of pages case1354": CAP,
    "grid of pages case2869": CAP,
    "register": None,
    "deposit": None,
    "first claim, depth 20": None,
    "later claim, depth 20": 69_000,
    "first proof of bracket, depth 20": None,
    "proof of bracket, depth 20": 160_000,
    "proof of payment, depth 20": 160_000,
    "first proof of transition, depth 20": None,
    "proof of transition, depth 20": 160_000,
    "voided with it, each later header": None,
    "voiding all that a ring can hold": CAP,
    "tighten grid ieee14": None,
    "tighten grid ieee118": None,
    "tighten grid case1354": CAP,
    "reveal seed, once anything has changed": None,
    "header alone, another policy": None,
    "ERC-20 transfer": None,
    "storage write per participant": None,
}


def measure() -> dict[str, Cost]:
    """Cost of every step of ``GATES``."""
    vectors = json.loads((ROOT / "tests" / "vectors" / "network.json").read_text())
    names, rows = vectors["grids"]["name"], vectors["certificates"]
    grids = {name: _bytes(vectors["grids"]["packed"][i]) for i, name in enumerate(names)}
    found = _steps(grids["ieee14"]) | _cosigned(grids["ieee14"]) | _proofs(grids["ieee14"])
    found |= _voids(grids["ieee14"])
    found |= _amended(grids["ieee14"])
    found["tighten grid ieee118"] = _tightened(open_rig(grids["ieee118"], eager=False))[0]
    for name in LINES:
        row = rows["label"].index(f"{name} at 1.2")
        injections = np.frombuffer(_bytes(rows["injections"][row]), dtype=">i8").tolist()
        certificate = _bytes(rows["certificate"][row])
        rig = open_rig(grids[name], eager=True)
        rig.lap(certificate, tuple(injections))
        _, used = rig.post(certificate, tuple(injections))
        found[f"header + certificate {name}"] = used["header"]
    packed = load_grid(LARGE["case1354"]).grid.packed()
    found["tighten grid case1354"] = _tightened(open_rig(packed, eager=False))[0]
    extra = found["header + certificate ieee118"].less(found["header alone"])
    found["certificate per line ieee118"] = extra.each(LINES["ieee118"])
    found |= _large()
    return {name: found[name] for name in GATES}


def _large() -> dict[str, Cost]:
    """Networks of thousands of buses: registered page by page, then a certificate in one call.

    Honest certificates of the largest load of the vectors, cleared here: they would be long in a file.
    """
    found = {}
    with embedded() as chain:

        def create(name: str, *arguments: object) -> Contract:
            compiled = artifact(name)
            return chain.deploy(name, compiled.abi, compiled.bytecode, *arguments)[0]

        registry = create("GridRegistry")
        verifier = create("NetworkVerifier", registry.address)
        for short, name in LARGE.items():
            case = load_grid(name)
            stations = [(g.bus, g.p_max_wh) for g in case.generators if g.p_max_wh > 0]
            ramps = orders(name, case.load_wh * 1.2, stations)
            certificate = Clearer(case.grid).clear(ramps).certificate.packed()
            with noted_costs(chain) as costs:
                version = register_grid(chain, registry, case.grid.packed())
                chain.transact(verifier.functions.check(version, certificate))
            *pages, whole, checked = costs
            found[f"certificate {short}"] = checked
            found[f"grid of pages {short}"] = whole
            found["page of a large grid"] = max(pages)
    return found


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _cosigned(grid: bytes) -> dict[str, Cost]:
    rig = open_rig(grid, eager=False, cosigned=True)
    rig.lap()
    _, used = rig.post()
    return {
        "header alone, 2 signers": used["header"],
        "commit orders, 2 signers": used["commit orders"],
    }


def _voids(grid: bytes) -> dict[str, Cost]:
    """A void's cost grows with the headers after it; what it comes to for a whole ring is reckoned from two."""
    costs = []
    for later in (0, _LATER):
        rig = open_rig(grid, eager=False, window_s=DAY_S)
        rig.post()
        line, root = _false_line()
        first, _ = rig.post(allocation_root=root)
        for _ in range(later):
            rig.post()
        costs.append(_proven(rig, "payment", first, line))
    # one update each, and no calldata
    now = (costs[1].now - costs[0].now) // _LATER
    each = Cost(now, now + UPDATE_RISE)
    most = rig.ask("ledger", "MAX_RING")
    whole = Cost(costs[0].now + most * each.now, costs[0].later + most * each.later)
    return {"voided with it, each later header": each, "voiding all that a ring can hold": whole}


def _steps(grid: bytes) -> dict[str, Cost]:
    rig = open_rig(grid, eager=False)
    rig.lap()
    owner = address(7)
    found = {"register": rig.gas("escrow", "register", owner, _INDEX, 10**11)}
    for claim, credit in (("first", 9_876_543_210), ("later", 9_976_543_210)):
        state = record(STATE, index=_INDEX, memory_ppb=123_456_789, credit=credit, debit=123_456)
        root, path = plain_tree(leaf(KIND_STATE, state), _INDEX)
        _, used = rig.post(state_root=root)
        rig.pass_window()
        final = (rig.head, rig.previous)
        found[f"{claim} claim, depth 20"] = rig.gas("escrow", "claim", *final, (state, path))
    found |= {name: used[name] for name in ("commit orders", "reveal seed")}
    found["header alone"] = used["header"]
    found["deposit"] = rig.gas("escrow", "deposit", _INDEX, 10**6)
    found["ERC-20 transfer"] = rig.gas("token", "transfer", owner, 5)
    store, _ = rig.chain.deploy("store", [], _STORE_WORDS)
    for value in (1, 2):
        words = b"".join((value << 128 | i).to_bytes(32, "big") for i in range(_STORED))
        with written_slots() as slots:
            sent = rig.chain.web3.eth.send_transaction(
                {"from": rig.chain.payer, "to": store.address, "data": words, "gas": 10_000_000}
            )
            receipt = rig.chain.web3.eth.wait_for_transaction_receipt(sent)
    stored = Cost.of(receipt["gasUsed"], words, slots)
    found["storage write per participant"] = stored.each(_STORED)
    return found


def _tightened(rig: Rig) -> tuple[Cost, int]:
    """Halve a limit by the grid operator's signature; the gas, and the grid's version."""
    office = TermsOffice(
        rig.chain, *(rig.contracts[name] for name in ("ledger", "terms", "registry"))
    )
    before = office.grid(rig.version)
    after = tighten(before, {0: int(before.limit_wh[0]) // 2})
    version = office.registered(after)
    signature = sign_message(office.tightening_message(after.hash(), ENDLESS), GRID_OPERATOR)
    return rig.gas("terms", "tighten", version, ENDLESS, signature), version


def _amended(grid: bytes) -> dict[str, Cost]:
    """A tighter grid, and another policy once everybody could have left."""
    rig = open_rig(grid, eager=False)
    rig.lap()
    gas, version = _tightened(rig)
    for _ in range(GATES_AHEAD):
        rig.post()
        rig.pass_window()
    rig.version = version
    _, used = rig.post()
    found = {"tighten grid ieee14": gas, "reveal seed, once anything has changed": used["reveal seed"]}
    policy = replace(Policy(), spread_ticks=10_000)
    gate = rig.head + GATES_AHEAD + 1
    rig.gas("terms", "announcePolicy", Policy().packed(), policy.packed(), gate)
    for _ in range(GATES_AHEAD + 1):
        rig.post()
        rig.pass_window()
    rig.chain.wait_until(rig.chain.now() + least_terms_delay(WINDOW_S, DAY_S))
    rig.gas("terms", "adopt", Kind.POLICY)
    for _ in range(GATES_AHEAD):
        rig.post()
        rig.pass_window()
    for _ in range(2):
        _, used = rig.post(policy_hash=policy.hash())
    return found | {"header alone, another policy": used["header"]}


def _false_line() -> tuple[tuple[object, ...], bytes]:
    """Evidence of a line of which nothing is right, and the root that it is under."""
    numbers = (n for n in ALLOCATION.names or () if ALLOCATION[n].kind == "u")
    wrong = {name: 10_000 + place for place, name in enumerate(numbers)}
    line = record(ALLOCATION, **(wrong | {"index": _INDEX}))
    bus_root, lower = sum_tree(leaf(KIND_ALLOCATION, line), 12_345, _BUS_DEPTH)
    bus = record(BUS, bus=7, depth=_BUS_DEPTH, pi=10**9, root=bus_root)
    root, upper = sum_tree(bus_node(bus), 37, DEPTH - _BUS_DEPTH)
    return (line, 12_345, lower, bus[:-HASH_BYTES], 37, upper), root


def _proven(rig: Rig, name: str, *evidence: object) -> Cost:
    """A proof with its reward, for which it was reserved a block before."""
    proof = rig.calldata("faults", name, *evidence)
    sender = bytes.fromhex(rig.chain.payer[2:]).rjust(32, b"\0")
    rig.gas("faults", "commit", keccak(sender + keccak(proof)))
    return rig.gas("faults", name, *evidence)


def _proofs(grid: bytes) -> dict[str, Cost]:
    """Each proof twice: the first of a market's life finds new slots."""
    line, root = _false_line()
    before, after = record(STATE, index=_INDEX), record(STATE, index=_INDEX, credit=1)
    pre_root, pre_path = plain_tree(leaf(KIND_STATE, before), _INDEX)
    post_root, post_path = plain_tree(leaf(KIND_STATE, after), _INDEX)
    states = (bytes([3]) + before + after + pre_path + post_path, Policy().packed())
    found = {}
    for name, more in (("bracket", ()), ("payment", ()), ("transition", states)):
        rig = open_rig(grid, eager=False, window_s=DAY_S)
        rig.post(state_root=pre_root)
        stands = (rig.head, rig.previous, rig.state_root)
        for time in ("first ", ""):
            header, _ = rig.post(allocation_root=root, state_root=post_root)
            found[f"{time}proof of {name}, depth 20"] = _proven(rig, name, header, line, *more)
            rig.head, rig.previous, rig.state_root = stands
    return found


def _table(found: dict[str, Cost]) -> str:
    rows = [f"{'step':36}{'gate':>12}{'measured':>12}{'announced*':>12}"]
    for name, gate in GATES.items():
        now, later = found[name]
        mark = ""
        if gate is not None and now > gate:
            mark = f"  over gate by {100 * now / gate - 100:.1f} %"
        shown = "-" if gate is None else f"{gate:,}"
        rows.append(f"{name:36}{shown:>12}{now:>12,}{later:>12,}{mark}")
    rows += [
        "* Glamsterdam as announced: a new slot 110,000, an update 12,100, 64 for each byte of calldata at least,",
        "  code 1,530 a byte, metered apart from what a transaction may use",
        "",
        f"{'per participant and interval':36}{'this':>12}{'storage':>12}{'transfers':>12}",
    ]
    for schedule in Cost._fields:
        rows += _compared({name: getattr(cost, schedule) for name, cost in found.items()}, schedule)
    return "\n".join(rows)


def _compared(gas: dict[str, int], schedule: str) -> list[str]:
    """What a participant pays in each interval, beside what naive ways of settling would cost."""
    star = "" if schedule == "now" else "*"
    rows = []
    for count in (100, 1_000, 10_000, 100_000, 1_000_000):
        case = "ieee14" if count == 100 else "ieee57" if count == 1_000 else "ieee118"
        fixed = gas["commit orders"] + gas["reveal seed"] + gas[f"header + certificate {case}"]
        this = fixed / count + gas["later claim, depth 20"] / MONTH
        rows.append(
            f"{f'N = {count:,} on {case}{star}':36}{this:>12,.0f}"
            f"{gas['storage write per participant']:>12,}{gas['ERC-20 transfer']:>12,}"
        )
    return rows


def main() -> None:
    """Measure, print, and on request renew the snapshot."""
    found = measure()
    print(_table(found))
    if "--write" in sys.argv[1:]:
        SNAPSHOT.parent.mkdir(exist_ok=True)
        rows = {name: cost._asdict() for name, cost in found.items()}
        SNAPSHOT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
