"""Mechanisms that pay by tightness and differ only in the key: who waits when not all can be served.

The keys are integers, and ranks, ramps and payments those of Fair Play (docs/mechanism.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from offchain.fairness.draw import draw, log2_complement
from offchain.fairness.key import keys_ticks
from offchain.fairness.state import Uint64Array
from offchain.grid.model import Grid
from offchain.mechanisms.mechanism import Billing, whole_grid
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.tariffs import Amm
from offchain.orders.table import Quantities, RampColumns, ramps
from offchain.policy import MECHANISM_FAIR_PLAY, Policy
from offchain.units import DRAW_FRACTION_BITS, Int64Array

#: A random order is spread over this many key units per unit of Gumbel variate, so that few ramps
#: overlap; the draw is below 45, so that no key reaches K_max.
ORDER_SPREAD: Final = 16
#: The least delivery ratio that 1/F distinguishes is 1 / 999.
_LARGEST_INVERSE: Final = 999
#: round(2^28 ln 2), and the fraction bits of `log2_complement`.
_LN2: Final = 186065279
_LN2_BITS: Final = 28
_LOG_BITS: Final = 36


class _Keys(Protocol):
    """The key rule of a mechanism; int64[n], ticks."""

    def __call__(
        self, policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
    ) -> Int64Array: ...


class _Draw(Protocol):
    """A draw for some participants: uint64[k] in 2^-24, as `offchain.fairness.draw.draw`."""

    def __call__(self, seed: bytes, indices: npt.NDArray[np.intp]) -> Uint64Array: ...


def fair_play_keys(
    policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
) -> Int64Array:
    """What memory, deficit and draw are worth (docs/mechanism.md, section 2)."""
    return keys_ticks(
        policy,
        standing.memory_ppb,
        standing.deficit_high,
        standing.deficit_low,
        participants.rate_wh,
        draws,
    )


def equal_keys(
    policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
) -> Int64Array:
    """Zero: behind one bottleneck, everybody of a rank is served the same share."""
    return np.zeros(len(participants), dtype=np.int64)


def random_keys(
    policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
) -> Int64Array:
    """The draw alone, spread wide: a random order of service, all orders equally likely."""
    return _spread(policy, draws.astype(np.int64))


def inverse_fairness_keys(
    policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
) -> Int64Array:
    """Literal inverse fairness: whoever is drawn next has probability in proportion to 1 / F.

    F is the delivered share of all flexible energy asked for so far, 1 before the first request and
    at least 1/999. Adding a Gumbel variate to ln(1/F) and serving by descending sum is sampling
    without replacement in proportion to 1/F (Plackett and Luce). Multiplying every F by the same
    number changes nothing, so the weights do not grow with what is owed: F* is not reached
    (docs/theorems.md gives the counter-example).

    Source: the selection rule of the author's published code (arXiv 2407.20814), in our
    formulation.
    """
    asked = np.maximum(standing.requested_wh, 1)
    got = np.maximum(standing.delivered_wh, -(-asked // _LARGEST_INVERSE))
    got = np.where(standing.requested_wh == 0, asked, got)
    log2 = np.array(
        [
            log2_complement(part) - log2_complement(whole) if part != whole else 0
            for part, whole in zip(got.tolist(), asked.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    ln = (log2 >> (_LOG_BITS - DRAW_FRACTION_BITS)) * _LN2 >> _LN2_BITS
    return _spread(policy, ln + draws.astype(np.int64))


def _spread(policy: Policy, score: Int64Array) -> Int64Array:
    """Keys of scores in 2^-24, not negative; scores below 2^30 and the policy keep this in int64."""
    key: Int64Array = (ORDER_SPREAD * policy.v_ticks * score) >> DRAW_FRACTION_BITS
    return np.minimum(policy.k_max * policy.v_ticks, key)


@dataclass(frozen=True)
class PriorityMechanism:
    """Fair Play's ramps with a key rule of choice.

    Attributes:
        name: what the policy and the command line call it.
        keys: the key rule.
        draw: how a seed becomes the draws that the rule looks at; None if it looks at none.
        policy_code: its number in a ledger's policy; None if no ledger admits it.
        billing: by default the price from tightness.
    """

    name: str
    keys: _Keys
    draw: _Draw | None
    policy_code: int | None = None
    billing: Billing = field(default_factory=Amm)

    def clearing_grid(self, grid: Grid) -> tuple[Grid, npt.NDArray[np.int32]]:
        """The physical grid."""
        return whole_grid(grid)

    def ramps(
        self,
        policy: Policy,
        participants: Participants,
        standing: Standing,
        quantities: Quantities,
        seed: bytes,
    ) -> RampColumns:
        """Ramps by rank and key; arguments as `Mechanism.ramps`."""
        draws = np.zeros(len(participants), dtype=np.uint64)
        if self.draw is not None:
            # A draw costs a hash: only where there is a ramp to place.
            asking = np.flatnonzero(quantities.flexible_wh)
            draws[asking] = self.draw(seed, asking)
        keys = self.keys(policy, participants, standing, draws)
        return ramps(quantities, participants.rank, keys, policy)


FAIR_PLAY: Final = PriorityMechanism("fair-play", fair_play_keys, draw, MECHANISM_FAIR_PLAY)
EQUAL_WEIGHT: Final = PriorityMechanism("equal-weight", equal_keys, None)
EQUAL_WEIGHT_RANDOM: Final = PriorityMechanism("equal-weight-random", random_keys, draw)
INVERSE_FAIRNESS: Final = PriorityMechanism("inverse-fairness", inverse_fairness_keys, draw)
