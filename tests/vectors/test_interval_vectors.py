"""Whole intervals as vectors: every verdict in the file is the checker's, and every rule is broken somewhere."""

from offchain.audit.findings import Rule
from tests.vectors.make import HERE, dumped
from tests.vectors.make_intervals import judged, stored


def test_the_verdicts_are_what_the_checker_says() -> None:
    tables = stored()
    remedy = "run python -m tests.vectors.make_intervals and review every changed verdict"
    assert (HERE / "intervals.json").read_text() == dumped(judged(tables)), remedy


def test_every_rule_is_broken_by_a_case_and_the_honest_one_breaks_none() -> None:
    tables = stored()
    on_the_chain = {Rule.CODE, Rule.ESCROW, Rule.SEED, Rule.WITHHELD, Rule.OMITTED, Rule.IGNORED}
    assert set(tables["faults"]["rule"]) == {rule.value for rule in Rule} - on_the_chain
    honest = str(tables["cases"]["label"].index("honest"))
    assert honest not in tables["faults"]["case"]


def test_bytes_that_are_not_the_bundle_are_not_judged() -> None:
    cases = stored()["cases"]
    spoilt = [
        label for label, can in zip(cases["label"], cases["judged"], strict=True) if can == "0"
    ]
    assert spoilt == [label for label in cases["label"] if label.startswith("bundle: ")]
