"""Print the mutation matrix of an interval on IEEE-14: `make mutants`."""

from __future__ import annotations

import sys

from tests.mutants.matrix import Matrix, confirm
from tests.proofs.court import opened_stage


def main() -> int:
    """Judge every mutant, confirm each class on the chain, print what became of them."""
    with opened_stage() as stage:
        matrix = Matrix.of(stage)
        wrong = [line for row in matrix.examples() if (line := confirm(stage, *row))]
    print("\n".join(matrix.lines()))
    for line in wrong:
        print(f"NOT CONFIRMED ON THE CHAIN: {line}")
    survivors = matrix.survivors + len(wrong)
    print(f"survivors: {survivors}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
