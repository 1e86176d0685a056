"""A pilot's configuration: read, checked as a whole, and turned into what a market's contracts are deployed with.

One TOML file and one CSV of participants; deploy/pilot.example.toml tells every field. Nothing is changed by reading.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from eth_typing import ChecksumAddress
from web3 import Web3

from deploy.contracts import (
    BEACONS,
    LEAST_ANSWER_S,
    MAX_RING,
    DrandSettings,
    MarketSettings,
    least_terms_delay,
)
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.market import Genesis, genesis, register
from offchain.policy import PRICE_CURVES, Policy
from offchain.randomness.drand import KEY_BYTES, QUICKNET, Network, evm_key
from offchain.records import SHARE
from offchain.settlement import apportion
from offchain.units import PPB

COLUMNS: Final = (
    "owner",
    "bus",
    "rank",
    "fstar_ppb",
    "rate_wh",
    "demand_cap_wh",
    "supply_cap_wh",
    "share_weight",
)
"""Of the participants' CSV, one row per registration number; row 0 is the community reserve."""

VACANT: Final = Web3.to_checksum_address(bytes(20))
"""Owner of a place that is kept for somebody who joins later; `vacant` in the CSV, and not for the reserve."""

_VACANT_WORD: Final = "vacant"
_RESERVE_LINE: Final = 2
_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1
_GWEI: Final = 10**9
_LEAST_RING: Final = 4
_LEAST_WINDOW: Final = 3 * LEAST_ANSWER_S


@dataclass(frozen=True, eq=False)
class Pilot:
    """A checked configuration.

    Attributes:
        name: What people call the market.
        policy: Its numbers.
        grid: Its wires.
        owners: N addresses by registration number.
        columns: The other columns of the participants, int64[N] each; `bus` as bus numbers.
        randomness: Where seeds come from: commit-reveal, drand or dev.
        tips: Ends of the seed parties' hash chains; empty but with commit-reveal.
        drand: Which rounds make the seeds; None but with drand.
        signers: Who may post; empty for the payer alone.
        signatures: How many of them each header needs.
        eager: Whether each header brings its network certificate.
        window_seconds: How long a header can be disputed.
        deadline_seconds: How late the next header may be.
        ring_size: Headers kept.
        bond_micro: The least bond, below which nobody can post.
        paid_micro: What is paid into it at the end; by default the least and one penalty.
        penalty_micro: Price of a proven fault.
        reward_micro: What the prover receives of it.
        delay_seconds: How long announced changes of the bond wait.
        relief: Who receives what the prover does not.
        treasurer: Who may announce such changes; None for the payer.
        registrar: Who admits participants and announces contracts; None for the payer.
        grid_operator: Who announces and tightens grids; None for the payer.
        market_operator: Who announces policies and shares; None for the payer.
        terms_delay_seconds: How long these announcements wait.
        token: The currency; None for a test currency that anyone can mint.
        answer_seconds: How long a question about data waits for its answer.
        least_gas_price_wei: Least price of gas that the fee for an answer reckons with.
        outflow_cap_micro: Most that is paid in a window to who never deposited.
        outflow_stake_micro: Deposits from which on an account is not bounded so.
    """

    name: str
    policy: Policy
    grid: Grid
    owners: tuple[ChecksumAddress, ...]
    columns: Mapping[str, np.ndarray[Any, np.dtype[np.int64]]]
    randomness: str
    tips: tuple[bytes, ...]
    drand: DrandSettings | None
    signers: tuple[ChecksumAddress, ...]
    signatures: int
    eager: bool
    window_seconds: int
    deadline_seconds: int
    ring_size: int
    bond_micro: int
    paid_micro: int
    penalty_micro: int
    reward_micro: int
    delay_seconds: int
    relief: ChecksumAddress
    treasurer: ChecksumAddress | None
    registrar: ChecksumAddress | None
    grid_operator: ChecksumAddress | None
    market_operator: ChecksumAddress | None
    terms_delay_seconds: int
    token: ChecksumAddress | None
    answer_seconds: int
    least_gas_price_wei: int
    outflow_cap_micro: int
    outflow_stake_micro: int

    def genesis(
        self, chain_id: int, ledger: bytes, nonce: bytes, salt_key: bytes, grid_version: int
    ) -> Genesis:
        """The market before its first interval; the roots depend on neither chain nor ledger."""
        contracts, state = register(
            np.array([bytes.fromhex(owner[2:]) for owner in self.owners], dtype="V20"),
            *(self.columns[name] for name in COLUMNS[1:-1]),
        )
        shares = np.zeros(len(self.owners), dtype=SHARE)
        shares["index"] = np.arange(len(self.owners))
        shares["share_ppb"] = apportion(PPB, self.columns["share_weight"])
        return genesis(
            policy=self.policy,
            grid=self.grid,
            contracts=contracts,
            state=state,
            shares=shares,
            chain_id=chain_id,
            ledger=ledger,
            nonce=nonce,
            salt_key=salt_key,
            grid_version=grid_version,
        )

    def settings(self, nonce: bytes, salt_key: bytes) -> MarketSettings:
        """What the contracts are deployed with."""
        draft = self.genesis(0, bytes(20), nonce, salt_key, 1).state
        return MarketSettings(
            policy=self.policy.packed(),
            contracts_root=draft.contracts_tree.root,
            shares_root=draft.shares_tree.root,
            state_root=draft.state_tree.root,
            nonce=nonce,
            packed_grid=self.grid.packed(),
            participants=len(self.owners),
            tips=self.tips,
            relief=self.relief,
            window_seconds=self.window_seconds,
            deadline_seconds=self.deadline_seconds,
            ring_size=self.ring_size,
            bond_micro=self.bond_micro,
            paid_micro=self.paid_micro,
            penalty_micro=self.penalty_micro,
            reward_micro=self.reward_micro,
            delay_seconds=self.delay_seconds,
            signers=self.signers,
            signatures=self.signatures,
            eager=self.eager,
            treasurer=self.treasurer,
            registrar=self.registrar,
            grid_operator=self.grid_operator,
            market_operator=self.market_operator,
            terms_delay_seconds=self.terms_delay_seconds,
            token=self.token,
            randomness=self.randomness,
            drand=self.drand,
            answer_seconds=self.answer_seconds,
            least_gas_price_wei=self.least_gas_price_wei,
            outflow_cap_micro=self.outflow_cap_micro,
            outflow_stake_micro=self.outflow_stake_micro,
        )


def read_pilot(path: Path) -> Pilot:
    """Read and check a configuration.

    Args:
        path: The TOML file; files that it names are looked for beside it.

    Raises:
        InputError: The first thing that is wrong, by field, with the remedy.
    """
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"config: cannot read {path} ({error.strerror}); check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"config: {path.name} is not TOML: {error}") from None
    file = _Section("", data, "config")
    market, wires, ledger = file.section("market"), file.section("grid"), file.section("ledger")
    bond, escrow, beacon = file.section("bond"), file.section("escrow"), file.section("beacon")
    policy = _policy(file.section("policy", optional=True))
    terms = file.section("terms", optional=True)
    file.close()

    window = ledger.integer("window_seconds", _LEAST_WINDOW, _U32)
    deadline = ledger.integer("deadline_seconds", 1, _U32)
    open_intervals = -(-window // policy.interval_s)
    # A reading is settled against a header that must still be kept while that can be disputed.
    least_ring = max(_LEAST_RING, 2 * open_intervals + 1, open_intervals + policy.meter_lag + 4)
    penalty = bond.integer("penalty_micro", 1, _U64)
    least_wait = least_terms_delay(window, deadline)
    signers = bond.addresses("signers")
    minimum = bond.integer("minimum_micro", penalty, _U64)
    randomness, tips, drand = _randomness(beacon)
    checked: dict[str, Any] = {
        "name": market.text("name"),
        "randomness": randomness,
        "tips": tips,
        "drand": drand,
        "signers": signers,
        "signatures": ledger.integer("signatures", 1, max(1, len(signers)), 1),
        "eager": ledger.flag("eager", default=True),
        "window_seconds": window,
        "deadline_seconds": deadline,
        "ring_size": ledger.integer("ring_size", least_ring, MAX_RING),
        "bond_micro": minimum,
        "paid_micro": bond.integer("paid_micro", minimum, _U64, min(minimum + penalty, _U64)),
        "penalty_micro": penalty,
        "reward_micro": bond.integer("reward_micro", 0, penalty // 2, penalty // 4),
        "delay_seconds": bond.integer("delay_seconds", least_wait, _U32, least_wait),
        "relief": bond.address("relief"),
        "treasurer": bond.optional_address("treasurer"),
        "registrar": escrow.optional_address("registrar"),
        "grid_operator": terms.optional_address("grid_operator"),
        "market_operator": terms.optional_address("market_operator"),
        "terms_delay_seconds": terms.integer("delay_seconds", least_wait, _U32, least_wait),
        "token": None if escrow.text("token") == "test" else escrow.address("token"),
        "answer_seconds": ledger.integer(
            "answer_seconds", LEAST_ANSWER_S, window // 3, max(LEAST_ANSWER_S, window // 4)
        ),
        "least_gas_price_wei": ledger.integer("least_gas_price_wei", 1, _U64, _GWEI),
        "outflow_cap_micro": escrow.integer("outflow_cap_micro", 1, _U64, minimum),
        "outflow_stake_micro": escrow.integer("outflow_stake_micro", 1, _U64, penalty),
    }
    listed = market.text("participants")
    source = wires.text("source")
    choices = _grid_choices(wires)
    for section in (market, wires, ledger, bond, escrow, beacon, terms):
        section.close()

    grid = _grid(path.parent, source, policy, choices)
    owners, columns = _participants(path.parent / listed, grid)
    pilot = Pilot(policy=policy, grid=grid, owners=owners, columns=columns, **checked)
    pilot.settings(bytes(32), bytes(32))  # the market's own rules on its participants
    return pilot


class _Section:
    """One table of the file: every field is taken once, and what nobody took is refused."""

    def __init__(self, name: str, table: Mapping[str, Any], shown: str | None = None) -> None:
        self.name = shown or name
        self._prefix = f"{name}." if name else ""
        self._table = table
        self._known: set[str] = set()

    def section(self, field: str, *, optional: bool = False) -> _Section:
        table = self._take(field, {} if optional else None, f"add a section [{field}]")
        if not isinstance(table, dict):
            raise self._wrong(field, table, f"make it a section, [{field}]")
        return _Section(field, table)

    def integer(self, field: str, low: int, high: int, default: int | None = None) -> int:
        value = self._take(field, default, f"give a whole number in {low} ... {high}")
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._wrong(field, value, f"give a whole number in {low} ... {high}")
        return value

    def number(self, field: str) -> float | None:
        if field not in self._table:
            self._known.add(field)
            return None
        value = self._take(field, None, "")
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
            raise self._wrong(field, value, "give a positive number")
        return float(value)

    def flag(self, field: str, *, default: bool) -> bool:
        value = self._take(field, default, "")
        if not isinstance(value, bool):
            raise self._wrong(field, value, "give true or false")
        return value

    def text(self, field: str, default: str | None = None) -> str:
        value = self._take(field, default, "give a text in quotes")
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(field, value, "give a text in quotes")
        return value

    def optional_text(self, field: str) -> str | None:
        self._known.add(field)
        return self.text(field) if field in self._table else None

    def address(self, field: str) -> ChecksumAddress:
        return _address(self._prefix + field, self._take(field, None, "give 0x and 40 digits"))

    def optional_address(self, field: str) -> ChecksumAddress | None:
        self._known.add(field)
        return self.address(field) if field in self._table else None

    def addresses(self, field: str) -> tuple[ChecksumAddress, ...]:
        found = tuple(
            _address(f"{self._prefix}{field}[{i}]", v) for i, v in enumerate(self._list(field, []))
        )
        if len(set(found)) != len(found):
            raise InputError(f"{self._prefix}{field}: an address is named twice; name each once")
        return found

    def hashes(self, field: str) -> tuple[bytes, ...]:
        found = []
        for i, value in enumerate(self._list(field, None)):
            digits = value.removeprefix("0x") if isinstance(value, str) else ""
            try:
                found.append(bytes.fromhex(digits))
            except ValueError:
                found.append(b"")
            if len(found[-1]) != 32:
                raise self._wrong(f"{field}[{i}]", value, "give 0x and 64 hexadecimal digits")
        if not found:
            raise InputError(f"{self._prefix}{field}: empty; give at least one party's tip")
        return tuple(found)

    def integers(self, names: Mapping[str, Callable[[Any], int]]) -> dict[str, int]:
        """Optional whole numbers, each read in its own way."""
        found = {}
        for name, convert in names.items():
            self._known.add(name)
            if name in self._table:
                found[name] = convert(self._table[name])
        return found

    def close(self) -> None:
        """Refuse what is not a field."""
        for field in self._table.keys() - self._known:
            fields_known = ", ".join(sorted(self._known))
            raise InputError(
                f"{self._prefix}{field}: there is no such field; {self.name} knows {fields_known}"
            )

    def _list(self, field: str, default: list[Any] | None) -> list[Any]:
        value = self._take(field, default, "give a list")
        if not isinstance(value, list):
            raise self._wrong(field, value, "give a list in brackets")
        return value

    def _take(self, field: str, default: Any, remedy: str) -> Any:  # noqa: ANN401 - TOML
        self._known.add(field)
        value = self._table.get(field, default)
        if value is None:
            raise InputError(f"{self._prefix}{field}: missing; {remedy}")
        return value

    def _wrong(self, field: str, value: object, remedy: str) -> InputError:
        return InputError(f"{self._prefix}{field}: {value!r} will not do; {remedy}")


def _address(field: str, value: object) -> ChecksumAddress:
    if not isinstance(value, str) or not Web3.is_address(value) or int(value, 16) == 0:
        raise InputError(f"{field}: {value!r} is not an address; give 0x and 40 digits, not all 0")
    return Web3.to_checksum_address(value)


_NOT_CHOSEN = ("version", "mechanism", "meter_operator")
"""Fields of a policy that are not whole numbers to choose."""


def _policy(section: _Section) -> Policy:
    """The policy: what is not named keeps its default."""

    def curve(value: object) -> int:
        if value not in PRICE_CURVES:
            known = ", ".join(PRICE_CURVES)
            raise InputError(f"policy.price_curve: {value!r} is none; give one of {known}")
        return PRICE_CURVES.index(value)

    def whole(name: str) -> Callable[[Any], int]:
        return lambda value: _Section("policy", {name: value}).integer(name, 0, _U64)

    names = [f.name for f in fields(Policy) if f.name not in _NOT_CHOSEN]
    readers = {name: curve if name == "price_curve" else whole(name) for name in names}
    chosen: dict[str, Any] = dict(section.integers(readers))
    operator = section.optional_text("meter_operator")
    section.close()
    if operator is None:
        return Policy(**chosen)
    if not Web3.is_address(operator):
        raise InputError(
            f"policy.meter_operator: '{operator}' is not an address; give 0x and 40 digits"
        )
    return Policy(**chosen, meter_operator=bytes.fromhex(operator.removeprefix("0x")))


def _randomness(
    section: _Section,
) -> tuple[str, tuple[bytes, ...], DrandSettings | None]:
    """Name of the adapter, and what it needs."""
    name = section.text("randomness", "commit-reveal")
    if name not in BEACONS:
        known = ", ".join(BEACONS)
        raise InputError(f"beacon.randomness: '{name}' is none; give one of {known}")
    if name == "commit-reveal":
        return name, section.hashes("tips"), None
    if name == "dev":
        return name, (), None
    delay = section.integer("delay_seconds", 1, _U32)
    key = section.optional_text("public_key")
    network = QUICKNET
    if key is not None:
        try:
            packed = bytes.fromhex(key.removeprefix("0x"))
        except ValueError:
            packed = b""
        if len(packed) != KEY_BYTES:
            raise InputError(
                "beacon.public_key: give the 192 hexadecimal digits of a network's key"
            )
        evm_key(packed)
        genesis = section.integer("genesis_time", delay, _U32)
        network = Network(packed, genesis, section.integer("period_seconds", 1, _U32))
    return name, (), DrandSettings(network, delay)


def _grid_choices(section: _Section) -> dict[str, Any]:
    load_kwh = section.number("load_kwh")
    choices = {
        "convention": section.optional_text("convention"),
        "load_wh": None if load_kwh is None else load_kwh * 1000,
        "limit_rule": section.optional_text("limits"),
    }
    return {name: value for name, value in choices.items() if value is not None}


def _grid(folder: Path, source: str, policy: Policy, choices: dict[str, Any]) -> Grid:
    from offchain.grid.load import load_grid  # brings pandapower with it

    beside = folder / source
    chosen = beside if beside.exists() else source
    return load_grid(chosen, interval_s=policy.interval_s, **choices).grid


def _participants(
    path: Path, grid: Grid
) -> tuple[tuple[ChecksumAddress, ...], dict[str, np.ndarray[Any, np.dtype[np.int64]]]]:
    """Owners and columns of the participants' CSV."""
    what = f"market.participants: {path.name}"
    try:
        with path.open(newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except OSError as error:
        raise InputError(f"{what} cannot be read ({error.strerror}); check the path") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{what} is not CSV: {error}") from None
    if not rows or tuple(rows[0]) != COLUMNS:
        raise InputError(f"{what}: the first line must be {','.join(COLUMNS)}")
    if len(rows) == 1:
        raise InputError(f"{what}: nobody in it; list at least the community reserve")
    buses = {name: number for number, name in enumerate(grid.bus_names)}
    owners, table = [], []
    for line, row in enumerate(rows[1:], 2):
        where = f"{what}, line {line}"
        if len(row) != len(COLUMNS):
            raise InputError(f"{where}: {len(row)} cells; give {len(COLUMNS)}")
        if row[1] not in buses:
            raise InputError(f"{where}, bus: '{row[1]}' is no bus; see clearwatt grid show --all")
        vacant = row[0] == _VACANT_WORD and line > _RESERVE_LINE
        owners.append(VACANT if vacant else _address(f"{where}, owner", row[0]))
        numbers = [buses[row[1]]]
        for name, cell in zip(COLUMNS[2:], row[2:], strict=True):
            if not cell.isascii() or not cell.isdigit() or int(cell) > _U32:
                raise InputError(f"{where}, {name}: '{cell}' is not a whole number below 2^32")
            numbers.append(int(cell))
        table.append(numbers)
    columns = np.array(table, dtype=np.int64).T
    if not columns[-1].any():
        raise InputError(f"{what}, share_weight: all zero; somebody must receive the pot")
    return tuple(owners), dict(zip(COLUMNS[1:], columns, strict=True))
