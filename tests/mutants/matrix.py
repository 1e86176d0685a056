"""The matrix: per field of every record, how its mutants end; each way is confirmed on the chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from deploy.chain import ChainError
from offchain.commitment.trees import PlainTree
from oracle.asking import Desk
from tests.mutants.breed import Mutant, breed
from tests.mutants.judge import REFUSED, SURVIVOR, VOIDED, Judgement, judge
from tests.proofs.court import LAST, Stage

_Class = tuple[str, str, str, str]
"""Kind of record, field, verdict, and by what."""


@dataclass
class Matrix:
    """All mutants of an interval by what they changed and how they ended.

    Attributes:
        count: mutants of each class.
        first: one of each.
        changes: what was changed in each, in words.
    """

    count: Counter[_Class] = field(default_factory=Counter)
    first: dict[_Class, tuple[Mutant, Judgement]] = field(default_factory=dict)
    changes: dict[_Class, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage) -> Matrix:
        """Judge every mutant of the stage's interval."""
        matrix = cls()
        honest, grid = stage.claim.header, stage.claim.grid
        for mutant in breed(stage):
            judgement = judge(mutant, honest, grid)
            key = (mutant.kind, mutant.field, judgement.verdict, judgement.by)
            matrix.count[key] += 1
            matrix.first.setdefault(key, (mutant, judgement))
            matrix.changes.setdefault(key, set()).add(mutant.change)
        return matrix

    @property
    def survivors(self) -> int:
        """How many mutants nothing stops."""
        return sum(n for (_, _, verdict, _), n in self.count.items() if verdict == SURVIVOR)

    def examples(self) -> Iterator[tuple[Mutant, Judgement]]:
        """One mutant of each class."""
        yield from self.first.values()

    def lines(self) -> Iterator[str]:
        """The matrix as text: a line per class, then how many ended each way."""
        yield f"{'record':<12} {'field':<20} {'mutants':>7}  {'verdict':<9} by, or worth"
        for key in sorted(self.count):
            kind, name, verdict, by = key
            told = by
            if verdict not in (REFUSED, VOIDED):
                told += f" ({', '.join(sorted(self.changes[key]))})"
            yield f"{kind:<12} {name:<20} {self.count[key]:>7}  {verdict:<9} {told}"
        ends: Counter[str] = Counter()
        for (_, _, verdict, _), n in self.count.items():
            ends[verdict] += n
        yield ""
        yield ", ".join(f"{verdict} {n}" for verdict, n in sorted(ends.items()))


def confirm(stage: Stage, mutant: Mutant, judgement: Judgement) -> str:
    """Post a mutant and hold the judgement to what the chain does; empty where they agree."""
    name = f"{mutant.kind}.{mutant.field} {mutant.change}: {judgement.verdict} {judgement.by}"
    with stage.undone():
        root = mutant.claim.header.orders_root
        if not mutant.committed_orders:
            root = PlainTree.of_table(1, stage.orders, len(stage.run.scenario.bus)).root
        stage.commit_root(root)
        try:
            stage.post_claim(mutant.claim, mutant.certificate)
        except ChainError as error:
            return "" if judgement.verdict == REFUSED else f"{name}, but {error}"
        if judgement.verdict == REFUSED:
            # Sums that must be equal are sent once, so an unbalanced header cannot even be said: another was posted.
            holds = stage.operator.contracts.ledger.functions.requireHeader(mutant.claim.evidence)
            taken = stage.chain.refusal(holds) is None
            return f"{name}, but the ledger took it" if taken else ""
        if judgement.ask is not None:
            stage.chain.wait_until(Desk.of(stage.court).ask(judgement.ask) + 1)
        if judgement.proof is not None:
            refusal = stage.refusal(judgement.proof)
            return f"{name}, but {refusal}" if refusal else ""
        assert int(stage.court.ledger.functions.head().call()) == LAST
    return ""
