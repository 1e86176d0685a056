"""What the README says of the floor for evidence is what its sizes give."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.floors import floors
from tests.contracts.gas import GATES

README = (Path(__file__).resolve().parents[2] / "contracts" / "README.md").read_text()


def test_only_the_proofs_that_the_page_names_can_cost_more_than_the_gate_by_their_calldata() -> None:
    found = floors()
    gate = GATES["proof of bracket, depth 20"]
    assert gate is not None
    above = {name: gas for name, gas in found.items() if gas > gate}
    assert above.keys() == {"imbalance", "transition", "uncovered"}
    for name, gas in above.items():
        assert f"`{name}`" in README
        assert f"{gas:,}" in README


def test_the_floor_counts_every_proof_once() -> None:
    assert len(floors()) == 31
