"""Nested Shapley, a labelled variant for comparison (docs/shapley.md, section 5).

Clusters are paid by their Shapley value, and members in proportion to availability.

Settlement uses the exact, Owen or sampled value. This one repeats what the published code of the
generator-remuneration study does, with its known deviations from the Shapley value:

- inside a cluster the split is by availability, so two members of equal availability get the same
  however different their places; efficiency and (for symmetric members) symmetry hold, the
  null-player axiom and additivity do not;
- clusters are rebuilt from the interval's availability, so that a small change of wind can move a
  supplier's share at once;
- negative cluster values are cut to zero and the rest scaled up, which breaks efficiency wherever
  it acts;
- two clusters are merged where one pair of members fits through the path between them, whatever the
  others need.

What is not repeated: the study evaluates coalitions with a transport model in which every line may
carry twice its capacity and no angles exist. Here the evaluator is the clearing program.

Source: thesis arXiv 2512.13871 and its code repository; re-stated and written anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray

from offchain.errors import InputError
from offchain.shapley.exact import shapley_value
from offchain.shapley.owen import Unions, check_unions, mask_of
from offchain.shapley.shares import apportion
from offchain.units import PPB

#: Clusters further apart than this are never merged.
HOP_LIMIT = 2


@dataclass(frozen=True)
class Nested:
    """A nested Shapley value.

    Attributes:
        cluster_value: exact Shapley value of each cluster in the game of the clusters, unit of the
            game.
        share_ppb: n shares that sum to 1e9.
        clipped: whether a negative cluster value was cut to zero.
    """

    cluster_value: tuple[Fraction, ...]
    share_ppb: tuple[int, ...]
    clipped: bool


def nested_coalitions(clusters: Unions) -> tuple[int, ...]:
    """The coalitions whose values `nested_shapley` reads: every union of clusters, by cluster mask.

    Raises:
        InputError: as `owen.check_unions`.
    """
    check_unions(clusters)
    whole = [mask_of(cluster) for cluster in clusters]
    return tuple(
        sum(mask for k, mask in enumerate(whole) if choice >> k & 1)
        for choice in range(1 << len(whole))
    )


def nested_shapley(
    values: Mapping[int, int], clusters: Unions, availability_wh: Sequence[int]
) -> Nested:
    """The nested Shapley value.

    Args:
        values: v(mask) of at least the coalitions of `nested_coalitions`; v(0) = 0.
        clusters: the players of each cluster; every player in exactly one.
        availability_wh: for each player what it could deliver, Wh, not negative.

    Raises:
        InputError: as `owen.check_unions`; a value is missing; a negative availability.
    """
    n = check_unions(clusters)
    needed = nested_coalitions(clusters)
    missing = [mask for mask in needed if mask not in values]
    if missing:
        raise InputError(
            f"values: coalition {missing[0]:#x} is missing; evaluate nested_coalitions"
        )
    if len(availability_wh) != n or min(availability_wh) < 0:
        raise InputError("availability_wh: give a number not below 0 for each player")
    worth = shapley_value([values[mask] for mask in needed])
    weight = [Fraction(0)] * n
    for cluster, value in zip(clusters, worth, strict=True):
        available = sum(availability_wh[player] for player in cluster)
        for player in cluster:
            part = (
                Fraction(availability_wh[player], available)
                if available
                else Fraction(1, len(cluster))
            )
            weight[player] = max(value, Fraction(0)) * part
    scale = lcm(*(fraction.denominator for fraction in weight))
    return Nested(worth, apportion(PPB, [int(f * scale) for f in weight]), min(worth) < 0)


def clusters_at_trunk(
    bus: Sequence[int],
    availability_wh: Sequence[int],
    line_from: ArrayLike,
    line_to: ArrayLike,
    limit_wh: ArrayLike,
    trunk: Sequence[int],
) -> tuple[tuple[int, ...], ...]:
    """The clusters of the study for one interval.

    Players at one bus are together. Then, first pair first and again from the beginning after every
    merger, two clusters are merged if their nearest trunk bus is the same, two of their buses are
    at most two lines apart, and the tightest line of the shortest path between some pair of members
    carries the larger availability of the two.

    Args:
        bus: bus of each player.
        availability_wh: of each player, Wh per interval.
        line_from: int[m] bus indices.
        line_to: int[m] bus indices.
        limit_wh: int[m], Wh per interval; of parallel lines the last one counts.
        trunk: the trunk buses; at the same distance the first one listed is the nearest.

    Returns:
        A partition of the players; members ascending.
    """
    graph = _Graph(np.asarray(line_from), np.asarray(line_to), np.asarray(limit_wh))
    distance = {at: graph.hops(at) for at in sorted({*bus, *trunk})}
    nearest = {
        at: min(trunk, key=lambda t: distance[t].get(at, len(graph.neighbours) + 1))
        for at in set(bus)
    }
    here: dict[int, list[int]] = {}
    for player, at in enumerate(bus):
        here.setdefault(at, []).append(player)
    clusters = list(here.values())

    def mergeable(one: list[int], other: list[int]) -> bool:
        if nearest[bus[one[0]]] != nearest[bus[other[0]]]:
            return False
        pairs = [(i, j) for i in one for j in other]
        if min(distance[bus[i]].get(bus[j], HOP_LIMIT + 1) for i, j in pairs) > HOP_LIMIT:
            return False
        return any(
            graph.tightest(bus[i], bus[j]) >= max(availability_wh[i], availability_wh[j])
            for i, j in pairs
        )

    while True:
        pair = next(
            (
                (i, j)
                for i in range(len(clusters))
                for j in range(i + 1, len(clusters))
                if mergeable(clusters[i], clusters[j])
            ),
            None,
        )
        if pair is None:
            return tuple(tuple(sorted(cluster)) for cluster in clusters)
        clusters[pair[0]] = clusters[pair[0]] + clusters.pop(pair[1])


class _Graph:
    """Shortest paths by number of lines; among equal ones, over lower bus numbers first."""

    def __init__(
        self, start: NDArray[np.int64], end: NDArray[np.int64], limit: NDArray[np.int64]
    ) -> None:
        self.neighbours: dict[int, dict[int, int]] = {}
        for i, j, most in zip(start.tolist(), end.tolist(), limit.tolist(), strict=True):
            self.neighbours.setdefault(i, {})[j] = most
            self.neighbours.setdefault(j, {})[i] = most

    def _paths(self, source: int) -> dict[int, tuple[int, int]]:
        """For every bus reached: lines from the source, and the bus before it."""
        found = {source: (0, source)}
        wave = [source]
        while wave:
            following = []
            for at in wave:
                for near in sorted(self.neighbours.get(at, {})):
                    if near not in found:
                        found[near] = (found[at][0] + 1, at)
                        following.append(near)
            wave = following
        return found

    def hops(self, source: int) -> dict[int, int]:
        """Lines on the shortest path to every bus that can be reached."""
        return {at: lines for at, (lines, _) in self._paths(source).items()}

    def tightest(self, source: int, target: int) -> int:
        """The least limit on the shortest path; 0 where there is none."""
        paths = self._paths(source)
        limits = []
        at = target
        while at in paths and at != source:
            before = paths[at][1]
            limits.append(self.neighbours[before][at])
            at = before
        return min(limits, default=0)
