"""Products fix a contract's magnitude, timing and reliability, and their fees sum to zero."""

from dataclasses import replace

import pytest

from offchain.errors import InputError
from offchain.market import register
from offchain.market.products import Product, contract_columns
from offchain.orders.deferrable import Request

BASIC = Product("basic", 0, 900_000_000, 500, 1000, window=24, subscription=1_500)
PREMIUM = Product("premium", 1, 980_000_000, 800, 2500, window=48, subscription=4_000)
LIST = (BASIC, PREMIUM)


def test_a_choice_becomes_the_fields_of_the_contract() -> None:
    columns = contract_columns(LIST, [-1, 1, 0, 1])
    _, state = register(
        [bytes(20)] * 4,
        [0, 0, 0, 0],
        columns.rank,
        columns.fstar_ppb,
        columns.rate_wh,
        columns.demand_cap_wh,
        [0, 0, 0, 0],
        columns.subscription,
    )
    assert state["subscription"].tolist() == [0, 4_000, 1_500, 4_000]
    assert state["rank"].tolist() == [0, 1, 0, 1]
    assert state["fstar_ppb"].tolist() == [0, 980_000_000, 900_000_000, 980_000_000]
    assert state["rate_wh"].tolist() == [0, 800, 500, 800]
    assert state["demand_cap_wh"].tolist() == [0, 2500, 1000, 2500]


def test_a_request_within_the_contract_is_admitted() -> None:
    BASIC.admits(Request(1, 3000, 1000, 1, 24))


def test_a_longer_window_or_more_power_than_contracted_is_refused() -> None:
    with pytest.raises(InputError, match=r"^request\.last: a window of 25 intervals; basic"):
        BASIC.admits(Request(1, 3000, 1000, 1, 25))
    with pytest.raises(InputError, match=r"^request\.most_wh: 1001 Wh; basic allows 1000"):
        BASIC.admits(Request(1, 3000, 1001, 1, 24))


@pytest.mark.parametrize(
    ("field", "value"),
    [("rank", 255), ("fstar_ppb", 10**9 + 1), ("demand_cap_wh", 2**30), ("subscription", -1)],
)
def test_a_product_out_of_range_is_refused_by_field(field: str, value: int) -> None:
    numbers = {"rank": 0, "fstar_ppb": 0, "rate_wh": 1, "demand_cap_wh": 1, "window": 1}
    with pytest.raises(InputError, match=rf"^product basic\.{field}: "):
        Product("basic", **{**numbers, "subscription": 0, field: value})


def test_a_product_to_ask_with_has_a_rate() -> None:
    with pytest.raises(InputError, match=r"^product basic\.rate_wh: "):
        replace(BASIC, rate_wh=0)


def test_what_is_not_on_the_list_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match=r"^choice: 2 of participant 1 is no product"):
        contract_columns(LIST, [0, 2])
