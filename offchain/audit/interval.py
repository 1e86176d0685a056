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
from offchain.randomness.drand import is_signed


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
    inputs: Inputs | None,
    bundle: Bundle,
) -> Findings:
    """Check one interval against every rule.

    Args:
        context: The market, with what is in force for the interval.
        interval: Number that this interval must have.
        before: What the intervals before it left.
        posted: Its header, as the chain has it.
        inputs: What was fixed on the chain before it; None where no chain was asked.
        bundle: Its bundle, of `open_bundle`.

    Returns:
        What was found.
    """
    findings = Findings(interval)
    header, terms = bundle.header, context.terms
    header_hash = header.hash(context.domain.hash(), posted.previous_hash)
    # A ledger that is not eager is sent none; the bus vector hash binds the bundle's.
    certificate = posted.certificate or bundle.certificate
    for rule, where, expected, found in (
        (Rule.CHAIN, "the interval's number", interval, header.interval),
        (Rule.CHAIN, "the hash of the header before", before.header_hash, posted.previous_hash),
        (Rule.CHAIN, "the header hash", header_hash, posted.header_hash),
        (Rule.BUNDLE, "the bundle's certificate", certificate, bundle.certificate),
        (Rule.BUNDLE, "the bundle's previous hash", posted.previous_hash, bundle.previous_hash),
        (Rule.BUNDLE, "the bundle's interval", header.interval, bundle.interval),
        (Rule.BUNDLE, "the bundle's grid version", header.grid_version, bundle.grid_version),
        (Rule.POLICY, "the policy hash", terms.policy_hash, header.policy_hash),
        (Rule.GRID, "the grid version", True, header.grid_version in context.grids),
        (Rule.SHARES, "the shares root", terms.shares_root, header.shares_root),
    ):
        findings.equal(rule, where, expected, found)
    if inputs is not None:
        due = len(inputs.forced)
        findings.equal(Rule.INPUTS, "the orders root", inputs.orders_root, header.orders_root)
        findings.equal(Rule.INPUTS, "the seed", inputs.seed, header.seed)
        if inputs.draw is not None:
            genuine = is_signed(inputs.public_key, inputs.draw.round, inputs.draw.signature)
            where = f"that the signature of drand round {inputs.draw.round} is genuine"
            findings.equal(Rule.SEED, where, True, genuine)
        findings.equal(Rule.FORCED, "the number of forced orders", due, header.forced_cursor)
    if header.grid_version in context.grids and _check_tables(findings, context, before, bundle):
        try:
            IntervalRules(findings, context, before, inputs, bundle).check()
        except OverflowError:  # each number is in range, but so many of them that their sum is not
            findings.wrong(Rule.RANGE, "the money of the interval", "below 2^63", "more")
    return findings


def _check_tables(findings: Findings, context: Context, before: Before, bundle: Bundle) -> bool:
    """Whether the tables have the rows and the ranges that the arithmetic needs."""
    number = np.arange(len(context.contracts))
    measured = () if before.measured is None else (("measured allocation", before.measured),)
    whole = (
        *measured,
        ("state before", before.state),
        ("allocation", bundle.allocation),
        ("state", bundle.state),
        ("contract", bundle.contracts),
        ("share", bundle.shares),
    )
    for name, table in whole:
        if not findings.equal(Rule.RANGE, f"the number of {name} rows", len(number), len(table)):
            return False
    for rule, name, table in (
        (Rule.ORDER, "orders", bundle.orders),
        (Rule.METER, "readings", bundle.readings),
    ):
        index = ints(table, "index")
        ascending = bool(np.all(np.diff(index) > 0) and np.all(index < len(number)))
        if not findings.equal(rule, f"the order of the {name}", True, ascending):
            return False
    sound = [
        *(
            findings.columns(Rule.RANGE, f"{name} in row", "index", number, ints(table, "index"))
            for name, table in whole[-4:]
        ),
        ranges.check_state(findings, context.policy, before.state, "before"),
        ranges.check_state(findings, context.policy, bundle.state, "after"),
        ranges.check_orders(findings, context.policy, bundle.orders),
        ranges.check_allocation(findings, bundle.allocation),
        *(ranges.check_allocation(findings, table, name) for name, table in measured),
        ranges.check_shares(findings, bundle.shares),
        ranges.check_readings(findings, bundle.readings),
    ]
    return all(sound)
