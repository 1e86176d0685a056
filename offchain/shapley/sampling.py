"""The Shapley value by sampled permutations, with a stated error (docs/shapley.md, section 4).

Permutations follow from a seed by keccak, so anybody replays them. In each permutation the players'
marginal contributions sum to v(all), and so do the estimates: sampling is efficient exactly. Counts
and sums are integers; only the error bound, which decides nothing, is a float.

Sources: Hoeffding 1963; A. Maurer and M. Pontil, Empirical Bernstein bounds, 2009, theorem 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log, sqrt
from typing import Final

from offchain.errors import InputError
from offchain.keccak import keccak

#: Separates these draws from every other hash of the protocol.
PERMUTATION_TAG: Final = b"\x0c"


def permutation(seed: bytes, number: int, n: int) -> tuple[int, ...]:
    """The order in which the players enter: Fisher-Yates, from the last place to the first.

    Place i is exchanged with place ``H(0x0c ‖ seed ‖ number u32 ‖ i u16) mod (i + 1)``; taking 256
    bits modulo at most 2^16 prefers no place by more than 2^-240.

    Args:
        seed: 32 bytes.
        number: of the permutation, 0 ... 2^32 - 1.
        n: players, 1 ... 2^16.

    Returns:
        All of 0 ... n-1, first to enter first.
    """
    order = list(range(n))
    head = PERMUTATION_TAG + seed + number.to_bytes(4, "big")
    for i in range(n - 1, 0, -1):
        j = int.from_bytes(keccak(head + i.to_bytes(2, "big")), "big") % (i + 1)
        order[i], order[j] = order[j], order[i]
    return tuple(order)


@dataclass(frozen=True)
class Plan:
    """Which permutations are sampled; with the game it determines the estimate to the last digit.

    Attributes:
        seed: 32 bytes.
        n: players.
        count: sampled permutations; with ``antithetic`` each brings its reverse along.
        antithetic: whether every permutation is paired with its reverse. A pair is then one sample
            of the error bound, because its two halves are not independent of each other.
    """

    seed: bytes
    n: int
    count: int
    antithetic: bool = False

    def __post_init__(self) -> None:
        if len(self.seed) != 32:
            raise InputError("seed: give 32 bytes")
        if not 1 <= self.n <= 2**16:
            raise InputError("players: give 1 ... 65536")
        if not 2 <= self.count <= 2**32:
            raise InputError("permutations: give at least 2, or no spread can be measured")

    def samples(self) -> Iterator[tuple[tuple[int, ...], ...]]:
        """The permutations of each sample: one, or one and its reverse."""
        for number in range(self.count):
            order = permutation(self.seed, number, self.n)
            yield (order, order[::-1]) if self.antithetic else (order,)

    def coalitions(self) -> tuple[int, ...]:
        """Every coalition whose value the estimate reads, ascending, the empty one included."""
        needed = {0}
        for sample in self.samples():
            for order in sample:
                mask = 0
                for player in order:
                    mask |= 1 << player
                    needed.add(mask)
        return tuple(sorted(needed))


@dataclass(frozen=True)
class Estimate:
    """A sampled Shapley value.

    Attributes:
        sums: for each player the sum of its marginal contributions over all permutations; they sum
            to ``permutations * v(all)``.
        permutations: how many, reverses included.
        error: for each player the half-width that holds for all players at once with probability
            ``confidence``, in the unit of the game.
        confidence: e.g. 0.95.
    """

    sums: tuple[int, ...]
    permutations: int
    error: tuple[float, ...]
    confidence: float

    @property
    def value(self) -> tuple[Fraction, ...]:
        """The estimates, in the unit of the game."""
        return tuple(Fraction(total, self.permutations) for total in self.sums)


def hoeffding_error(spread: float, samples: int, failure: float) -> float:
    """Half-width of the mean of independent samples that lie within ``spread`` of each other."""
    return spread * sqrt(log(2 / failure) / (2 * samples))


def bernstein_error(spread: float, variance: float, samples: int, failure: float) -> float:
    """As `hoeffding_error`, narrow where the sample variance (divisor samples - 1) is small."""
    width = log(4 / failure)
    return sqrt(2 * variance * width / samples) + 7 * spread * width / (3 * (samples - 1))


def permutations_for(spread: int, error: float, n: int, confidence: float) -> int:
    """How many permutations make `hoeffding_error` at most ``error`` for all n players at once.

    M = R^2 ln(2 n / delta) / (2 e^2), rounded up.

    Args:
        spread: R, the most by which two marginal contributions of a player can differ, unit of the
            game.
        error: e > 0, same unit.
        n: players.
        confidence: 1 - delta, between 0 and 1.
    """
    return ceil(spread**2 * log(2 * n / (1 - confidence)) / (2 * error**2))


def estimate(
    values: Mapping[int, int], plan: Plan, spread: Sequence[int], confidence: float = 0.95
) -> Estimate:
    """The estimate of a plan with its error.

    The error of each player is the smaller of the Hoeffding and the empirical Bernstein half-width,
    each granted half of the allowed failure, divided by the number of players; so it holds for all
    players and both bounds at once.

    Args:
        values: v(mask) of at least ``plan.coalitions()``.
        plan: what to sample.
        spread: for each player the most by which two of its marginal contributions can differ,
            known beforehand. In a monotone game v(all) always is enough. A spread read off the
            sample proves nothing.
        confidence: that all errors hold together, between 0 and 1.

    Raises:
        InputError: a value is missing; the lengths differ; a sampled contribution contradicts the
            spread.
    """
    if len(spread) != plan.n or not 0 < confidence < 1:
        raise InputError("spread: give one for each player, and a confidence between 0 and 1")
    sums, squares = [0] * plan.n, [0] * plan.n
    least: dict[int, int] = {}
    most: dict[int, int] = {}
    for sample in plan.samples():
        gained = [0] * plan.n
        for order in sample:
            mask = 0
            for player in order:
                joined = mask | 1 << player
                try:
                    step = values[joined] - values[mask]
                except KeyError:
                    raise InputError(
                        f"values: coalition {joined:#x} is missing; evaluate plan.coalitions()"
                    ) from None
                mask = joined
                gained[player] += step
                least[player] = min(least.get(player, step), step)
                most[player] = max(most.get(player, step), step)
        for player, gain in enumerate(gained):
            sums[player] += gain
            squares[player] += gain * gain
    for player in range(plan.n):
        if most[player] - least[player] > spread[player]:
            raise InputError(
                f"spread: player {player} contributed from {least[player]} to {most[player]}; "
                "give a spread that holds for every coalition"
            )
    halves = 2 if plan.antithetic else 1
    failure = (1 - confidence) / (2 * plan.n)
    return Estimate(
        sums=tuple(sums),
        permutations=plan.count * halves,
        error=tuple(
            min(
                hoeffding_error(spread[i], plan.count, failure),
                bernstein_error(
                    spread[i],
                    _variance(sums[i], squares[i], plan.count) / halves**2,
                    plan.count,
                    failure,
                ),
            )
            for i in range(plan.n)
        ),
        confidence=confidence,
    )


def _variance(total: int, squares: int, count: int) -> float:
    """Sample variance from whole sums, without cancellation."""
    return (count * squares - total * total) / (count * (count - 1))
