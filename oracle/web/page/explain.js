/** A participant's line of an interval: what was committed, what the rules give, and why. */

import { same } from '../checker/bytes.js';
import { draw } from '../checker/draw.js';
import {
  deficitOf,
  halves,
  keyTerms,
  nextDeficit,
  nextMemory,
  ramps,
} from '../checker/fairness.js';
import { max, PPB } from '../checker/numbers.js';
import { bracket } from '../checker/response.js';
import { orderDigest } from '../checker/signing.js';
import { count, energy, money, nodal, percent, price, whole } from './format.js';

const NAMES = { essential: 'Essential energy', flexible: 'Flexible energy', supply: 'Energy sold' };

const equal = (expected) => (found) => ({ ok: expected === found, expected });

/**
 * The rows of a line, in groups.
 * @param result An interval of `checkMarket` that was judged.
 * @param who Registration number.
 * @returns `[{title, rows: [{name, value, ok, why, expected}]}]`; `ok` is null where nothing is judged.
 */
export function explain({ rules, bundle, after }, who) {
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
    { title: 'What is carried on', rows: stateRows(view, after.state[who]) },
  ];
  return groups.filter(({ rows }) => rows.length);
}

/** Whether every row of a line is as the rules give it. */
export const lineHolds = (groups) =>
  groups.every(({ rows }) => rows.every(({ ok }) => ok !== false));

function row(name, found, { ok, expected }, show, why) {
  return { name, value: show(found), ok, expected: ok ? null : show(expected), why };
}

function orderRows({ rules, who }) {
  const order = rules.asked[who];
  if (!order.packed) {
    return [{ name: 'Order', value: 'none', ok: null, why: 'Nothing was asked or offered.' }];
  }
  const { owner } = rules.market.contracts[who];
  const signer = rules.market.signers.of(order, orderDigest);
  return [
    {
      name: 'Signature',
      value: signer && same(signer, owner) ? 'by the owner of the contract' : 'not by the owner',
      ok: Boolean(signer && same(signer, owner)),
      why: 'What was asked is what the holder of the contract signed, to the watt-hour.',
    },
  ];
}

function energyRows({ rules, who, line, bus }) {
  const pi = rules.certificate?.pi[bus];
  const ends = ramps(rules.policy, rules.state[who], rules.asked[who].bid_ticks, rules.header.seed);
  const rows = [];
  for (const side of ['essential', 'flexible', 'supply']) {
    const asked = rules.asked[who][`${side}_wh`];
    const x = line[`${side}_x_wh`];
    if (asked === 0n && x === 0n) continue;
    const { pa, pb } = ends[side];
    const known = pi !== undefined;
    const [low, high] = known ? bracket(side, asked, pa, max(pb, pa + 1n), pi) : [0n, asked];
    const ok = low <= x && x <= high;
    const between = low === high ? energy(low) : `${whole(low)} to ${energy(high)}`;
    const verb = side === 'supply' ? 'sold whole from' : 'served whole up to';
    const end = side === 'supply' ? [pb, pa] : [pa, pb];
    rows.push({
      name: NAMES[side],
      value: `${energy(x)} of ${energy(asked)}`,
      share: asked ? (x * PPB) / asked : 0n,
      ok: known ? ok : null,
      expected: ok ? null : between,
      why: known
        ? `The nodal price here was ${nodal(pi)}. This order is ${verb} ${price(end[0])} and not at all ${
            side === 'supply' ? 'below' : 'from'
          } ${price(end[1])}, so the rules give ${between}.`
        : 'The certificate of this interval does not fit the grid.',
    });
  }
  if (rules.asked[who].flexible_wh) rows.push(keyRow({ rules, who, line }, ends.key));
  return rows;
}

function keyRow({ rules, who, line }, key) {
  const before = rules.state[who];
  const terms = keyTerms(rules.policy, before, draw(rules.header.seed, before.index));
  return row(
    'Key',
    line.key_ticks,
    equal(key)(line.key_ticks),
    price,
    `What was owed moves the flexible order ahead: ${money(terms.memory)} for shortage remembered, ` +
      `${money(terms.deficit)} for energy owed, ${money(terms.draw)} by the draw.`,
  );
}

function priceRows({ rules, line, bus }) {
  if (!rules.prices) return [];
  const { price: ticks, tau, layer } = rules.prices[bus];
  return [
    row(
      'Price',
      line.price_ticks,
      equal(ticks)(line.price_ticks),
      price,
      tightWords(rules, tau, layer),
    ),
  ];
}

function tightWords({ grid }, tau, number) {
  if (number === null) return 'Every layer around this bus had enough, so the lowest price holds.';
  const { level, buses } = grid.layers[number];
  const places = { [grid.depth]: 'the whole system', 0: 'this bus' };
  const where = places[level] ?? `an area of ${count(buses.length, 'bus', 'buses')}`;
  return `The tightest layer was ${where}: ${percent(tau)} of what was asked there could not be met.`;
}

function moneyRows({ rules, who, line }) {
  const { money: paid, corrected } = rules;
  if (!paid) return [];
  const used = line.essential_x_wh + line.flexible_x_wh;
  const bid = rules.asked[who].bid_ticks;
  const all = [
    ['Energy cost', 'energy_cost', paid, `${energy(used)} at the price.`],
    [
      'Pay for energy sold',
      'supply_pay',
      paid,
      `${energy(line.supply_x_wh)} at the bid of ${price(bid)}.`,
    ],
    [
      'Part of the pot',
      'pot_share',
      paid,
      `The community had ${money(paid.pot)} left beyond what was bid; this is its agreed share.`,
    ],
    [
      'Part of the shortfall',
      'shortfall',
      paid,
      `Bids cost ${money(paid.shortfallTotal)} more than prices brought in; this is the part by headroom.`,
    ],
  ];
  if (corrected) {
    const reserve = who === 0;
    all.push(
      ['Subscription', 'subscription', corrected, 'The fee of the contract.'],
      [
        'Imbalance owed',
        'imbalance_debit',
        corrected,
        reserve
          ? 'Paid to others for what they did not use.'
          : 'Metered beyond the allocation, or sold and not delivered.',
      ],
      [
        'Imbalance earned',
        'imbalance_credit',
        corrected,
        reserve
          ? 'All fees and imbalance owed by others.'
          : 'Allocated and not used, or delivered beyond.',
      ],
    );
  }
  return all
    .map(([name, field, source, why]) =>
      row(name, line[field], equal(source[field][who])(line[field]), money, why),
    )
    .filter((made, i) => !made.ok || line[all[i][1]] !== 0n);
}

function stateRows({ rules, who, line }, after) {
  const before = rules.state[who];
  const flow = [line.flexible_q_wh, line.flexible_x_wh];
  const memory = nextMemory(before.memory_ppb, before.fstar_ppb, rules.policy.beta_ppb, ...flow);
  const deficit = nextDeficit(deficitOf(before), before.fstar_ppb, ...flow);
  const [high, low] = halves(deficit);
  const owedOk = after.deficit_hi === high && after.deficit_lo === low;
  const rows = [];
  const promised = before.fstar_ppb || after.memory_ppb || deficitOf(after);
  if (promised) {
    rows.push(
      row(
        'Shortage remembered',
        after.memory_ppb,
        equal(memory)(after.memory_ppb),
        percent,
        `It was ${percent(before.memory_ppb)} before. The more was missing lately, the earlier this order is served.`,
      ),
      row(
        'Energy owed',
        deficitOf(after),
        { ok: owedOk, expected: deficit },
        (value) => energy(value / PPB),
        `The contract promises ${percent(before.fstar_ppb)} of flexible energy in the long run; this much is still due.`,
      ),
    );
  }
  if (rules.corrected) {
    const { money: paid, corrected } = rules;
    const credit =
      before.credit + paid.supply_pay[who] + paid.pot_share[who] + corrected.imbalance_credit[who];
    const debit =
      before.debit +
      paid.energy_cost[who] +
      paid.shortfall[who] +
      corrected.subscription[who] +
      corrected.imbalance_debit[who];
    rows.push(
      row(
        'Balance',
        after.credit - after.debit,
        { ok: credit === after.credit && debit === after.debit, expected: credit - debit },
        money,
        `${money(after.credit)} earned less ${money(after.debit)} owed since the start.`,
      ),
    );
  }
  return rows;
}
