"""A whole market against the rules: its genesis, then each interval from where the bundle before it ends.

Where an interval starts is not carried along but taken from the bundle before, which the header before names by its
hash; so intervals can be judged in any order, by as many processes as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from offchain.audit.context import Before, Context, Inputs
from offchain.audit.escrow import check_escrow
from offchain.audit.filed import check_filed
from offchain.audit.findings import Fault, Findings, Rule
from offchain.audit.genesis import GENESIS, audit_genesis
from offchain.audit.in_force import InForce
from offchain.audit.interval import audit_interval, open_bundle
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Judgement, Verdict
from offchain.commitment.bundle import Bundle
from offchain.errors import InputError

MISSING: Final = "its bundle is missing"
#: Why an interval cannot be judged though its own bundle is there.
_STATE_UNKNOWN: Final = "the state before it is not known"
_ALLOCATIONS: Final = "the allocations of interval"

ReadBundle = Callable[[int], bytes | None]
"""Gives the published bundle of an interval, or None if nobody has it."""


class Auditor:
    """Judges the intervals of one market; a bundle that the next interval needs again is kept."""

    def __init__(
        self, market: PublishedMarket, read: ReadBundle, context: Context, start: Before
    ) -> None:
        """Use `open_market`."""
        self._market = market
        self._read = read
        self._context = context
        self._in_force = InForce(market, context)
        self._start = start
        self._opened: dict[int, Bundle] = {}
        columns = [(c.interval, c.index, c.micro) for c in market.collateral]
        table = np.array(columns, dtype=np.int64).reshape(-1, 3)
        self._collateral = table[table[:, 1] < len(start.state)]

    def judge(self, interval: int) -> Judgement:
        """Judge one interval, which must have a header.

        It is judged from the state after the interval before it, and with the allocations whose readings it settles.
        Where these are not known, because a bundle is missing or is not the one that the chain names, it cannot be.
        """
        try:
            bundle = self._open(interval, MISSING)
            before = self._before(interval)
            context = self._in_force.context(interval, bundle)
        except InputError as error:
            return Judgement(interval, unjudged=str(error))
        finally:
            lag = max(1, self._context.policy.meter_lag)
            self._opened = {t: b for t, b in self._opened.items() if t > interval - lag}
        posted, inputs = self._market.headers[interval - 1], self._inputs(interval)
        findings = audit_interval(context, interval, before, posted, inputs, bundle)
        self._in_force.check(findings, interval, bundle.header)
        check_filed(findings, context, bundle.readings, self._market.filed)
        return Judgement.of(findings)

    def judge_escrow(self) -> Judgement:
        """Hold the escrow, where its books are known, to the newest final state."""
        escrow = self._market.escrow
        if escrow is None:
            return Judgement(GENESIS)
        findings, state = Findings(escrow.final), self._start.state
        try:
            if escrow.final:
                state = self._open(escrow.final, MISSING).state
        except InputError as error:
            return Judgement(escrow.final, unjudged=f"the escrow is held to it, and {error}")
        check_escrow(findings, escrow, state)
        return Judgement.of(findings)

    def _open(self, interval: int, otherwise: str) -> Bundle:
        """The bundle of an interval; InputError, in the given words, where there is none."""
        if interval not in self._opened:
            data = self._read(interval)
            if data is None:
                raise InputError(otherwise)
            self._opened[interval] = open_bundle(self._market.headers[interval - 1], data)
        return self._opened[interval]

    def _before(self, interval: int) -> Before:
        previous, lag = interval - 1, self._context.policy.meter_lag
        before = self._start
        if previous:
            state = self._earlier(previous, _STATE_UNKNOWN).state
            header = self._market.headers[previous - 1]
            before = Before(header.header_hash, state)
        if not 0 < lag < interval:
            return before
        unknown = f"{_ALLOCATIONS} {interval - lag}, whose readings it settles, are not known"
        measured = self._earlier(interval - lag, unknown).allocation
        policy = self._in_force.policy(interval - lag)
        return Before(before.header_hash, before.state, measured, policy)

    def _earlier(self, interval: int, otherwise: str) -> Bundle:
        try:
            return self._open(interval, otherwise)
        except InputError:
            raise InputError(otherwise) from None

    def _inputs(self, interval: int) -> Inputs | None:
        market = self._market
        if not market.on_chain:
            return None
        counted = self._collateral[self._collateral[:, 0] <= interval]
        collateral = np.zeros(len(self._start.state), dtype=np.int64)
        np.add.at(collateral, counted[:, 1], counted[:, 2])
        return Inputs(
            orders_root=market.orders_roots.get(interval),
            seed=market.seeds.get(interval),
            collateral=collateral,
            forced=tuple(forced for forced in market.forced if forced.due <= interval),
            public_key=market.public_key,
            draw=market.draws.get(interval),
        )


def open_market(market: PublishedMarket, read: ReadBundle) -> tuple[Judgement, Auditor | None]:
    """Judge how a market began; with who judges its intervals, unless they cannot be judged."""
    data = read(GENESIS)
    if data is None:
        return Judgement(GENESIS, unjudged=MISSING), None
    try:
        findings, start = audit_genesis(market, data)
    except InputError as error:
        return Judgement(GENESIS, unjudged=str(error)), None
    if market.on_chain:
        _check_answers(findings, market)
    return Judgement.of(findings), Auditor(market, read, *start) if start else None


def _check_answers(findings: Findings, market: PublishedMarket) -> None:
    """No question about a header's data that was asked on the chain has gone unanswered."""
    intervals = {posted.header_hash: t for t, posted in enumerate(market.headers, start=1)}
    findings.compared[Rule.WITHHELD] += len(intervals)
    for asked in market.asked:
        interval = intervals.get(asked.question.header_hash)
        if interval is not None and asked.answer_by < market.now:
            where = (
                f"the answer about {asked.question.position} under 0x{asked.question.root.hex()}"
            )
            said = f"one by {asked.answer_by}"
            fault = Fault(interval, Rule.WITHHELD, where, said, "none")
            findings.faults.setdefault(Rule.WITHHELD, fault)


def unopened(interval: int) -> Judgement:
    """The judgement of an interval of a market that could not be opened."""
    return Judgement(interval, unjudged=_STATE_UNKNOWN)


def follows(reason: str) -> bool:
    """Whether an interval is unjudged for this reason only because of another's data."""
    return reason.startswith((_STATE_UNKNOWN, _ALLOCATIONS))


def audit_market(market: PublishedMarket, read: ReadBundle) -> Iterator[Verdict]:
    """Check a whole market, one interval after the other.

    Args:
        market: What the chain says.
        read: Where bundles come from.

    Yields:
        The verdict so far, after each interval; the last one is the audit's.
    """
    verdict = Verdict(1, len(market.headers), unjudged=dict(market.unreadable))
    opening, auditor = open_market(market, read)
    verdict.note(opening)
    yield verdict
    for interval in range(1, verdict.last + 1):
        verdict.add(auditor.judge(interval) if auditor else unopened(interval))
        if interval == verdict.last and auditor:
            verdict.note(auditor.judge_escrow())
        yield verdict
