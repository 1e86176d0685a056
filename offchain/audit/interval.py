"""One interval against the rules: its header from the chain, its bundle, and the state before it."""

from __future__ import annotations

import numpy as np

from offchain.audit import ranges
from offchain.audit.context import Before, Context, Inputs
from offchain.audit.findings import Findings, Rule
from offchain.audit.published import PostedHeader
from offchain.audit.rebuild import ints
from offchain.audit.rules import IntervalRules
from offchain.commitment.bundle import Bundle, read_bundle
from offchain.commitment.header import Header
from offchain.errors import InputError


def open_bundle(posted: PostedHeader, data: bytes) -> Bundle:
    """Read the bundle of a posted header.

    Raises:
        InputError: When it cannot be read, or is not the one that the header names. That is no fault of the operator's:
            anyone may have handed out another file.
    """
    bundle = read_bundle(data)
    if bundle.hash != Header.unpack(posted.payload).bundle_hash:
        raise InputError("its bundle is not the one whose hash is in the header; fetch it again")
    if bundle.header.packed() != posted.payload:
        raise InputError("its bundle ends in another header than the chain's; fetch it again")
    return bundle


def audit_interval(
    context: Context,
    interval: int,
    before: Before,
    posted: PostedHeader,
    inputs: Inputs,
    bundle: Bundle,
) -> tuple[Findings, Before]:
    """Check one interval against every rule.

    Args:
        context: The market.
        interval: Number that this interval must have.
        before: What the interval before it left.
        posted: Its header, as the chain has it.
        inputs: Its orders root and seed, as the chain has them.
        bundle: Its bundle, of `open_bundle`.

    Returns:
        What was found, and where the next interval starts.
    """
    findings = Findings(interval)
    header = Header.unpack(posted.payload)
    _check_chain(findings, context, before, posted, header)
    _check_bundle(findings, posted, header, bundle)
    _check_inputs(findings, context, inputs, header)
    findings.equal(Rule.SHARES, "the shares root", before.shares_root, header.shares_root)
    lag = context.policy.meter_lag
    unsettled = (*before.past, bundle.allocation)
    past = unsettled[max(0, len(unsettled) - lag) :]
    after = Before(posted.header_hash, bundle.state, header.shares_root, past)
    if header.grid_version not in context.grids or not _check_tables(
        findings, context, before, bundle
    ):
        return findings, after
    measured = before.past[0] if lag and len(before.past) == lag else None
    IntervalRules(findings, context, before.state, measured, inputs, header, bundle).check()
    return findings, after


def _check_chain(
    findings: Findings, context: Context, before: Before, posted: PostedHeader, header: Header
) -> None:
    findings.equal(Rule.CHAIN, "the interval's number", findings.interval, header.interval)
    findings.equal(
        Rule.CHAIN, "the hash of the header before", before.header_hash, posted.previous_hash
    )
    header_hash = header.hash(context.domain.hash(), posted.previous_hash)
    findings.equal(Rule.CHAIN, "the header hash", header_hash, posted.header_hash)


def _check_bundle(findings: Findings, posted: PostedHeader, header: Header, bundle: Bundle) -> None:
    same = findings.equal
    # A ledger that is not eager is sent none; the bus vector hash binds the bundle's.
    if posted.certificate:
        same(Rule.BUNDLE, "the bundle's certificate", posted.certificate, bundle.certificate)
    same(Rule.BUNDLE, "the bundle's previous hash", posted.previous_hash, bundle.previous_hash)
    same(Rule.BUNDLE, "the bundle's interval", header.interval, bundle.interval)
    same(Rule.BUNDLE, "the bundle's grid version", header.grid_version, bundle.grid_version)


def _check_inputs(findings: Findings, context: Context, inputs: Inputs, header: Header) -> None:
    findings.equal(Rule.INPUTS, "the orders root", inputs.orders_root, header.orders_root)
    findings.equal(Rule.INPUTS, "the seed", inputs.seed, header.seed)
    findings.equal(Rule.POLICY, "the policy hash", context.policy_hash, header.policy_hash)
    findings.equal(Rule.GRID, "the grid version", True, header.grid_version in context.grids)
    findings.equal(
        Rule.FORCED, "the number of forced orders", len(inputs.forced), header.forced_cursor
    )


def _check_tables(findings: Findings, context: Context, before: Before, bundle: Bundle) -> bool:
    """Whether the tables have the rows and the ranges that the arithmetic needs."""
    participants = len(context.contracts)
    rows = [
        findings.equal(Rule.RANGE, f"the number of {name}", participants, len(table))
        for name, table in (
            ("participants", before.state),
            ("states", bundle.state),
            ("allocations", bundle.allocation),
            ("contracts", bundle.contracts),
            ("shares", bundle.shares),
        )
    ]
    if not all(rows):
        return False
    index = ints(bundle.orders, "index")
    ordered = np.all(np.diff(index) > 0) and np.all(index < participants)
    if not findings.equal(Rule.ORDER, "the order of the orders", True, bool(ordered)):
        return False
    index = ints(bundle.readings, "index")
    ordered = np.all(np.diff(index) > 0) and np.all(index < participants)
    if not findings.equal(Rule.METER, "the order of the readings", True, bool(ordered)):
        return False
    number = np.arange(participants)
    numbered = [
        findings.columns(Rule.RANGE, f"{name} in row", "index", number, ints(table, "index"))
        for name, table in (
            ("allocation", bundle.allocation),
            ("state", bundle.state),
            ("contract", bundle.contracts),
            ("share", bundle.shares),
        )
    ]
    ranged = [
        ranges.check_state(findings, context.policy, before.state, "before"),
        ranges.check_state(findings, context.policy, bundle.state, "after"),
        ranges.check_orders(findings, context.policy, bundle.orders),
        ranges.check_allocation(findings, bundle.allocation),
        ranges.check_shares(findings, bundle.shares),
        ranges.check_readings(findings, bundle.readings),
    ]
    return all(numbered) and all(ranged)
