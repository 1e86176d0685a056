"""Which proofs a claim admits: the fault table of docs/faults.md as code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from offchain.audit.findings import Rule
from offchain.proofs import buses, inputs, lines, meters, orders
from offchain.proofs.claim import Claim
from offchain.proofs.lines import Arguments, Shown

#: Every function of IFaultProofs and all the evidence for it.
FAULTS: Final[dict[str, Callable[[Claim], Iterator[Shown]]]] = {
    "bracket": lines.bracket,
    "payment": lines.payment,
    "misplaced": lines.misplaced,
    "copied": lines.copied,
    "key": lines.key,
    "pot": lines.pot,
    "shortfall": lines.shortfall,
    "transition": lines.transition,
    "placement": lines.placement,
    "orphan": lines.orphan,
    "sumNode": buses.sum_node,
    "busRoot": buses.bus_root,
    "busVector": buses.bus_vector,
    "busPlacement": buses.bus_placement,
    "busDepth": buses.bus_depth,
    "totals": buses.totals,
    "price": buses.price,
    "network": buses.network,
    "allocationForm": buses.allocation_form,
    "recordForm": buses.record_form,
    "orderTerms": orders.order_terms,
    "orderSignature": orders.order_signature,
    "forcedIgnored": inputs.forced_ignored,
    "forcedCursor": orders.forced_cursor,
    "overdrawn": orders.overdrawn,
    "uncovered": orders.uncovered,
    "subscription": meters.subscription,
    "meterReading": meters.meter_reading,
    "readingIgnored": meters.reading_ignored,
    "imbalance": meters.imbalance_lines,
    "reserve": meters.reserve,
    "seed": inputs.seed,
    "omitted": inputs.omitted,
    "withheld": inputs.withheld,
}

#: The rules of the audit that each function answers; where a whole tree is unlike the rules' one,
#: the audit says so of its root, and a proof says of which node.
RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "bracket": (Rule.BRACKET,),
    "payment": (Rule.PAYMENT,),
    "misplaced": (Rule.MISPLACED, Rule.PRICE),
    "copied": (Rule.CARRIED,),
    "key": (Rule.KEY, Rule.RAMP),
    "pot": (Rule.POT,),
    "shortfall": (Rule.SHORTFALL,),
    "transition": (Rule.MEMORY, Rule.DEFICIT, Rule.BALANCE, Rule.CONTRACT),
    "placement": (Rule.ROOT,),
    "orphan": (Rule.ROOT,),
    "sumNode": (Rule.ROOT,),
    "busRoot": (Rule.ROOT,),
    "busVector": (Rule.BUS_VECTOR, Rule.ROOT),
    "busPlacement": (Rule.ROOT,),
    "busDepth": (Rule.ROOT,),
    "totals": (Rule.TOTALS,),
    "price": (Rule.PRICE,),
    "network": (Rule.NETWORK,),
    "allocationForm": (Rule.ROOT,),
    "recordForm": (Rule.ROOT,),
    "orderTerms": (Rule.ORDER,),
    "orderSignature": (Rule.SIGNATURE,),
    "forcedIgnored": (Rule.FORCED,),
    "forcedCursor": (Rule.FORCED,),
    "overdrawn": (Rule.OVERDRAWN,),
    "uncovered": (Rule.UNCOVERED,),
    "subscription": (Rule.SUBSCRIPTION,),
    "meterReading": (Rule.METER,),
    "readingIgnored": (Rule.IGNORED,),
    "imbalance": (Rule.IMBALANCE,),
    "reserve": (Rule.RESERVE, Rule.IMBALANCE),
    "seed": (Rule.SEED,),
    "omitted": (Rule.OMITTED,),
    "withheld": (Rule.WITHHELD,),
}


@dataclass(frozen=True)
class Proof:
    """A call that voids a header.

    Attributes:
        function: of FaultProofs.
        arguments: all of them, the header first.
    """

    function: str
    arguments: Arguments


def proofs(claim: Claim) -> Iterator[Proof]:
    """The first proof of each kind that the claim admits; none if it is an outcome of the rules."""
    for function, evidence in FAULTS.items():
        for arguments, shows in evidence(claim):
            if shows:
                yield Proof(function, (claim.evidence, *arguments))
                break


def kebab(function: str) -> str:
    """The name of a proof as people write it: ``sum-node`` for ``sumNode``."""
    return re.sub(r"(?=[A-Z])", "-", function).lower()
