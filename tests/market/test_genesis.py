"""A market starts from a consistent register, or not at all."""

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.market import genesis, register
from offchain.policy import DEFAULT_POLICY
from offchain.records import SHARE
from offchain.units import PPB
from tests.market.small import N, ring, start


def inputs() -> dict:
    """What the small market starts from."""
    market = start().state.market
    return {
        "policy": DEFAULT_POLICY,
        "grid": ring(),
        "contracts": market.contracts.copy(),
        "state": market.state.copy(),
        "shares": market.shares.copy(),
        "chain_id": 1,
        "ledger": bytes(20),
        "nonce": bytes(32),
        "salt_key": bytes(32),
    }


def test_slots_are_given_in_order_of_registration() -> None:
    contracts, _ = register([bytes(20)] * 5, [2, 0, 2, 2, 0], *[[0] * 5] * 5)
    assert contracts["slot"].tolist() == [0, 0, 1, 2, 1]


def test_it_starts_before_the_first_interval() -> None:
    state = start().state
    assert state.interval == state.forced_cursor == 0
    assert len(state.market.state) == N


@pytest.mark.parametrize(
    ("table", "field", "row", "value", "message"),
    [
        ("contracts", "index", 2, 9, r"^contracts\.index: must be 0 \.\.\. 5"),
        ("contracts", "bus", 2, 3, r"^contracts\.bus: 3 is not a bus"),
        ("contracts", "slot", 3, 4, r"^contracts\.slot: bus 2 "),
        ("state", "index", 0, 1, r"^state\.index: must be 0 \.\.\. 5"),
        ("state", "rank", 1, 2, r"^state\.rank: 2 of participant 1; must be 0 \.\.\. 1"),
        ("state", "fstar_ppb", 1, PPB + 1, r"^state\.fstar_ppb: "),
        ("state", "memory_ppb", 1, PPB + 1, r"^state\.memory_ppb: "),
        ("state", "demand_cap_wh", 1, 2**30, r"^state\.demand_cap_wh: "),
        ("state", "supply_cap_wh", 4, 2**30, r"^state\.supply_cap_wh: "),
        ("state", "rate_wh", 2, 0, r"^state\.rate_wh: 0 of participant 2; must be positive"),
        ("state", "deficit_lo", 3, 1, r"^state\.deficit_lo: 1 of participant 3; must be 0"),
        ("state", "credit", 3, 1, r"^state\.credit: "),
        ("shares", "share_ppb", 4, 1, r"^shares\.share_ppb: sum to 500000001"),
        ("shares", "index", 4, 9, r"^shares\.index: "),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(
    table: str, field: str, row: int, value: int, message: str
) -> None:
    wrong = inputs()
    wrong[table][field][row] = value
    with pytest.raises(InputError, match=message):
        genesis(**wrong)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ledger", bytes(19), r"^domain\.ledger: 19 bytes; give 20"),
        ("nonce", bytes(31), r"^nonce: 31 bytes; give 32"),
        ("salt_key", bytes(31), r"^salt_key: 31 bytes; give 32"),
        ("chain_id", -1, r"^domain\.chain_id: "),
        ("shares", np.array([(1, PPB), (0, 0)], dtype=SHARE), r"^shares\.index: "),
        ("grid_version", 2**32, r"^grid_version: "),
    ],
)
def test_a_value_that_breaks_a_rule_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        genesis(**{**inputs(), name: value})


def test_another_nonce_is_another_market() -> None:
    one = genesis(**inputs()).state
    other = genesis(**{**inputs(), "nonce": bytes(31) + b"\x01"}).state
    assert one.domain.market_id != other.domain.market_id
    assert one.header_hash != other.header_hash


def test_a_market_without_a_reserve_is_refused() -> None:
    empty = inputs()
    for name in ("contracts", "state", "shares"):
        empty[name] = empty[name][:0]
    with pytest.raises(InputError, match=r"^contracts: empty"):
        genesis(**empty)
