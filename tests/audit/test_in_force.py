"""A market whose grid, policy, shares and contracts change on the way: each interval is judged by what was in force."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from offchain.audit.findings import Rule
from offchain.commitment.terms import Terms, terms_at
from offchain.grid.tighten import tighten
from offchain.market import MarketState, amend
from tests.audit.honest import POLICY, honest_market

OTHER = replace(POLICY, spread_ticks=5_000, p_lo_ticks=60_000)
"""Imbalance of an interval that was cleared under POLICY must still be settled by its spread."""


def changing(interval: int, market: MarketState) -> MarketState:
    """A tighter grid from 2 on, another policy and other shares from 3 on, a participant that moves from 5 on."""
    if interval == 2:
        grid = market.market.grid
        return amend(market, grid=tighten(grid, {0: int(grid.limit_wh[0]) // 2}), grid_version=2)
    if interval == 3:
        shares = market.market.shares.copy()
        shares["share_ppb"] = shares["share_ppb"][::-1]
        return amend(market, policy=OTHER, shares=shares)
    if interval == 5:
        return amend(market, contracts=moved(market))
    return market


def moved(market: MarketState) -> np.ndarray:
    """The last of a bus with two moves to the bus of participant 1, behind whoever is there."""
    contracts = market.market.contracts.copy()
    bus, count = np.unique(contracts["bus"], return_counts=True)
    crowded = int(bus[np.argmax(count)])
    who = int(
        np.flatnonzero((contracts["bus"] == crowded) & (contracts["slot"] == count.max() - 1))[0]
    )
    target = int(next(b for b in bus if b != crowded))
    contracts["slot"][who] = int((contracts["bus"] == target).sum())
    contracts["bus"][who] = target
    return contracts


def test_each_interval_is_judged_by_what_was_in_force_for_it() -> None:
    market = honest_market(6, changing)
    assert [terms.first for terms in market.published.amendments] == [2, 3, 5]
    verdict = market.verdict()
    assert verdict.ok, [str(fault) for fault in verdict.faults]
    assert verdict.intervals == 6


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("grid_version", Rule.GRID),
        ("policy_hash", Rule.POLICY),
        ("shares_root", Rule.SHARES),
        ("contracts_root", Rule.CONTRACT),
    ],
)
def test_an_interval_cleared_by_what_was_in_force_before_is_a_fault(field: str, rule: Rule) -> None:
    """The chain says that the change held one interval earlier than the operator took it up."""
    market = honest_market(6, changing)
    opened = Terms(
        0,
        1,
        POLICY.hash(),
        market.intervals[0].before.shares_tree.root,
        market.intervals[0].before.contracts_tree.root,
    )
    history = (opened, *market.published.amendments)
    before = next(
        terms
        for terms, later in pairwise(history)
        if getattr(terms, field) != getattr(later, field)
    )
    later = history[history.index(before) + 1]
    early = replace(later, first=later.first - 1)
    amendments = tuple(early if terms is later else terms for terms in market.published.amendments)
    verdict = market.verdict(published=replace(market.published, amendments=amendments))
    assert rule in {fault.rule for fault in verdict.faults} or (
        field == "contracts_root" and early.first in verdict.unjudged
    )
    # the interval after it settles its imbalance by the policy that should have held
    assert {fault.interval for fault in verdict.faults} <= {early.first, early.first + 1}


def test_a_policy_that_nobody_can_read_leaves_its_intervals_unjudged() -> None:
    market = honest_market(6, changing)
    verdict = market.verdict(published=replace(market.published, policies={}))
    assert not verdict.faults
    assert {3, 4, 5, 6} <= set(verdict.unjudged)
    assert "is not on the chain" in verdict.unjudged[3]


def test_without_the_chain_what_changed_is_not_judged() -> None:
    market = honest_market(6, changing)
    published = replace(market.published, on_chain=False, amendments=(), policies={})
    verdict = market.verdict(published=published)
    assert set(verdict.unjudged) == {2, 3, 4, 5, 6}
    assert "another grid than the genesis" in verdict.unjudged[2]


def test_of_several_changes_at_one_gate_the_last_counts() -> None:
    words = (b"\1" * 32, b"\2" * 32, b"\3" * 32)
    first, second = Terms(4, 2, *words), Terms(4, 3, *words)
    history = (Terms(0, 1, *words), first, second, Terms(9, 4, *words))
    versions = [terms_at(history, interval).grid_version for interval in (1, 3, 4, 8, 9, 100)]
    assert versions == [1, 1, 3, 3, 4, 4]
