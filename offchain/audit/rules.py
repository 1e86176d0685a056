"""The rules of an interval about participants, buses and roots, once shapes and ranges are known to be sound.

Every committed record is computed again from the interval's inputs (`offchain.audit.rebuild`) and compared field by
field; brackets and the network are judged by the certificate's checker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offchain.audit.context import Context, Inputs
from offchain.audit.findings import Findings, Rule
from offchain.audit.metering import check_corrections, check_readings
from offchain.audit.rebuild import (
    Corrections,
    Ends,
    Ints,
    Payments,
    Table,
    bus_prices,
    ints,
    next_fairness,
    payments,
    ramp_ends,
)
from offchain.clearing.certificate import Certificate, Ramps, brackets, check_network
from offchain.commitment.allocation import BusTrees, UpperTree
from offchain.commitment.bundle import Bundle
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import Header, bus_vector_hash
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.records import (
    BUS,
    KIND_ALLOCATION,
    KIND_CONTRACT,
    KIND_ORDER,
    KIND_SHARE,
    KIND_STATE,
    ORDER,
    SIDES,
    SUMS,
    wire,
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


@dataclass(frozen=True, eq=False)
class IntervalRules:
    """The rules about participants, buses and roots, once shapes and ranges are known to be sound."""

    findings: Findings
    context: Context
    state: Table
    measured: Table | None
    inputs: Inputs
    header: Header
    bundle: Bundle

    def check(self) -> None:
        """Check everything; the order is that of the market's own steps."""
        self._check_contracts()
        self._check_orders()
        self._check_forced()
        ends = ramp_ends(
            self.context.policy, self.state, self._asked("bid_ticks"), self.header.seed
        )
        self._check_ramps(ends)
        certificate = self._check_network()
        if certificate is None:
            return
        self._check_brackets(certificate)
        money = self._check_money()
        market, measured = (self.findings, self.context), self.measured
        check_readings(*market, measured, self.header, self.bundle)
        corrected = check_corrections(
            *market, self.state, measured, self.header, self.bundle, money
        )
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

    def _check_forced(self) -> None:
        """Every forced order that is due and admissible was taken, or a later one of the same participant."""
        taken = {int(row["index"]): row for row in self.bundle.orders}
        for forced in self.inputs.forced:
            order = np.frombuffer(forced.record, dtype=wire(ORDER)).astype(ORDER)[0]
            index = int(order["index"])
            self.findings.checks += 1
            if index >= len(self.state) or not self._admissible(order, self.state[index]):
                continue
            row = taken.get(index)
            later = row is not None and row["seq"] > order["seq"]
            if not later and (row is None or row.tobytes() != order.tobytes()):
                found = "no order" if row is None else f"an order of sequence number {row['seq']}"
                where = f"the forced order of participant {index}"
                self.findings.wrong(Rule.FORCED, where, f"sequence number {order['seq']}", found)

    def _admissible(self, order: np.void, state: np.void) -> bool:
        """Whether an order counts in this interval; one that does not need not be taken."""
        demand = int(order["essential_wh"]) + int(order["flexible_wh"])
        return bool(
            order["valid_from"] <= self.header.interval <= order["valid_to"]
            and demand <= state["demand_cap_wh"]
            and order["supply_wh"] <= state["supply_cap_wh"]
            and order["bid_ticks"] <= self.context.policy.max_bid_ticks
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
        findings.columns(Rule.MISPLACED, leaf, "interval", interval, self._leaf("interval"))
        for name in ("bus", "slot"):
            agreed = ints(self.context.contracts, name)
            findings.columns(Rule.MISPLACED, leaf, name, agreed, self._leaf(name))
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
        owed = ints(after, "peak") + ints(after, "debit") - ints(after, "credit")
        covered = owed <= self.inputs.collateral
        findings.holds(
            Rule.OVERDRAWN, leaf, "peak + debit - credit", covered, "at most the deposit", owed
        )
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
