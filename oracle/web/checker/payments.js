/** Who pays and is paid what (docs/mechanism.md, section 5); money in micro. */

import { ceilDiv, max, min, PPB, sum, WH_TICKS_PER_MICRO } from './numbers.js';
import { RESERVE } from './records.js';

/** An amount in proportion to weights, by largest remainder; of equals the lower index gains. */
export function split(amount, weights) {
  const total = sum(weights);
  if (amount === 0n || total === 0n) return weights.map(() => 0n);
  const parts = weights.map((weight) => (amount * weight) / total);
  const rest = weights.map((weight) => (amount * weight) % total);
  const order = weights.map((_, i) => i);
  order.sort((a, b) => (rest[a] === rest[b] ? a - b : rest[a] > rest[b] ? -1 : 1));
  const left = Number(amount - sum(parts));
  for (const i of order.slice(0, left)) parts[i] += 1n;
  return parts;
}

/** Energy costs, supply pays, pot and shortfall; rows of `{price, bid, used, sold, share}`. */
export function payments(policy, rows) {
  const cost = rows.map(({ price, used }) => (price * used) / WH_TICKS_PER_MICRO);
  const pay = rows.map(({ bid, sold }) => ceilDiv(bid * sold, WH_TICKS_PER_MICRO));
  const surplus = sum(cost) - sum(pay);
  const pot = max(surplus, 0n);
  const shortfall = max(-surplus, 0n);
  const headroom = rows.map(
    ({ used }, i) => (policy.p_hi_ticks * used) / WH_TICKS_PER_MICRO - cost[i],
  );
  return {
    energy_cost: cost,
    supply_pay: pay,
    pot_share: split(
      pot,
      rows.map(({ share }) => share),
    ),
    shortfall: split(shortfall, headroom),
    pot,
    shortfallTotal: shortfall,
  };
}

/** What one owes and is owed for missing its allocation, before scaling. */
export function deviation(policy, state, line, reading) {
  const allowed = line.essential_x_wh + line.flexible_x_wh;
  const sold = line.supply_x_wh;
  const used = reading ? min(reading.consumed_wh, state.demand_cap_wh) : allowed;
  const delivered = reading ? min(reading.produced_wh, state.supply_cap_wh) : 0n;
  const price = line.price_ticks;
  const bid = line.supply_pa_ticks;
  const worth = max(0n, price - policy.spread_ticks);
  const excess = min(policy.p_hi_ticks, price + policy.spread_ticks);
  const missing = min(policy.p_hi_ticks, max(price, bid) + policy.spread_ticks);
  return {
    debit:
      ceilDiv(excess * max(0n, used - allowed), WH_TICKS_PER_MICRO) +
      ceilDiv(missing * max(0n, sold - delivered), WH_TICKS_PER_MICRO),
    credit:
      (worth * max(0n, allowed - used)) / WH_TICKS_PER_MICRO +
      (min(worth, bid) * max(0n, delivered - sold)) / WH_TICKS_PER_MICRO,
  };
}

/** What one owes at most, if it was paid all that it was ever ahead by. */
export const owedBy = ({ peak, debit, credit }) => peak + debit - credit;

/** How much more one may owe. */
export const roomOf = (state, collateral) => max(0n, collateral - owedBy(state));

/** What an order costs at most: all that it asks, at the highest price. */
export const worstCost = (policy, { essential_wh: essential, flexible_wh: flexible }) =>
  ceilDiv(policy.p_hi_ticks * (essential + flexible), WH_TICKS_PER_MICRO);

/**
 * Fees and imbalance, settled with the reserve.
 * @param policy The policy.
 * @param state Before the interval.
 * @param measured Allocations of the interval whose readings are settled; null where none are.
 * @param readings What was measured.
 * @param money Of `payments`.
 * @param collateral What everybody has for the interval, by number. Null without a chain: then what was charged is taken
 *   for what could be, as far as it was due.
 * @param found The allocations, for what was charged there.
 */
export function corrections(policy, state, measured, readings, money, collateral, found) {
  const read = new Map(readings.map((row) => [Number(row.index), row]));
  const raw = state.map((row, who) =>
    measured && who !== RESERVE
      ? deviation(policy, row, measured[who], read.get(who))
      : { debit: 0n, credit: 0n },
  );
  const gained = (who) =>
    money.supply_pay[who] + money.pot_share[who] - money.energy_cost[who] - money.shortfall[who];
  const left = state.map((row, who) => {
    if (collateral) return max(0n, roomOf(row, collateral.get(who) ?? 0n) + gained(who));
    const { subscription, imbalance_debit: debt } = found[who];
    return subscription + min(raw[who].debit, debt);
  });
  const fees = state.map((row, who) => min(row.subscription, left[who]));
  const debit = raw.map((row, who) => min(row.debit, left[who] - fees[who]));
  const waived = state.map(
    (row, who) => row.subscription + raw[who].debit - fees[who] - debit[who],
  );
  const wanted = sum(raw.map((row) => row.credit));
  const received = sum(fees) + sum(debit);
  const income = received - fees[RESERVE] + gained(RESERVE);
  const funds = max(0n, policy.reserve_micro - owedBy(state[RESERVE]) + income);
  const scale = wanted <= funds ? PPB : (funds * PPB) / wanted;
  const credit = raw.map((row) => (row.credit * scale) / PPB);
  debit[RESERVE] = sum(credit);
  credit[RESERVE] = received;
  return { subscription: fees, imbalance_debit: debit, imbalance_credit: credit, scale, waived };
}
