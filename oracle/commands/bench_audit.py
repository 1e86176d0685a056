"""`clearwatt bench audit`: how fast intervals are judged."""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from offchain.audit.history import open_market
from offchain.audit.published import PublishedMarket
from offchain.errors import ClearwattError
from oracle.audit_run import run_audit
from oracle.audit_workload import Kind, Workload, posted
from oracle.bundles import BundleDirectory
from oracle.terminal import Reporter

CASE: Final = "ieee118"
PARTICIPANTS: Final = 1_000
YEAR: Final = 17_520
CORES: Final = 2
KINDS: Final = (
    ("standing orders", Kind(), 50),
    ("fresh orders", Kind(fresh=True), 12),
    ("standing orders, fresh readings", Kind(metered=True), 12),
)
"""What is measured, and how many intervals a core must judge in a second."""
YEAR_GATE_S: Final = 600


@dataclass(frozen=True)
class Row:
    """One measured kind of interval.

    Attributes:
        kind: In words.
        intervals: Measured, after the first, in which standing orders are met for the first time.
        signatures: That had to be checked in each.
        checks: Values compared in each.
        first_milliseconds: CPU time of the first.
        milliseconds: CPU time of the others, the median.
        per_second: Intervals that a core judges in a second, on average.
        gate: How many it must.
    """

    kind: str
    intervals: int
    signatures: int
    checks: int
    first_milliseconds: float
    milliseconds: float
    per_second: float
    gate: int


@dataclass(frozen=True)
class Year:
    """A year of half-hours, standing orders.

    Attributes:
        intervals: Judged; none where it was only reckoned from the first row.
        processes: That judged them.
        cpu_seconds: Of all of them, with their start.
        wall_seconds: From the first bundle to the verdict; depends on what else the machine does.
        minutes: CPU time over cores, in minutes.
        gate: The most that it may be.
    """

    intervals: int
    processes: int
    cpu_seconds: float
    wall_seconds: float | None
    minutes: float
    gate: float = YEAR_GATE_S / 60


@dataclass
class Report:
    """Everything measured."""

    case: str = CASE
    participants: int = PARTICIPANTS
    rows: list[Row] = field(default_factory=list)
    year: Year | None = None


@click.command("audit")
@click.option("--quick", is_flag=True, help="Fewer intervals; under a minute.")
@click.option(
    "--year", is_flag=True, help="Also clear a whole year (7 GB, half an hour), and audit it."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the market.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit_bench(quick: bool, year: bool, seed: int, as_json: bool) -> None:
    r"""Judge intervals of 1,000 participants on IEEE-118, supply short in all of them.

    Figures are CPU time: reading and hashing the bundle, every rule, every tree and every signature that was not met in
    the interval before. A year is reckoned from them unless --year is given, which clears one and audits it in full.

    \b
    Examples:
      clearwatt bench audit --quick
      clearwatt bench audit --year --json
    """
    report, reporter = Report(), Reporter()
    intervals = 20 if quick else 200
    for name, kind, gate in KINDS:
        with reporter.phase(f"Clearing: {name}", intervals + 1) as phase:
            market, bundles = _clear(kind, seed, intervals + 1, phase.step)
        report.rows.append(_measured(name, kind, market, bundles, gate))
    mean_s = 1 / report.rows[0].per_second
    report.year = _whole_year(seed, reporter) if year else _reckoned(mean_s)
    if as_json:
        click.echo(json.dumps(asdict(report), indent=1))
    else:
        _print(report, Console(highlight=False))


def _clear(
    kind: Kind, seed: int, intervals: int, step: Callable[[str], None]
) -> tuple[PublishedMarket, dict[int, bytes]]:
    work = Workload(CASE, PARTICIPANTS, seed, kind)
    headers, bundles = [], {0: work.opening}
    for number, interval in enumerate(islice(work.intervals(), intervals), start=1):
        headers.append(posted(interval))
        bundles[number] = interval.bundle
        step(f"{len(interval.bundle) / 1000:,.0f} kB")
    return work.published(tuple(headers)), bundles


def _measured(
    name: str, kind: Kind, market: PublishedMarket, bundles: dict[int, bytes], gate: int
) -> Row:
    opening, auditor = open_market(market, bundles.get)
    if auditor is None:
        raise ClearwattError(f"bench: the market does not open: {opening}")
    seconds, checks = [], 0
    for interval in range(1, len(market.headers) + 1):
        begun = time.process_time()
        judgement = auditor.judge(interval)
        seconds.append(time.process_time() - begun)
        checks = sum(judgement.compared.values())
        if judgement.faults or judgement.unjudged:
            raise ClearwattError(f"bench: an honest interval does not pass: {judgement}")
    first, *others = seconds
    return Row(
        kind=name,
        intervals=len(others),
        signatures=PARTICIPANTS if kind.fresh or kind.metered else 0,
        checks=checks,
        first_milliseconds=1000 * first,
        milliseconds=1000 * statistics.median(others),
        per_second=len(others) / sum(others),
        gate=gate,
    )


def _reckoned(mean_s: float) -> Year:
    cpu = YEAR * mean_s
    return Year(0, CORES, cpu, None, cpu / CORES / 60)


def _whole_year(seed: int, reporter: Reporter) -> Year:
    work = Workload(CASE, PARTICIPANTS, seed, Kind())
    headers = []
    with tempfile.TemporaryDirectory(prefix="clearwatt-year-") as place:
        bundles = BundleDirectory(Path(place))
        bundles.write(0, work.opening)
        with reporter.phase("Clearing a year", YEAR) as phase:
            for number, interval in enumerate(islice(work.intervals(), YEAR), start=1):
                headers.append(posted(interval))
                bundles.write(number, interval.bundle)
                phase.step("cleared")
        market = work.published(tuple(headers))
        with reporter.phase("Auditing a year", YEAR) as phase:
            begun, cpu = time.perf_counter(), _cpu_seconds()
            verdict = run_audit(
                market,
                bundles,
                jobs=CORES,
                step=lambda verdict, count: phase.step(f"{verdict.checks:,} checks", count),
            )
            wall, cpu = time.perf_counter() - begun, _cpu_seconds() - cpu
    if not verdict.ok or verdict.intervals != YEAR:
        raise ClearwattError("bench: an honest year does not pass its audit")
    return Year(YEAR, CORES, cpu, wall, cpu / CORES / 60)


def _cpu_seconds() -> float:
    """CPU time of this process and of those that it has ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _print(report: Report, console: Console) -> None:
    table = Table(title=f"{report.case}, {report.participants:,} participants, one core", box=None)
    titles = ("", "signatures", "values compared", "first, ms", "ms", "intervals/s", "gate")
    for title in titles:
        table.add_column(title, justify="right" if title else "left")
    for row in report.rows:
        table.add_row(
            row.kind,
            f"{row.signatures:,}",
            f"{row.checks:,}",
            f"{row.first_milliseconds:.1f}",
            f"{row.milliseconds:.1f}",
            f"{row.per_second:.1f}",
            f">= {row.gate}{'' if row.per_second >= row.gate else '  missed'}",
        )
    console.print(table)
    year = report.year
    if year is None:
        return
    how = f"{year.wall_seconds:,.0f} s" if year.wall_seconds else "reckoned from the first row"
    late = "" if year.minutes <= year.gate else ", missed"
    console.print(
        f"\nA year of half-hours, {YEAR:,}, standing orders: {year.cpu_seconds:,.0f} s of CPU time, "
        f"{year.minutes:.1f} min on {year.processes} cores ({how}; gate {year.gate:.0f} min{late})",
        soft_wrap=True,
    )
