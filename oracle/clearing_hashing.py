"""What it takes to hash an interval: all trees that `offchain.market.interval.commit` makes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from offchain.commitment.allocation import BusTrees, Layout, UpperTree
from offchain.commitment.hashing import record_salts
from offchain.commitment.trees import PlainTree
from offchain.grid.case import CaseGrid
from offchain.records import (
    ALLOCATION,
    BUS,
    CONTRACT,
    KIND_ALLOCATION,
    KIND_ORDER,
    KIND_READING,
    KIND_STATE,
    ORDER,
    READING,
    STATE,
)

_KEY = bytes(32)


@dataclass(frozen=True)
class Hashing:
    """How long the trees of an interval take.

    Attributes:
        participants: each with an order, an allocation, a state and a reading.
        seconds: processor time, salts included.
    """

    participants: int
    seconds: float


def hash_all(case: CaseGrid, participants: int) -> Hashing:
    """Hash the orders, readings, states and allocations of participants spread over all buses.

    The records are empty but for their salts: a hash takes as long whatever is in them.
    """
    n_bus = case.grid.n_bus
    index = np.arange(participants)
    contracts = np.zeros(participants, dtype=CONTRACT)
    contracts["index"], contracts["bus"], contracts["slot"] = index, index % n_bus, index // n_bus
    layout = Layout.of(contracts, case.grid.holarchy)
    orders, readings, states, allocation = (
        np.zeros(participants, dtype=kind) for kind in (ORDER, READING, STATE, ALLOCATION)
    )
    for table in (orders, readings, states, allocation):
        table["index"] = index
    buses = np.zeros(n_bus, dtype=BUS)
    begun = time.process_time()
    states["salt"] = record_salts(_KEY, KIND_STATE, contracts["index"])
    allocation["salt"] = record_salts(_KEY, KIND_ALLOCATION, contracts["index"])
    for kind, table in ((KIND_STATE, states), (KIND_ORDER, orders), (KIND_READING, readings)):
        PlainTree.of_table(kind, table, participants)
    BusTrees.of(layout, allocation, _KEY)
    UpperTree.of(layout, buses)
    return Hashing(participants, time.process_time() - begun)
