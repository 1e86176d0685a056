/** What must hold of every committed number before it is calculated with (docs/checker.md, section 8). */

import { MAX_FEE, MAX_MONEY, MAX_ORDER_WH, MAX_TICKS, PPB, sum } from './numbers.js';
import { SIDES } from './records.js';

const each = (names, most) => names.map((name) => [name, most]);

const ENERGIES = each(
  SIDES.flatMap((side) => [`${side}_q_wh`, `${side}_x_wh`]),
  MAX_ORDER_WH,
);
const ENDS = each(
  [
    ...SIDES.flatMap((side) => [`${side}_pa_ticks`, `${side}_pb_ticks`]),
    'key_ticks',
    'price_ticks',
  ],
  MAX_TICKS - 1n,
);
const MONEY = each(
  'energy_cost supply_pay pot_share shortfall subscription imbalance_debit imbalance_credit'.split(
    ' ',
  ),
  MAX_MONEY,
);

function within(findings, leaf, rows, bounds) {
  const results = bounds.map(([name, most]) =>
    findings.holds(
      'malformed',
      leaf,
      name,
      `at most ${most}`,
      rows.map((row) => row[name]),
      (value) => value <= most,
    ),
  );
  return results.every(Boolean);
}

export const stateInRange = (findings, policy, rows, when) =>
  within(findings, `state ${when} of participant`, rows, [
    ['rank', policy.essential_rank - 1n],
    ...each(['fstar_ppb', 'memory_ppb'], PPB),
    ...each(['rate_wh', 'demand_cap_wh', 'supply_cap_wh'], MAX_ORDER_WH),
    ...each(['credit', 'debit', 'peak'], MAX_MONEY),
    ['subscription', MAX_FEE],
  ]);

export const ordersInRange = (findings, policy, rows) =>
  within(findings, 'order in row', rows, [
    ...each(['essential_wh', 'flexible_wh', 'supply_wh'], MAX_ORDER_WH),
    ['bid_ticks', policy.max_bid_ticks],
  ]);

export const readingsInRange = (findings, rows) =>
  within(findings, 'reading in row', rows, each(['consumed_wh', 'produced_wh'], MAX_ORDER_WH));

export const allocationInRange = (findings, rows, leaf = 'allocation') =>
  within(findings, `${leaf} of participant`, rows, [...ENERGIES, ...ENDS, ...MONEY]);

export function sharesInRange(findings, rows) {
  if (!within(findings, 'share of participant', rows, [['share_ppb', PPB]])) return false;
  const total = sum(rows.map((row) => row.share_ppb));
  return findings.equal('shares', 'the sum of all shares, in ppb,', PPB, total);
}
