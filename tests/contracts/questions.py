"""What it costs to force a hidden bundle out, and to flood an honest operator: ``python -m tests.contracts.questions``.

Counted from the sizes of the answers, as DataRequests.sol prices them; for every question at once, so that nothing
drains between them.
"""

from __future__ import annotations

import sys
from typing import Final

from offchain.audit.published import Question
from offchain.commitment.trees import depth_of
from offchain.proofs.requests import answer_gas
from offchain.proofs.subtrees import KIND_BUSES, KIND_LINES, MAX_HEIGHT, answer_bytes
from offchain.records import KIND_ORDER, KIND_READING, KIND_STATE
from oracle.scenario import ScenarioConfig, draw_scenario

#: As DataRequests.sol has them.
STEP_PER_SECOND: Final = 10_000
LEAST_STEP: Final = 1 << 24
#: Seconds to answer: of the example pilot, whose window is two hours, and where the window is a day.
ANSWER_S: Final = 1_800
DAYS_ANSWER_S: Final = 21_600
GWEI: Final = 1e-9
_BUNDLES: Final = (
    ("ieee14", 100, ANSWER_S),
    ("ieee118", 1_000, ANSWER_S),
    ("ieee118", 10_000, ANSWER_S),
    ("ieee118", 10_000, DAYS_ANSWER_S),
)
_FLOODS: Final = (1, 2, 4, 8, 12, 16)


def step(answer_s: int) -> int:
    """Gas of answers that doubles the price."""
    return max(LEAST_STEP, STEP_PER_SECOND * answer_s)


def bundle(case: str, participants: int) -> list[int]:
    """Gas of each answer that shows a whole interval, of which nothing but the header is known."""
    scenario = draw_scenario(ScenarioConfig(case=case, participants=participants, intervals=1))
    grid, people = scenario.network.grid, len(scenario.bus)
    trees = [(kind, depth_of(people)) for kind in (KIND_ORDER, KIND_STATE, KIND_READING)]
    trees.append((KIND_BUSES, grid.holarchy.depth))
    trees += [
        (KIND_LINES, depth_of(here))
        for here in (int((scenario.bus == bus).sum()) for bus in range(grid.n_bus))
        if here
    ]
    gas = [answer_gas(24 * grid.n_bus + 10 * grid.n_line)]
    for kind, depth in trees:
        height = min(MAX_HEIGHT, depth)
        question = Question(bytes(32), bytes(32), kind, depth, height, 0)
        gas += [answer_gas(answer_bytes(question))] * (1 << (depth - height))
    return gas


def paid(gas: list[int], each: int) -> int:
    """What questions cost one after the other, in gas at the price reckoned with: twice an answer's, and doubling."""
    load = total = 0
    for answer in gas:
        total += 2 * answer << load // each
        load += answer
    return total


def main() -> None:
    """Print the tables."""
    each = step(ANSWER_S)
    sys.stdout.write(f"a step is {each / 1e6:.1f} million gas, which drains in {ANSWER_S} s\n\n")
    sys.stdout.write("a whole bundle        questions  answers' gas  asking costs, at 1 gwei\n")
    for case, participants, answer_s in _BUNDLES:
        gas = bundle(case, participants)
        name = f"{participants:,} on {case}, {answer_s} s"
        cost = paid(gas, step(answer_s)) * GWEI
        sys.stdout.write(f"{name:<26} {len(gas):>5,} {sum(gas):>13,} {cost:>14,.3f}\n")
    sys.stdout.write("\nto answer at a time   million gas  asking costs, at 1 gwei\n")
    answer = answer_gas(2_000)
    for steps in _FLOODS:
        cost = paid([answer] * (steps * each // answer), each) * GWEI
        sys.stdout.write(f"{steps:>2} steps {steps * each / 1e6:>23,.0f} {cost:>14,.2f}\n")


if __name__ == "__main__":
    main()
