/** The rules about participants, buses and roots, once shapes and ranges are known to be sound. */

import { allocationTree } from './allocation-tree.js';
import { same } from './bytes.js';
import { deficitOf, halves, nextDeficit, nextMemory, ramps } from './fairness.js';
import { EMPTY, plainRoot, recordSalt } from './hashing.js';
import { busVectorHash } from './header.js';
import { checkNetwork, readCertificate } from './network.js';
import { max, sum } from './numbers.js';
import { corrections, owedBy, payments, roomOf, worstCost } from './payments.js';
import { busPrices } from './prices.js';
import { decode, KIND, ORDER, SIDES, SUMS } from './records.js';
import { bracket } from './response.js';
import { orderDigest, readingDigest } from './signing.js';

const LINE = 'allocation of participant';
const STATE = 'state of participant';
const NO_ORDER = { essential_wh: 0n, flexible_wh: 0n, supply_wh: 0n, bid_ticks: 0n };

const demandOf = (order) => order.essential_wh + order.flexible_wh;
const isSilent = (line) =>
  line.supply_pa_ticks === 0n && SIDES.every((side) => line[`${side}_q_wh`] === 0n);

const fields = (rule, names) => names.split(' ').map((name) => [name, rule]);

/** The rule of each field of an allocation but its index and what is in brackets, in the order of judging. */
const LINE_RULES = [
  ...fields('misplaced', 'interval bus slot'),
  ...SIDES.flatMap((side) => fields('copied', `${side}_q_wh`)),
  ...SIDES.flatMap((side) =>
    fields(side === 'flexible' ? 'key' : 'ramp', `${side}_pa_ticks ${side}_pb_ticks`),
  ),
  ...fields('key', 'key_ticks'),
  ...fields('price', 'price_ticks'),
  ...fields('payment', 'energy_cost supply_pay'),
  ...fields('pot', 'pot_share'),
  ...fields('shortfall', 'shortfall'),
  ...fields('subscription', 'subscription'),
  ...fields('imbalance', 'imbalance_debit imbalance_credit'),
  ...fields('malformed', 'salt'),
];

const AGREED = 'index rank fstar_ppb rate_wh demand_cap_wh supply_cap_wh subscription';
/** The rule of each field of a state. */
const STATE_RULES = [
  ...fields('contract', AGREED),
  ...fields('memory', 'memory_ppb'),
  ...fields('deficit', 'deficit_hi deficit_lo'),
  ...fields('balance', 'credit debit peak'),
  ...fields('malformed', 'salt'),
];

export class IntervalRules {
  constructor(findings, market, before, inputs, bundle) {
    const { state, measured } = before;
    Object.assign(this, { findings, market, state, measured, inputs, bundle });
    this.header = bundle.header;
    this.policy = market.policy;
    this.grid = market.grids.get(this.header.grid_version);
    this.members = market.layouts.get(this.header.grid_version);
    this.n = state.length;
    const orders = new Map(bundle.orders.map((row) => [Number(row.index), row]));
    this.ordered = state.map((_, who) => orders.get(who) ?? NO_ORDER);
    /** Whose order counts: not one that asks for energy and of which the line says nothing. */
    this.counts = this.ordered.map(
      (order, who) => demandOf(order) === 0n || !isSilent(bundle.allocation[who]),
    );
    this.asked = this.ordered.map((order, who) => (this.counts[who] ? order : NO_ORDER));
  }

  /** Checks everything, in the order of docs/checker.md; `lines` and `states` are then what the rules give. */
  check() {
    const { findings, bundle, header } = this;
    for (const name of ['owner', 'bus', 'slot']) {
      const agreed = this.market.contracts.map((row) => row[name]);
      findings.column('contract', 'contract', name, agreed, bundle.contracts);
    }
    this.#orders();
    if (this.inputs) this.#forced();
    this.#money();
    this.#readings();
    this.corrected = corrections(
      this.policy,
      this.state,
      this.measured,
      bundle.readings,
      this.money,
      this.inputs?.collateral ?? null,
      bundle.allocation,
    );
    findings.uncounted = this.counts.filter((counts) => !counts).length;
    findings.uncharged = this.corrected.waived.filter((micro) => micro > 0n).length;
    this.lines = this.#lines();
    this.#compare(LINE_RULES, LINE, this.lines, bundle.allocation);
    const { scale } = this.corrected;
    findings.equal('reserve', 'the imbalance scale', scale, header.imbalance_scale_ppb);
    this.states = this.#states();
    this.#compare(STATE_RULES, STATE, this.states, bundle.state);
    if (this.inputs) this.#collateral();
    this.#plainRoots();
    if (this.#network()) {
      this.#brackets();
      this.#sums();
    }
    this.#totals();
  }

  /** Compares every field of records with what the rules give. */
  #compare(rules, leaf, expected, rows) {
    for (const [name, rule] of rules) {
      const column = expected.map((row) => row[name]);
      this.findings.column(rule, leaf, name, column, rows);
    }
  }

  #orders() {
    const { orders } = this.bundle;
    const { interval } = this.header;
    const terms = (name, bound, values, good) =>
      this.findings.holds('order-terms', 'order in row', name, bound, values, good);
    const of = (name) => orders.map((row) => row[name]);
    const contract = (i) => this.state[Number(orders[i].index)];
    terms('valid_from', `at most ${interval}`, of('valid_from'), (v) => v <= interval);
    terms('valid_to', `at least ${interval}`, of('valid_to'), (v) => v >= interval);
    const demand = orders.map(demandOf);
    terms('demand in Wh', 'within its contract', demand, (v, i) => v <= contract(i).demand_cap_wh);
    const supply = of('supply_wh');
    terms('supply_wh', 'within its contract', supply, (v, i) => v <= contract(i).supply_cap_wh);
    for (const row of orders) {
      const { owner } = this.market.contracts[Number(row.index)];
      this.#signed('order-signature', 'order', row, orderDigest, owner);
    }
  }

  #signed(rule, what, row, digest, owner) {
    this.findings.checks += 1;
    const signer = this.market.signers.of(row, digest);
    if (!signer || !same(signer, owner)) {
      const where = `the signature of ${what} ${row.index}`;
      this.findings.wrong(rule, where, owner, "another's or none");
    }
  }

  /** Every forced order that is due and admissible was taken, or one that is not older. */
  #forced() {
    for (const { record } of this.inputs.forced) {
      const order = decode(ORDER, record);
      const who = Number(order.index);
      this.findings.checks += 1;
      if (who >= this.n || !this.#admissible(order, this.state[who])) continue;
      const seq = this.ordered[who] === NO_ORDER ? -1n : this.ordered[who].seq;
      if (seq < order.seq) {
        const where = `the number of the order of participant ${who}`;
        const found = seq < 0n ? 'none' : seq;
        this.findings.wrong('forced-order', where, `at least ${order.seq}`, found);
      }
    }
  }

  #admissible(order, state) {
    return (
      order.valid_from <= this.header.interval &&
      this.header.interval <= order.valid_to &&
      demandOf(order) <= state.demand_cap_wh &&
      order.supply_wh <= state.supply_cap_wh &&
      order.bid_ticks <= this.policy.max_bid_ticks
    );
  }

  /** Sums of something over the participants of each bus. */
  #atBuses(of) {
    return this.members.map((at) => sum(at.map((who) => of(this.bundle.allocation[who]))));
  }

  /** Prices by tightness, and the payments that follow. */
  #money() {
    const { allocation, shares } = this.bundle;
    const requested = this.#atBuses((row) => row.essential_q_wh + row.flexible_q_wh);
    const offered = this.#atBuses((row) => row.supply_q_wh);
    this.prices = busPrices(this.policy, this.grid, requested, offered);
    this.money = payments(
      this.policy,
      allocation.map((row, who) => ({
        price: this.#priceOf(who),
        bid: this.asked[who].bid_ticks,
        used: row.essential_x_wh + row.flexible_x_wh,
        sold: row.supply_x_wh,
        share: shares[who].share_ppb,
      })),
    );
  }

  #priceOf(who) {
    return this.prices[Number(this.market.contracts[who].bus)].price;
  }

  /** Which readings count, and what the header says of them. */
  #readings() {
    const { readings } = this.bundle;
    let [root] = EMPTY;
    if (this.measured === null) {
      this.findings.equal('meter', 'the number of readings', 0, readings.length);
    } else {
      root = plainRoot(KIND.reading, readings, this.n);
      const interval = this.header.interval - this.policy.meter_lag;
      const expected = readings.map(() => interval);
      this.findings.column('meter', 'reading in row', 'interval', expected, readings);
      for (const row of readings) {
        this.#signed('meter', 'reading', row, readingDigest, this.policy.meter_operator);
      }
    }
    this.findings.equal('meter', 'the meter root', root, this.header.meter_root);
  }

  /** Every allocation as the rules give it, but for what is in brackets. */
  #lines() {
    const { money, corrected } = this;
    return this.state.map((row, who) => {
      const { bus, slot } = this.market.contracts[who];
      const asked = this.asked[who];
      const ends = ramps(this.policy, row, asked.bid_ticks, this.header.seed);
      const line = {
        interval: this.header.interval,
        bus,
        slot,
        key_ticks: ends.key,
        price_ticks: this.#priceOf(who),
        energy_cost: money.energy_cost[who],
        supply_pay: money.supply_pay[who],
        pot_share: money.pot_share[who],
        shortfall: money.shortfall[who],
        subscription: corrected.subscription[who],
        imbalance_debit: corrected.imbalance_debit[who],
        imbalance_credit: corrected.imbalance_credit[who],
        salt: recordSalt(this.bundle.salt_key, KIND.allocation, BigInt(who)),
      };
      for (const side of SIDES) {
        line[`${side}_q_wh`] = asked[`${side}_wh`];
        line[`${side}_pa_ticks`] = ends[side].pa;
        line[`${side}_pb_ticks`] = ends[side].pb;
      }
      return line;
    });
  }

  /** Every state after the interval as the rules give it. */
  #states() {
    const { money, corrected } = this;
    return this.state.map((row, who) => {
      const { flexible_q_wh: requested, flexible_x_wh: served } = this.bundle.allocation[who];
      const { fstar_ppb: fstar, memory_ppb: memory } = row;
      const [high, low] = halves(nextDeficit(deficitOf(row), fstar, requested, served));
      const credit =
        row.credit + money.supply_pay[who] + money.pot_share[who] + corrected.imbalance_credit[who];
      const debit =
        row.debit +
        money.energy_cost[who] +
        money.shortfall[who] +
        corrected.subscription[who] +
        corrected.imbalance_debit[who];
      return {
        ...row,
        memory_ppb: nextMemory(memory, fstar, this.policy.beta_ppb, requested, served),
        deficit_hi: high,
        deficit_lo: low,
        credit,
        debit,
        peak: max(row.peak, credit - debit),
        salt: recordSalt(this.bundle.salt_key, KIND.state, row.index),
      };
    });
  }

  /** What an order counts for if the collateral covers it, or nothing; and nobody owes more for the interval. */
  #collateral() {
    const { orders, state } = this.bundle;
    const of = (who) => this.inputs.collateral.get(who) ?? 0n;
    const what = 'demand in Wh that counts';
    const covered = orders.map((order) => {
      const who = Number(order.index);
      const fits = worstCost(this.policy, order) <= roomOf(this.state[who], of(who));
      return fits ? demandOf(order) : 0n;
    });
    const counted = orders.map((order) => ({
      [what]: this.counts[Number(order.index)] ? demandOf(order) : 0n,
    }));
    this.findings.column('uncovered', 'order in row', what, covered, counted);
    const most = this.state.map((row, who) => max(of(who), owedBy(row)));
    const name = 'peak + debit - credit';
    const bound = 'at most the collateral, or as before';
    const holds = (micro, who) => micro <= most[who];
    this.findings.holds('overdrawn', STATE, name, bound, state.map(owedBy), holds);
  }

  #plainRoots() {
    const { bundle, header, n, findings } = this;
    for (const [name, kind, rows] of [
      ['orders_root', KIND.order, bundle.orders],
      ['pre_state_root', KIND.state, this.state],
      ['state_root', KIND.state, bundle.state],
      ['contracts_root', KIND.contract, bundle.contracts],
      ['shares_root', KIND.share, bundle.shares],
    ]) {
      findings.equal('root', name, plainRoot(kind, rows, n), header[name]);
    }
  }

  /** Checks the certificate; false where it does not fit the grid. */
  #network() {
    const { findings, bundle, grid } = this;
    try {
      this.certificate = readCertificate(bundle.certificate, grid.boxes.length);
    } catch (error) {
      findings.wrong('network', 'the certificate', 'one that fits the grid', error.message);
      return false;
    }
    const { injections, violations } = checkNetwork(grid, this.certificate);
    findings.checks += 2 * (grid.boxes.length + grid.lines.length);
    for (const violation of violations) {
      findings.wrong('network', 'the certificate', 'no violation', violation);
    }
    const injected = this.#atBuses(
      (row) => row.supply_x_wh - row.essential_x_wh - row.flexible_x_wh,
    );
    const what = 'dispatched - served in Wh';
    const rows = injected.map((wh) => ({ [what]: wh }));
    findings.column('bus-vector', 'bus', what, injections, rows);
    const vector = busVectorHash(bundle.certificate, injected);
    findings.equal('bus-vector', 'the bus vector hash', vector, this.header.bus_vector_hash);
    return true;
  }

  #brackets() {
    for (const side of SIDES) {
      const bounds = this.bundle.allocation.map((row, who) => {
        const pi = this.certificate.pi[Number(this.market.contracts[who].bus)];
        const pa = row[`${side}_pa_ticks`];
        return bracket(side, row[`${side}_q_wh`], pa, max(row[`${side}_pb_ticks`], pa + 1n), pi);
      });
      const x = this.bundle.allocation.map((row) => row[`${side}_x_wh`]);
      this.findings.checks += x.length;
      const who = x.findIndex((wh, i) => wh < bounds[i][0] || wh > bounds[i][1]);
      if (who >= 0) {
        const where = `${side}_x_wh of participant ${who}`;
        this.findings.wrong('bracket', where, bounds[who].join(' to '), x[who]);
      }
    }
  }

  /** The allocation tree, over the bus records that leaves, prices and certificate give. */
  #sums() {
    const { bundle, header, findings } = this;
    const top = allocationTree(this.grid, this.members, bundle, this.prices, this.certificate);
    findings.equal('root', 'allocation_root', top.hash, header.allocation_root);
    SUMS.forEach((name, i) => {
      const field = ['credit', 'debit'].includes(name) ? `${name}_sum` : name;
      const stated = field in header ? header[field] : top.sums[SUMS.indexOf('energy_credit')];
      findings.equal('totals', `the total ${field}`, top.sums[i], stated);
    });
  }

  #totals() {
    const { header, money } = this;
    const total = (what, expected, found) => this.findings.equal('totals', what, expected, found);
    total('the pot', money.pot, header.pot);
    total('the shortfall', money.shortfallTotal, header.shortfall);
    total('dispatched energy', header.served, header.dispatched);
    total('money paid in', header.credit_sum, header.debit_sum);
  }
}
