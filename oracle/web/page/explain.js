/** A participant's line of an interval: what was committed, what the rules give, and why. */

import { same } from '../checker/bytes.js';
import { draw } from '../checker/draw.js';
import { deficitOf, keyTerms } from '../checker/fairness.js';
import { PPB } from '../checker/numbers.js';
import { worstCost } from '../checker/payments.js';
import { RESERVE, SIDES } from '../checker/records.js';
import { bracket } from '../checker/response.js';
import { orderDigest } from '../checker/signing.js';
import { count, energy, money, nodal, percent, price, whole } from './format.js';

const NAMES = { essential: 'Essential energy', flexible: 'Flexible energy', supply: 'Energy sold' };

/**
 * The rows of a line, in groups.
 * @param result An interval of `checkMarket` that was judged.
 * @param who Registration number.
 * @returns `[{title, rows: [{name, value, ok, why, expected}]}]`; `ok` is null where nothing is judged.
 */
export function explain({ rules, bundle }, who) {
  const view = {
    rules,
    who,
    line: bundle.allocation[who],
    bus: Number(rules.market.contracts[who].bus),
  };
  const groups = [
    { title: 'Order', rows: orderRows(view) },
    { title: 'Energy', rows: energyRows(view) },
    { title: 'Price', rows: priceRows(view) },
    { title: 'Money', rows: moneyRows(view) },
    { title: 'What is carried on', rows: stateRows(view, bundle.state[who]) },
  ];
  return groups.filter(({ rows }) => rows.length);
}

/** Whether every row of a line is as the rules give it. */
export const lineHolds = (groups) =>
  groups.every(({ rows }) => rows.every(({ ok }) => ok !== false));

function row(name, found, expected, show, why) {
  const ok = found === expected;
  return { name, value: show(found), ok, expected: ok ? null : show(expected), why };
}

function orderRows({ rules, who }) {
  const order = rules.ordered[who];
  if (!order.packed) {
    return [{ name: 'Order', value: 'none', ok: null, why: 'Nothing was asked or offered.' }];
  }
  const { owner } = rules.market.contracts[who];
  const signer = rules.market.signers.of(order, orderDigest);
  return [
    ...(rules.counts[who] ? [] : [uncountedRow(rules, order)]),
    {
      name: 'Signature',
      value: signer && same(signer, owner) ? 'by the owner of the contract' : 'not by the owner',
      ok: Boolean(signer && same(signer, owner)),
      why: 'What was asked is what the holder of the contract signed, to the watt-hour.',
    },
  ];
}

/** Said where an order counts as none: what a deposit covers stands on the chain, which the page does not ask. */
function uncountedRow({ policy }, order) {
  const worst = money(worstCost(policy, order));
  const why =
    `All that it asks would cost ${worst} at the highest price. ` +
    'It counts as none if the deposit did not cover that; whether it did, only the chain can tell.';
  return { name: 'Order', value: 'counts as none', ok: null, why };
}

function energyRows({ rules, who, line, bus }) {
  const pi = rules.certificate?.pi[bus];
  const given = rules.lines[who];
  const rows = [];
  for (const side of SIDES) {
    const asked = given[`${side}_q_wh`];
    const x = line[`${side}_x_wh`];
    if (asked === 0n && x === 0n) continue;
    rows.push(energyRow(side, asked, x, given[`${side}_pa_ticks`], given[`${side}_pb_ticks`], pi));
  }
  if (given.flexible_q_wh) rows.push(keyRow(rules, who, line));
  return rows;
}

function energyRow(side, asked, x, pa, pb, pi) {
  const value = `${energy(x)} of ${energy(asked)}`;
  const name = NAMES[side];
  if (pi === undefined) {
    return {
      name,
      value,
      ok: null,
      why: 'The certificate of this interval does not fit the grid.',
    };
  }
  const [low, high] = bracket(side, asked, pa, pb, pi);
  const ok = low <= x && x <= high;
  const expected = low === high ? energy(low) : `${whole(low)} to ${energy(high)}`;
  const ramp =
    side === 'supply'
      ? `sold whole from ${price(pb)} and not at all below ${price(pa)}`
      : `served whole up to ${price(pa)} and not at all from ${price(pb)}`;
  const why = `The nodal price here was ${nodal(pi)}. This order is ${ramp}, so the rules give ${expected}.`;
  return { name, value, ok, expected: ok ? null : expected, why };
}

function keyRow(rules, who, line) {
  const before = rules.state[who];
  const terms = keyTerms(rules.policy, before, draw(rules.header.seed, before.index));
  return row(
    'Key',
    line.key_ticks,
    rules.lines[who].key_ticks,
    price,
    `What was owed moves the flexible order ahead: ${money(terms.memory)} for shortage remembered, ` +
      `${money(terms.deficit)} for energy owed, ${money(terms.draw)} by the draw.`,
  );
}

function priceRows({ rules, who, line, bus }) {
  const { tau, layer } = rules.prices[bus];
  const why = tightWords(rules, tau, layer);
  return [row('Price', line.price_ticks, rules.lines[who].price_ticks, price, why)];
}

function tightWords({ grid }, tau, number) {
  if (number === null) return 'Every layer around this bus had enough, so the lowest price holds.';
  const { level, buses } = grid.layers[number];
  const places = { [grid.depth]: 'the whole system', 0: 'this bus' };
  const where = places[level] ?? `an area of ${count(buses.length, 'bus', 'buses')}`;
  return `The tightest layer was ${where}: ${percent(tau)} of what was asked there could not be met.`;
}

/** Said where less was charged than was due: what a deposit covers stands on the chain, which the page does not ask. */
function waivedWords({ corrected }, who) {
  const waived = corrected.waived[who];
  if (waived === 0n) return '';
  return ` Of fee and imbalance ${money(waived)} was not charged; whether the deposit covered no more, only the chain can tell.`;
}

function moneyRows({ rules, who, line }) {
  const given = rules.lines[who];
  const used = line.essential_x_wh + line.flexible_x_wh;
  const { pot, shortfallTotal } = rules.money;
  const ofReserve = who === RESERVE;
  const fields = [
    ['energy_cost', 'Energy cost', `${energy(used)} at the price.`],
    [
      'supply_pay',
      'Pay for energy sold',
      `${energy(line.supply_x_wh)} at the bid of ${price(given.supply_pa_ticks)}.`,
    ],
    [
      'pot_share',
      'Part of the pot',
      `The community had ${money(pot)} left beyond what was bid; this is its agreed share.`,
    ],
    [
      'shortfall',
      'Part of the shortfall',
      `Bids cost ${money(shortfallTotal)} more than prices brought in; this is the part by headroom.`,
    ],
    ['subscription', 'Subscription', `The fee of the contract.${waivedWords(rules, who)}`],
    [
      'imbalance_debit',
      'Imbalance owed',
      ofReserve
        ? 'Paid to others for what they did not use.'
        : 'Metered beyond the allocation, or sold and not delivered.',
    ],
    [
      'imbalance_credit',
      'Imbalance earned',
      ofReserve
        ? 'All fees and imbalance owed by others.'
        : 'Allocated and not used, or delivered beyond.',
    ],
  ];
  const waived = rules.corrected.waived[who] > 0n;
  return fields
    .filter(
      ([field]) =>
        line[field] !== 0n || given[field] !== 0n || (waived && field === 'subscription'),
    )
    .map(([field, name, why]) => row(name, line[field], given[field], money, why));
}

function stateRows({ rules, who }, after) {
  const before = rules.state[who];
  const given = rules.states[who];
  const rows = [];
  if (before.fstar_ppb || after.memory_ppb || deficitOf(after)) {
    const owed = (deficit) => energy(deficit / PPB);
    rows.push(
      row(
        'Shortage remembered',
        after.memory_ppb,
        given.memory_ppb,
        percent,
        `It was ${percent(before.memory_ppb)} before. The more was missing lately, the earlier this order is served.`,
      ),
      row(
        'Energy owed',
        deficitOf(after),
        deficitOf(given),
        owed,
        `The contract promises ${percent(before.fstar_ppb)} of flexible energy in the long run; this much is still due.`,
      ),
    );
  }
  const balance = row(
    'Balance',
    after.credit - after.debit,
    given.credit - given.debit,
    money,
    `${money(after.credit)} earned less ${money(after.debit)} owed since the start.`,
  );
  // Both may be wrong by as much, and the balance right.
  const right = after.credit === given.credit && after.debit === given.debit;
  rows.push(
    right ? balance : { ...balance, ok: false, expected: money(given.credit - given.debit) },
  );
  return rows;
}
