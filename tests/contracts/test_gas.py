"""No step of the protocol may quietly cost more than it did."""

import json
from pathlib import Path

import pytest

from tests.contracts.gas import GATES, SNAPSHOT, measure

#: What the snapshot may be exceeded by.
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def measured() -> dict[str, int]:
    return measure()


@pytest.fixture(scope="module")
def snapshot() -> dict[str, int]:
    found: dict[str, int] = json.loads(Path(SNAPSHOT).read_text())
    return found


@pytest.mark.parametrize("step", GATES)
def test_a_step_costs_at_most_two_percent_more_than_its_snapshot(
    step: str, measured: dict[str, int], snapshot: dict[str, int]
) -> None:
    remedy = "find out why; if it must be, run python -m tests.contracts.gas --write"
    assert measured[step] <= snapshot[step] * (1 + TOLERANCE), remedy


@pytest.mark.parametrize(
    "step",
    [
        "commit orders",
        "header + certificate ieee118",
        "certificate per line ieee118",
        "proof of bracket, depth 20",
        "proof of payment, depth 20",
    ],
)
def test_these_steps_keep_their_gates(step: str, measured: dict[str, int]) -> None:
    gate = GATES[step]
    assert gate is not None
    assert measured[step] <= gate
