"""The escrow's money against the state that it pays by: nobody was paid too much, and what is owed is there."""

from __future__ import annotations

from offchain.audit.findings import Findings, Rule
from offchain.audit.published import Account, Escrow
from offchain.audit.rebuild import Table


def check_escrow(findings: Findings, escrow: Escrow, state: Table) -> None:
    """Check the escrow's books and balance.

    More than is owed is no fault: anybody may send the currency to the escrow's address.

    Args:
        findings: Where faults go.
        escrow: Its books and what it holds.
        state: After the newest interval whose header was final when they were read.
    """
    owed, nobody = 0, Account()
    for index, row in enumerate(state):
        account = escrow.accounts.get(index, nobody)
        peak = int(row["peak"])
        where, most = f"what participant {index} was paid", f"at most its peak, {peak}"
        findings.compared[Rule.ESCROW] += 1
        if account.paid > peak:
            findings.wrong(Rule.ESCROW, where, most, account.paid)
        if not account.left:
            owed += account.deposit + int(row["credit"]) - int(row["debit"]) - account.paid
    owed += sum(a.deposit - a.paid for i, a in escrow.accounts.items() if i >= len(state))
    findings.compared[Rule.ESCROW] += 1
    if escrow.balance < owed:
        where = "the balance of the escrow"
        findings.wrong(Rule.ESCROW, where, f"at least {owed}, what it owes", escrow.balance)
