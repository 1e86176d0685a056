"""The rules of an interval about participants, buses and roots, once shapes and ranges are known to be sound.

Every committed record is computed again from the interval's inputs (`offchain.audit.rebuild`) and compared field by
field; brackets and the network are judged by the certificate's checker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from offchain import records
from offchain.audit import rebuild
from offchain.audit.context import Before, Context, Inputs
from offchain.audit.findings import Findings, Rule
from offchain.audit.rebuild import Corrections, Ints, Payments, Table, ints
from offchain.clearing.certificate import Certificate, Ramps, brackets, check_network
from offchain.commitment.allocation import BusTrees, UpperTree, bus_records
from offchain.commitment.bundle import Bundle
from offchain.commitment.hashing import record_salts
from offchain.commitment.header import NO_READINGS_ROOT, bus_vector_hash
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.registered import Grid
from offchain.metering.readings import unsigned_rows
from offchain.records import ORDER, SIDES, wire

ALLOCATION_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("interval", "bus", "slot"), Rule.MISPLACED),
    **{f"{side}_q_wh": Rule.CARRIED for side in SIDES},
    **{f"{side}_{end}_ticks": Rule.RAMP for side in SIDES for end in ("pa", "pb")},
    **dict.fromkeys(("flexible_pa_ticks", "flexible_pb_ticks", "key_ticks"), Rule.KEY),
    **{"price_ticks": Rule.PRICE, "energy_cost": Rule.PAYMENT, "supply_pay": Rule.PAYMENT},
    **{"pot_share": Rule.POT, "shortfall": Rule.SHORTFALL, "subscription": Rule.SUBSCRIPTION},
    **dict.fromkeys(("imbalance_debit", "imbalance_credit"), Rule.IMBALANCE),
    "salt": Rule.RANGE,
}
"""The rule of each field of an allocation but its index and what is in brackets."""

_ORDERED: Final = (*(f"{side}_q_wh" for side in SIDES), "supply_pa_ticks")
_CONTRACT: Final = ("index", "rank", "fstar_ppb", "rate_wh", "demand_cap_wh", "supply_cap_wh")
STATE_RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys((*_CONTRACT, "subscription"), Rule.CONTRACT),
    **{"memory_ppb": Rule.MEMORY, "deficit_hi": Rule.DEFICIT, "deficit_lo": Rule.DEFICIT},
    **dict.fromkeys(("credit", "debit", "peak"), Rule.BALANCE),
    "salt": Rule.RANGE,
}
"""The rule of each field of a state."""


@dataclass(frozen=True, eq=False)
class IntervalRules:
    """All rules that need an interval's tables."""

    findings: Findings
    context: Context
    before: Before
    inputs: Inputs | None
    bundle: Bundle

    def check(self) -> None:
        """Check everything; the order is that of the market's own steps."""
        bundle, findings, before = self.bundle, self.findings, self.before
        for name in ("owner", "bus", "slot"):
            agreed, found = self.context.contracts[name], bundle.contracts[name]
            findings.columns(Rule.CONTRACT, "contract", name, agreed, found)
        self._check_orders()
        if self.inputs is not None:
            self._check_forced(self.inputs)
        prices, policy, bids = self._prices(), self.context.policy, self._asked("bid_ticks")
        used = self._leaf("essential_x_wh") + self._leaf("flexible_x_wh")
        sold, shares = self._leaf("supply_x_wh"), ints(bundle.shares, "share_ppb")
        money = rebuild.payments(policy, self._at(prices), bids, used, sold, shares)
        self._check_readings()
        corrected = rebuild.corrections(policy, before, bundle, money, self.inputs)
        counted, findings.uncharged = self._counted, corrected.uncharged
        findings.uncounted = int((~counted).sum())
        expected, leaf = self._allocation(prices, money, corrected), "allocation of participant"
        for name, rule in ALLOCATION_RULES.items():
            findings.columns(rule, leaf, name, expected[name], bundle.allocation[name])
        scale = bundle.header.imbalance_scale_ppb
        findings.equal(Rule.RESERVE, "the imbalance scale", corrected.scale_ppb, scale)
        expected, leaf = self._state(money, corrected), "state of participant"
        for name, rule in STATE_RULES.items():
            findings.columns(rule, leaf, name, expected[name], bundle.state[name])
        if self.inputs is not None:
            covered = rebuild.covered(policy, before.state, self.inputs, bundle.orders)
            found, name = rebuild.demand(bundle.orders) * counted, "demand in Wh that counts"
            findings.columns(Rule.UNCOVERED, "order in row", name, covered, found)
            owed, bound = rebuild.owed(bundle.state), "at most the collateral, or as before"
            holds = owed <= np.maximum(self.inputs.collateral, rebuild.owed(before.state))
            findings.holds(Rule.OVERDRAWN, leaf, "peak + debit - credit", holds, bound, owed)
        self._check_plain_roots()
        certificate = self._check_network()
        if certificate is not None:
            self._check_brackets(certificate)
            self._check_sums(prices, certificate)
        self._check_totals(money)

    @property
    def _grid(self) -> Grid:
        return self.context.grids[self.bundle.header.grid_version]

    @cached_property
    def _counted(self) -> NDArray[np.bool_]:
        """Which orders count: not one that asks for energy and of which its owner's line says nothing."""
        lines = self.bundle.allocation[self.bundle.orders["index"]]
        said = np.any([lines[name] > 0 for name in _ORDERED], axis=0)
        return np.asarray(said | (rebuild.demand(self.bundle.orders) == 0))

    def _asked(self, name: str) -> Ints:
        """A column of the orders that count over all participants, zero where there is none."""
        column = np.zeros(len(self.before.state), dtype=np.int64)
        column[self.bundle.orders["index"]] = self.bundle.orders[name] * self._counted
        return column

    def _leaf(self, name: str) -> Ints:
        return ints(self.bundle.allocation, name)

    def _at(self, per_bus: Ints) -> Ints:
        """What holds at each participant's bus."""
        return np.take(per_bus, self.context.contracts["bus"])

    def _at_buses(self, column: Ints) -> Ints:
        """Sums of a column over the participants of each bus."""
        sums = np.zeros(self._grid.n_bus, dtype=np.int64)
        np.add.at(sums, ints(self.context.contracts, "bus"), column)
        return sums

    # ORDERS

    def _terms(self, orders: Table) -> Iterator[tuple[str, Any, str, Any]]:
        """What makes each order admissible: the field, whether it is so, the bound in words, the value."""
        interval, state = self.bundle.header.interval, self.before.state[orders["index"]]
        demand = rebuild.demand(orders)
        first, last, supply = (orders[name] for name in ("valid_from", "valid_to", "supply_wh"))
        yield "valid_from", first <= interval, f"at most {interval}", first
        yield "valid_to", last >= interval, f"at least {interval}", last
        yield "demand in Wh", demand <= state["demand_cap_wh"], "within its contract", demand
        yield "supply_wh", supply <= state["supply_cap_wh"], "within its contract", supply

    def _check_orders(self) -> None:
        orders, findings, owners = self.bundle.orders, self.findings, self.context.contracts
        for name, good, bound, found in self._terms(orders):
            findings.holds(Rule.ORDER, "order in row", name, good, bound, found)
        unsigned = self.context.signatures.invalid(orders, owners["owner"])
        findings.compared[Rule.SIGNATURE] += len(orders)
        for who in orders["index"][unsigned[:1]].tolist():
            owner, where = owners["owner"][who].item(), f"the signature of order {who}"
            findings.wrong(Rule.SIGNATURE, where, owner, "another's or none")

    def _check_forced(self, inputs: Inputs) -> None:
        """Every forced order that is due and admissible was taken, or one that is not older."""
        filed = np.frombuffer(b"".join(f.record for f in inputs.forced), dtype=wire(ORDER))
        filed = filed[filed["index"] < len(self.before.state)].astype(ORDER)
        bids = filed["bid_ticks"] <= self.context.policy.max_bid_ticks
        good = np.all([bids, *(holds for _, holds, *_ in self._terms(filed))], axis=0)
        taken = dict(self.bundle.orders[["index", "seq"]].tolist())
        self.findings.compared[Rule.FORCED] += len(inputs.forced)
        for who, seq in filed[good][["index", "seq"]].tolist():
            if taken.get(who, -1) < seq:
                where, bound = f"the number of the order of participant {who}", f"at least {seq}"
                self.findings.wrong(Rule.FORCED, where, bound, taken.get(who, "none"))

    # RECORDS

    def _prices(self) -> Ints:
        """The price of each bus."""
        requested = self._at_buses(self._leaf("essential_q_wh") + self._leaf("flexible_q_wh"))
        offered = self._at_buses(self._leaf("supply_q_wh"))
        holarchy, policy = self._grid.holarchy, self.context.policy
        return rebuild.bus_prices(policy, holarchy, requested.tolist(), offered.tolist())

    def _check_readings(self) -> None:
        """Which readings count, and what the header says of them."""
        readings, findings, measured = self.bundle.readings, self.findings, self.before.measured
        policy, header, root = self.context.policy, self.bundle.header, NO_READINGS_ROOT
        if measured is None:
            findings.equal(Rule.METER, "the number of readings", 0, len(readings))
        else:
            root = PlainTree.of_table(records.KIND_READING, readings, len(measured)).root
            then = np.full(len(readings), header.interval - policy.meter_lag)
            findings.columns(Rule.METER, "reading in row", "interval", then, readings["interval"])
            separator, operator = self.context.signatures.separator, policy.meter_operator
            unsigned = unsigned_rows(readings, operator, separator)
            findings.compared[Rule.METER] += len(readings)
            if unsigned:
                where = f"the signature of reading {readings['index'][unsigned[0]]}"
                findings.wrong(Rule.METER, where, operator, "another's or none")
        findings.equal(Rule.METER, "the meter root", root, header.meter_root)

    def _allocation(self, prices: Ints, money: Payments, corrected: Corrections) -> dict[str, Any]:
        """Every allocation as the rules give it, but for what is in brackets."""
        policy, contracts, bundle = self.context.policy, self.context.contracts, self.bundle
        bids, seed = self._asked("bid_ticks"), bundle.header.seed
        ends = rebuild.ramp_ends(policy, self.before.state, bids, seed)
        widths = dict.fromkeys(SIDES, policy.v_ticks * policy.kappa) | {"supply": policy.w_s_ticks}
        return {
            "interval": np.full(len(contracts), bundle.header.interval),
            **{name: contracts[name] for name in ("bus", "slot")},
            **{f"{side}_q_wh": self._asked(f"{side}_wh") for side in SIDES},
            **{f"{side}_pa_ticks": ends[side] for side in SIDES},
            **{f"{side}_pb_ticks": ends[side] + widths[side] for side in SIDES},
            "key_ticks": ends["key"],
            "price_ticks": self._at(prices),
            **vars(money),
            **vars(corrected),
            "salt": record_salts(bundle.salt_key, records.KIND_ALLOCATION, contracts["index"]),
        }

    def _state(self, money: Payments, corrected: Corrections) -> dict[str, Any]:
        """Every state after the interval as the rules give it."""
        state, policy = self.before.state, self.context.policy
        requested, served = self._leaf("flexible_q_wh"), self._leaf("flexible_x_wh")
        credit = ints(state, "credit") + money.supply_pay + money.pot_share
        credit += corrected.imbalance_credit
        debit = ints(state, "debit") + money.energy_cost + money.shortfall
        debit += corrected.subscription + corrected.imbalance_debit
        return {
            **{name: state[name] for name, rule in STATE_RULES.items() if rule is Rule.CONTRACT},
            **rebuild.next_fairness(policy, state, requested, served),
            "credit": credit,
            "debit": debit,
            "peak": np.maximum(ints(state, "peak"), credit - debit),
            "salt": record_salts(self.bundle.salt_key, records.KIND_STATE, state["index"]),
        }

    # NETWORK

    def _check_network(self) -> Certificate | None:
        """Check the certificate; None where it does not fit the grid."""
        findings, packed = self.findings, self.bundle.certificate
        try:
            certificate = Certificate.unpack(packed, self._grid.n_bus)
        except InputError as error:
            findings.wrong(Rule.NETWORK, "the certificate", "one that fits the grid", str(error))
            return None
        network = check_network(self._grid, certificate)
        findings.compared[Rule.NETWORK] += 2 * self._grid.n_bus + 2 * self._grid.n_line
        for violation in network.violations:
            findings.wrong(Rule.NETWORK, "the certificate", "no violation", violation)
        served = self._at_buses(self._leaf("essential_x_wh") + self._leaf("flexible_x_wh"))
        injected = self._at_buses(self._leaf("supply_x_wh")) - served
        stated = np.array(network.injection_wh, dtype=object)
        findings.columns(Rule.BUS_VECTOR, "bus", "dispatched - served in Wh", stated, injected)
        vector, stated_hash = bus_vector_hash(packed, injected.tolist()), "the bus vector hash"
        findings.equal(Rule.BUS_VECTOR, stated_hash, vector, self.bundle.header.bus_vector_hash)
        return certificate

    def _check_brackets(self, certificate: Certificate) -> None:
        price = self._at(np.array(certificate.pi, dtype=np.int64))
        for side in SIDES:
            q, pa, pb = (self._leaf(f"{side}_{n}") for n in ("q_wh", "pa_ticks", "pb_ticks"))
            supply = np.full(len(q), side == "supply")
            bus = self.context.contracts["bus"].astype(np.int32)
            low, high = brackets(Ramps(bus, supply, q, pa, np.maximum(pb, pa + 1)), price)
            x = self._leaf(f"{side}_x_wh")
            inside = (low <= x) & (x <= high)
            bounds = "{} to {}".format(*(ends[inside.argmin()] for ends in (low, high)))
            self.findings.holds(Rule.BRACKET, "participant", f"{side}_x_wh", inside, bounds, x)

    # ROOTS AND TOTALS

    def _check_plain_roots(self) -> None:
        bundle = self.bundle
        for name, kind, table in (
            ("orders_root", records.KIND_ORDER, bundle.orders),
            ("pre_state_root", records.KIND_STATE, self.before.state),
            ("state_root", records.KIND_STATE, bundle.state),
            ("contracts_root", records.KIND_CONTRACT, bundle.contracts),
            ("shares_root", records.KIND_SHARE, bundle.shares),
        ):
            root = PlainTree.of_table(kind, table, len(bundle.state)).root
            self.findings.equal(Rule.ROOT, name, root, getattr(bundle.header, name))

    def _check_sums(self, prices: Ints, certificate: Certificate) -> None:
        """The allocation tree, over the bus records that the leaves and the certificate give."""
        bundle, findings = self.bundle, self.findings
        layout = self.context.layouts[bundle.header.grid_version]
        trees = BusTrees.of(layout, bundle.allocation, bundle.salt_key)
        upper = UpperTree.of(layout, bus_records(trees, prices, certificate.theta, certificate.pi))
        findings.equal(Rule.ROOT, "allocation_root", upper.root, bundle.header.allocation_root)
        for name, total in upper.sums.items():
            field = {"credit": "credit_sum", "debit": "debit_sum"}.get(name, name)
            stated = getattr(bundle.header, field, upper.sums["energy_credit"])
            findings.equal(Rule.TOTALS, f"the total {field}", total, stated)

    def _check_totals(self, money: Payments) -> None:
        header, findings = self.bundle.header, self.findings
        findings.equal(Rule.TOTALS, "the pot", money.pot_total, header.pot)
        findings.equal(Rule.TOTALS, "the shortfall", money.shortfall_total, header.shortfall)
        findings.equal(Rule.TOTALS, "dispatched energy", header.served, header.dispatched)
        findings.equal(Rule.TOTALS, "money paid in", header.credit_sum, header.debit_sum)
