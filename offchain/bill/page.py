"""The form of a bill: sentences, lines with amounts, a total that moves the balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.units import MICRO_PER_CURRENCY, PPB, TICKS_PER_PRICE


@dataclass(frozen=True)
class Line:
    """One line of a bill.

    Attributes:
        name: what it is.
        amount: micro; positive is paid to the participant, negative by it.
        words: how the amount comes about.
    """

    name: str
    amount: int
    words: str


@dataclass(frozen=True)
class Bill:
    """A participant's bill for an interval.

    Attributes:
        participant: registration number.
        interval: its number.
        service: sentences about the energy asked, served and sold, and its price.
        lines: what is paid; the balance changes by exactly their sum.
        balance_before: credit less debit before the interval, micro.
        standing: sentences about what the participant is owed from now on.
    """

    participant: int
    interval: int
    service: tuple[str, ...]
    lines: tuple[Line, ...]
    balance_before: int
    standing: tuple[str, ...]

    @property
    def total(self) -> int:
        """What the interval brings, micro; negative if it costs."""
        return sum(line.amount for line in self.lines)

    def text(self) -> str:
        """The bill as plain text."""
        after = self.balance_before + self.total
        words = f"Balance before {money(self.balance_before)}, after {money(after)}."
        rows = [
            f"Participant {self.participant}, interval {self.interval}",
            "",
            *self.service,
            "",
            *table(self.lines, Line("Total", self.total, words)),
            "",
            *self.standing,
        ]
        return "\n".join(rows) + "\n"


def table(lines: Sequence[Line], total: Line) -> list[str]:
    """Lines under each other, amounts aligned, the total below a rule."""
    rows = [*lines, total]
    width = max(len(line.name) for line in rows)
    column = max(len(money(line.amount)) for line in rows)
    text = [f"{r.name:<{width}}  {money(r.amount):>{column}}  {r.words}".rstrip() for r in rows]
    return [*text[:-1], "-" * (width + 2 + column), text[-1]]


def energy(wh: int) -> str:
    """Energy for people: ``1,234 Wh``."""
    return f"{wh:,} Wh"


def money(micro: int) -> str:
    """Money in currency units, exact to the micro: ``-0.170100``."""
    whole, part = divmod(abs(micro), MICRO_PER_CURRENCY)
    return f"{'-' if micro < 0 else ''}{whole:,}.{part:06d}"


def price(ticks: int) -> str:
    """A price, exact to the tick: ``0.112500 per kWh``."""
    return f"{money(ticks * MICRO_PER_CURRENCY // TICKS_PER_PRICE)} per kWh"


def percent(ppb: int) -> str:
    """A fraction, exact to the part per billion: ``37.5 %``."""
    whole, part = divmod(ppb * 100, PPB)
    digits = f"{part:09d}".rstrip("0")
    return f"{whole}.{digits} %" if digits else f"{whole} %"
