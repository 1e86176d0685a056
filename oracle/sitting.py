"""One interval judged by itself: from its own bundle and those that it starts from, whatever came before."""

from __future__ import annotations

import numpy as np

from offchain.audit.context import Before, Context, Inputs
from offchain.audit.findings import Findings
from offchain.audit.history import GENESIS, ReadBundle, audit_genesis
from offchain.audit.interval import audit_interval, open_bundle
from offchain.audit.published import PublishedMarket
from offchain.commitment.bundle import Bundle
from offchain.errors import InputError
from offchain.proofs.published import collateral


class Sitting:
    """Judges intervals of a market in any order.

    The state that an interval starts from is the one in the bundle before, which the chain names by its hash. So
    a verdict is about this interval alone: whether it follows from what was committed before it, right or wrong.
    """

    def __init__(self, read: ReadBundle) -> None:
        """Judge by bundles from a place."""
        self._read = read
        self._grids: tuple[int, ...] = ()
        self._opened: tuple[Context, Before] | None = None

    def judge(self, market: PublishedMarket, interval: int) -> Findings:
        """Check one interval against every rule.

        Args:
            market: What the chain says now.
            interval: One with a header that stands.

        Raises:
            InputError: When it cannot be judged; the message tells which data are missing or another's.
        """
        context, first = self._genesis(market)
        bundle = self._bundle(market, interval)
        before = first
        if interval > 1:
            lag = context.policy.meter_lag
            past = [
                self._bundle(market, t) for t in range(max(1, interval - max(lag, 1)), interval)
            ]
            before = Before(
                header_hash=market.headers[interval - 2].header_hash,
                state=past[-1].state,
                shares_root=past[-1].header.shares_root,
                past=tuple(earlier.allocation for earlier in past)[-lag:] if lag else (),
            )
        micro = np.zeros(len(before.state), dtype=np.int64)
        for index, amount in collateral(market, interval).items():
            if index < len(micro):
                micro[index] = amount
        inputs = Inputs(
            orders_root=market.orders_roots.get(interval),
            seed=market.seeds.get(interval),
            collateral=micro,
            forced=tuple(filed for filed in market.forced if filed.due <= interval),
        )
        posted = market.headers[interval - 1]
        findings, _ = audit_interval(context, interval, before, posted, inputs, bundle)
        return findings

    def _genesis(self, market: PublishedMarket) -> tuple[Context, Before]:
        """How the market began; read once, and again when a grid was added."""
        grids = tuple(sorted(market.grids))
        if self._opened is None or grids != self._grids:
            data = self._read(GENESIS)
            if data is None:
                raise InputError("the bundle of the genesis is missing")
            _, opened = audit_genesis(market, data)
            if opened is None:
                raise InputError("the genesis breaks a rule; `clearwatt audit` tells which")
            self._opened, self._grids = opened, grids
        return self._opened

    def _bundle(self, market: PublishedMarket, interval: int) -> Bundle:
        data = self._read(interval)
        if data is None:
            raise InputError(f"the bundle of interval {interval} is missing")
        try:
            return open_bundle(market.headers[interval - 1], data)
        except InputError as error:
            raise InputError(f"the bundle of interval {interval}: {error}") from None
