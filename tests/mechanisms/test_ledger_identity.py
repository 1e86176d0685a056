"""The ledger identity: F_counted = F* - D / sum d, exactly, in integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offchain.fairness.state import join, next_deficit
from offchain.mechanisms.metrics import target_gaps
from offchain.mechanisms.priority import FAIR_PLAY
from offchain.units import PPB
from tests.mechanisms.markets import asked, people, run, triangle

wh = st.integers(0, 2**30 - 1)
service = st.lists(st.tuples(wh, wh).map(lambda pair: (max(pair), min(pair))), max_size=40)


def counted(deficit: int, fstar_ppb: int, requested_wh: int, served_wh: int) -> int:
    """What the contract owes, no more: min(x, F* d + D), ppb-Wh."""
    return min(served_wh * PPB, fstar_ppb * requested_wh + deficit)


@given(st.integers(0, PPB), service)
def test_owed_minus_counted_is_the_deficit_whatever_happened(
    fstar_ppb: int, history: list[tuple[int, int]]
) -> None:
    deficit = total_counted = total_requested = 0
    for requested, served in history:
        total_counted += counted(deficit, fstar_ppb, requested, served)
        total_requested += requested
        deficit = next_deficit(deficit, fstar_ppb, requested, served)
    assert fstar_ppb * total_requested - total_counted == deficit


def test_the_identity_holds_over_cleared_intervals() -> None:
    rng = np.random.default_rng(3)
    participants = people([0, 0, 1, 2, 2, 0, 2], fstar_ppb=[0, 0, *[880_123_457] * 3, 1, PPB])
    loads = np.array([0, 0, 1200, 1500, 900, 400, 700])
    owed = np.zeros(len(loads), dtype=object)
    total_counted = np.zeros(len(loads), dtype=object)

    def interval(_: int) -> object:
        return asked(
            (loads * rng.uniform(0.5, 1.5, len(loads))).astype(int),
            [0, int(rng.integers(1000, 6000)), 0, 0, 0, 0, 0],
        )

    before = [0] * len(loads)
    for step, trial in run(FAIR_PLAY, triangle(), participants, 60, interval):  # type: ignore[arg-type]
        flexible = step.outcome.quantities.flexible_wh.tolist()
        served = step.outcome.flexible_wh.tolist()
        fstar = participants.fstar_ppb.tolist()
        for row in range(len(loads)):
            owed[row] += fstar[row] * flexible[row]
            total_counted[row] += counted(before[row], fstar[row], flexible[row], served[row])
        standing = trial.standing
        before = [
            join(int(high), int(low))
            for high, low in zip(standing.deficit_high, standing.deficit_low, strict=True)
        ]
        assert (owed - total_counted).tolist() == before
    assert max(before) > 0


def test_the_reported_gap_is_the_identity_rearranged() -> None:
    gap = target_gaps(np.array([0.0, 5e9, 0.0]), np.array([10, 50, 0]))
    assert gap[:2].tolist() == [0.0, 0.1]
    assert np.isnan(gap[2])
