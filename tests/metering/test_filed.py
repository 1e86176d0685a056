"""An operator takes up what was filed on the chain for those of whom it has no reading."""

from __future__ import annotations

from coincurve import PrivateKey

from offchain.commitment.hashing import packed_rows
from offchain.metering.readings import (
    check_readings,
    no_readings,
    readings_from_columns,
    require_signed,
    signed_readings,
    with_filed,
)
from offchain.orders.signing import address
from offchain.units import MAX_ORDER_WH

KEY = PrivateKey(b"\1" * 32)
OPERATOR = address(KEY.public_key)
SEPARATOR = b"\2" * 32
PARTICIPANTS, INTERVAL = 8, 4


def record(index: int, wh: int, interval: int = INTERVAL, key: PrivateKey = KEY) -> bytes:
    """A packed reading."""
    row = readings_from_columns([index], interval, [wh], [0])
    return packed_rows(signed_readings(row, key, SEPARATOR)).tobytes()


def taken(*filed: bytes) -> dict[int, int]:
    """What counts for whom, where the meters of 2 and 5 were read."""
    own = signed_readings(readings_from_columns([2, 5], INTERVAL, [20, 50], [0, 0]), KEY, SEPARATOR)
    every = with_filed(own, filed, INTERVAL, PARTICIPANTS, OPERATOR, SEPARATOR)
    check_readings(every, INTERVAL, PARTICIPANTS)
    require_signed(every, OPERATOR, SEPARATOR)
    return dict(zip(every["index"].tolist(), every["consumed_wh"].tolist(), strict=True))


def test_what_was_filed_is_put_in_its_place() -> None:
    assert taken(record(7, 70), record(0, 1), record(3, MAX_ORDER_WH)) == {
        0: 1,
        2: 20,
        3: MAX_ORDER_WH,
        5: 50,
        7: 70,
    }


def test_of_two_the_first_counts_and_the_meter_s_own_before_both() -> None:
    assert taken(record(3, 30), record(3, 31), record(5, 51)) == {2: 20, 3: 30, 5: 50}


def test_what_no_proof_would_demand_is_left_alone() -> None:
    foreign = PrivateKey(b"\3" * 32)
    others = (record(3, 1, INTERVAL - 1), record(4, 1, key=foreign), record(PARTICIPANTS, 1))
    assert taken(*others) == {2: 20, 5: 50}


def test_a_forged_reading_filed_first_does_not_keep_out_the_genuine_one() -> None:
    assert taken(record(3, 99, key=PrivateKey(b"\3" * 32)), record(3, 30))[3] == 30


def test_nothing_filed_leaves_the_table_as_it_was() -> None:
    assert taken() == {2: 20, 5: 50}
    none = with_filed(no_readings(), [], INTERVAL, PARTICIPANTS, OPERATOR, SEPARATOR)
    assert len(none) == 0
