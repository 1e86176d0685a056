"""Record layouts: the one description of every committed record (docs/protocol.md, sections 3 and 4).

Each layout is a packed numpy dtype in native byte order for work in memory; ``wire`` gives its big-endian twin, whose
bytes are exactly what is hashed and what Solidity decodes. Field names carry their units: ``_wh`` energy per interval,
``_ticks`` 1e-6 currency per kWh, ``_ppb`` parts per billion; money fields are micro (1e-6 currency).
"""

from __future__ import annotations

from typing import Final

import numpy as np

KIND_ORDER: Final = 1
KIND_ALLOCATION: Final = 2
KIND_STATE: Final = 3
KIND_CONTRACT: Final = 4
KIND_READING: Final = 5
KIND_SHARE: Final = 6

#: Registration number of the community reserve: it receives fees and stands against imbalance.
RESERVE: Final = 0

ORDER: Final = np.dtype(
    [
        ("index", "u4"),
        ("seq", "u4"),
        ("valid_from", "u4"),
        ("valid_to", "u4"),
        ("essential_wh", "u4"),
        ("flexible_wh", "u4"),
        ("supply_wh", "u4"),
        ("bid_ticks", "u4"),
        ("r", "V32"),
        ("s", "V32"),
        ("v", "u1"),
    ]
)

#: The three orders of an allocation leaf, in leaf order; ``supply`` is the only selling side.
SIDES: Final = ("essential", "flexible", "supply")

ALLOCATION: Final = np.dtype(
    [
        ("index", "u4"),
        ("interval", "u4"),
        ("bus", "u2"),
        ("slot", "u4"),
        *(
            (f"{side}_{name}", "u4")
            for side in SIDES
            for name in ("q_wh", "pa_ticks", "pb_ticks", "x_wh")
        ),
        ("key_ticks", "u4"),
        ("price_ticks", "u4"),
        ("energy_cost", "u8"),
        ("supply_pay", "u8"),
        ("pot_share", "u8"),
        ("shortfall", "u8"),
        ("subscription", "u8"),
        ("imbalance_debit", "u8"),
        ("imbalance_credit", "u8"),
        ("salt", "V16"),
    ]
)

STATE: Final = np.dtype(
    [
        ("index", "u4"),
        ("rank", "u1"),
        ("fstar_ppb", "u4"),
        ("rate_wh", "u4"),
        ("demand_cap_wh", "u4"),
        ("supply_cap_wh", "u4"),
        ("memory_ppb", "u4"),
        ("deficit_hi", "u8"),
        ("deficit_lo", "u8"),
        ("credit", "u8"),
        ("debit", "u8"),
        ("peak", "u8"),
        ("subscription", "u8"),
        ("salt", "V16"),
    ]
)

CONTRACT: Final = np.dtype([("index", "u4"), ("owner", "V20"), ("bus", "u2"), ("slot", "u4")])

#: What a meter says of an interval, signed by the metering operator.
READING: Final = np.dtype(
    [
        ("index", "u4"),
        ("interval", "u4"),
        ("consumed_wh", "u4"),
        ("produced_wh", "u4"),
        ("r", "V32"),
        ("s", "V32"),
        ("v", "u1"),
    ]
)

SHARE: Final = np.dtype([("index", "u4"), ("share_ppb", "u4")])

#: The sums of a sum tree, in order. ``energy_credit`` and ``energy_debit`` are the parts of ``credit`` and ``debit``
#: that the cleared energy makes; the rest is settled with the reserve, and each balances on its own.
SUMS: Final = np.dtype(
    [
        (name, "u8")
        for name in (
            "requested",
            "offered",
            "served",
            "dispatched",
            "credit",
            "debit",
            "energy_credit",
            "energy_debit",
        )
    ]
)

BUS: Final = np.dtype(
    [
        ("bus", "u2"),
        ("depth", "u1"),
        ("price_ticks", "u4"),
        ("theta", "i8"),
        ("pi", "i8"),
        *((name, "u8") for name in SUMS.names or ()),
        ("root", "V32"),
    ]
)

HEADER: Final = np.dtype(
    [
        ("interval", "u4"),
        ("orders_root", "V32"),
        ("allocation_root", "V32"),
        ("pre_state_root", "V32"),
        ("state_root", "V32"),
        ("contracts_root", "V32"),
        ("bus_vector_hash", "V32"),
        ("meter_root", "V32"),
        ("shares_root", "V32"),
        ("policy_hash", "V32"),
        ("grid_version", "u4"),
        ("seed", "V32"),
        ("bundle_hash", "V32"),
        ("requested", "u8"),
        ("served", "u8"),
        ("offered", "u8"),
        ("dispatched", "u8"),
        ("credit_sum", "u8"),
        ("debit_sum", "u8"),
        ("pot", "u8"),
        ("shortfall", "u8"),
        ("imbalance_scale_ppb", "u4"),
        ("forced_cursor", "u8"),
    ]
)


def wire(layout: np.dtype) -> np.dtype:
    """The big-endian twin of a record layout: ``table.astype(wire(layout)).tobytes()`` are the committed bytes."""
    return layout.newbyteorder(">")
