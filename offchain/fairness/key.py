"""The key of a flexible order: how far its ramp starts above its rank's (our formulation).

``key = min(K_max V, t_s + t_D + t_g)`` in ticks: what shortage memory, deficit and draw are worth
(docs/mechanism.md, section 2). The policy's bounds keep every product below 2^63.
"""

from __future__ import annotations

import numpy as np

from offchain.fairness.state import Uint64Array, deficits_over_rate
from offchain.policy import Policy
from offchain.units import DRAW_FRACTION_BITS, PPB, Int64Array


def key_ticks(policy: Policy, memory_ppb: int, deficit: int, rate_wh: int, draw: int) -> int:
    """The key of one participant, ticks.

    Args:
        policy: of the market.
        memory_ppb: shortage memory before the interval.
        deficit: before the interval, ppb-Wh.
        rate_wh: contracted rate, Wh per interval; at 0 the deficit does not count.
        draw: the seeded draw, in 2^-24.
    """
    terms = key_terms(policy, memory_ppb, deficit, rate_wh, draw)
    return min(policy.k_max * policy.v_ticks, sum(terms))


def key_terms(
    policy: Policy, memory_ppb: int, deficit: int, rate_wh: int, draw: int
) -> tuple[int, int, int]:
    """What memory, deficit and draw add to the key, ticks; arguments as `key_ticks`."""
    owed = min(deficit // rate_wh, policy.k_max * PPB) if rate_wh else 0
    memory_term = policy.gamma_ppb * policy.v_ticks // PPB * memory_ppb // PPB
    deficit_term = owed * policy.v_ticks // PPB
    draw_term = (policy.tau_ppb * policy.v_ticks // PPB * draw) >> DRAW_FRACTION_BITS
    return memory_term, deficit_term, draw_term


def keys_ticks(
    policy: Policy,
    memory_ppb: Int64Array,
    deficit_high: Uint64Array,
    deficit_low: Uint64Array,
    rate_wh: Int64Array,
    draws: Uint64Array,
) -> Int64Array:
    """`key_ticks` of each row; columns of n rows, the deficit as its two halves; int64[n]."""
    owed = np.minimum(deficits_over_rate(deficit_high, deficit_low, rate_wh), policy.k_max * PPB)
    memory_term = policy.gamma_ppb * policy.v_ticks // PPB * memory_ppb // PPB
    deficit_term = owed * policy.v_ticks // PPB
    weight = policy.tau_ppb * policy.v_ticks // PPB
    draw_term = (weight * draws.astype(np.int64)) >> DRAW_FRACTION_BITS
    key: Int64Array = memory_term + deficit_term + draw_term
    return np.minimum(policy.k_max * policy.v_ticks, key)
