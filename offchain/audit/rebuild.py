"""What the rules make of an interval's inputs: every committed record again, column by column.

Plain integer code, written from docs/mechanism.md and not from the code that clears, so that a slip in one is not
repeated in the other. Every column fits its type because `offchain.audit.ranges` was asked first; where a product could
leave int64, Python's own integers are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from offchain.fairness.draw import draw
from offchain.grid.holarchy import Holarchy
from offchain.policy import PRICE_CURVES, Policy
from offchain.records import RESERVE
from offchain.units import DRAW_FRACTION_BITS, PPB, WH_TICKS_PER_MICRO

if TYPE_CHECKING:
    from offchain.audit.context import Before, Inputs
    from offchain.commitment.bundle import Bundle

Ints = NDArray[np.int64]
Table = NDArray[np.void]

_EXACT = 2**62


def ints(table: Table, name: str) -> Ints:
    """A column of a table as int64."""
    return table[name].astype(np.int64)


def demand(orders: Table) -> Ints:
    """What orders ask for, Wh."""
    return ints(orders, "essential_wh") + ints(orders, "flexible_wh")


def ramp_ends(policy: Policy, state: Table, bid_ticks: Ints, seed: bytes) -> dict[str, Ints]:
    """Where everybody's ramps start (mechanism, section 2): ticks by side, and the `key` inside the flexible one."""
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
    essential = np.full(len(state), policy.p_cap_ticks + policy.essential_rank * step)
    flexible = policy.p_cap_ticks + ints(state, "rank") * step + key
    return {"essential": essential, "flexible": flexible, "supply": bid_ticks, "key": key}


def _deficit(state: Table) -> NDArray[Any]:
    """The deficits: int64 where all of them are small, Python integers otherwise."""
    high, low = state["deficit_hi"], state["deficit_lo"]
    if not high.any() and int(low.max(initial=0)) < _EXACT:
        return low.astype(np.int64)
    return np.asarray(high.astype(object) * 2**64 + low.astype(object))


def next_fairness(
    policy: Policy, state: Table, requested_wh: Ints, served_wh: Ints
) -> dict[str, NDArray[Any]]:
    """Shortage memory and deficit (upper and lower half) after an interval (mechanism, section 2), by field."""
    fstar, memory = ints(state, "fstar_ppb"), ints(state, "memory_ppb")
    target = fstar * requested_wh // PPB
    missing = PPB - np.minimum(PPB, served_wh * PPB // np.maximum(target, 1))
    updated = ((PPB - policy.beta_ppb) * memory + policy.beta_ppb * missing) // PPB
    deficit = np.maximum(_deficit(state) + (fstar * requested_wh - served_wh * PPB), 0)
    high, low = deficit // 2**32 // 2**32, deficit % 2**64 if deficit.dtype == object else deficit
    halves = {"deficit_hi": high.astype(np.uint64), "deficit_lo": low.astype(np.uint64)}
    return {"memory_ppb": np.where(target > 0, updated, memory), **halves}


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
    low, span = policy.p_lo_ticks, policy.p_hi_ticks - policy.p_lo_ticks
    curve = _CURVES[PRICE_CURVES[policy.price_curve]]
    return np.array([low + span * curve(tau) // PPB for tau in tightness], dtype=np.int64)


_CURVES: Final[dict[str, Callable[[int], int]]] = {
    "linear": lambda tau: tau,
    "piecewise": lambda tau: tau // 2 if 2 * tau <= PPB else (3 * tau - PPB) // 2,
    "smooth": lambda tau: tau * tau * (3 * PPB - 2 * tau) // PPB**2,
}
"""How much of the span between the lowest and the highest price is reached at a tightness, ppb."""


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
    policy: Policy, price: Ints, bid: Ints, used_wh: Ints, sold_wh: Ints, share_ppb: Ints
) -> Payments:
    """Who pays and who is paid (mechanism, section 5), prices and bids in ticks; one row per participant."""
    cost = price * used_wh // WH_TICKS_PER_MICRO
    pay = -(-bid * sold_wh // WH_TICKS_PER_MICRO)
    surplus = sum(cost.tolist()) - sum(pay.tolist())
    headroom = policy.p_hi_ticks * used_wh // WH_TICKS_PER_MICRO - cost
    pot, shortfall = max(surplus, 0), max(-surplus, 0)
    shared, borne = split(pot, share_ppb.tolist()), split(shortfall, headroom.tolist())
    return Payments(cost, pay, shared, borne, pot, shortfall)


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


@dataclass(frozen=True)
class Corrections:
    """Fees of an interval and imbalance of an earlier one: three int64[n] columns of an allocation, micro.

    `uncharged` lines pay less than is due: no more is covered.
    """

    subscription: Ints
    imbalance_debit: Ints
    imbalance_credit: Ints
    scale_ppb: int
    uncharged: int


def owed(state: Table) -> Ints:
    """What everybody owes at most, if it was paid all that it was ever ahead by (mechanism, section 5); micro."""
    return ints(state, "peak") - ints(state, "credit") + ints(state, "debit")


def covered(policy: Policy, state: Table, inputs: Inputs, orders: Table) -> Ints:
    """What counts of each order's demand, Wh: all of it where its owner has room for that at the highest price."""
    asked = demand(orders)
    worst = -(-policy.p_hi_ticks * asked // WH_TICKS_PER_MICRO)
    return np.asarray(asked * (worst <= room(state, inputs)[orders["index"]]))


def room(state: Table, inputs: Inputs) -> Ints:
    """How much more everybody may owe, from its state before the interval; micro."""
    return np.asarray(np.maximum(0, inputs.collateral - owed(state)))


def corrections(
    policy: Policy, before: Before, bundle: Bundle, money: Payments, inputs: Inputs | None
) -> Corrections:
    """What is settled with the reserve (mechanism, section 5), participant by participant.

    Args:
        policy: Of the interval; readings are settled by that of the interval in which they were taken.
        before: Where the interval starts.
        bundle: With the readings that are settled, and with what was charged.
        money: The other payments of the interval.
        inputs: With what everybody's deposit covers. None without a chain: then what was charged is taken for what
            could be, as far as it was due.
    """
    state, by = before.state, before.measured_policy or policy
    fees = ints(state, "subscription")
    debts, dues = np.zeros_like(fees), np.zeros_like(fees)
    if before.measured is not None:
        debts, dues = _deviations(by, state, before.measured, bundle.readings)
    gained = money.supply_pay + money.pot_share - money.energy_cost - money.shortfall
    if inputs is None:
        fee, debt = (ints(bundle.allocation, n) for n in ("subscription", "imbalance_debit"))
        left = fee + np.minimum(debts, debt)
    else:
        left = np.maximum(0, room(state, inputs) + gained)
    charged = np.minimum(fees + debts, left)
    uncharged = int((charged < fees + debts).sum())
    fees = np.minimum(fees, left)
    debts = charged - fees
    received, wanted = sum(fees.tolist()) + sum(debts.tolist()), sum(dues.tolist())
    funds = max(0, policy.reserve_micro + received + int((gained - fees - owed(state))[RESERVE]))
    scale = PPB if wanted <= funds else funds * PPB // wanted
    paid = [amount * scale // PPB for amount in dues.tolist()]
    debts[RESERVE], paid[RESERVE] = sum(paid), received
    return Corrections(fees, debts, np.array(paid, dtype=np.int64), scale, uncharged)


def _deviations(
    policy: Policy, state: Table, measured: Table, readings: Table
) -> tuple[Ints, Ints]:
    """What everybody owes and is owed for missing its allocation, before scaling; micro.

    A reading counts up to the contract's caps; without one a demand counts as allocated and a supply as nothing.
    """
    price, bid = ints(measured, "price_ticks"), ints(measured, "supply_pa_ticks")
    sold = ints(measured, "supply_x_wh")
    allowed = ints(measured, "essential_x_wh") + ints(measured, "flexible_x_wh")
    used, delivered, who = allowed.copy(), np.zeros_like(sold), readings["index"]
    used[who] = np.minimum(readings["consumed_wh"], state["demand_cap_wh"][who])
    delivered[who] = np.minimum(readings["produced_wh"], state["supply_cap_wh"][who])
    worth = np.maximum(0, price - policy.spread_ticks)
    excess_price = np.minimum(policy.p_hi_ticks, price + policy.spread_ticks)
    missing_price = np.minimum(policy.p_hi_ticks, np.maximum(price, bid) + policy.spread_ticks)
    debit = -(-excess_price * np.maximum(0, used - allowed) // WH_TICKS_PER_MICRO)
    debit += -(-missing_price * np.maximum(0, sold - delivered) // WH_TICKS_PER_MICRO)
    credit = worth * np.maximum(0, allowed - used) // WH_TICKS_PER_MICRO
    credit += np.minimum(worth, bid) * np.maximum(0, delivered - sold) // WH_TICKS_PER_MICRO
    debit[RESERVE] = credit[RESERVE] = 0
    return debit, credit
