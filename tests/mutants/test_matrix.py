"""No altered field of a valid interval survives, and the chain does with each class what the matrix says."""

from __future__ import annotations

import pytest

from offchain.records import ALLOCATION, BUS, CONTRACT, HEADER, ORDER, READING, SHARE, STATE
from tests.mutants.judge import REFUSED, VOIDED
from tests.mutants.matrix import Matrix, confirm
from tests.proofs.court import Stage

LAYOUTS = {
    "allocation": ALLOCATION,
    "bus": BUS,
    "contract": CONTRACT,
    "header": HEADER,
    "order": ORDER,
    "reading": READING,
    "share": SHARE,
    "state": STATE,
}


@pytest.fixture(scope="module")
def matrix(stage: Stage) -> Matrix:
    """All mutants of the stage's interval, judged."""
    return Matrix.of(stage)


def test_nothing_survives(matrix: Matrix) -> None:
    assert [line for line in matrix.lines() if "SURVIVOR" in line] == []
    assert matrix.survivors == 0


def test_every_field_of_every_record_is_changed(matrix: Matrix) -> None:
    changed = {(kind, field) for kind, field, _, _ in matrix.count}
    fields = {(kind, name) for kind, layout in LAYOUTS.items() for name in layout.names or ()}
    assert fields - changed == set()
    assert {("certificate", name) for name in ("theta", "pi", "mu")} <= changed


def test_most_mutants_are_stopped(matrix: Matrix) -> None:
    stopped = sum(
        n for (_, _, verdict, _), n in matrix.count.items() if verdict in (REFUSED, VOIDED)
    )
    assert stopped > 6 * (matrix.count.total() - stopped)


def test_a_deleted_reading_that_was_filed_is_voided_though_all_else_agrees(matrix: Matrix) -> None:
    assert matrix.count["reading", "(whole)", VOIDED, "reading-ignored"] >= 1


def test_an_order_said_not_to_be_covered_is_voided_though_all_else_agrees(matrix: Matrix) -> None:
    assert matrix.count["allocation", "(whole)", VOIDED, "uncovered"] == 1


def test_a_bus_of_another_depth_is_voided_though_its_root_follows(matrix: Matrix) -> None:
    assert matrix.count["bus", "(whole)", VOIDED, "bus-depth"] == 1
    assert matrix.count["bus", "(whole)", VOIDED, "placement"] == 1


@pytest.mark.slow
def test_the_chain_does_what_the_matrix_says(stage: Stage, matrix: Matrix) -> None:
    assert [told for pair in matrix.examples() if (told := confirm(stage, *pair))] == []
