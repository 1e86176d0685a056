"""The statement of a period: the bills of its intervals added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offchain.bill.page import Bill, Line, money, table
from offchain.errors import InputError


@dataclass(frozen=True)
class Statement:
    """A participant's statement for a period.

    Attributes:
        participant: registration number.
        first: first interval.
        last: last interval.
        lines: the sums of the intervals' lines.
        balance_before: credit less debit before the first interval, micro.
    """

    participant: int
    first: int
    last: int
    lines: tuple[Line, ...]
    balance_before: int

    @property
    def settled(self) -> int:
        """What the intervals brought, micro; the balance moved by exactly this."""
        return sum(line.amount for line in self.lines)

    def text(self) -> str:
        """The statement as plain text."""
        after = self.balance_before + self.settled
        balance = f"Balance before {money(self.balance_before)}, after {money(after)}."
        rows = [
            f"Participant {self.participant}, intervals {self.first} to {self.last}",
            "",
            *table(self.lines, Line("Settled", self.settled, balance)),
        ]
        return "\n".join(rows) + "\n"


def statement(bills: Sequence[Bill]) -> Statement:
    """Add up the bills of one participant.

    Args:
        bills: of consecutive intervals, in order.

    Raises:
        InputError: there are none, or they are not one participant's in consecutive intervals.
    """
    if not bills:
        raise InputError("bills: none given; give those of at least one interval")
    start = bills[0]
    balance = start.balance_before
    for number, bill in enumerate(bills, start=start.interval):
        if (bill.participant, bill.interval, bill.balance_before) != (
            start.participant,
            number,
            balance,
        ):
            raise InputError(
                f"bills: participant {bill.participant}, interval {bill.interval} does not follow "
                f"interval {number - 1} of participant {start.participant}; give them in order"
            )
        balance += bill.total
    count = f"{len(bills)} interval{'s' if len(bills) > 1 else ''}"
    lines = tuple(
        Line(line.name, sum(bill.lines[at].amount for bill in bills), f"Sum of {count}.")
        for at, line in enumerate(start.lines)
    )
    last = bills[-1].interval
    return Statement(start.participant, start.interval, last, lines, start.balance_before)
