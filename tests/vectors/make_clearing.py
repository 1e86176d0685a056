"""Write the vectors of the integer checker: python tests/vectors/make_clearing.py.

``response.json`` follows from labels alone. ``network.json`` holds certificates that the clearing
program once produced, and altered ones; which program found them does not matter, so a test holds
the verdicts to the checker and never makes them again. Tables as in ``make.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.ramps import bracket, demand_response, supply_response
from offchain.grid.model import Grid
from offchain.keccak import keccak
from offchain.units import MAX_ORDER_WH, MAX_RAMP_TICKS, MAX_TICKS

HERE = Path(__file__).resolve().parent
CASES = ("ieee14", "ieee57", "ieee118")
#: Ticks: where demand ramps begin, and how wide they and supply ramps are.
P_CAP, WIDTH, SUPPLY_WIDTH = 300_000, 100_000, 1_024


def number(label: str, below: int) -> int:
    """A number in 0 ... below - 1 that depends on the label only."""
    return int.from_bytes(keccak(label.encode()), "big") % below


def response() -> dict[str, dict[str, list[str]]]:
    """Responses and brackets at the joints of ramps and between."""
    rows = []
    for i in range(120):
        q = (0, 1, MAX_ORDER_WH)[i % 4] if i % 4 < 3 else number(f"q {i}", 2**30)
        width = (1, MAX_RAMP_TICKS)[i % 3] if i % 3 < 2 else 1 + number(f"w {i}", MAX_RAMP_TICKS)
        pa = number(f"pa {i}", MAX_TICKS - width)
        low, high = pa << 16, (pa + width) << 16
        joints = (low - 1, low, low + 1, high - 1, high, high + 1, -(2**63), 2**63 - 1)
        for j, price in enumerate((*joints, low + number(f"p {i}", high - low))):
            if j in (i % 8, 8):
                rows.append((q, pa, pa + width, price))
    sides = ("demand", "supply", "demandLeast", "demandMost", "supplyLeast", "supplyMost")
    names = ("q", "pa", "pb", "price", *sides)
    table: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        ends = (*bracket(False, *row), *bracket(True, *row))
        values = (*row, demand_response(*row), supply_response(*row), *ends)
        for name, value in zip(names, values, strict=True):
            table[name].append(str(value))
    return {"responses": table}


def orders(name: str, load_wh: np.ndarray, suppliers: list[tuple[int, float]]) -> Ramps:
    """Six requests per loaded bus and one offer per generator, drawn from labels."""
    rows = []
    for bus in np.flatnonzero(load_wh).tolist():
        for i in range(6):
            q = round(float(load_wh[bus]) * (8 + number(f"{name} d {bus} {i}", 9)) / 60)
            pa = P_CAP + number(f"{name} key {bus} {i}", 20 * WIDTH)
            rows.append((bus, 0, min(q, MAX_ORDER_WH), pa, pa + WIDTH))
    total = float(load_wh.sum())
    offered = sum(most for _, most in suppliers)
    for i, (bus, most) in enumerate(suppliers):
        bid = number(f"{name} bid {i}", 250_000)
        q = min(round(most * 1.2 * total / offered), MAX_ORDER_WH)
        rows.append((bus, 1, q, bid, bid + SUPPLY_WIDTH))
    table = np.array(rows, np.int64).T
    return Ramps(table[0].astype(np.int32), table[1].astype(bool), *table[2:])


def altered(grid: Grid, honest: Certificate) -> Iterator[tuple[str, Certificate]]:
    """Certificates with one field changed, each with a name for the change."""

    def put(values: tuple[int, ...], at: int, by: int) -> tuple[int, ...]:
        return (*values[:at], values[at] + by, *values[at + 1 :])

    weakest = min(range(grid.n_bus), key=lambda n: _strength(grid, n))
    strongest = max(range(grid.n_bus), key=lambda n: _strength(grid, n))
    unit = (1 << int(grid.shift)) // _strength(grid, weakest)
    yield "every angle up by one", replace(honest, theta=tuple(t + 1 for t in honest.theta))
    yield "every price up by one", replace(honest, pi=tuple(p + 1 for p in honest.pi))
    for wh in (1, 256):
        theta = put(honest.theta, weakest, 200 * wh * unit)
        yield f"angle of the weakest bus by some {wh} Wh", replace(honest, theta=theta)
    yield "angle beyond every limit", replace(honest, theta=put(honest.theta, strongest, 1 << 61))
    for power in (0, 8, 24, 40):
        pi = put(honest.pi, strongest, 1 << power)
        yield f"price of the strongest bus by 2^{power}", replace(honest, pi=pi)
    slack = next(line for line in range(grid.n_line) if line not in dict(honest.mu))
    yield "price on a slack line", replace(honest, mu=tuple(sorted((*honest.mu, (slack, 1)))))
    for i, (line, mu) in enumerate(honest.mu[:2]):
        rest = (honest.mu[:i], honest.mu[i + 1 :])
        yield f"price {i} left out", replace(honest, mu=(*rest[0], *rest[1]))
        yield f"price {i} zero", replace(honest, mu=(*rest[0], (line, 0), *rest[1]))
        yield f"price {i} turned", replace(honest, mu=(*rest[0], (line, -mu), *rest[1]))
        yield f"price {i} doubled", replace(honest, mu=(*rest[0], (line, 2 * mu), *rest[1]))
        yield f"price {i} twice", replace(honest, mu=(*rest[0], (line, mu), (line, mu), *rest[1]))
    if len(honest.mu) > 1:
        yield "prices in another order", replace(honest, mu=honest.mu[::-1])
    beyond = (*honest.mu, (grid.n_line, 1))
    yield "price on a line beyond the grid", replace(honest, mu=beyond)


def _strength(grid: Grid, bus: int) -> int:
    return int(grid.b[(grid.line_from == bus) | (grid.line_to == bus)].sum())


def network() -> dict[str, dict[str, list[str]]]:
    """Honest and altered certificates on the IEEE cases."""
    from offchain.clearing.program import Clearer
    from offchain.grid.pandapower_case import load_case

    grids: dict[str, list[str]] = {"name": [], "packed": []}
    names = ("label", "grid", "certificate", "injections", "valid")
    table: dict[str, list[str]] = {name: [] for name in names}
    for index, name in enumerate(CASES):
        case = load_case(name)
        grids["name"].append(name)
        grids["packed"].append(f"0x{case.grid.packed().hex()}")
        clearer = Clearer(case.grid)
        suppliers = [(g.bus, g.p_max_wh) for g in case.generators if g.p_max_wh > 0]
        for scale in (0.5, 1.2):
            honest = clearer.clear(orders(name, case.load_wh * scale, suppliers)).certificate
            label = f"{name} at {scale:g}"
            rows = [(label, honest)]
            if scale > 1:
                rows += [(f"{label}: {what}", c) for what, c in altered(case.grid, honest)]
            for what, certificate in rows:
                check = check_network(case.grid, certificate)
                injections = np.array(check.injection_wh, dtype=">i8") if check.ok else b""
                packed, expected = certificate.packed().hex(), bytes(injections).hex()
                values = (what, str(index), f"0x{packed}", f"0x{expected}", str(int(check.ok)))
                for column, value in zip(names, values, strict=True):
                    table[column].append(value)
    return {"grids": grids, "certificates": table}


def text(content: dict[str, dict[str, list[str]]]) -> str:
    """The text of a vector file."""
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "response.json").write_text(text(response()))
    (HERE / "network.json").write_text(text(network()))
