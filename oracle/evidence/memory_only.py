"""Fair Play without its deficit: the other reading of "inverse-fairness weighting"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offchain.fairness.state import Uint64Array
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.priority import fair_play_keys
from offchain.policy import Policy
from offchain.units import Int64Array


def memory_keys(
    policy: Policy, participants: Participants, standing: Standing, draws: Uint64Array
) -> Int64Array:
    """What the shortage memory and the draw are worth; int64[n], ticks.

    The abstract names a bounded shortage memory and no deficit in the clearing rule. Bounded
    weights cannot promise a target (docs/theorems.md), so this is a comparator, not the mechanism.
    """
    nothing = np.zeros(len(participants), dtype=np.uint64)
    forgetful = replace(standing, deficit_high=nothing, deficit_low=nothing)
    return fair_play_keys(policy, participants, forgetful, draws)
