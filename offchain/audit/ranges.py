"""What must hold of every committed number before it may be calculated with: then no product leaves its type."""

from __future__ import annotations

from offchain.audit.findings import Findings, Rule
from offchain.audit.rebuild import Table
from offchain.policy import Policy
from offchain.records import SIDES
from offchain.units import MAX_ORDER_WH, MAX_TICKS, PPB

MAX_MONEY = 2**62
"""Money of any participant, in micro: four million million currency units."""

MAX_FEE = 2**40
"""Fee of an interval, in micro: a million currency units."""

_ENDS = [f"{side}_{end}_ticks" for side in SIDES for end in ("pa", "pb")]
_ENERGIES = [f"{side}_{name}" for side in SIDES for name in ("q_wh", "x_wh")]
_MONEY = "energy_cost supply_pay pot_share shortfall subscription imbalance_debit imbalance_credit"


def check_state(findings: Findings, policy: Policy, state: Table, when: str) -> bool:
    """Check a table of states, before or after the interval."""
    bounds = {
        "rank": policy.essential_rank - 1,
        **dict.fromkeys(("fstar_ppb", "memory_ppb"), PPB),
        **dict.fromkeys(("rate_wh", "demand_cap_wh", "supply_cap_wh"), MAX_ORDER_WH),
        **dict.fromkeys(("credit", "debit", "peak"), MAX_MONEY),
        "subscription": MAX_FEE,
    }
    return _all(findings, f"state {when} of participant", state, bounds)


def check_orders(findings: Findings, policy: Policy, orders: Table) -> bool:
    """Check the quantities and the bid of every order."""
    bounds = dict.fromkeys((f"{side}_wh" for side in SIDES), MAX_ORDER_WH)
    return _all(findings, "order in row", orders, bounds | {"bid_ticks": policy.max_bid_ticks})


def check_readings(findings: Findings, readings: Table) -> bool:
    """Check the energies of every reading."""
    bounds = dict.fromkeys(("consumed_wh", "produced_wh"), MAX_ORDER_WH)
    return _all(findings, "reading in row", readings, bounds)


def check_allocation(findings: Findings, allocation: Table, leaf: str = "allocation") -> bool:
    """Check quantities, prices and money of every allocation."""
    bounds = dict.fromkeys(_ENERGIES, MAX_ORDER_WH)
    bounds |= dict.fromkeys((*_ENDS, "key_ticks", "price_ticks"), MAX_TICKS - 1)
    bounds |= dict.fromkeys(_MONEY.split(), MAX_MONEY)
    return _all(findings, f"{leaf} of participant", allocation, bounds)


def check_shares(findings: Findings, shares: Table) -> bool:
    """Check that the shares are parts of a whole."""
    whole = _all(findings, "share of participant", shares, {"share_ppb": PPB})
    total = sum(shares["share_ppb"].tolist())
    return whole and findings.equal(Rule.SHARES, "the sum of all shares, in ppb,", PPB, total)


def _all(findings: Findings, leaf: str, table: Table, bounds: dict[str, int]) -> bool:
    within = [
        findings.holds(Rule.RANGE, leaf, name, table[name] <= most, f"at most {most}", table[name])
        for name, most in bounds.items()
    ]
    return all(within)
