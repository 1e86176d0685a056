"""What an audit could not judge, in words: which data are missing, what only follows from that, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from offchain.audit.genesis import GENESIS
from offchain.audit.history import MISSING, follows
from offchain.audit.verdict import Verdict


def place(interval: int) -> str:
    """An interval in words."""
    return f"interval {interval}" if interval else "the genesis"


def unjudged_lines(verdict: Verdict) -> Iterator[str]:
    """A line for each reason; those that only follow from another's data come last."""
    by_reason: dict[str, list[int]] = {}
    for interval, reason in sorted(verdict.unjudged.items()):
        by_reason.setdefault(reason, []).append(interval)
    for reason, some in sorted(by_reason.items(), key=lambda item: follows(item[0])):
        which = place(some[0])
        if len(some) > 1:
            which = f"{len(some)} intervals, {some[0]} to {some[-1]},"
        told = "follows and cannot be judged either" if follows(reason) else "cannot be judged"
        if len(some) > 1:
            told = told.replace("follows", "follow")
        yield f"{which} {told}: {reason}"


def why_unjudged(verdict: Verdict, *, askable: bool) -> str:
    """How much could not be judged, because of which data, and the remedy.

    Args:
        verdict: One that has something unjudged.
        askable: Whether there is a chain on which a bundle can be asked for.
    """
    unjudged = sorted(verdict.unjudged)
    intervals = len({*unjudged, *verdict.judged} - {GENESIS})
    count = len({*unjudged} - {GENESIS})
    what = f"{count} of {intervals} interval{'s' if intervals > 1 else ''}"
    return (
        f"{what if count else 'the genesis'} cannot be judged, because {_cause(verdict, askable)}"
    )


def _cause(verdict: Verdict, askable: bool) -> str:
    lacking = {t: why for t, why in sorted(verdict.unjudged.items()) if not follows(why)}
    missing = [interval for interval, why in lacking.items() if why == MISSING]
    if missing:
        it, are = ("it", "is") if len(missing) == 1 else ("them", "are")
        remedy = f"fetch {it}"
        if askable and GENESIS not in missing:
            remedy = f"{remedy}, or ask for {it} on the chain: `clearwatt challenge --ask`"
        return f"{_bundles(missing)} {are} missing; {remedy}"
    interval, reason = next(iter((lacking or dict(sorted(verdict.unjudged.items()))).items()))
    if reason.startswith("its bundle"):
        return reason.replace("its bundle", _bundles([interval]), 1)
    if not lacking:
        return f"of {place(interval)}: {reason}; fetch the bundles before it"
    return f"of {place(interval)}: {reason}" if interval else reason


def _bundles(intervals: Iterable[int]) -> str:
    """Names of bundles, a few of them."""
    names = [str(interval) if interval else "of the genesis" for interval in intervals]
    if len(names) == 1:
        return f"the bundle {names[0]}" if names[0].startswith("of") else f"bundle {names[0]}"
    most = 4
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return f"bundles {', '.join(names[:-1])} and {names[-1]}"
