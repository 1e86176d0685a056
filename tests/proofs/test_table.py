"""The table of faults is whole: code, contracts and document name the same proofs and rules."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.contracts import artifact
from offchain.audit.findings import Rule
from offchain.proofs import FAULTS, RULES
from oracle.inject import INJECTABLE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
#: Functions of the contract that prove nothing.
OTHERS = {
    "annex", "bond", "commit", "committedIn", "escrow", "forced", "ledger", "readings", "requests",
    "verifier",
}  # fmt: skip
#: The same fault of an interval that has no header to make a claim of.
AHEAD = {"seedAhead": "seed"}


def test_every_function_of_the_contract_has_a_builder() -> None:
    functions = {str(e["name"]) for e in artifact("FaultProofs").abi if e["type"] == "function"}
    assert functions - OTHERS - AHEAD.keys() == set(FAULTS)
    assert set(AHEAD.values()) <= set(FAULTS)


def test_every_builder_answers_rules_of_the_audit() -> None:
    assert set(RULES) == set(FAULTS)
    assert all(RULES.values())


def test_the_document_has_a_row_for_each_with_its_rules() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \| [^|]+ \|$", DOCUMENT.read_text(), re.M)
    assert {name: tuple(map(Rule, rules.split(", "))) for name, rules in rows} == RULES


def test_what_a_demo_can_inject_is_answered_by_a_proof() -> None:
    answered = {rule.value for rules in RULES.values() for rule in rules}
    # What is malformed is proven by the record that should stand there instead.
    assert set(INJECTABLE) - {Rule.RANGE.value} <= answered
