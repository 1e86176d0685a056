"""Markets to measure the clearing program on: chained by the fairness state, or drawn anew."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from offchain.clearing.certificate import Ramps
from offchain.clearing.program import Clearer, Clearing
from offchain.grid.case import CaseGrid
from offchain.mechanisms.mechanism import placed
from offchain.mechanisms.participants import Participants, Standing, community_shares
from offchain.mechanisms.registry import mechanism
from offchain.orders.table import ORDERS_PER_PARTICIPANT, Quantities, RampColumns
from offchain.policy import DEFAULT_POLICY
from offchain.units import MAX_ORDER_WH, PPB

Int64Array = npt.NDArray[np.int64]

#: Of ten participants one offers; power stations keep their place, the others join them.
_SUPPLIERS = 0.1
#: The spread of demands between participants (of the logarithm) and between intervals.
_SIZES, _NOISE = 0.5, 0.15
#: The part of every demand that is essential, and what everybody is owed of the rest.
_ESSENTIAL, _FSTAR = 0.3, 0.9


class Workload:
    """Consumers in proportion to load, suppliers at the case's generators.

    Args:
        case: an imported network.
        participants: at least one per generator.
        stress: demand against the nominal load of the case.
        supply: what is offered against the nominal load.
        seed: of everything drawn.
    """

    def __init__(
        self, case: CaseGrid, participants: int, stress: float, supply: float, seed: int
    ) -> None:
        self.grid = case.grid
        self._rng = np.random.default_rng(seed)
        stations = [g for g in case.generators if g.p_max_wh > 0]
        n_supply = max(len(stations), round(participants * _SUPPLIERS))
        n_demand = max(participants - n_supply, participants // 2)
        self._consumer_bus = self._rng.choice(
            self.grid.n_bus, n_demand, p=case.bus_load_share
        ).astype(np.int32)
        weight = self._rng.lognormal(0.0, _SIZES, n_demand)
        at_bus = np.bincount(self._consumer_bus, weight, self.grid.n_bus)
        share = weight / at_bus[self._consumer_bus]
        self._demand_wh = share * case.load_wh[self._consumer_bus] * stress
        station = np.resize(np.arange(len(stations)), n_supply)
        self._supplier_bus = np.array([g.bus for g in stations], dtype=np.int32)[station]
        size = np.array([g.p_max_wh for g in stations])[station] / np.bincount(station)[station]
        self._offer_wh = np.minimum(size * supply * case.load_wh.sum() / size.sum(), MAX_ORDER_WH)
        self._bid = self._rng.integers(50_000, 250_000, n_supply)

    def drawn(self) -> Iterator[Ramps]:
        """Intervals with keys drawn anew each time: harder than any chain, and quick to make."""
        policy = DEFAULT_POLICY
        k = len(self._consumer_bus)
        bus = np.concatenate((self._consumer_bus, self._consumer_bus, self._supplier_bus))
        supply = np.arange(len(bus)) >= 2 * k
        essential = policy.p_cap_ticks + policy.v_ticks * policy.essential_rank * (
            policy.k_max + policy.kappa + 1
        )
        while True:
            demand = self._noisy(self._demand_wh)
            q = np.concatenate(
                (demand * _ESSENTIAL, demand * (1 - _ESSENTIAL), self._noisy(self._offer_wh))
            )
            key = self._rng.uniform(0, 5, k) + self._rng.gumbel(3, 1, k).clip(0)
            pa = np.concatenate(
                (
                    np.full(k, essential),
                    policy.p_cap_ticks + (policy.v_ticks * key).astype(np.int64),
                    self._bid,
                )
            )
            pb = pa + np.where(supply, policy.w_s_ticks, policy.v_ticks * policy.kappa)
            yield Ramps(bus, supply, q.clip(0, MAX_ORDER_WH).astype(np.int64), pa, pb)

    def chained(self, clearer: Clearer) -> Iterator[tuple[Ramps, Clearing]]:
        """Fair Play interval after interval; the caller's clearer clears when asked for the next.

        Yields the orders first with the clearing they get, computed by ``clearer``.
        """
        fair_play = mechanism("fair-play")
        bus = np.concatenate((self._consumer_bus, self._supplier_bus))
        k, n = len(self._consumer_bus), len(bus)
        rate = np.concatenate((self._demand_wh, np.zeros(n - k))).astype(np.int64) + 1
        participants = Participants(
            bus=bus,
            rank=np.zeros(n, dtype=np.int64),
            fstar_ppb=np.full(n, round(_FSTAR * PPB), dtype=np.int64),
            rate_wh=rate,
            value_ticks=np.zeros(n, dtype=np.int64),
            share_ppb=community_shares(n),
        )
        bids = np.concatenate((np.zeros(k, dtype=np.int64), self._bid))
        standing = Standing.genesis(n)
        interval = 0
        while True:
            interval += 1
            demand, offer = self._noisy(self._demand_wh), self._noisy(self._offer_wh)
            column = np.zeros((3, n), dtype=np.int64)
            column[0, :k], column[1, :k] = demand * _ESSENTIAL, demand * (1 - _ESSENTIAL)
            column[2, k:] = offer.clip(0, MAX_ORDER_WH)
            columns: RampColumns = fair_play.ramps(
                DEFAULT_POLICY,
                participants,
                standing,
                Quantities(column[0], column[1], column[2], bids),
                interval.to_bytes(32, "big"),
            )
            ramps = placed(columns, bus)
            clearing = clearer.clear(ramps)
            served = clearing.x_wh.reshape(-1, ORDERS_PER_PARTICIPANT)[:, 1]
            standing = standing.after(participants, DEFAULT_POLICY.beta_ppb, column[1], served)
            yield ramps, clearing

    def _noisy(self, mean_wh: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return mean_wh * self._rng.uniform(1 - _NOISE, 1 + _NOISE, len(mean_wh))
