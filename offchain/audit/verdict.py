"""What became of an audit: a judgement for each interval, and all of them together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from offchain.audit.findings import Fault, Findings, Rule


@dataclass(frozen=True)
class Judgement:
    """What was found in one interval.

    Attributes:
        interval: Its number; 0 is the genesis.
        compared: How many values were compared under each rule.
        faults: The rules broken, in the order of discovery.
        unjudged: Why it could not be judged; None where it was.
        uncharged: How many lines were charged less than was due; without a chain nobody knows why.
        uncounted: How many orders counted as none; without a chain nobody knows why.
    """

    interval: int
    compared: dict[Rule, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    unjudged: str | None = None
    uncharged: int = 0
    uncounted: int = 0

    @classmethod
    def of(cls, findings: Findings) -> Judgement:
        """The judgement that findings amount to."""
        return cls(
            findings.interval,
            dict(findings.compared),
            tuple(findings.faults.values()),
            uncharged=findings.uncharged,
            uncounted=findings.uncounted,
        )


@dataclass
class Verdict:
    """What an audit came to.

    Attributes:
        first: The first interval that was to be judged.
        last: The last one.
        judged: The intervals that were judged.
        compared: How many values were compared under each rule.
        faults: Every rule broken, by interval.
        unjudged: Intervals that could not be judged, and why: their data are missing or are not what the chain names.
        assumed: What was taken on trust or not looked at, in words.
        uncharged: How many lines were charged less than was due; without a chain nobody knows why.
        uncounted: How many orders counted as none; without a chain nobody knows why.
    """

    first: int = 1
    last: int = 0
    judged: set[int] = field(default_factory=set)
    compared: Counter[Rule] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    unjudged: dict[int, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    uncharged: int = 0
    uncounted: int = 0

    @property
    def checks(self) -> int:
        """How many values were compared."""
        return self.compared.total()

    @property
    def intervals(self) -> int:
        """How many intervals were judged."""
        return len(self.judged)

    @property
    def ok(self) -> bool:
        """Whether every interval was judged and nothing was found wrong."""
        every = self.judged.issuperset(range(self.first, self.last + 1))
        return every and not self.faults and not self.unjudged

    def add(self, judgement: Judgement) -> None:
        """Take up what was found in an interval."""
        self.note(judgement)
        if judgement.unjudged is None:
            self.judged.add(judgement.interval)

    def note(self, judgement: Judgement) -> None:
        """Take up what was found in the genesis or in the escrow."""
        self.compared.update(judgement.compared)
        self.faults.extend(judgement.faults)
        self.uncharged += judgement.uncharged
        self.uncounted += judgement.uncounted
        if judgement.unjudged is not None:
            self.unjudged.setdefault(judgement.interval, judgement.unjudged)
