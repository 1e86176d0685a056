"""No step of the protocol may quietly cost more than it did, and none more than its gate."""

import json
from pathlib import Path

import pytest

from tests.contracts.cost import Cost
from tests.contracts.gas import GATES, SNAPSHOT, measure

#: What the snapshot may be exceeded by.
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def measured() -> dict[str, Cost]:
    return measure()


@pytest.fixture(scope="module")
def snapshot() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(Path(SNAPSHOT).read_text())
    return found


@pytest.mark.parametrize("schedule", Cost._fields)
@pytest.mark.parametrize("step", GATES)
def test_a_step_costs_at_most_two_percent_more_than_its_snapshot(
    step: str,
    schedule: str,
    measured: dict[str, Cost],
    snapshot: dict[str, dict[str, int]],
) -> None:
    remedy = "find out why; if it must be, run python -m tests.contracts.gas --write"
    assert getattr(measured[step], schedule) <= snapshot[step][schedule] * (1 + TOLERANCE), remedy


@pytest.mark.parametrize("step", [step for step, gate in GATES.items() if gate is not None])
def test_a_step_keeps_its_gate(step: str, measured: dict[str, Cost]) -> None:
    gate = GATES[step]
    assert gate is not None
    assert measured[step].now <= gate


def test_a_new_slot_an_update_and_calldata_have_their_announced_prices() -> None:
    slots = {(b"", 0): (0, 1), (b"", 1): (1, 2), (b"", 2): (3, 3), (b"", 3): (0, 0)}
    assert Cost.of(50_000, b"", slots) == (50_000, 50_000 + 110_000 - 22_100 + 12_100 - 5_000)
    assert Cost.of(21_500, bytes(100), {}) == (21_500, 21_000 + 6_400)
