"""Each interval is judged from the bundles before it, so in any order; what is missing spoils no more than it must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from offchain.audit.findings import Rule
from offchain.audit.history import Auditor, audit_market, open_market
from offchain.audit.published import Code, PublishedMarket
from offchain.audit.verdict import Judgement
from offchain.commitment.bundle import write_body, write_bundle
from offchain.keccak import keccak
from offchain.market import Interval
from tests.audit.honest import Honest, honest_market, posted, with_header

INTERVALS = 5


@pytest.fixture
def honest() -> Honest:
    """A market that kept the rules; each interval settles the readings of the one before."""
    return honest_market(INTERVALS)


def auditor(published: PublishedMarket, bundles: dict[int, bytes]) -> Auditor:
    """Who judges a market's intervals."""
    opening, found = open_market(published, bundles.get)
    assert found is not None, opening
    return found


def with_interval(
    honest: Honest, number: int, lie: Interval
) -> tuple[PublishedMarket, dict[int, bytes]]:
    """The market with one interval in the middle told falsely, and nothing after it told anew."""
    headers = list(honest.published.headers)
    headers[number - 1] = posted(lie)
    roots = {**honest.published.orders_roots, number: lie.header.orders_root}
    published = replace(honest.published, headers=tuple(headers), orders_roots=roots)
    return published, {**honest.bundles, number: lie.bundle}


def test_the_order_of_judging_makes_no_difference(honest: Honest) -> None:
    truth = honest.intervals[1]
    lie = with_header(truth, replace(truth.header, pot=truth.header.pot + 1))
    published, bundles = with_interval(honest, 2, lie)
    forwards = [auditor(published, bundles).judge(t) for t in range(1, INTERVALS + 1)]
    one = auditor(published, bundles)
    backwards = [one.judge(t) for t in range(INTERVALS, 0, -1)]
    assert backwards == forwards[::-1]
    assert [f.rule for f in forwards[1].faults] == [Rule.TOTALS]
    assert [f.rule for f in forwards[2].faults] == [Rule.CHAIN], "its header names the true one"
    assert not forwards[3].faults


def test_a_missing_bundle_spoils_what_is_judged_from_it_and_nothing_else(honest: Honest) -> None:
    *_, verdict = audit_market(
        honest.published, {t: b for t, b in honest.bundles.items() if t != 2}.get
    )
    assert verdict.unjudged == {
        2: "its bundle is missing",
        3: "the state before it is not known",
    }
    assert verdict.judged == {1, 4, 5}
    assert not verdict.ok


def test_an_interval_whose_measured_allocations_are_missing_is_not_judged(honest: Honest) -> None:
    *_, last = honest.intervals
    policy = last.before.market.policy
    assert policy.meter_lag == 1, (
        "so the bundle before is needed for both, and its state comes first"
    )
    judged = auditor(honest.published, {t: b for t, b in honest.bundles.items() if t != 4}).judge(5)
    assert judged == Judgement(5, unjudged="the state before it is not known")


def test_an_interval_that_nobody_judged_is_never_passed(honest: Honest) -> None:
    *_, verdict = audit_market(honest.published, honest.bundles.get)
    assert verdict.ok
    verdict.judged.remove(3)
    assert not verdict.ok


def test_a_measured_table_too_large_to_calculate_with_is_named_and_not_calculated_with(
    honest: Honest,
) -> None:
    """The lie lies in interval 4; interval 5 settles its readings."""
    truth = honest.intervals[3]
    allocation = truth.allocation.copy()
    allocation["supply_x_wh"][1] = 2**32 - 1
    body = write_body(
        4,
        truth.before.grid_version,
        truth.before.header_hash,
        keccak(b"salt 4"),
        {
            "orders": truth.orders,
            "allocation": allocation,
            "state": truth.state.market.state,
            "contracts": truth.before.market.contracts,
            "shares": truth.before.market.shares,
            "readings": truth.outcome.readings,
        },
        truth.certificate,
    )
    header = replace(truth.header, bundle_hash=keccak(body))
    lie = replace(with_header(truth, header), bundle=write_bundle(body, header))
    one = auditor(*with_interval(honest, 4, lie))
    assert Rule.RANGE in {fault.rule for fault in one.judge(4).faults}
    after = {fault.rule: fault for fault in one.judge(5).faults}
    assert after[Rule.RANGE].where == "supply_x_wh of measured allocation of participant 1"


def test_a_policy_that_the_ledger_does_not_name_is_told(honest: Honest) -> None:
    verdict = honest.verdict(published=replace(honest.published, policy_hash=bytes(32)))
    assert (verdict.faults[0].interval, verdict.faults[0].rule) == (0, Rule.POLICY)


def test_a_grid_that_is_not_the_registered_one_is_told(honest: Honest) -> None:
    truth = keccak(b"\x09" + honest.published.grids[1])
    assert honest.verdict(published=replace(honest.published, grid_hashes={1: truth})).ok
    verdict = honest.verdict(published=replace(honest.published, grid_hashes={1: bytes(32)}))
    (found,) = verdict.faults
    assert (found.rule, found.where) == (Rule.GRID, "the registered hash of grid 1")
    assert found.expected == f"0x{truth.hex()}"


def test_a_contract_with_other_code_is_told(honest: Honest) -> None:
    code = Code("OracleBond", "0x01", b"\1" * 32, b"\2" * 32)
    verdict = honest.verdict(published=replace(honest.published, code=(code,)))
    (found,) = verdict.faults
    assert str(found) == (
        f"interval 0, code: the code of the OracleBond at 0x01 is 0x{'02' * 32}; "
        f"the rules give 0x{'01' * 32}"
    )


def test_columns_of_other_widths_are_compared_as_numbers_are() -> None:
    """Expected values are int64, committed ones unsigned: neither may be cast into the other."""
    assert (np.array([-1]) != np.array([2**64 - 1], dtype=np.uint64)).all()
    assert (np.array([2**63 - 1]) != np.array([2**63], dtype=np.uint64)).all()


def test_sums_beyond_what_money_can_be_are_named_and_stop_nothing(
    honest: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of numbers, each as large as one may be, as only a false bundle can hold them."""

    def beyond(*_: object) -> None:
        np.array([2**63], dtype=np.int64)

    monkeypatch.setattr("offchain.audit.rebuild.corrections", beyond)
    (found,) = auditor(honest.published, honest.bundles).judge(2).faults
    assert (found.rule, found.where) == (Rule.RANGE, "the money of the interval")
