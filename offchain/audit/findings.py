"""What an audit says: which rules were checked, and which leaf broke one first, with both numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Rule(StrEnum):
    """What can be wrong with an interval; the names are those of the fault table (docs/faults.md)."""

    BUNDLE = "bundle"
    CHAIN = "header-chain"
    INPUTS = "inputs"
    POLICY = "policy"
    GRID = "grid"
    RANGE = "malformed"
    CONTRACT = "contract"
    SIGNATURE = "order-signature"
    ORDER = "order-terms"
    FORCED = "forced-order"
    CARRIED = "copied"
    MISPLACED = "misplaced"
    RAMP = "ramp"
    KEY = "key"
    BRACKET = "bracket"
    NETWORK = "network"
    BUS_VECTOR = "bus-vector"
    PRICE = "price"
    PAYMENT = "payment"
    POT = "pot"
    SHORTFALL = "shortfall"
    MEMORY = "memory"
    DEFICIT = "deficit"
    BALANCE = "balance"
    OVERDRAWN = "overdrawn"
    UNCOVERED = "uncovered"
    ROOT = "root"
    TOTALS = "totals"
    SHARES = "shares"
    METER = "meter"
    IGNORED = "ignored-reading"
    SUBSCRIPTION = "subscription"
    IMBALANCE = "imbalance"
    RESERVE = "reserve"
    CODE = "code"
    ESCROW = "escrow"
    SEED = "seed"
    OMITTED = "omitted"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Fault:
    """One rule broken in one interval.

    Attributes:
        interval: The interval's number.
        rule: The rule.
        where: The first leaf or field that breaks it, in words.
        expected: What the rules give there.
        found: What was committed.
    """

    interval: int
    rule: Rule
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"interval {self.interval}, {self.rule}: {self.where} is {self.found}; the rules give {self.expected}"


Column = NDArray[np.generic]


@dataclass
class Findings:
    """Counts what is compared in an interval and keeps the first fault of each rule.

    Attributes:
        interval: The interval's number.
        compared: How many values were compared under each rule.
        faults: The faults by rule, in the order of discovery.
        uncharged: How many lines were charged less than was due; without a chain nobody knows why.
        uncounted: How many orders counted as none; without a chain nobody knows why.
    """

    interval: int
    compared: Counter[Rule] = field(default_factory=Counter)
    faults: dict[Rule, Fault] = field(default_factory=dict)
    uncharged: int = 0
    uncounted: int = 0

    def wrong(self, rule: Rule, where: str, expected: object, found: object) -> None:
        """Note a fault, unless the rule has one already."""
        fault = Fault(self.interval, rule, where, words(expected), words(found))
        self.faults.setdefault(rule, fault)

    def equal(self, rule: Rule, where: str, expected: object, found: object) -> bool:
        """Compare one value."""
        self.compared[rule] += 1
        if expected != found:
            self.wrong(rule, where, expected, found)
        return bool(expected == found)

    def columns(self, rule: Rule, leaf: str, name: str, expected: Column, found: Column) -> bool:
        """Compare two columns of equal length; the row number is the leaf's number."""
        return self.holds(rule, leaf, name, expected == found, expected, found)

    def holds(
        self, rule: Rule, leaf: str, name: str, good: Column, bound: str | Column, found: Column
    ) -> bool:
        """Note the first row at which a condition does not hold, with the bound in words or as a column."""
        self.compared[rule] += len(good)
        if not good.all():
            row = int(good.argmin())
            expected = bound if isinstance(bound, str) else _value(bound, row)
            self.wrong(rule, f"{name} of {leaf} {row}", expected, _value(found, row))
        return bool(good.all())


def _value(column: Column, row: int) -> object:
    """A row of a column as Python's own value; bytes for hashes and addresses."""
    return column[row : row + 1].tolist()[0]


def words(value: object) -> str:
    """A value as a reader meets it: bytes in hexadecimal, everything else as it is."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
