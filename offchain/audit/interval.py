"""One interval against the rules: its header from the chain, its bundle, and the state before it.

Every committed record is computed again from the interval's inputs (`offchain.audit.rebuild`) and compared field by
field; a table says which rule a field belongs to. Brackets and the network are judged by the certificate's checker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.audit import ranges
from offchain.audit.findings import Findings, Rule
from offchain.audit.rebuild import (
    Corrections,
    Ends,
    Ints,
    Payments,
    Table,
    bus_prices,
    corrections,
    ints,
    next_fairness,
    payments,
    ramp_ends,
)
from offchain.clearing.certificate import Certificate, Ramps, brackets, check_network
from offchain.commitment.allocation import BusTrees, Layout, UpperTree
from offchain.commitment.bundle import Bundle, read_bundle
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import NO_READINGS_ROOT, Domain, Header, bus_vector_hash
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.metering.readings import unsigned_rows
from offchain.orders.signing import SignatureCheck
from offchain.policy import Policy
from offchain.records import (
    BUS,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_READING,
    KIND_SHARE,
    KIND_STATE,
    SIDES,
    SUMS,
)

_CONTRACT_FIELDS: Final = (
    "index",
    "rank",
    "fstar_ppb",
    "rate_wh",
    "demand_cap_wh",
    "supply_cap_wh",
    "subscription",
)
_RAMP_RULES: Final = {"essential": Rule.RAMP, "flexible": Rule.KEY, "supply": Rule.RAMP}


@dataclass(frozen=True)
class PostedHeader:
    """A header as the chain has it.

    Attributes:
        previous_hash: What it was posted on.
        payload: Its 436 bytes.
        certificate: The network certificate posted with it.
        header_hash: Its hash, as the ledger announced it.
    """

    previous_hash: bytes
    payload: bytes
    certificate: bytes
    header_hash: bytes


@dataclass(frozen=True)
class Inputs:
    """What was fixed on the chain before an interval was cleared: 32 bytes each, None if it is not there."""

    orders_root: bytes | None
    seed: bytes | None


@dataclass(frozen=True, eq=False)
class Context:
    """A market whose genesis has been checked: what every interval is judged by.

    Attributes:
        domain: What the market's hashes are bound to.
        policy: Its policy.
        policy_hash: Hash of the policy.
        grids: Its grids by version.
        contracts: records.CONTRACT, one row per participant.
        layouts: Shape of the allocation tree on each grid.
        signatures: Checks the orders' signatures, and remembers those it has seen.
    """

    domain: Domain
    policy: Policy
    policy_hash: bytes
    grids: dict[int, Grid]
    contracts: Table
    layouts: dict[int, Layout]
    signatures: SignatureCheck


@dataclass(frozen=True, eq=False)
class Before:
    """Where an interval starts.

    Attributes:
        header_hash: Hash of the header before it.
        state: State after that interval.
        shares_root: Root of the shares.
        past: Allocations of the intervals whose readings are not settled yet, the oldest first.
    """

    header_hash: bytes
    state: Table
    shares_root: bytes
    past: tuple[Table, ...] = ()


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
    _Interval(findings, context, before.state, measured, header, bundle).check()
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
    same(Rule.BUNDLE, "the bundle's certificate", posted.certificate, bundle.certificate)
    same(Rule.BUNDLE, "the bundle's previous hash", posted.previous_hash, bundle.previous_hash)
    same(Rule.BUNDLE, "the bundle's interval", header.interval, bundle.interval)
    same(Rule.BUNDLE, "the bundle's grid version", header.grid_version, bundle.grid_version)


def _check_inputs(findings: Findings, context: Context, inputs: Inputs, header: Header) -> None:
    findings.equal(Rule.INPUTS, "the orders root", inputs.orders_root, header.orders_root)
    findings.equal(Rule.INPUTS, "the seed", inputs.seed, header.seed)
    findings.equal(Rule.POLICY, "the policy hash", context.policy_hash, header.policy_hash)
    findings.equal(Rule.GRID, "the grid version", True, header.grid_version in context.grids)
    findings.equal(Rule.ORDER, "the cursor of forced orders", 0, header.forced_cursor)


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


@dataclass(frozen=True, eq=False)
class _Interval:
    """The rules about participants, buses and roots, once shapes and ranges are known to be sound."""

    findings: Findings
    context: Context
    state: Table
    measured: Table | None
    header: Header
    bundle: Bundle

    def check(self) -> None:
        """Check everything; the order is that of the market's own steps."""
        self._check_contracts()
        self._check_orders()
        ends = ramp_ends(
            self.context.policy, self.state, self._asked("bid_ticks"), self.header.seed
        )
        self._check_ramps(ends)
        certificate = self._check_network()
        if certificate is None:
            return
        self._check_brackets(certificate)
        self._check_readings()
        money = self._check_money()
        corrected = self._check_corrections(money)
        self._check_state(money, corrected)
        trees = BusTrees.of(
            self.context.layouts[self.header.grid_version],
            self.bundle.allocation,
            self.bundle.salt_key,
        )
        self._check_roots(UpperTree.of(trees.layout, self._buses(trees, certificate)))
        self._check_totals(money)

    def _asked(self, name: str) -> Ints:
        """A column of the orders over all participants, zero where there is no order."""
        column = np.zeros(len(self.state), dtype=np.int64)
        column[self.bundle.orders["index"]] = self.bundle.orders[name]
        return column

    def _leaf(self, name: str) -> Ints:
        return ints(self.bundle.allocation, name)

    def _check_contracts(self) -> None:
        for name in ("owner", "bus", "slot"):
            agreed, found = self.context.contracts[name], self.bundle.contracts[name]
            self.findings.columns(Rule.CONTRACT, "contract", name, agreed, found)

    def _check_orders(self) -> None:
        orders, findings = self.bundle.orders, self.findings
        index, interval = orders["index"], self.header.interval
        demand = ints(orders, "essential_wh") + ints(orders, "flexible_wh")
        cap = ints(self.state, "demand_cap_wh")[index]
        supply_cap = ints(self.state, "supply_cap_wh")[index]
        for name, good, bound, found in (
            (
                "valid_from",
                orders["valid_from"] <= interval,
                f"at most {interval}",
                orders["valid_from"],
            ),
            (
                "valid_to",
                orders["valid_to"] >= interval,
                f"at least {interval}",
                orders["valid_to"],
            ),
            ("demand in Wh", demand <= cap, "within its contract", demand),
            (
                "supply_wh",
                orders["supply_wh"] <= supply_cap,
                "within its contract",
                orders["supply_wh"],
            ),
        ):
            findings.holds(Rule.ORDER, "order in row", name, good, bound, found)
        unsigned = self.context.signatures.invalid(orders, self.context.contracts["owner"])
        findings.checks += len(orders)
        if unsigned:
            who = int(index[unsigned[0]])
            owner = bytes(self.context.contracts["owner"][who])
            findings.wrong(
                Rule.SIGNATURE, f"the signature of order {who}", owner, "another's or none"
            )

    def _check_ramps(self, ends: Ends) -> None:
        policy, findings = self.context.policy, self.findings
        wide = {"essential": policy.v_ticks * policy.kappa, "supply": policy.w_s_ticks}
        wide["flexible"] = wide["essential"]
        leaf = "allocation of participant"
        for side in SIDES:
            asked, pa = self._asked(f"{side}_wh"), getattr(ends, side)
            rule, found = _RAMP_RULES[side], self._leaf
            findings.columns(Rule.CARRIED, leaf, f"{side}_q_wh", asked, found(f"{side}_q_wh"))
            findings.columns(rule, leaf, f"{side}_pa_ticks", pa, found(f"{side}_pa_ticks"))
            findings.columns(
                rule, leaf, f"{side}_pb_ticks", pa + wide[side], found(f"{side}_pb_ticks")
            )
        findings.columns(Rule.KEY, leaf, "key_ticks", ends.key, self._leaf("key_ticks"))
        interval = np.full(len(self.state), self.header.interval)
        findings.columns(Rule.RANGE, leaf, "interval", interval, self._leaf("interval"))
        for name in ("bus", "slot"):
            agreed = ints(self.context.contracts, name)
            findings.columns(Rule.CONTRACT, leaf, name, agreed, self._leaf(name))
        salts = record_salts(self.bundle.salt_key, KIND_ALLOCATION, self.bundle.allocation["index"])
        findings.columns(Rule.RANGE, leaf, "salt", salts, self.bundle.allocation["salt"])

    def _check_network(self) -> Certificate | None:
        """Check the certificate; None where it does not fit the grid."""
        findings, grid = self.findings, self.context.grids[self.header.grid_version]
        try:
            certificate = Certificate.unpack(self.bundle.certificate, grid.n_bus)
        except InputError as error:
            findings.wrong(Rule.NETWORK, "the certificate", "one that fits the grid", str(error))
            return None
        network = check_network(grid, certificate)
        findings.checks += 2 * grid.n_bus + 2 * grid.n_line
        for violation in network.violations:
            findings.wrong(Rule.NETWORK, "the certificate", "no violation", violation)
        served = self._at_buses(self._leaf("essential_x_wh") + self._leaf("flexible_x_wh"))
        injected = self._at_buses(self._leaf("supply_x_wh")) - served
        stated = np.array(network.injection_wh, dtype=object)
        findings.columns(Rule.BUS_VECTOR, "bus", "dispatched - served in Wh", stated, injected)
        vector = bus_vector_hash(self.bundle.certificate, injected.tolist())
        findings.equal(Rule.BUS_VECTOR, "the bus vector hash", vector, self.header.bus_vector_hash)
        return certificate

    def _check_brackets(self, certificate: Certificate) -> None:
        pi = np.array(certificate.pi, dtype=np.int64)[ints(self.context.contracts, "bus")]
        for side in SIDES:
            ramps = Ramps(
                bus=self.context.contracts["bus"].astype(np.int32),
                supply=np.full(len(pi), side == "supply"),
                q_wh=self._leaf(f"{side}_q_wh"),
                pa_ticks=self._leaf(f"{side}_pa_ticks"),
                pb_ticks=np.maximum(
                    self._leaf(f"{side}_pb_ticks"), self._leaf(f"{side}_pa_ticks") + 1
                ),
            )
            low, high = brackets(ramps, pi)
            x = self._leaf(f"{side}_x_wh")
            self.findings.checks += len(x)
            outside = np.flatnonzero((x < low) | (x > high))
            if outside.size:
                who = int(outside[0])
                self.findings.wrong(
                    Rule.BRACKET,
                    f"{side}_x_wh of participant {who}",
                    f"{low[who]} to {high[who]}",
                    x[who],
                )

    def _at_buses(self, column: Ints) -> Ints:
        """Sums of a column over the participants of each bus."""
        sums = np.zeros(self.context.grids[self.header.grid_version].n_bus, dtype=np.int64)
        np.add.at(sums, ints(self.context.contracts, "bus"), column)
        return sums

    def _prices(self) -> Ints:
        """The price of each bus."""
        requested = self._at_buses(self._leaf("essential_q_wh") + self._leaf("flexible_q_wh"))
        offered = self._at_buses(self._leaf("supply_q_wh"))
        grid = self.context.grids[self.header.grid_version]
        return bus_prices(self.context.policy, grid.holarchy, requested.tolist(), offered.tolist())

    def _check_money(self) -> Payments:
        leaf, findings = "allocation of participant", self.findings
        price = self._prices()[ints(self.context.contracts, "bus")]
        findings.columns(Rule.PRICE, leaf, "price_ticks", price, self._leaf("price_ticks"))
        money = payments(
            self.context.policy,
            price,
            self._asked("bid_ticks"),
            self._leaf("essential_x_wh") + self._leaf("flexible_x_wh"),
            self._leaf("supply_x_wh"),
            ints(self.bundle.shares, "share_ppb"),
        )
        for rule, name in (
            (Rule.PAYMENT, "energy_cost"),
            (Rule.PAYMENT, "supply_pay"),
            (Rule.POT, "pot_share"),
            (Rule.SHORTFALL, "shortfall"),
        ):
            findings.columns(rule, leaf, name, getattr(money, name), self._leaf(name))
        return money

    def _check_readings(self) -> None:
        """Whose readings count, and what the header says of them."""
        findings, readings, lag = self.findings, self.bundle.readings, self.context.policy.meter_lag
        root = NO_READINGS_ROOT
        if self.measured is None:
            findings.equal(Rule.METER, "the number of readings", 0, len(readings))
        else:
            root = PlainTree.of_table(KIND_READING, readings, len(self.state)).root
            interval = np.full(len(readings), self.header.interval - lag)
            findings.columns(
                Rule.METER, "reading in row", "interval", interval, readings["interval"]
            )
            operator = self.context.policy.meter_operator
            unsigned = unsigned_rows(readings, operator, self.context.signatures.separator)
            findings.checks += len(readings)
            if unsigned:
                who = int(readings["index"][unsigned[0]])
                findings.wrong(
                    Rule.METER, f"the signature of reading {who}", operator, "another's or none"
                )
        findings.equal(Rule.METER, "the meter root", root, self.header.meter_root)

    def _check_corrections(self, money: Payments) -> Corrections:
        findings, leaf = self.findings, "allocation of participant"
        result = corrections(
            self.context.policy,
            self.state,
            self.measured,
            self.bundle.readings,
            money,
        )
        fees = self._leaf("subscription")
        findings.columns(Rule.SUBSCRIPTION, leaf, "subscription", result.subscription, fees)
        scale = self.header.imbalance_scale_ppb
        findings.equal(Rule.RESERVE, "the imbalance scale", result.scale_ppb, scale)
        for name in ("imbalance_debit", "imbalance_credit"):
            expected, found = getattr(result, name), self._leaf(name)
            findings.columns(Rule.IMBALANCE, leaf, name, expected, found)
        return result

    def _check_state(self, money: Payments, corrected: Corrections) -> None:
        leaf, findings, after = "state of participant", self.findings, self.bundle.state
        memory, high, low = next_fairness(
            self.context.policy,
            self.state,
            self._leaf("flexible_q_wh"),
            self._leaf("flexible_x_wh"),
        )
        credit = ints(self.state, "credit") + money.supply_pay + money.pot_share
        credit += corrected.imbalance_credit
        debit = ints(self.state, "debit") + money.energy_cost + money.shortfall
        debit += corrected.subscription + corrected.imbalance_debit
        peak = np.maximum(ints(self.state, "peak"), credit - debit)
        for name in _CONTRACT_FIELDS:
            findings.columns(Rule.CONTRACT, leaf, name, self.state[name], after[name])
        findings.columns(Rule.MEMORY, leaf, "memory_ppb", memory, ints(after, "memory_ppb"))
        findings.columns(Rule.DEFICIT, leaf, "deficit_hi", high, after["deficit_hi"])
        findings.columns(Rule.DEFICIT, leaf, "deficit_lo", low, after["deficit_lo"])
        for name, column in (("credit", credit), ("debit", debit), ("peak", peak)):
            findings.columns(Rule.BALANCE, leaf, name, column, ints(after, name))
        salts = record_salts(self.bundle.salt_key, KIND_STATE, after["index"])
        findings.columns(Rule.RANGE, leaf, "salt", salts, after["salt"])

    def _buses(self, trees: BusTrees, certificate: Certificate) -> Table:
        """The bus records that the leaves and the certificate give."""
        n_bus = len(certificate.theta)
        buses = np.zeros(n_bus, dtype=BUS)
        buses["bus"] = np.arange(n_bus)
        buses["depth"] = trees.layout.depth
        buses["price_ticks"] = self._prices()
        buses["theta"], buses["pi"] = certificate.theta, certificate.pi
        for column, name in enumerate(SUMS.names or ()):
            buses[name] = trees.sums[:, column]
        buses["root"] = trees.roots.view("V32").ravel()
        return buses

    def _check_roots(self, upper: UpperTree) -> None:
        n, bundle, header = len(self.state), self.bundle, self.header
        for name, kind, table in (
            ("orders_root", KIND_ORDER, bundle.orders),
            ("pre_state_root", KIND_STATE, self.state),
            ("state_root", KIND_STATE, bundle.state),
            ("contracts_root", KIND_CONTRACT, bundle.contracts),
            ("shares_root", KIND_SHARE, bundle.shares),
        ):
            root = PlainTree.of_table(kind, table, n).root
            self.findings.equal(Rule.ROOT, name, root, getattr(header, name))
        self.findings.equal(Rule.ROOT, "allocation_root", upper.root, header.allocation_root)
        for name, total in upper.sums.items():
            field = f"{name}_sum" if name in ("credit", "debit") else name
            self.findings.equal(Rule.TOTALS, f"the total {field}", total, getattr(header, field))

    def _check_totals(self, money: Payments) -> None:
        header, findings = self.header, self.findings
        findings.equal(Rule.TOTALS, "the pot", money.pot_total, header.pot)
        findings.equal(Rule.TOTALS, "the shortfall", money.shortfall_total, header.shortfall)
        findings.equal(Rule.TOTALS, "dispatched energy", header.served, header.dispatched)
        findings.equal(Rule.TOTALS, "money paid in", header.credit_sum, header.debit_sum)
