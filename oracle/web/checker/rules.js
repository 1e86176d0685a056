/** The rules about participants, buses and roots, once shapes and ranges are known to be sound. */

import { allocationTree } from './allocation-tree.js';
import { same } from './bytes.js';
import { deficitOf, halves, nextDeficit, nextMemory, ramps } from './fairness.js';
import { EMPTY, plainRoot, recordSalt } from './hashing.js';
import { busVectorHash } from './header.js';
import { checkNetwork, readCertificate } from './network.js';
import { max, sum } from './numbers.js';
import { corrections, payments } from './payments.js';
import { busPrices } from './prices.js';
import { decode, KIND, ORDER, SIDES, SUMS } from './records.js';
import { bracket } from './response.js';
import { orderDigest, readingDigest } from './signing.js';

const LINE = 'allocation of participant';
const STATE = 'state of participant';
const CONTRACT_FIELDS =
  'index rank fstar_ppb rate_wh demand_cap_wh supply_cap_wh subscription'.split(' ');
const RAMP_RULE = { essential: 'ramp', flexible: 'key', supply: 'ramp' };
const NO_ORDER = { essential_wh: 0n, flexible_wh: 0n, supply_wh: 0n, bid_ticks: 0n };

export class IntervalRules {
  constructor(findings, market, state, measured, inputs, header, bundle) {
    Object.assign(this, { findings, market, state, measured, inputs, header, bundle });
    this.policy = market.policy;
    this.grid = market.grids.get(header.grid_version);
    this.members = market.layouts.get(header.grid_version);
    this.n = state.length;
    const orders = new Map(bundle.orders.map((row) => [Number(row.index), row]));
    this.asked = state.map((_, who) => orders.get(who) ?? NO_ORDER);
  }

  /** Checks everything, in the order of the market's own steps. */
  check() {
    this.#contracts();
    this.#orders();
    this.#forced();
    this.#ramps();
    if (!this.#network()) return;
    this.#brackets();
    this.#money();
    this.#readings();
    this.#corrections();
    this.#states();
    this.#roots();
  }

  #column(rule, leaf, name, expected, rows) {
    this.findings.column(rule, leaf, name, expected, rows);
  }

  #contracts() {
    for (const name of ['owner', 'bus', 'slot']) {
      const agreed = this.market.contracts.map((row) => row[name]);
      this.#column('contract', 'contract', name, agreed, this.bundle.contracts);
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
    const demand = orders.map((row) => row.essential_wh + row.flexible_wh);
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
      this.findings.wrong(
        rule,
        `the signature of ${what} ${row.index}`,
        owner,
        "another's or none",
      );
    }
  }

  /** Every forced order that is due and admissible was taken, or a later one of the same participant. */
  #forced() {
    for (const { record } of this.inputs.forced ?? []) {
      const order = decode(ORDER, record);
      const who = Number(order.index);
      this.findings.checks += 1;
      if (who >= this.n || !this.#admissible(order, this.state[who])) continue;
      const taken = this.asked[who] === NO_ORDER ? null : this.asked[who];
      const later = taken && taken.seq > order.seq;
      if (!later && !(taken && same(taken.packed, order.packed))) {
        const found = taken ? `an order of sequence number ${taken.seq}` : 'no order';
        const where = `the forced order of participant ${who}`;
        this.findings.wrong('forced-order', where, `sequence number ${order.seq}`, found);
      }
    }
  }

  #admissible(order, state) {
    return (
      order.valid_from <= this.header.interval &&
      this.header.interval <= order.valid_to &&
      order.essential_wh + order.flexible_wh <= state.demand_cap_wh &&
      order.supply_wh <= state.supply_cap_wh &&
      order.bid_ticks <= this.policy.max_bid_ticks
    );
  }

  #ramps() {
    const { allocation, salt_key: saltKey } = this.bundle;
    const line = (rule, name, expected) => this.#column(rule, LINE, name, expected, allocation);
    const ends = this.state.map((row, who) =>
      ramps(this.policy, row, this.asked[who].bid_ticks, this.header.seed),
    );
    for (const side of SIDES) {
      line(
        'copied',
        `${side}_q_wh`,
        this.asked.map((order) => order[`${side}_wh`]),
      );
      line(
        RAMP_RULE[side],
        `${side}_pa_ticks`,
        ends.map((end) => end[side].pa),
      );
      line(
        RAMP_RULE[side],
        `${side}_pb_ticks`,
        ends.map((end) => end[side].pb),
      );
    }
    line(
      'key',
      'key_ticks',
      ends.map((end) => end.key),
    );
    line(
      'misplaced',
      'interval',
      allocation.map(() => this.header.interval),
    );
    for (const name of ['bus', 'slot']) {
      line(
        'misplaced',
        name,
        this.market.contracts.map((row) => row[name]),
      );
    }
    line('malformed', 'salt', this.#salts(saltKey, KIND.allocation, allocation));
  }

  #salts(key, kind, rows) {
    return rows.map((row) => recordSalt(key, kind, row.index));
  }

  /** Sums of something over the participants of each bus. */
  #atBuses(of) {
    return this.members.map((at) => sum(at.map((who) => of(this.bundle.allocation[who]))));
  }

  #network() {
    const { findings, bundle, grid } = this;
    try {
      this.certificate = readCertificate(bundle.certificate, grid.boxes.length);
    } catch (error) {
      findings.wrong('network', 'the certificate', 'one that fits the grid', error.message);
      return false;
    }
    const { injections, flows, violations } = checkNetwork(grid, this.certificate);
    this.flows = flows;
    findings.checks += 2 * (grid.boxes.length + grid.lines.length);
    for (const violation of violations) {
      findings.wrong('network', 'the certificate', 'no violation', violation);
    }
    const injected = this.#atBuses(
      (row) => row.supply_x_wh - row.essential_x_wh - row.flexible_x_wh,
    );
    const stated = injections;
    const rows = injected.map((wh) => ({ 'dispatched - served in Wh': wh }));
    this.#column('bus-vector', 'bus', 'dispatched - served in Wh', stated, rows);
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

  #money() {
    const { allocation, shares } = this.bundle;
    const requested = this.#atBuses((row) => row.essential_q_wh + row.flexible_q_wh);
    const offered = this.#atBuses((row) => row.supply_q_wh);
    this.prices = busPrices(this.policy, this.grid, requested, offered);
    const price = this.market.contracts.map((row) => this.prices[Number(row.bus)].price);
    this.#column('price', LINE, 'price_ticks', price, allocation);
    this.money = payments(
      this.policy,
      allocation.map((row, who) => ({
        price: price[who],
        bid: this.asked[who].bid_ticks,
        used: row.essential_x_wh + row.flexible_x_wh,
        sold: row.supply_x_wh,
        share: shares[who].share_ppb,
      })),
    );
    this.#column('payment', LINE, 'energy_cost', this.money.energy_cost, allocation);
    this.#column('payment', LINE, 'supply_pay', this.money.supply_pay, allocation);
    this.#column('pot', LINE, 'pot_share', this.money.pot_share, allocation);
    this.#column('shortfall', LINE, 'shortfall', this.money.shortfall, allocation);
  }

  #readings() {
    const { readings } = this.bundle;
    let [root] = EMPTY;
    if (this.measured === null) {
      this.findings.equal('meter', 'the number of readings', 0, readings.length);
    } else {
      root = plainRoot(KIND.reading, readings, this.n);
      const interval = this.header.interval - this.policy.meter_lag;
      const expected = readings.map(() => interval);
      this.#column('meter', 'reading in row', 'interval', expected, readings);
      for (const row of readings) {
        this.#signed('meter', 'reading', row, readingDigest, this.policy.meter_operator);
      }
    }
    this.findings.equal('meter', 'the meter root', root, this.header.meter_root);
  }

  #corrections() {
    const { readings, allocation } = this.bundle;
    this.corrected = corrections(this.policy, this.state, this.measured, readings, this.money);
    const stated = this.header.imbalance_scale_ppb;
    this.findings.equal('reserve', 'the imbalance scale', this.corrected.scale, stated);
    for (const [rule, name] of [
      ['subscription', 'subscription'],
      ['imbalance', 'imbalance_debit'],
      ['imbalance', 'imbalance_credit'],
    ]) {
      this.#column(rule, LINE, name, this.corrected[name], allocation);
    }
  }

  #states() {
    const { bundle, findings, money, corrected, state: before } = this;
    const after = bundle.state;
    const state = (rule, name, expected) => this.#column(rule, STATE, name, expected, after);
    const lines = bundle.allocation;
    for (const name of CONTRACT_FIELDS)
      state(
        'contract',
        name,
        before.map((row) => row[name]),
      );
    const memory = before.map((row, i) =>
      nextMemory(
        row.memory_ppb,
        row.fstar_ppb,
        this.policy.beta_ppb,
        lines[i].flexible_q_wh,
        lines[i].flexible_x_wh,
      ),
    );
    state('memory', 'memory_ppb', memory);
    const deficit = before.map((row, i) =>
      halves(
        nextDeficit(deficitOf(row), row.fstar_ppb, lines[i].flexible_q_wh, lines[i].flexible_x_wh),
      ),
    );
    state(
      'deficit',
      'deficit_hi',
      deficit.map(([high]) => high),
    );
    state(
      'deficit',
      'deficit_lo',
      deficit.map(([, low]) => low),
    );
    const credit = before.map(
      (row, i) =>
        row.credit + money.supply_pay[i] + money.pot_share[i] + corrected.imbalance_credit[i],
    );
    const debit = before.map(
      (row, i) =>
        row.debit +
        money.energy_cost[i] +
        money.shortfall[i] +
        corrected.subscription[i] +
        corrected.imbalance_debit[i],
    );
    state('balance', 'credit', credit);
    state('balance', 'debit', debit);
    state(
      'balance',
      'peak',
      before.map((row, i) => max(row.peak, credit[i] - debit[i])),
    );
    if (this.inputs.collateral) {
      const owed = after.map((row) => row.peak + row.debit - row.credit);
      const covered = (micro, who) => micro <= (this.inputs.collateral.get(who) ?? 0n);
      const name = 'peak + debit - credit';
      findings.holds('overdrawn', STATE, name, 'at most the deposit', owed, covered);
    }
    state('malformed', 'salt', this.#salts(bundle.salt_key, KIND.state, after));
  }

  #roots() {
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
    const top = allocationTree(this.grid, this.members, bundle, this.prices, this.certificate);
    findings.equal('root', 'allocation_root', top.hash, header.allocation_root);
    const total = (what, expected, found) => findings.equal('totals', what, expected, found);
    SUMS.forEach((name, i) => {
      const field = ['credit', 'debit'].includes(name) ? `${name}_sum` : name;
      total(`the total ${field}`, top.sums[i], header[field]);
    });
    total('the pot', this.money.pot, header.pot);
    total('the shortfall', this.money.shortfallTotal, header.shortfall);
    total('dispatched energy', header.served, header.dispatched);
    total('money paid in', header.credit_sum, header.debit_sum);
  }
}
