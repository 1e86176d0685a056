"""The escrow's money is held to the newest final state: nobody was paid too much, and what is owed is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offchain.audit.findings import Rule
from offchain.audit.published import Account, Escrow
from offchain.audit.verdict import Verdict
from tests.audit.honest import DEPOSIT_MICRO, Honest, honest_market

FINAL = 2


@pytest.fixture
def honest() -> Honest:
    """A market of three intervals, of which two are final."""
    return honest_market(3)


def earner(honest: Honest) -> int:
    """Somebody who has earned more than it owes."""
    state = honest.intervals[FINAL - 1].state.market.state
    return int((state["credit"].astype(int) - state["debit"].astype(int)).argmax())


def books(honest: Honest, paid: int = 0) -> Escrow:
    """What an honest escrow says after paying one of them."""
    n = len(honest.published.owners)
    accounts = {index: Account(DEPOSIT_MICRO) for index in range(n)}
    accounts[earner(honest)] = Account(DEPOSIT_MICRO, paid)
    return Escrow(FINAL, n * DEPOSIT_MICRO - paid, accounts)


def verdict(honest: Honest, escrow: Escrow, bundles: dict[int, bytes] | None = None) -> Verdict:
    """The audit's, over these books."""
    return honest.verdict(bundles, replace(honest.published, escrow=escrow))


def due(honest: Honest) -> int:
    """All that the earner can claim."""
    row = honest.intervals[FINAL - 1].state.market.state[earner(honest)]
    return int(row["credit"]) - int(row["debit"])


def test_an_escrow_that_paid_what_was_due_is_in_order(honest: Honest) -> None:
    found = verdict(honest, books(honest, due(honest)))
    assert found.ok
    assert found.compared[Rule.ESCROW] == len(honest.published.owners) + 1


def test_who_was_paid_more_than_it_ever_earned_is_named(honest: Honest) -> None:
    peak = int(honest.intervals[FINAL - 1].state.market.state["peak"][earner(honest)])
    found = verdict(honest, books(honest, peak + 1))
    (fault,) = found.faults
    assert (fault.interval, fault.rule) == (FINAL, Rule.ESCROW)
    assert fault.where == f"what participant {earner(honest)} was paid"
    assert (fault.expected, fault.found) == (f"at most its peak, {peak}", str(peak + 1))


def test_an_escrow_that_holds_less_than_it_owes_is_named_with_both_numbers(honest: Honest) -> None:
    whole = books(honest, due(honest))
    (fault,) = verdict(honest, replace(whole, balance=whole.balance - 1)).faults
    assert fault.where == "the balance of the escrow"
    assert fault.expected == f"at least {whole.balance}, what it owes"
    assert fault.found == str(whole.balance - 1)


def test_money_that_anybody_sent_there_is_no_fault(honest: Honest) -> None:
    whole = books(honest)
    assert verdict(honest, replace(whole, balance=whole.balance + 1)).ok


def test_who_has_left_is_owed_nothing(honest: Honest) -> None:
    whole, who = books(honest), earner(honest)
    gone = {**whole.accounts, who: Account(0, 0, left=True)}
    taken = DEPOSIT_MICRO + due(honest)
    left = Escrow(FINAL, whole.balance - taken, gone)
    assert verdict(honest, left).ok
    assert not verdict(honest, replace(left, balance=left.balance - 1)).ok


def test_a_deposit_of_somebody_that_no_tree_has_is_owed_too(honest: Honest) -> None:
    whole = books(honest)
    stranger = {**whole.accounts, len(whole.accounts): Account(5)}
    assert not verdict(honest, replace(whole, accounts=stranger)).ok
    assert verdict(honest, Escrow(FINAL, whole.balance + 5, stranger)).ok


def test_nobody_is_paid_before_the_first_header_is_final(honest: Honest) -> None:
    assert verdict(honest, replace(books(honest), final=0)).ok
    (fault,) = verdict(honest, replace(books(honest, 1), final=0)).faults
    assert (fault.interval, fault.found) == (0, "1")


def test_without_the_final_state_the_escrow_cannot_be_judged(honest: Honest) -> None:
    bundles = {t: b for t, b in honest.bundles.items() if t != FINAL}
    found = verdict(honest, books(honest), bundles)
    assert FINAL in found.unjudged
    assert found.compared[Rule.ESCROW] == 0
