"""An audit on all cores: intervals in parallel, in order, with what an earlier run found clean."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Final

from offchain.audit.genesis import GENESIS
from offchain.audit.history import Auditor, open_market, unopened
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Judgement, Verdict
from offchain.errors import InputError
from offchain.shapley.parallel import available_cores
from oracle.audit_state import AuditState
from oracle.bundles import BundleSource

#: Intervals handed to a process at once: each hand-over opens one bundle twice.
CHUNK: Final = 32
#: From so many intervals on, further processes save more time than they take to start.
WORKERS_PAY: Final = 600

Step = Callable[[Verdict, int], None]
"""Told of the verdict so far, and of how many intervals are new in it."""


def run_audit(
    market: PublishedMarket,
    source: BundleSource,
    *,
    first: int | None = None,
    last: int | None = None,
    jobs: int | None = None,
    state: AuditState | None = None,
    step: Step = lambda verdict, count: None,
) -> Verdict:
    """Audit a market, or a part of it.

    Args:
        market: What the chain says.
        source: Where bundles come from.
        first: The first interval to judge; 1 if not given.
        last: The last one; the newest that stands if not given.
        jobs: Processes; one for each core if not given, where there is enough to do.
        state: What was found clean before, and where to keep what is found clean now.
        step: Told of the progress.

    Raises:
        InputError: There are no such intervals.
        ClearwattError: The source of bundles fails; what was judged by then is in the state.
        KeyboardInterrupt: Ctrl-C; the same.
    """
    wanted = wanted_intervals(market, first, last)
    unreadable = dict(market.unreadable) if wanted.stop > len(market.headers) else {}
    verdict = Verdict(wanted.start, wanted.stop - 1, unjudged=unreadable)
    opening, auditor = open_market(market, source.read)
    verdict.note(opening)
    step(verdict, 0)
    clean = state.clean if state else {}
    if auditor is None:
        for interval in wanted:
            verdict.add(unopened(interval))
    else:
        for interval in wanted:
            if interval in clean:
                verdict.add(clean[interval])
        step(verdict, verdict.intervals)
        known = clean.keys() | unreadable.keys()
        rest = [interval for interval in wanted if interval not in known]
        _trust(verdict, market, verdict.intervals)
        chunks = [rest[at : at + CHUNK] for at in range(0, len(rest), CHUNK)]
        workers = min(jobs or (available_cores() if len(rest) >= WORKERS_PAY else 1), len(chunks))
        judged = (
            _here(auditor, chunks) if workers <= 1 else _spread(market, source, chunks, workers)
        )
        with closing(judged):
            for judgements in judged:
                for judgement in judgements:
                    verdict.add(judgement)
                if state:
                    state.keep(judgements)
                step(verdict, len(judgements))
        if market.escrow is None or market.escrow.final in (GENESIS, *wanted):
            verdict.note(auditor.judge_escrow())
        else:
            verdict.assumed.append(
                f"the escrow's balance was not looked at: it is held to interval {market.escrow.final}"
            )
    verdict.faults.sort(key=lambda fault: fault.interval)
    return verdict


def wanted_intervals(
    market: PublishedMarket, first: int | None = None, last: int | None = None
) -> range:
    """The intervals from `first` to `last`; all where neither is given, none where no header stands.

    Raises:
        InputError: There are no such intervals.
    """
    newest = len(market.headers)
    asked = {"from": first, "to": last}
    for name, interval in asked.items():
        if interval is None or 1 <= interval <= newest:
            continue
        if not newest:
            raise InputError(f"{name}: no header stands yet; leave --{name} out")
        raise InputError(
            f"{name}: there is no interval {interval}; {_span(newest)} {_have(newest)} a header"
        )
    wanted = range(first or 1, (newest if last is None else last) + 1)
    if newest and not wanted:
        raise InputError(
            f"from: interval {first} comes after --to {last}; {_span(newest)} {_have(newest)} a header, "
            "give the earlier one first"
        )
    return wanted


def _span(last: int) -> str:
    return "interval 1" if last == 1 else f"intervals 1 ... {last}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _trust(verdict: Verdict, market: PublishedMarket, reused: int) -> None:
    """Say what is not looked at."""
    first, last, newest = verdict.first, verdict.last, len(market.headers)
    if first > 1:
        verdict.assumed.append(
            f"interval {first} starts from the state in the bundle of interval {first - 1}, which is the one that "
            f"its header names; whether {_span(first - 1)} kept the rules was not looked at"
        )
    if last < newest:
        verdict.assumed.append(f"what came after interval {last} was not looked at")
    if reused:
        verdict.assumed.append(
            f"{reused} intervals were judged by an earlier run on this machine, by the same data and the same code"
        )


def _here(
    auditor: Auditor, chunks: Sequence[Sequence[int]]
) -> Generator[list[Judgement], None, None]:
    for chunk in chunks:
        yield [auditor.judge(interval) for interval in chunk]


_auditor: Auditor | None = None


def _enter(market: PublishedMarket, source: BundleSource) -> None:
    """Prepare a worker: it opens the market, and leaves Ctrl-C to its parent."""
    global _auditor  # the one place where a worker process can keep its auditor
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, _auditor = open_market(market, source.read)


def _judge(chunk: Sequence[int]) -> list[Judgement]:
    if _auditor is None:
        raise InputError(f"bundles: the bundle of interval {GENESIS} changed during the audit")
    return [_auditor.judge(interval) for interval in chunk]


def _spread(
    market: PublishedMarket, source: BundleSource, chunks: Sequence[Sequence[int]], workers: int
) -> Generator[list[Judgement], None, None]:
    """Judgements in the order of the chunks, from spawned processes; leaving early ends them."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _enter, (market, source)) as pool:
        yield from pool.imap(_judge, chunks)
