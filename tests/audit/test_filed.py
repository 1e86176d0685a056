"""A reading filed on the chain in time is settled, or the audit names whose was left out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from coincurve import PrivateKey

from offchain.audit.findings import Rule
from offchain.audit.published import FiledReading
from offchain.audit.verdict import Verdict
from offchain.clearing.program import Clearer
from offchain.commitment.hashing import packed_rows
from offchain.market import Interval, clear_interval
from offchain.metering.readings import readings_from_columns, signed_readings
from tests.audit.honest import METER_KEY, Honest, honest_market, posted, salt_of, separator_of

LAST = 3
MEASURED = 2
WHO = 5


@pytest.fixture
def honest() -> Honest:
    """A market that kept the rules."""
    return honest_market(LAST)


def filed(
    honest: Honest,
    *,
    due: int = LAST,
    index: int = WHO,
    interval: int = MEASURED,
    key: PrivateKey = METER_KEY,
) -> FiledReading:
    """A reading as the chain tells of it."""
    row = readings_from_columns([index], interval, [700], [0])
    separator = separator_of(honest.intervals[0].before)
    return FiledReading(due, packed_rows(signed_readings(row, key, separator)).tobytes())


def left_out(honest: Honest) -> Interval:
    """The last interval without a participant's reading, and right by the others."""
    truth = honest.intervals[-1]
    readings = truth.outcome.readings
    assert WHO in readings["index"]
    return clear_interval(
        truth.before,
        truth.orders,
        truth.header.seed,
        salt_of(LAST),
        Clearer(truth.before.market.grid),
        readings=readings[readings["index"] != WHO],
    )


def verdict(honest: Honest, lie: Interval, *readings: FiledReading) -> Verdict:
    """The audit where these were filed."""
    headers = (*honest.published.headers[:-1], posted(lie))
    published = replace(honest.published, headers=headers, filed=readings)
    return honest.verdict({**honest.bundles, LAST: lie.bundle}, published)


def test_a_filed_reading_that_was_left_out_is_named(honest: Honest) -> None:
    told = verdict(honest, left_out(honest), filed(honest, index=WHO + 1), filed(honest))
    (found,) = told.faults
    assert (found.interval, found.rule) == (LAST, Rule.IGNORED)
    assert found.where == f"the reading of participant {WHO}"
    assert (found.expected, found.found) == ("the one filed on the chain", "none")
    assert told.compared[Rule.IGNORED] == 2


def test_what_was_not_filed_is_missed_by_nobody(honest: Honest) -> None:
    told = verdict(honest, left_out(honest))
    assert told.ok
    assert told.compared[Rule.IGNORED] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"due": LAST + 1},
        {"interval": MEASURED - 1},
        {"interval": LAST},
        {"key": PrivateKey(b"\7" * 32)},
        {"index": 1000},
    ],
    ids=["late", "of an earlier interval", "of a later one", "another's signature", "of nobody"],
)
def test_what_need_not_be_settled_is_no_fault(honest: Honest, fields: dict[str, int]) -> None:
    assert verdict(honest, left_out(honest), filed(honest, **fields)).ok  # type: ignore[arg-type]


def test_another_signed_reading_in_its_place_is_no_fault(honest: Honest) -> None:
    truth = honest.intervals[-1]
    told = verdict(honest, truth, filed(honest))
    assert told.ok
    assert told.compared[Rule.IGNORED] == 1
