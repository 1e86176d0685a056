"""Bills: what one participant pays and is paid, every number explained in words."""

from offchain.bill.interval import Settled, bill
from offchain.bill.page import Bill, Line
from offchain.bill.period import Statement, statement

__all__ = ["Bill", "Line", "Settled", "Statement", "bill", "statement"]
