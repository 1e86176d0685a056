"""Readings and what is settled for them: whose signature counts, and every fee and correction again."""

from __future__ import annotations

import numpy as np

from offchain.audit.context import Context
from offchain.audit.findings import Findings, Rule
from offchain.audit.rebuild import Corrections, Payments, Table, corrections, ints
from offchain.commitment.bundle import Bundle
from offchain.commitment.header import NO_READINGS_ROOT, Header
from offchain.commitment.trees import PlainTree
from offchain.metering.readings import unsigned_rows
from offchain.records import KIND_READING


def check_readings(
    findings: Findings, context: Context, measured: Table | None, header: Header, bundle: Bundle
) -> None:
    """Check which readings count, and what the header says of them.

    Args:
        findings: Where faults go.
        context: The market.
        measured: Allocations of the interval whose readings are settled; None where none are.
        header: Of the interval that settles them.
        bundle: Its bundle.
    """
    readings, policy = bundle.readings, context.policy
    root = NO_READINGS_ROOT
    if measured is None:
        findings.equal(Rule.METER, "the number of readings", 0, len(readings))
    else:
        root = PlainTree.of_table(KIND_READING, readings, len(context.contracts)).root
        interval = np.full(len(readings), header.interval - policy.meter_lag)
        findings.columns(
            Rule.METER, "reading in row", "interval", interval, ints(readings, "interval")
        )
        separator = context.signatures.separator
        unsigned = unsigned_rows(readings, policy.meter_operator, separator)
        findings.checks += len(readings)
        if unsigned:
            who = int(readings["index"][unsigned[0]])
            where = f"the signature of reading {who}"
            findings.wrong(Rule.METER, where, policy.meter_operator, "another's or none")
    findings.equal(Rule.METER, "the meter root", root, header.meter_root)


def check_corrections(
    findings: Findings,
    context: Context,
    state: Table,
    measured: Table | None,
    header: Header,
    bundle: Bundle,
    money: Payments,
) -> Corrections:
    """Check fees and imbalance of every participant and of the reserve.

    Args:
        findings: Where faults go.
        context: The market.
        state: Before the interval.
        measured: As `check_readings`.
        header: Of the interval.
        bundle: Its bundle.
        money: Its other payments, as the rules give them.

    Returns:
        What the rules give.
    """
    leaf, table = "allocation of participant", bundle.allocation
    result = corrections(context.policy, state, measured, bundle.readings, money)
    scale = header.imbalance_scale_ppb
    findings.equal(Rule.RESERVE, "the imbalance scale", result.scale_ppb, scale)
    for rule, name in (
        (Rule.SUBSCRIPTION, "subscription"),
        (Rule.IMBALANCE, "imbalance_debit"),
        (Rule.IMBALANCE, "imbalance_credit"),
    ):
        findings.columns(rule, leaf, name, getattr(result, name), ints(table, name))
    return result
