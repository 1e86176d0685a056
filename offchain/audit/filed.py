"""Readings that were filed on the chain: none that was due may be left out of what an interval settles."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from offchain.audit.context import Context
from offchain.audit.findings import Findings, Rule
from offchain.audit.published import FiledReading
from offchain.audit.rebuild import Table
from offchain.metering.readings import unsigned_rows
from offchain.records import READING, wire


def check_filed(
    findings: Findings, context: Context, readings: Table, filed: Iterable[FiledReading]
) -> None:
    """Hold the readings that an interval settles to those filed in time.

    Any signed reading of the participant will do: where the metering operator has signed two, either is its word.

    Args:
        findings: Of the interval.
        context: What is in force for it.
        readings: records.READING, what it settles.
        filed: What anybody filed, of any interval.
    """
    policy, interval = context.policy, findings.interval
    due = b"".join(reading.record for reading in filed if reading.due <= interval)
    rows = np.frombuffer(due, dtype=wire(READING)).astype(READING)
    if not 0 < policy.meter_lag < interval or not len(rows):
        return
    rows = rows[rows["interval"] == interval - policy.meter_lag]
    rows = rows[rows["index"] < len(context.contracts)]
    findings.compared[Rule.IGNORED] += len(rows)
    missing = rows[~np.isin(rows["index"], readings["index"])]
    unsigned = unsigned_rows(missing, policy.meter_operator, context.signatures.separator)
    for who in np.delete(missing["index"], unsigned).tolist():
        where = f"the reading of participant {who}"
        findings.wrong(Rule.IGNORED, where, "the one filed on the chain", "none")
