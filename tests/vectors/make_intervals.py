"""Write the vectors of whole intervals: python -m tests.vectors.make_intervals.

``intervals.json`` holds a small market from its genesis on, and for its last interval one way after
another to tell it falsely, with every fault that a checker must find (docs/checker.md). Tables as in
``make.py``; a case is written as the edits that make it from the honest interval (`_edits`). The
bundles are what the clearing once produced; which program cleared them does not matter, so a test
holds the verdicts to the checker and never makes the bundles again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from coincurve import PrivateKey

from offchain.audit.findings import Rule
from offchain.audit.history import audit_market
from offchain.audit.published import (
    CollateralChange,
    ForcedOrder,
    PostedHeader,
    PublishedMarket,
)
from offchain.audit.verdict import Verdict
from offchain.clearing.certificate import Certificate
from offchain.clearing.program import Clearer
from offchain.commitment.bundle import read_genesis
from offchain.commitment.hashing import packed_rows
from offchain.commitment.header import Header
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.market import Genesis, Interval, MarketState, clear_interval, genesis, register
from offchain.market.interval import commit
from offchain.market.rules import Outcome
from offchain.metering.cover import worst_cost
from offchain.orders.signing import address, domain_separator, signed
from offchain.orders.table import OrderTable
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.records import CONTRACT, SHARE, STATE
from offchain.units import PPB
from oracle.lies import ORDER_LIES, Truth, tell
from oracle.meters import Meters
from tests.market import small
from tests.vectors.make import HERE, Row, Tables, columns, dumped, text

#: The last interval is short of supply.
LAST = 3
DEPOSIT_MICRO = 10**9
FEE_MICRO = 1_000
KEYS = tuple(PrivateKey(keccak(f"owner {i}".encode())) for i in range(small.N))
METER_KEY = PrivateKey(keccak(b"meter"))
POLICY = replace(
    DEFAULT_POLICY,
    meter_lag=1,
    price_curve=1,
    reserve_micro=10_000_000,
    meter_operator=address(METER_KEY.public_key),
)
METERS = Meters(7, METER_KEY, missing_permille=100)
CONSUMER, STATION, RESERVE = 2, 4, 0


@dataclass(frozen=True)
class Told:
    """What the chain and the publisher say of the last interval."""

    label: str
    orders_root: bytes
    seed: bytes
    previous_hash: bytes
    header_hash: bytes
    payload: bytes
    certificate: bytes
    bundle: bytes
    forced: bytes = b""
    deposit: int = DEPOSIT_MICRO

    @classmethod
    def of(cls, label: str, interval: Interval) -> Self:
        """An interval told consistently."""
        return cls(
            label=label,
            orders_root=interval.header.orders_root,
            seed=interval.header.seed,
            previous_hash=interval.before.header_hash,
            header_hash=interval.header_hash,
            payload=interval.payload,
            certificate=interval.certificate,
            bundle=interval.bundle,
        )

    def row(self) -> dict[str, Any]:
        """As a row of the table of cases."""
        return {
            "label": self.label,
            "ordersRoot": self.orders_root,
            "seed": self.seed,
            "previousHash": self.previous_hash,
            "headerHash": self.header_hash,
            "payload": self.payload,
            "certificate": self.certificate,
            "bundle": self.bundle,
            "forced": self.forced,
            "deposit": self.deposit,
        }


@dataclass(frozen=True)
class History:
    """A market without a chain: its start and its intervals."""

    start: Genesis
    intervals: tuple[Interval, ...]


def history(policy: Policy = POLICY) -> History:
    """The small market with owners, meters, fees and a reserve."""
    plain = read_genesis(small.start(policy, subscription=FEE_MICRO).bundle)
    agreed = {name: plain.state[name] for name in STATE.names or () if name in _AGREED}
    agreed["subscription"] = agreed["subscription"] * (np.arange(small.N) > 0)
    owners = np.array([address(key.public_key) for key in KEYS], dtype=CONTRACT["owner"])
    contracts, state = register(owners, plain.contracts["bus"], **agreed)
    shares = np.array([(0, PPB // 10), (4, PPB // 2), (5, PPB * 4 // 10)], dtype=SHARE)
    start = genesis(
        policy=policy,
        grid=small.ring(),
        contracts=contracts,
        state=state,
        shares=shares,
        chain_id=31337,
        ledger=keccak(b"ledger")[:20],
        nonce=keccak(b"nonce"),
        salt_key=keccak(b"salt 0"),
    )
    market, clearer = start.state, Clearer(start.state.market.grid)
    done: list[Interval] = []
    for number in range(1, LAST + 1):
        measured = market.market.past[0] if market.market.measured_interval else None
        readings = METERS.read(measured, separator(market)) if measured is not None else None
        orders = small.orders(number)
        orders["valid_to"] = number
        asked = sign(market, orders)
        seed, salt = keccak(b"seed %d" % number), salt_of(number)
        done.append(clear_interval(market, asked, seed, salt, clearer, readings=readings))
        market = done[-1].state
    return History(start, tuple(done))


_AGREED = ("rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "supply_cap_wh", "subscription")


def salt_of(interval: int) -> bytes:
    """The salt key of an interval."""
    return keccak(b"salt %d" % interval)


def separator(market: MarketState) -> bytes:
    """What everything signed in a market is bound to."""
    domain = market.domain
    return domain_separator(domain.chain_id, domain.ledger, domain.market_id)


def sign(market: MarketState, orders: OrderTable) -> OrderTable:
    """Orders signed by their owners."""
    return signed(orders, [KEYS[index] for index in orders["index"]], separator(market))


def cases(told: History) -> Iterator[Told]:
    """The last interval, honest first, then told falsely in one way after another."""
    truth = told.intervals[-1]
    honest = Told.of("honest", truth)
    yield honest
    yield from _lies(told)
    yield from _lines(truth)
    yield from _states(truth)
    yield from _headers(truth)
    yield from _certificates(truth)
    yield from _orders(truth)
    yield from _chain(honest, truth)
    yield from _unreadable(honest)


def _lies(told: History) -> Iterator[Told]:
    """What `clearwatt demo --inject` tells."""
    truth = Truth(told.intervals[-1], salt_of(LAST), Clearer(told.start.state.market.grid))
    earlier = told.intervals[-2].orders
    for rule in Rule:
        try:
            lie = tell(rule, truth, earlier)
        except (KeyError, InputError):
            continue
        name = " before the seed" if rule in ORDER_LIES else ""
        yield Told.of(f"injected{name}: {rule.value}", lie)


def _retold(
    truth: Interval,
    label: str,
    outcome: Outcome | None = None,
    orders: OrderTable | None = None,
    before: MarketState | None = None,
) -> Told:
    told = commit(
        before or truth.before,
        outcome or truth.outcome,
        truth.orders if orders is None else orders,
        truth.header.seed,
        salt_of(LAST),
    )
    return Told.of(label, told)


def _lines(truth: Interval) -> Iterator[Told]:
    """Fields of one line, one unit too high."""
    fields = {
        STATION: ("supply_q_wh", "supply_pa_ticks", "supply_pay", "pot_share", "imbalance_credit"),
        CONSUMER: ("bus", "slot", "essential_q_wh", "flexible_pb_ticks", "key_ticks", "shortfall"),
        RESERVE: ("imbalance_debit", "interval", "price_ticks"),
    }
    for row, names in fields.items():
        for name in names:
            table = truth.outcome.allocation.copy()
            table[name][row] = int(table[name][row]) + 1
            outcome = replace(truth.outcome, allocation=table)
            yield _retold(truth, f"line {row}: {name} + 1", outcome)
    table = truth.outcome.allocation.copy()
    table["pot_share"][CONSUMER] = 2**62 + 1
    yield _retold(truth, "line: a number too large", replace(truth.outcome, allocation=table))


def _states(truth: Interval) -> Iterator[Told]:
    """Fields of one state, one unit too high."""
    for name in ("memory_ppb", "deficit_hi", "deficit_lo", "credit", "debit", "peak", "rank"):
        market = truth.outcome.market
        table = market.state.copy()
        table[name][CONSUMER] = int(table[name][CONSUMER]) + 1
        outcome = replace(truth.outcome, market=replace(market, state=table))
        yield _retold(truth, f"state {CONSUMER}: {name} + 1", outcome)


def _headers(truth: Interval) -> Iterator[Told]:
    """Every field of the header but the bundle's hash."""
    for name in Header.__dataclass_fields__:
        value: Any = getattr(truth.header, name)
        if name == "bundle_hash":
            continue
        false: Any = value + 1 if isinstance(value, int) else keccak(value)
        if name == "imbalance_scale_ppb":
            false = value - 1
        header: Header = replace(truth.header, **{name: false})
        domain, previous = truth.before.domain.hash(), truth.before.header_hash
        body = truth.bundle[: -len(header.packed())]
        told = replace(
            Told.of(f"header: another {name}", truth),
            payload=header.packed(),
            header_hash=header.hash(domain, previous),
            bundle=body + header.packed(),
        )
        yield told


def _certificates(truth: Interval) -> Iterator[Told]:
    def moved(values: tuple[int, ...]) -> tuple[int, ...]:
        return (values[0] + 2**40, *values[1:])

    changes: dict[str, Callable[[Certificate], Certificate]] = {
        "an angle": lambda c: replace(c, theta=moved(c.theta)),
        "a nodal price": lambda c: replace(c, pi=moved(c.pi)),
        "a price on a free line": lambda c: replace(c, mu=((0, 10**9),)),
        "a price on a line beyond the grid": lambda c: replace(c, mu=((9, 1),)),
    }
    for name, change in changes.items():
        clearing = truth.outcome.clearing
        other = replace(clearing, certificate=change(clearing.certificate))
        yield _retold(truth, f"certificate: {name}", replace(truth.outcome, clearing=other))
    short = truth.certificate[:-1]
    told = replace(Told.of("certificate: a byte too few", truth), certificate=short)
    yield replace(told, **rebodied(truth, "certificate", short))


def _orders(truth: Interval) -> Iterator[Told]:
    at = int(np.flatnonzero(truth.orders["index"] == CONSUMER)[0])
    for name, value in (
        ("valid_from", LAST + 1),
        ("valid_to", LAST - 1),
        ("flexible_wh", 2**29),
        ("essential_wh", 2**30),
    ):
        orders = truth.orders.copy()
        orders[name][at] = value
        yield _retold(truth, f"order: {name} {value}", orders=sign(truth.before, orders))
    high = truth.orders.copy()
    high["s"][at] = np.void(_other_s(bytes(high["s"][at])))
    high["v"][at] = 55 - int(high["v"][at])
    yield _retold(truth, "order: the signature with the higher s", orders=high)
    odd = truth.orders.copy()
    odd["v"][at] = 29
    yield _retold(truth, "order: v 29", orders=odd)
    twice = truth.orders.copy()
    twice[at] = twice[at - 1]
    yield replace(
        _retold(truth, "order: one participant twice", orders=truth.orders),
        **rebodied(truth, "orders", packed_rows(twice).tobytes()),
    )
    readings = truth.outcome.readings.copy()
    fewer = replace(truth.outcome, readings=readings[1:])
    yield _retold(truth, "reading: one left out", fewer)
    market = truth.before.market
    shares = market.shares.copy()
    shares["share_ppb"][[STATION, CONSUMER]] += np.array([-1, 1], dtype="i8").astype("u4")
    moved = replace(truth.before, market=replace(market, shares=shares))
    yield _retold(truth, "shares: one ppb moved", before=moved)
    contracts = market.contracts.copy()
    contracts["owner"][CONSUMER] = contracts["owner"][STATION]
    sold = replace(truth.before, market=replace(market, contracts=contracts))
    yield _retold(truth, "contract: another owner", before=sold)


_ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _other_s(s: bytes) -> bytes:
    return (_ORDER_OF_CURVE - int.from_bytes(s, "big")).to_bytes(32, "big")


def rebodied(truth: Interval, section: str, data: bytes) -> dict[str, Any]:
    """The bundle with other bytes in a section, and the header that names it."""
    size = len(truth.payload)
    whole = truth.bundle[: -(size + len("header") + 9)]
    at = whole.index(bytes([len(section)]) + section.encode()) + 1 + len(section)
    end_of_section = at + 8 + int.from_bytes(whole[at : at + 8], "big")
    body = whole[:at] + len(data).to_bytes(8, "big") + data + whole[end_of_section:]
    header = replace(truth.header, bundle_hash=keccak(body))
    end = truth.bundle[len(whole) : -size] + header.packed()
    named = header.hash(truth.before.domain.hash(), truth.before.header_hash)
    return {"bundle": body + end, "payload": header.packed(), "header_hash": named}


def _chain(honest: Told, truth: Interval) -> Iterator[Told]:
    """Honest bundles under a chain that says otherwise."""
    other = keccak(b"other")
    for name in ("orders_root", "seed", "previous_hash", "header_hash"):
        yield replace(honest, label=f"chain: another {name}", **{name: other})  # type: ignore[arg-type]
    yield replace(honest, label="chain: another certificate", certificate=honest.certificate[::-1])
    yield replace(honest, label="chain: no deposits", deposit=0)
    at = int(np.flatnonzero(truth.orders["index"] == CONSUMER)[0])
    filed = truth.orders[at : at + 1].copy()
    record = packed_rows(filed).tobytes()
    header = replace(truth.header, forced_cursor=1)
    named = header.hash(truth.before.domain.hash(), truth.before.header_hash)
    counted = replace(
        honest,
        payload=header.packed(),
        header_hash=named,
        bundle=honest.bundle[: -len(honest.payload)] + header.packed(),
    )
    yield replace(counted, label="forced: taken", forced=record)
    filed["seq"] += 1
    later = packed_rows(sign(truth.before, filed)).tobytes()
    yield replace(counted, label="forced: ignored for an earlier one", forced=later)
    filed["valid_to"] = LAST - 1
    spent = packed_rows(sign(truth.before, filed)).tobytes()
    yield replace(counted, label="forced: not valid, so passed over", forced=spent)
    yield replace(counted, label="forced: not covered, yet not taken", forced=later, deposit=0)
    yield from _covered(honest, truth)


def _covered(honest: Told, truth: Interval) -> Iterator[Told]:
    """A deposit that covers all orders but one, or none of somebody's and a half of what else it owes."""
    state = truth.before.market.state
    peak, debit, credit = (state[name].astype(np.int64) for name in ("peak", "debit", "credit"))
    owed, due = peak + debit - credit, truth.allocation["imbalance_debit"].astype(np.int64)
    owed[RESERVE] = 0
    indebted = int(np.argmax(owed * (due > 0)))
    asked = truth.orders["essential_wh"].astype(np.int64) + truth.orders["flexible_wh"]
    needed = owed[truth.orders["index"]] + worst_cost(POLICY, asked)
    for label, deposit in (
        ("all orders but one", int(needed.max()) - 1),
        ("the fee in part", int(owed.max()) + FEE_MICRO // 2),
        ("the imbalance in part", int(owed[indebted]) + FEE_MICRO + int(due[indebted]) // 2),
    ):
        told = clear_interval(
            truth.before,
            truth.orders,
            truth.header.seed,
            salt_of(LAST),
            Clearer(truth.before.market.grid),
            readings=truth.outcome.readings,
            collateral=np.full(len(state), deposit),
        )
        yield replace(Told.of(f"covered: {label}", told), deposit=deposit)
        yield replace(honest, label=f"covered: {label}, and all charged", deposit=deposit)
        yield Told.of(f"covered: {label}, though the deposit covers all", told)


def _unreadable(honest: Told) -> Iterator[Told]:
    """Files that are not the bundle that the header names: nothing can be said of the interval."""
    data = bytearray(honest.bundle)
    data[len(data) // 2] ^= 1
    yield replace(honest, label="bundle: a bit turned", bundle=bytes(data))
    yield replace(honest, label="bundle: cut short", bundle=honest.bundle[:-1])
    yield replace(honest, label="bundle: a byte too many", bundle=honest.bundle + b"\0")
    yield replace(honest, label="bundle: another file", bundle=b"hello")
    spaced = honest.bundle.replace(b'"interval":', b'"interval": ', 1)
    yield replace(honest, label="bundle: another manifest", bundle=spaced)


def published(rows: dict[str, dict[str, list[str]]], case: int) -> tuple[PublishedMarket, dict]:
    """The market of a vector file, as a chain tells it, with a case as its last interval."""
    market, owners = _only(rows["market"]), rows["owners"]["owner"]
    done = [_row(rows["intervals"], i) for i in range(LAST - 1)]
    honest = _row(rows["intervals"], LAST - 1)
    told = [*done, _edited(honest, _row(rows["cases"], case))]
    start = read_genesis(_bytes(market["genesis"]))
    forced = _bytes(told[-1]["forced"])
    return (
        PublishedMarket(
            domain=start.domain,
            policy_hash=_bytes(market["policyHash"]),
            shares_root=_bytes(market["sharesRoot"]),
            genesis_hash=_bytes(market["genesisHash"]),
            grids={int(market["gridVersion"]): start.grid},
            orders_roots={i: _bytes(row["ordersRoot"]) for i, row in enumerate(told, start=1)},
            seeds={i: _bytes(row["seed"]) for i, row in enumerate(told, start=1)},
            headers=tuple(
                PostedHeader(
                    previous_hash=_bytes(row["previousHash"]),
                    payload=_bytes(row["payload"]),
                    certificate=_bytes(row["certificate"]),
                    header_hash=_bytes(row["headerHash"]),
                )
                for row in told
            ),
            owners={i: _bytes(owner) for i, owner in enumerate(owners)},
            collateral=tuple(
                CollateralChange(interval, i, change)
                for interval, change in (
                    (1, DEPOSIT_MICRO),
                    (LAST, int(told[-1]["deposit"]) - DEPOSIT_MICRO),
                )
                for i in range(len(owners))
            ),
            forced=(ForcedOrder(LAST, forced),) if forced else (),
        ),
        {
            0: _bytes(market["genesis"]),
            **{i: _bytes(row["bundle"]) for i, row in enumerate(told, start=1)},
        },
    )


def verdict(rows: dict[str, dict[str, list[str]]], case: int) -> Verdict:
    """What the checker says of a market with a case as its last interval."""
    market, bundles = published(rows, case)
    *_, last = audit_market(market, bundles.get)
    return last


def judged(rows: dict[str, dict[str, list[str]]]) -> Tables:
    """The tables with the verdict on every case: whether it can be judged, and each fault."""
    n = len(rows["cases"]["label"])
    faults: list[dict[str, Any]] = []
    can: list[str] = []
    for case in range(n):
        found = verdict(rows, case)
        can.append(str(int(not found.unjudged)))
        faults += [
            {"case": case, "interval": f.interval, "rule": f.rule.value, "where": f.where}
            for f in found.faults
        ]
    named = {name: [str(fault[name]) for fault in faults] for name in faults[0]}
    return {**rows, "cases": {**rows["cases"], "judged": can}, "faults": named}


def tables_of(told: History, last: Iterable[Told]) -> Tables:
    """A market and cases of its last interval as tables, without the verdicts."""
    start = told.start
    market: Row = {
        "policyHash": start.state.market.policy.hash(),
        "sharesRoot": start.state.shares_tree.root,
        "genesisHash": start.state.header_hash,
        "gridVersion": start.state.grid_version,
        "genesis": start.bundle,
    }
    known = [Told.of("", interval).row() for interval in told.intervals]
    rows = [_edits(known[-1], case.row()) for case in last]
    return {
        "market": columns([market]),
        "owners": columns([{"owner": address(key.public_key)} for key in KEYS]),
        "intervals": columns([{name: row[name] for name in _EDITED} for row in known]),
        "cases": {name: [row[name] for row in rows] for name in rows[0]},
    }


def stored() -> Tables:
    """The tables of the file."""
    tables: Tables = json.loads((HERE / "intervals.json").read_text())
    return tables


_EDITED = ("ordersRoot", "seed", "previousHash", "headerHash", "payload", "certificate", "bundle")


def _edits(honest: dict[str, Any], row: dict[str, Any]) -> dict[str, str]:
    """A case by what differs from the honest interval: `at:bytes` for each run of other bytes.

    Bytes of another length stand there whole, with 0x in front.
    """
    edited = {name: str(value) for name, value in row.items()}
    edited["forced"] = text(row["forced"])
    for name in _EDITED:
        before, after = honest[name], row[name]
        if len(before) != len(after):
            edited[name] = text(after)
            continue
        runs: list[tuple[int, int]] = []
        for at in (
            i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
        ):
            if runs and at - runs[-1][1] < _GAP:
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
        edited[name] = " ".join(f"{start}:{after[start:end].hex()}" for start, end in runs)
    return edited


#: Runs of changed bytes that are closer than this are one.
_GAP = 8


def _edited(honest: dict[str, str], row: dict[str, str]) -> dict[str, str]:
    """A case whole again."""
    whole = dict(row)
    for name in _EDITED:
        if not row[name].startswith("0x"):
            data = bytearray(_bytes(honest[name]))
            for edit in row[name].split():
                at, changed = edit.split(":")
                data[int(at) : int(at) + len(changed) // 2] = bytes.fromhex(changed)
            whole[name] = text(bytes(data))
    return whole


def _only(table: dict[str, list[str]]) -> dict[str, str]:
    return _row(table, 0)


def _row(table: dict[str, list[str]], at: int) -> dict[str, str]:
    return {name: column[at] for name, column in table.items()}


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


if __name__ == "__main__":
    market = history()
    (HERE / "intervals.json").write_text(dumped(judged(tables_of(market, cases(market)))))
