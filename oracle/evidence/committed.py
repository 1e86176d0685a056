"""Fair Play as a ledger would run it: every interval settled, hashed and chained, then checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.clearing.program import Clearer
from offchain.errors import ClearwattError
from offchain.grid.model import Grid
from offchain.keccak import keccak
from offchain.market import Interval, clear_interval, genesis, register
from offchain.mechanisms.mechanism import Outcome, placed
from offchain.mechanisms.participants import Participants, Standing
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.mechanisms.trial import Step, check_clearing
from offchain.orders.table import Quantities, orders_from_columns
from offchain.policy import Policy
from offchain.records import SHARE
from offchain.units import Int64Array

#: What a study's hashes are bound to: no chain and no ledger.
STUDY_CHAIN_ID: Final = 0
_NO_LEDGER: Final = bytes(20)
_NONCE_TAG: Final = b"clearwatt evidence"
_SALT_TAG: Final = b"clearwatt evidence salt"


@dataclass(frozen=True)
class Caps:
    """What contracts allow to ask and offer in an interval; int64[n] each, Wh."""

    demand_wh: Int64Array
    supply_wh: Int64Array


class CommittedTrial:
    """Runs the market of `offchain.market` and reports its intervals as a `Trial` does.

    Args:
        grid: the grid.
        policy: of the run.
        participants: n rows.
        caps: by contract.
        name: what tells this market from every other.
        publish: receives every interval.

    Attributes:
        standing: before the next interval.
        domain_hash: what the header hashes are bound to.
        genesis_hash: the header hash before the first interval.
    """

    mechanism = FAIR_PLAY

    def __init__(
        self,
        grid: Grid,
        policy: Policy,
        participants: Participants,
        caps: Caps,
        name: bytes,
        publish: Callable[[Interval], None],
    ) -> None:
        n = len(participants)
        contracts, state = register(
            owner=np.zeros(n, dtype="V20"),
            bus=participants.bus,
            rank=participants.rank,
            fstar_ppb=participants.fstar_ppb,
            rate_wh=participants.rate_wh,
            demand_cap_wh=caps.demand_wh,
            supply_cap_wh=caps.supply_wh,
        )
        shares = np.zeros(n, dtype=SHARE)
        shares["index"], shares["share_ppb"] = np.arange(n), participants.share_ppb
        self._state = genesis(
            policy=policy,
            grid=grid,
            contracts=contracts,
            state=state,
            shares=shares,
            chain_id=STUDY_CHAIN_ID,
            ledger=_NO_LEDGER,
            nonce=keccak(_NONCE_TAG + name),
            salt_key=keccak(_SALT_TAG + name),
        ).state
        self.domain_hash = self._state.domain.hash()
        self.genesis_hash = self._state.header_hash
        self.standing = Standing.genesis(n)
        self._grid, self._policy, self._participants = grid, policy, participants
        self._clearer = Clearer(grid)
        self._name, self._publish = name, publish

    def step(self, quantities: Quantities, seed: bytes) -> Step:
        """Clear, settle, commit and check one interval.

        Args:
            quantities: what n participants ask and offer.
            seed: of the interval, 32 bytes.

        Raises:
            InputError: a quantity or bid is out of range.
            ClearwattError: the interval could not be cleared, or committed and simulated rules
                disagree.
        """
        number = self._state.interval + 1
        orders = orders_from_columns(np.arange(len(self._participants)), quantities)
        salt_key = keccak(_SALT_TAG + self._name + number.to_bytes(4, "big"))
        interval = clear_interval(self._state, orders, seed, salt_key, self._clearer)
        self._state = interval.state
        self._publish(interval)
        made = interval.outcome
        violations = check_clearing(
            self._grid, placed(made.ramps, self._participants.bus), made.clearing
        )
        allocation = interval.allocation
        flexible = allocation["flexible_x_wh"].astype(np.int64)
        self.standing = self.standing.after(
            self._participants, self._policy.beta_ppb, quantities.flexible_wh, flexible
        )
        self._compare()
        pi = np.asarray(made.clearing.certificate.pi, dtype=np.int64)
        outcome = Outcome(
            policy=self._policy,
            participants=self._participants,
            quantities=quantities,
            interval=number,
            essential_wh=allocation["essential_x_wh"].astype(np.int64),
            flexible_wh=flexible,
            supply_wh=allocation["supply_x_wh"].astype(np.int64),
            tightness_ppb=made.tightness.bus_ppb,
            system_tightness_ppb=int(made.tightness.layer_ppb[0]),
            pi=pi[self._participants.bus],
        )
        return Step(outcome, made.clearing, violations)

    def _compare(self) -> None:
        """What is committed is what the simulation goes on with."""
        table, standing = self._state.market.state, self.standing
        same = (
            np.array_equal(table["memory_ppb"], standing.memory_ppb)
            and np.array_equal(table["deficit_hi"], standing.deficit_high)
            and np.array_equal(table["deficit_lo"], standing.deficit_low)
        )
        if not same:
            raise ClearwattError(
                f"interval {self._state.interval}: committed and simulated states differ; "
                "report this with the scenario's key"
            )
