"""A small market for tests: three buses in a ring, six participants, orders that vary by interval."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from offchain.clearing.program import Clearer
from offchain.grid.model import Grid, build_grid
from offchain.keccak import keccak
from offchain.market import Genesis, Interval, MarketState, clear_interval, genesis, register
from offchain.orders.table import OrderTable, Quantities, orders_from_columns
from offchain.policy import DEFAULT_POLICY, Policy
from offchain.records import SHARE
from offchain.units import PPB

N = 6
"""0 the reserve; 1-3 consumers at buses 1, 2, 2; 4 and 5 suppliers at buses 0 and 2."""


def ring(limit_wh: int = 900) -> Grid:
    """Three buses, the line between the first and the last narrow."""
    return build_grid(
        "ring",
        ("zero", "one", "two"),
        [0, 1, 0],
        [1, 2, 2],
        np.full(3, 1e6),
        np.array([5000.0, 5000.0, float(limit_wh)]),
        areas=[("west",), ("east",), ("east",)],
    )


def start(
    policy: Policy = DEFAULT_POLICY, grid: Grid | None = None, subscription: npt.ArrayLike = 0
) -> Genesis:
    """The market before its first interval."""
    contracts, state = register(
        owner=[bytes([i]) * 20 for i in range(N)],
        bus=[0, 1, 2, 2, 0, 2],
        rank=[0, 0, 0, 1, 0, 0],
        fstar_ppb=[0, 900_000_000, 900_000_000, 980_000_000, 0, 0],
        rate_wh=[0, 1200, 1500, 900, 0, 0],
        demand_cap_wh=[0, 2400, 3000, 1800, 0, 0],
        supply_cap_wh=[0, 0, 0, 0, 6000, 700],
        subscription=subscription,
    )
    shares = np.array([(0, PPB // 10), (4, PPB // 2), (5, PPB * 4 // 10)], dtype=SHARE)
    return genesis(
        policy=policy,
        grid=grid or ring(),
        contracts=contracts,
        state=state,
        shares=shares,
        chain_id=31337,
        ledger=bytes(range(20)),
        nonce=keccak(b"nonce"),
        salt_key=keccak(b"genesis salt"),
    )


def orders(interval: int) -> OrderTable:
    """What is asked and offered in an interval; every third interval is short of supply."""
    rng = np.random.default_rng(interval)
    supply = np.array([0, 0, 0, 0, 6000, 700]) // (4 if interval % 3 == 0 else 1)
    caps = np.array([0, 1200, 1500, 900, 0, 0])
    share = rng.uniform(0.5, 1.0, (2, N))
    return orders_from_columns(
        np.arange(1, N),
        Quantities(
            (caps * share[0]).astype(int)[1:],
            (caps * share[1]).astype(int)[1:],
            supply[1:],
            np.array([0, 0, 0, 120_000, 250_000]),
        ),
    )


def run(
    intervals: int,
    state: MarketState | None = None,
    read: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[Interval]:
    """The first intervals of the market; ``read`` gives the readings of an allocation."""
    state = state or start().state
    clearer = Clearer(state.market.grid)
    result = []
    for number in range(1, intervals + 1):
        seed = keccak(b"seed" + bytes([number]))
        market = state.market
        readings = read(market.past[0]) if read and market.measured_interval else None
        interval = clear_interval(
            state, orders(number), seed, keccak(b"s" + seed), clearer, readings=readings
        )
        result.append(interval)
        state = interval.state
    return result


def with_policy(**changes: Any) -> Policy:  # noqa: ANN401 - numbers and an address
    """The default policy but for some numbers."""
    return replace(DEFAULT_POLICY, **changes)
