"""What the rules make of an interval's inputs: every committed record again, column by column.

Plain integer code, written from docs/mechanism.md and not from the code that clears, so that a slip in one is not
repeated in the other. Every column fits its type because `offchain.audit.ranges` was asked first; where a product could
leave int64, Python's own integers are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offchain.fairness.draw import draw
from offchain.grid.holarchy import Holarchy
from offchain.policy import Policy
from offchain.units import DRAW_FRACTION_BITS, PPB, WH_TICKS_PER_MICRO

Ints = NDArray[np.int64]
Table = NDArray[np.void]

_EXACT = 2**62


def ints(table: Table, name: str) -> Ints:
    """A column of a table as int64."""
    return table[name].astype(np.int64)


@dataclass(frozen=True)
class Ends:
    """The lower ends of the three ramps of each participant, int64[n] ticks, and the key inside the second."""

    essential: Ints
    flexible: Ints
    supply: Ints
    key: Ints


def ramp_ends(policy: Policy, state: Table, bid_ticks: Ints, seed: bytes) -> Ends:
    """Where everybody's ramps start (mechanism, section 2), from the state before the interval."""
    v, k_max = policy.v_ticks, policy.k_max
    rate = np.maximum(ints(state, "rate_wh"), 1)
    owed = np.minimum(_deficit(state) // rate, k_max * PPB).astype(np.int64)
    owed[ints(state, "rate_wh") == 0] = 0
    draws = draw(seed, ints(state, "index")).astype(np.int64)
    from_memory = policy.gamma_ppb * v // PPB * ints(state, "memory_ppb") // PPB
    from_deficit = owed * v // PPB
    from_draw = (policy.tau_ppb * v // PPB * draws) >> DRAW_FRACTION_BITS
    key = np.minimum(k_max * v, from_memory + from_deficit + from_draw)
    step = v * (k_max + policy.kappa + 1)
    return Ends(
        essential=np.full(len(state), policy.p_cap_ticks + policy.essential_rank * step),
        flexible=policy.p_cap_ticks + ints(state, "rank") * step + key,
        supply=bid_ticks,
        key=key,
    )


def _deficit(state: Table) -> NDArray[Any]:
    """The deficits: int64 where all of them are small, Python integers otherwise."""
    high, low = state["deficit_hi"], state["deficit_lo"]
    if not high.any() and int(low.max(initial=0)) < _EXACT:
        return low.astype(np.int64)
    deficit: NDArray[Any] = high.astype(object) * 2**64 + low.astype(object)
    return deficit


def next_fairness(
    policy: Policy, state: Table, requested_wh: Ints, served_wh: Ints
) -> tuple[Ints, NDArray[np.uint64], NDArray[np.uint64]]:
    """Shortage memory and deficit (upper and lower half) after an interval (mechanism, section 2)."""
    fstar, memory = ints(state, "fstar_ppb"), ints(state, "memory_ppb")
    target = fstar * requested_wh // PPB
    missing = PPB - np.minimum(PPB, served_wh * PPB // np.maximum(target, 1))
    updated = ((PPB - policy.beta_ppb) * memory + policy.beta_ppb * missing) // PPB
    deficit = np.maximum(_deficit(state) + (fstar * requested_wh - served_wh * PPB), 0)
    return (
        np.where(target > 0, updated, memory),
        (deficit // 2**32 // 2**32).astype(np.uint64),
        (deficit % 2**64).astype(np.uint64)
        if deficit.dtype == object
        else deficit.astype(np.uint64),
    )


def bus_prices(
    policy: Policy, holarchy: Holarchy, requested: Sequence[int], offered: Sequence[int]
) -> Ints:
    """The price of each bus from the tightest of its layers (mechanism, section 5), ticks.

    Args:
        policy: Of the market.
        holarchy: Of the grid.
        requested: Wh asked at each bus.
        offered: Wh offered at each bus.
    """
    places = [int(position) for position in holarchy.position]
    everywhere = sum(offered)
    tightness = [0] * len(places)
    for layer in holarchy.layers:
        inside = [bus for bus, place in enumerate(places) if place >> layer.level == layer.position]
        asked, given = sum(requested[b] for b in inside), sum(offered[b] for b in inside)
        given += min(layer.import_limit_wh, everywhere - given)
        if asked > given:
            for bus in inside:
                tightness[bus] = max(tightness[bus], PPB - given * PPB // asked)
    span = policy.p_hi_ticks - policy.p_lo_ticks
    return np.array([policy.p_lo_ticks + span * tau // PPB for tau in tightness], dtype=np.int64)


@dataclass(frozen=True)
class Payments:
    """The four money columns of an allocation, int64[n] micro, and what was shared."""

    energy_cost: Ints
    supply_pay: Ints
    pot_share: Ints
    shortfall: Ints
    pot_total: int
    shortfall_total: int


def payments(
    policy: Policy,
    price_ticks: Ints,
    bid_ticks: Ints,
    used_wh: Ints,
    sold_wh: Ints,
    share_ppb: Ints,
) -> Payments:
    """Who pays and who is paid (mechanism, section 5); one row per participant."""
    cost = price_ticks * used_wh // WH_TICKS_PER_MICRO
    pay = -(-bid_ticks * sold_wh // WH_TICKS_PER_MICRO)
    surplus = sum(cost.tolist()) - sum(pay.tolist())
    headroom = policy.p_hi_ticks * used_wh // WH_TICKS_PER_MICRO - cost
    return Payments(
        energy_cost=cost,
        supply_pay=pay,
        pot_share=split(max(surplus, 0), share_ppb.tolist()),
        shortfall=split(max(-surplus, 0), headroom.tolist()),
        pot_total=max(surplus, 0),
        shortfall_total=max(-surplus, 0),
    )


def split(amount: int, weights: Sequence[int]) -> Ints:
    """Share an amount in proportion to weights, by largest remainder; of equals the lower index gains."""
    total = sum(weights)
    if amount == 0 or total == 0:
        return np.zeros(len(weights), dtype=np.int64)
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return np.array(parts, dtype=np.int64)
