"""The report of an audit stands alone, says what is wrong with both numbers, and what nobody could check."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from offchain.audit.findings import Fault, Rule
from offchain.audit.verdict import Judgement, Verdict
from offchain.commitment.bundle import read_bundle
from oracle import cli
from oracle.lies import Truth, tell
from oracle.report.figures import draw
from oracle.report.matrix import COLUMNS, Mark, Matrix, runs
from oracle.report.page import report_page
from oracle.report.rules import WORDS
from oracle.report.series import Point, Series, read_series
from tests.audit.honest import Honest, honest_market, salt_of
from tests.oracle.markets import market

YEAR = 17_520


class Reader(HTMLParser):
    """What a page would fetch, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            # what is in the same page begins with #
            if name in ("src", "href", "xlink:href", "data") and not (value or "").startswith("#"):
                self.fetched.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.fixture(scope="module")
def honest() -> Honest:
    """A market that kept the rules."""
    return honest_market(3)


def page_of(honest: Honest, verdict: Verdict, bundles: dict[int, bytes] | None = None) -> str:
    """The report of a verdict."""
    data = honest.bundles if bundles is None else bundles
    series = read_series(honest.published, data.get)
    return report_page(honest.published, verdict, series, "27 November 2026")


def lied(honest: Honest, rule: Rule) -> Verdict:
    """The verdict where the last interval breaks a rule."""
    truth = Truth(honest.intervals[-1], salt_of(3), None)  # type: ignore[arg-type]
    return honest.with_last(tell(rule, truth, honest.intervals[-2].orders))


def test_it_fetches_nothing_and_runs_nothing(honest: Honest) -> None:
    page = page_of(honest, honest.verdict())
    read = Reader(page)
    assert read.fetched == []
    assert not {"script", "link", "iframe", "object", "embed", "img"} & read.tags
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_an_honest_market_is_told_so_with_its_figures(honest: Honest) -> None:
    page = page_of(honest, honest.verdict())
    read = Reader(page)
    assert "Every rule was kept in every interval." in read.text
    assert "3 of 3 intervals were judged" in read.text
    assert "What is wrong" not in read.text
    assert page.count("<svg ") == 4
    assert 'class="b"' not in page
    for title in ("Fairness", "Price", "Tightness", "Energy"):
        assert title in read.text


def test_a_fault_is_shown_with_its_leaf_both_numbers_and_its_proof(honest: Honest) -> None:
    verdict = lied(honest, Rule.PAYMENT)
    page = page_of(honest, verdict)
    read = Reader(page)
    assert "Rules were broken in interval 3: payment and balance." in read.text
    fault = next(fault for fault in verdict.faults if fault.rule is Rule.PAYMENT)
    row = page[page.index(f">{fault.where}<") :].partition("</tr>")[0]
    assert f">{fault.found}<" in row
    assert f">{fault.expected}<" in row
    assert ">payment<" in row
    assert page.count('class="b"') == len({f.rule for f in verdict.faults})


def test_what_could_not_be_judged_is_listed_with_its_reason(honest: Honest) -> None:
    bundles = {t: data for t, data in honest.bundles.items() if t != 2}
    read = Reader(page_of(honest, honest.verdict(bundles), bundles))
    assert "No broken rule was found, but not everything could be judged." in read.text
    assert "Interval 2: its bundle is missing." in read.text
    assert "What was not checked" in read.text


def test_what_no_audit_can_see_is_always_said(honest: Honest) -> None:
    read = Reader(page_of(honest, honest.verdict()))
    assert "By any audit of this kind" in read.text
    assert "orders which nobody filed on the chain reached the operator" in read.text


def test_after_a_malformed_number_the_other_rules_are_not_called_kept(honest: Honest) -> None:
    verdict = Verdict(1, 3)
    for interval in (1, 2):
        verdict.add(Judgement(interval, dict.fromkeys(Rule, 1)))
    fault = Fault(3, Rule.RANGE, "key_ticks of allocation 0", "at most 9", "10")
    verdict.add(Judgement(3, {Rule.RANGE: 1}, (fault,)))
    matrix = Matrix.of(verdict)
    assert matrix.rows[Rule.RANGE] == (Mark.KEPT, Mark.KEPT, Mark.BROKEN)
    assert matrix.rows[Rule.PAYMENT] == (Mark.KEPT, Mark.KEPT, Mark.OPEN)
    assert "The rules after malformed in interval 3" in Reader(page_of(honest, verdict)).text


def test_a_rule_for_which_nothing_was_compared_is_not_called_kept(honest: Honest) -> None:
    verdict = Verdict(1, 1)
    verdict.add(Judgement(1, {Rule.PAYMENT: 4}))
    matrix = Matrix.of(verdict)
    assert matrix.rows == {Rule.PAYMENT: (Mark.KEPT,)}
    page = Reader(page_of(honest, verdict)).text
    assert "forced-order , orders filed on the chain were taken: not compared" in page


def test_a_year_of_half_hours_fits_a_screen_and_loses_no_fault(honest: Honest) -> None:
    verdict = Verdict(1, YEAR)
    for interval in range(1, YEAR + 1):
        faults: tuple[Fault, ...] = ()
        if interval == 9_999:
            faults = (Fault(interval, Rule.PRICE, "price_ticks of allocation 4", "7", "8"),)
        verdict.add(Judgement(interval, dict.fromkeys(Rule, 1), faults))
    matrix = Matrix.of(verdict)
    assert len(matrix.columns) <= COLUMNS
    assert (matrix.columns[0][0], matrix.columns[-1][1]) == (1, YEAR)
    marked = [c for c, m in zip(matrix.columns, matrix.rows[Rule.PRICE], strict=True) if m == "b"]
    assert len(marked) == 1
    assert marked[0][0] <= 9_999 <= marked[0][1]
    assert sum(m is not Mark.KEPT for marks in matrix.rows.values() for m in marks) == 1
    assert len(page_of(honest, verdict)) < 300_000


def test_the_figures_of_a_year_stay_small() -> None:
    series = Series(participants=9, target=0.9)
    for t in range(1, YEAR + 1):
        share = 0.5 + t / YEAR / 2
        series.points.append(
            Point(t, share, share, share, 0.05, 0.06, 0.07 + t % 7 / 100, 0.1, 0.2, 3.0, 2.5)
        )
    drawn = draw(series, [5, 9_000])
    assert [figure.name for figure in drawn] == ["service", "price", "tightness", "energy"]
    assert all(len(figure.svg) < 150_000 for figure in drawn)


def test_the_figures_show_what_the_bundles_say(honest: Honest) -> None:
    series = read_series(honest.published, honest.bundles.get)
    bundles = [read_bundle(honest.bundles[t]) for t in (1, 2, 3)]
    asked, given = (
        np.sum([b.allocation[name].astype(np.int64) for b in bundles], axis=0)
        for name in ("flexible_q_wh", "flexible_x_wh")
    )
    shares = [g / a for a, g in zip(asked, given, strict=True) if a]
    last = series.points[-1]
    assert last.worst == pytest.approx(min(shares))
    assert last.median == pytest.approx(float(np.median(shares)))
    assert 0 < last.worst < 1
    prices = bundles[-1].allocation["price_ticks"] / 1e6
    assert (last.price_low, last.price_high) == (prices.min(), prices.max())
    assert last.price_low <= last.price_mean <= last.price_high
    assert last.tight_most >= last.tight_system > 0
    assert series.requested_wh == sum(b.header.requested for b in bundles)
    owed = bundles[0].state["fstar_ppb"][asked > 0].min()
    assert series.target == owed / 1e9


def test_a_bundle_that_is_not_the_chain_s_is_left_out_of_the_figures(honest: Honest) -> None:
    data = {**honest.bundles, 2: honest.bundles[3]}
    assert [p.interval for p in read_series(honest.published, data.get).points] == [1, 3]
    assert read_series(honest.published, lambda _: None).points == []


def test_words_of_others_cannot_change_the_page(honest: Honest) -> None:
    verdict = Verdict(1, 3, unjudged={2: "<script>alert(1)</script>"})
    verdict.faults.append(Fault(3, Rule.BUNDLE, "<b>where</b>", "<i>1</i>", "<img src=x>"))
    page = page_of(honest, verdict)
    read = Reader(page)
    assert not {"script", "img", "b", "i"} & read.tags
    assert "<script>alert(1)</script>" in read.text


def test_a_market_without_a_header_has_a_page(honest: Honest) -> None:
    empty = replace(honest.published, headers=())
    page = report_page(empty, Verdict(1, 0), read_series(empty, honest.bundles.get), "today")
    assert "0 of 0 intervals were judged" in Reader(page).text
    assert "<svg" not in page


def test_every_rule_has_words() -> None:
    assert set(WORDS) == set(Rule)
    assert len(set(WORDS.values())) == len(WORDS)


def test_neighbours_with_one_reason_are_put_together() -> None:
    assert runs({3: "a", 1: "a", 2: "a", 5: "a", 6: "b"}) == [(1, 3, "a"), (5, 5, "a"), (6, 6, "b")]


def test_the_command_writes_it_and_keeps_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with market(tmp_path / "bundles", Rule.BALANCE) as run:
        monkeypatch.setattr("oracle.commands.audit.connect", lambda _: run.chain)
        ledger, place = run.contracts.ledger.address, str(tmp_path / "bundles")
        command = ["audit", "--rpc", "http://x", "--ledger", ledger, "--bundles", place, "--report"]
        report = tmp_path / "report.html"
        assert cli.run([*command, str(report)]) == 1
        read = Reader(report.read_text("utf-8"))
        assert "Rules were broken in interval 4: balance." in read.text
        assert ledger.lower() in read.text
        capsys.readouterr()
        assert cli.run([*command, str(tmp_path / "nowhere" / "report.html")]) == 2
        assert "report: cannot write" in capsys.readouterr().err
