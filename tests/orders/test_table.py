"""A table of orders becomes three ramps per participant, or is refused by field."""

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.orders.table import (
    OrderTable,
    Quantities,
    check_orders,
    orders_from_columns,
    ramps,
    spread,
)
from offchain.policy import DEFAULT_POLICY
from offchain.records import SHARE

DEMAND_CAP = np.array([0, 100, 100, 100])
SUPPLY_CAP = np.array([0, 0, 50, 50])


def orders() -> OrderTable:
    quantities = Quantities(
        np.array([40, 30]), np.array([60, 10]), np.array([0, 50]), np.array([0, 250_000])
    )
    return orders_from_columns([1, 3], quantities, valid_from=5, valid_to=7)


def check(table: OrderTable, interval: int = 6) -> None:
    check_orders(table, interval, DEMAND_CAP, SUPPLY_CAP, DEFAULT_POLICY)


@pytest.mark.parametrize("interval", [5, 6, 7])
def test_a_table_within_every_bound_is_accepted(interval: int) -> None:
    check(orders(), interval)


def test_an_empty_table_is_accepted() -> None:
    check(orders()[:0])


@pytest.mark.parametrize(
    ("field", "row", "value", "message"),
    [
        ("valid_from", 0, 7, r"orders\.valid_from: 7 of participant 1 is after interval 6"),
        ("valid_to", 1, 5, r"orders\.valid_to: 5 of participant 3 is before interval 6"),
        ("essential_wh", 0, 41, r"orders\.essential_wh \+ flexible_wh: 101 of participant 1 "),
        ("flexible_wh", 0, 2**32 - 1, r"orders\.essential_wh \+ flexible_wh: 4294967335 of "),
        ("supply_wh", 0, 1, r"orders\.supply_wh: 1 of participant 1 is above the contract"),
        ("supply_wh", 1, 51, r"orders\.supply_wh: 51 of participant 3 "),
        ("bid_ticks", 1, 250_001, r"orders\.bid_ticks: 250001 of participant 3 .* 250000"),
        ("index", 1, 4, r"orders\.index: 4 is not registered; the last participant is 3"),
        ("index", 1, 1, r"orders\.index: not ascending"),
        ("index", 0, 3, r"orders\.index: not ascending"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(field: str, row: int, value: int, message: str) -> None:
    table = orders()
    table[field][row] = value
    with pytest.raises(InputError, match=message):
        check(table)


def test_another_kind_of_array_is_refused() -> None:
    with pytest.raises(InputError, match=r"^orders: not a table"):
        check(np.zeros(3, dtype=SHARE))


def test_who_has_no_order_asks_and_offers_nothing() -> None:
    columns = spread(orders(), 4)
    assert columns.essential_wh.tolist() == [0, 40, 0, 30]
    assert columns.flexible_wh.tolist() == [0, 60, 0, 10]
    assert columns.supply_wh.tolist() == [0, 0, 0, 50]
    assert columns.bid_ticks.tolist() == [0, 0, 0, 250_000]


def test_every_participant_has_an_essential_a_flexible_and_a_supply_ramp() -> None:
    policy = DEFAULT_POLICY
    columns = ramps(spread(orders(), 4), np.array([0, 0, 0, 1]), np.array([0, 7, 0, 9]), policy)
    essential = 300_000 + 2 * 100_000 * 1026
    assert columns.q_wh.reshape(4, 3)[[1, 3]].tolist() == [[40, 60, 0], [30, 10, 50]]
    assert columns.pa_ticks.reshape(4, 3)[[1, 3]].tolist() == [
        [essential, 300_007, 0],
        [essential, 300_000 + 100_000 * 1026 + 9, 250_000],
    ]
    widths = (columns.pb_ticks - columns.pa_ticks).reshape(4, 3)
    assert (widths == [100_000, 100_000, 1024]).all()
