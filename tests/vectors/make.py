"""Write the vectors that Python and Solidity both check: python -m tests.vectors.make.

Every file is one JSON object of tables, a table is equally long columns; integers are decimal
strings and bytes are 0x hex, so that no reader loses a bit. Inputs come from hashes of labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from coincurve import PrivateKey

from offchain.commitment.hashing import packed_rows
from offchain.fairness.draw import gumbel, log2_complement, uniform
from offchain.fairness.key import key_ticks
from offchain.fairness.state import next_deficit, next_memory
from offchain.keccak import keccak
from offchain.orders.signing import address, digests, domain_separator, signed
from offchain.orders.table import Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY, PRICE_CURVES
from offchain.pricing import layer_tightness, price_ticks
from offchain.settlement import settle
from offchain.units import PPB

HERE = Path(__file__).resolve().parent
Columns = dict[str, list[str]]
Tables = dict[str, Columns]
Row = dict[str, int | bytes]
POLICIES = (
    DEFAULT_POLICY,
    replace(DEFAULT_POLICY, gamma_ppb=3 * PPB, tau_ppb=0, beta_ppb=PPB),
    replace(DEFAULT_POLICY, gamma_ppb=0, tau_ppb=2 * PPB, k_max=7, beta_ppb=0),
    replace(DEFAULT_POLICY, v_ticks=1, k_max=2**20, essential_rank=5, gamma_ppb=2**61),
)


def number(label: str, below: int) -> int:
    """A number in 0 ... below - 1 that depends on the label only."""
    return int.from_bytes(keccak(label.encode()), "big") % below


def columns(rows: Sequence[Mapping[str, int | bytes]]) -> Columns:
    """Rows of integers and bytes as columns of strings."""
    return {name: [text(row[name]) for row in rows] for name in rows[0]}


def text(value: int | bytes) -> str:
    """The vector form of a value."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def draw() -> Tables:
    """Draws from seed and index, and the routine alone at its joints and ends."""
    draws: list[Row] = []
    for i in range(64):
        seed = keccak(f"seed {i // 4}".encode())
        index = (0, 1, 2**32 - 1)[i] if i < 3 else number(f"index {i}", 2**32)
        h = uniform(seed, index)
        draws.append({"seed": seed, "index": index, "h": h, "g": gumbel(h)})
    last, tail = 2**52 - 1, 2**52 - 2**44
    ends = [0, 1, 2, 3, tail - 1, tail, tail + 1, 2**51, last - 1, last]
    spread = [number(f"h {i}", 2**52) >> (i % 52) for i in range(104)]
    hs = [*ends, *spread, *(last - h for h in spread)]
    joints = [((8 + k) << 49) >> (7 * n) for k in range(8) for n in range(7)]
    xs = [1, 2, 3, 2**53 - 1, *(joint + step for joint in joints for step in (-1, 0, 1))]
    return {
        "draws": columns(draws),
        "gumbel": columns([{"h": h, "g": gumbel(h)} for h in hs]),
        "log2Complement": columns([{"x": x, "y": log2_complement(x)} for x in xs]),
    }


def fairness() -> Tables:
    """Keys, shortage memories and deficits; deficits of both halves of their 128 bits."""
    keys: list[Row] = []
    memories: list[Row] = []
    deficits: list[Row] = []
    for i in range(96):
        policy = POLICIES[i % len(POLICIES)]
        memory = (0, PPB)[i % 5] if i % 5 < 2 else number(f"memory {i}", PPB + 1)
        deficit = number(f"deficit {i}", 2**127) >> (i * 4 % 127)
        rate = 0 if i % 16 == 7 else 1 + number(f"rate {i}", 2**32 - 1) >> (i % 32)
        g = number(f"g {i}", 676802616)
        fstar = PPB if i % 6 == 0 else number(f"fstar {i}", PPB + 1)
        beta = policy.beta_ppb
        d = 0 if i % 12 == 5 else number(f"d {i}", 2**30) >> (i % 31)
        x = d if i % 4 == 0 else number(f"x {i}", d + 1)
        key = key_ticks(policy, memory, deficit, rate, g)
        terms = {"gamma": policy.gamma_ppb, "tau": policy.tau_ppb, "v": policy.v_ticks}
        owed = {"memory": memory, "deficit": deficit, "rate": rate, "g": g}
        keys.append({**terms, "kMax": policy.k_max, **owed, "key": key})
        flow = {"fstar": fstar, "requested": d, "served": x}
        after = next_memory(memory, fstar, beta, d, x)
        memories.append({"memory": memory, "beta": beta, **flow, "next": after})
        deficits.append({"deficit": deficit, **flow, "next": next_deficit(deficit, fstar, d, x)})
    return {"keys": columns(keys), "memories": columns(memories), "deficits": columns(deficits)}


def payments() -> Tables:
    """Intervals settled whole: one table each of lines, and of totals by interval."""
    lines: list[Row] = []
    totals: list[Row] = []
    for i in range(16):
        n = 2 + i % 5
        price = [number(f"price {i} {row}", 300_001) for row in range(n)]
        served = [number(f"served {i} {row}", 2**20) >> (i % 7) for row in range(n)]
        bid = [number(f"bid {i} {row}", 299_001) for row in range(n)]
        if i % 3 == 0:
            price = [50_000] * n
        dispatched = [0] * n
        for row, energy in enumerate(served):
            dispatched[number(f"seller {i} {row}", n)] += energy
        share = [PPB // n] * n
        share[0] += PPB - sum(share)
        given = (price, served, bid, dispatched, share)
        price_, served_, bid_, dispatched_, share_ = (np.array(column) for column in given)
        paid = settle(price_, served_, bid_, dispatched_, share_, 300_000)
        made = (paid.energy_cost, paid.supply_pay, paid.pot_share, paid.shortfall_part)
        names = ("price", "served", "bid", "dispatched", "share")
        results = ("energyCost", "supplyPay", "potShare", "shortfall")
        table = (*given, *(column.tolist() for column in made))
        lines += [
            {"interval": i, **dict(zip((*names, *results), row, strict=True))}
            for row in zip(*table, strict=True)
        ]
        totals.append({"pHi": 300_000, "pot": paid.pot, "shortfall": paid.shortfall})
    return {"lines": columns(lines), "totals": columns(totals)}


def price() -> Tables:
    """Tightness of layers, and the price at a tightness on every curve."""
    layers: list[Row] = []
    prices: list[Row] = []
    for i in range(48):
        requested, total = number(f"requested {i}", 2**40) >> (i % 41), number(f"total {i}", 2**40)
        offered = number(f"offered {i}", total + 1) >> (i % 9)
        limit = number(f"limit {i}", 2**40) >> (i % 13)
        tau = layer_tightness(requested, offered, total, limit)
        layer: Row = {"requested": requested, "offered": offered, "total": total, "limit": limit}
        layers.append({**layer, "tau": tau})
    ends = (0, 1, PPB // 2 - 1, PPB // 2, PPB // 2 + 1, PPB - 1, PPB)
    for tau in (*ends, *(number(f"tau {i}", PPB + 1) for i in range(25))):
        for curve in range(len(PRICE_CURVES)):
            policy = replace(DEFAULT_POLICY, price_curve=curve)
            ticks = int(price_ticks(policy, np.array([tau]))[0])
            bounds: Row = {"pLo": policy.p_lo_ticks, "pHi": policy.p_hi_ticks}
            prices.append({"curve": curve, **bounds, "tau": tau, "price": ticks})
    return {"layers": columns(layers), "prices": columns(prices)}


def order() -> Tables:
    """Signed orders: struct fields, domain, digest, signature, signer."""
    rows: list[Row] = []
    for i in range(24):
        names = ("seq", "validFrom", "validTo", "essentialWh", "flexibleWh", "supplyWh", "bidTicks")
        values = [number(f"{name} {i}", 2**32) for name in names]
        quantities = Quantities(*(np.array([value]) for value in values[3:]))
        seq, valid_from, valid_to = values[:3]
        table = orders_from_columns(
            [i], quantities, seq=seq, valid_from=valid_from, valid_to=valid_to
        )
        ledger, market = keccak(f"ledger {i % 3}".encode())[:20], keccak(f"m {i % 3}".encode())
        chain_id = (1, 31337, 2**64 + 5)[i % 3]
        separator = domain_separator(chain_id, ledger, market)
        key = PrivateKey(keccak(f"key {i}".encode()))
        table = signed(table, [key], separator)
        rows.append(
            {
                "record": packed_rows(table).tobytes(),
                "chainId": chain_id,
                "ledger": ledger,
                "marketId": market,
                "separator": separator,
                "digest": digests(separator, table)[0],
                "signer": address(key.public_key),
            }
        )
    return {"orders": columns(rows)}


FILES: dict[str, Callable[[], Tables]] = {
    "draw": draw,
    "fairness": fairness,
    "payments": payments,
    "price": price,
    "order": order,
}


def dumped(tables: Tables) -> str:
    """The text of a vector file."""
    return json.dumps(tables, indent=1) + "\n"


if __name__ == "__main__":
    for file, make in FILES.items():
        (HERE / f"{file}.json").write_text(dumped(make()))
