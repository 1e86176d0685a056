"""The report of an audit: one HTML page that needs nothing else, for a screen, a telephone or paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from offchain.audit.findings import Fault, Rule
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.proofs import RULES, kebab
from offchain.units import MICRO_PER_CURRENCY
from oracle.pages import figure, page
from oracle.report.figures import Drawn, draw
from oracle.report.matrix import WHOLE, Matrix, runs
from oracle.report.rules import WORDS
from oracle.report.series import Series
from oracle.verdict import NOT_CHECKABLE

#: More faults than anybody reads are counted only.
_SHOWN: Final = 500
_STYLE: Final = """
h1 { margin-bottom: 0.25rem; } h2 { margin-top: 2.25rem; }
.lead { color: #555; margin-top: 0; overflow-wrap: anywhere; }
.verdict { border-left: 0.5rem solid; padding: 0.75rem 1.25rem; margin: 1.5rem 0; background: #f6f9f7; }
.verdict p { margin: 0.25rem 0; } .verdict strong { font-size: 1.4rem; line-height: 1.3; }
.kept { border-color: #009E73; } .broken { border-color: #D55E00; background: #fdf4ee; }
.open { border-color: #E69F00; background: #fdf9ee; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 0.75rem 1.5rem; margin: 0; }
.facts div { border-top: 1px solid #ddd; padding-top: 0.4rem; }
.facts dt { color: #555; font-size: 0.84rem; } .facts dd { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem 2.5rem; }
.figures h3 { margin: 0.5rem 0 0; } .figures figure { margin: 0.25rem 0; } .figures svg { width: 100%; }
.figures p { font-size: 0.84rem; color: #444; margin: 0; }
.matrix { font-size: 0.78rem; } .matrix th, .matrix td { padding: 0; }
.matrix tbody th { font-weight: 600; padding: 0.15rem 0.75rem 0.15rem 0; border-bottom: 1px solid #e5e5e5;
  position: sticky; left: 0; background: #fff; min-width: 9rem; }
.matrix small { display: block; font-weight: 400; color: #555; }
.matrix td { min-width: 0.85rem; height: 1.5rem; text-align: center; vertical-align: middle; background: #d9efe7;
  border: 1px solid #fff; }
.matrix td.b { background: #D55E00; color: #fff; font-weight: 700; } .matrix td.o { background: #f5dca3; color: #333; }
.matrix thead th { border: 0; vertical-align: bottom; font-weight: 400; color: #555; max-width: 0.85rem;
  overflow: visible; white-space: nowrap; } .matrix thead th:last-child { direction: rtl; }
.faults td { white-space: normal; } .faults .number { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.key { font-size: 0.84rem; }
.key span { display: inline-block; width: 1.1rem; text-align: center; margin: 0 0.3rem 0 0; }
.key span:not(:first-child) { margin-left: 1rem; }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 0.9rem; } .matrix small { display: none; }
  .matrix tbody th { min-width: 6.25rem; padding-right: 0.4rem; }
  .matrix td { min-width: 0.26rem; border-width: 1px 0; font-size: 0.5rem; }
  .matrix thead th { max-width: 0.26rem; font-size: 0.6rem; }
  .faults thead { display: none; } .faults tr { display: block; border-bottom: 2px solid #ddd; padding: 0.4rem 0; }
  .faults td { display: block; border: 0; padding: 0.1rem 0; }
  .faults td::before { content: attr(data-name) ": "; color: #555; } }
.matrix.few td { min-width: 1.2rem; font-size: 0.78rem; }
@media print { body { margin: 0; max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; }
  tr, figure, .verdict { break-inside: avoid; } .wide { overflow: visible; }
  .matrix { font-size: 6.5pt; } .matrix tbody th { position: static; } .matrix td { min-width: 0; height: 1rem; }
  .matrix td, .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def report_page(market: PublishedMarket, verdict: Verdict, series: Series, audited: str) -> str:
    """The page.

    Args:
        market: What the chain says.
        verdict: What the audit came to.
        series: The market's history.
        audited: When, in words.
    """
    domain = market.domain
    ledger = f"0x{domain.ledger.hex()}"
    title = f"Audit of the market at {ledger}"
    faulty = {fault.interval for fault in verdict.faults}
    body = [
        "<h1>Audit report</h1>",
        f'<p class="lead">Market at ledger <code>{ledger}</code> on chain {domain.chain_id}, audited {audited}.</p>',
        _verdict(verdict, faulty),
        _facts(market, verdict, series),
        _faults(verdict.faults),
        _figures(draw(series, faulty)),
        _matrix(verdict),
        _unchecked(verdict),
        _again(ledger, market),
    ]
    return page(title, "\n".join(part for part in body if part) + "\n", _STYLE)


def _verdict(verdict: Verdict, faulty: set[int]) -> str:
    count = verdict.last - verdict.first + 1
    checks = f"{verdict.intervals:,} of {count:,} intervals were judged, by {verdict.checks:,} comparisons."
    if faulty:
        kind = "broken"
        where = _list([_interval(t) for t in sorted(faulty)])
        rules = _list([rule.value for rule in WORDS if any(f.rule is rule for f in verdict.faults)])
        first = f"Rules were broken in {where}: {rules}."
    elif verdict.unjudged:
        kind, first = "open", "No broken rule was found, but not everything could be judged."
    else:
        kind, first = "kept", "Every rule was kept in every interval."
    rest = ""
    if verdict.unjudged:
        count = len(verdict.unjudged)
        rest = f"<p>{count:,} could not be judged; below is why.</p>"
    return f'<div class="verdict {kind}"><p><strong>{escape(first)}</strong></p><p>{checks}</p>{rest}</div>'


def _facts(market: PublishedMarket, verdict: Verdict, series: Series) -> str:
    head = market.headers[-1].header_hash.hex() if market.headers else market.genesis_hash.hex()
    facts = [("Intervals with a header", f"{len(market.headers):,}"), ("Rules", f"{len(WORDS)}")]
    if series.points:
        served = 100 * series.served_wh / max(series.requested_wh, 1)
        prices = series.column("price_low").min(), series.column("price_high").max()
        facts += [
            ("Participants", f"{series.participants:,}"),
            ("Energy asked for", f"{series.requested_wh / 1e6:,.2f} MWh"),
            ("Energy served", f"{series.served_wh / 1e6:,.2f} MWh ({served:.1f} %)"),
            ("Money that changed hands", f"{series.paid_micro / MICRO_PER_CURRENCY:,.2f}"),
            ("Price per kWh", f"{prices[0]:.3f} to {prices[1]:.3f}"),
            ("Worst off, since the start", f"{100 * series.points[-1].worst:.1f} % delivered"),
        ]
    facts += [("Broken rules", f"{len(verdict.faults):,}"), ("Head of the chain", f"{head[:12]}…")]
    items = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in facts)
    return f'<dl class="facts">{items}</dl>'


def _faults(faults: Sequence[Fault]) -> str:
    if not faults:
        return ""
    rows = "".join(_fault(fault) for fault in faults[:_SHOWN])
    more = len(faults) - _SHOWN
    tail = (
        f"<p>And {more:,} more; <code>clearwatt audit --json</code> lists all.</p>"
        if more > 0
        else ""
    )
    return (
        "<h2>What is wrong</h2>\n<p>The first leaf or field that breaks each rule, with the number that was committed "
        "and the one that the rules give. Until an interval's window has passed, anyone can have it voided with "
        "<code>clearwatt challenge</code>.</p>\n"
        '<div class="wide"><table class="faults"><thead><tr><th>interval</th><th>rule</th><th>where</th>'
        "<th>committed</th><th>by the rules</th><th>proof</th></tr></thead>\n"
        f"<tbody>{rows}</tbody></table></div>\n{tail}"
    )


def _fault(fault: Fault) -> str:
    answers = [kebab(f) for f, rules in RULES.items() if fault.rule in rules]
    cells = (
        ("interval", str(fault.interval), ""),
        ("rule", f"{fault.rule.value}: {WORDS.get(fault.rule, '')}", ""),
        ("where", fault.where, ""),
        ("committed", fault.found, "number"),
        ("by the rules", fault.expected, "number"),
        ("proof", ", ".join(answers) or "by the records that follow from it", ""),
    )
    return (
        "<tr>"
        + "".join(
            f'<td data-name="{name}" class="{kind}">{escape(value)}</td>'
            for name, value, kind in cells
        )
        + "</tr>\n"
    )


def _figures(drawn: Iterable[Drawn]) -> str:
    parts = [
        f"<section><h3>{escape(d.title)}</h3>{figure(d.svg, d.name, d.caption)}<p>{escape(d.caption)}</p></section>"
        for d in drawn
    ]
    if not parts:
        return ""
    return f'<h2>What happened</h2>\n<div class="figures">{"".join(parts)}</div>'


def _matrix(verdict: Verdict) -> str:
    if verdict.last < verdict.first:
        return ""
    matrix = Matrix.of(verdict)
    begin, end = matrix.columns[0]
    width = end - begin + 1
    each = "each column is an interval"
    if width > 1:
        each = f"each column is {width:,} intervals, and a single one that is broken marks it"
    return (
        f"<h2>Intervals by rules</h2>\n<p>Every rule in every interval; {each}.</p>\n"
        '<p class="key"><span style="background:#d9efe7">&nbsp;</span>kept'
        '<span style="background:#D55E00;color:#fff">✕</span>broken'
        '<span style="background:#f5dca3">?</span>not judged</p>\n'
        + matrix.html()
        + f"<p>Beside these: {_whole(verdict)}.</p>"
    )


def _whole(verdict: Verdict) -> str:
    broken = {fault.rule for fault in verdict.faults}
    return "; ".join(
        f"<strong>{rule.value}</strong>, {WORDS[rule]}: "
        + ("broken" if rule in broken else "kept" if verdict.compared[rule] else "not compared")
        for rule in WORDS
        if rule in WHOLE or not (verdict.compared[rule] or rule in broken)
    )


def _unchecked(verdict: Verdict) -> str:
    reasons = "".join(
        f"<li>{escape(_span(first, last))}: {escape(why)}.</li>\n"
        for first, last, why in runs(verdict.unjudged)
    )
    stopped = sorted({f.interval for f in verdict.faults if f.rule is Rule.RANGE})
    if stopped:
        names = _list([_interval(t) for t in stopped])
        reasons += f"<li>The rules after <em>malformed</em> in {names}: nothing can be reckoned with such numbers.</li>"
    here = (
        f"<h3>Here</h3>\n<ul>{reasons}</ul>\n" if reasons else "<p>In this audit: nothing else.</p>"
    )
    beyond = "".join(
        f"<li>{escape(words[0].upper() + words[1:])}.</li>\n" for words in NOT_CHECKABLE
    )
    return f"<h2>What was not checked</h2>\n{here}<h3>By any audit of this kind</h3>\n<ul>{beyond}</ul>"


def _again(ledger: str, market: PublishedMarket) -> str:
    head = market.headers[-1].header_hash.hex() if market.headers else market.genesis_hash.hex()
    return (
        "<h2>Do it again</h2>\n<p>Nobody has to believe this page. With any node of the chain and the published "
        f"bundles:</p>\n<p><code>clearwatt audit --rpc URL --ledger {ledger} --bundles DIR</code></p>\n"
        f'<p class="lead">Header hash of the last interval: <code>{head}</code></p>'
    )


def _interval(number: int) -> str:
    return f"interval {number}" if number else "the genesis"


def _span(first: int, last: int) -> str:
    if first == last:
        return _interval(first).capitalize()
    return f"{_interval(first).capitalize()} to {last}"


def _list(words: Sequence[str], most: int = 6) -> str:
    """Words one after the other: `a, b and c`, or `a, b and 9 more`."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most:,} more"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
