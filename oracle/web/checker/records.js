/** Layouts of the committed records (docs/protocol.md, sections 3 and 4). */

import { concat, fromInt, toInt, toUint } from './bytes.js';

export const KIND = { order: 1, allocation: 2, state: 3, contract: 4, reading: 5, share: 6 };
export const SIDES = ['essential', 'flexible', 'supply'];
export const SUMS =
  'requested offered served dispatched credit debit energy_credit energy_debit'.split(' ');
/** Registration number of the community reserve. */
export const RESERVE = 0;

const u = (size, names) => names.split(' ').map((name) => [name, 'u', size]);
const bytes = (size, names) => names.split(' ').map((name) => [name, 'bytes', size]);
const i64 = (names) => names.split(' ').map((name) => [name, 'i', 8]);

const layout = (...fields) => {
  const all = fields.flat();
  return { fields: all, size: all.reduce((total, [, , size]) => total + size, 0) };
};

const signature = [...bytes(32, 'r s'), ...u(1, 'v')];

export const ORDER = layout(
  u(4, 'index seq valid_from valid_to essential_wh flexible_wh supply_wh bid_ticks'),
  signature,
);
export const ALLOCATION = layout(
  u(4, 'index interval'),
  u(2, 'bus'),
  u(4, 'slot'),
  SIDES.flatMap((side) => u(4, `${side}_q_wh ${side}_pa_ticks ${side}_pb_ticks ${side}_x_wh`)),
  u(4, 'key_ticks price_ticks'),
  u(8, 'energy_cost supply_pay pot_share shortfall subscription imbalance_debit imbalance_credit'),
  bytes(16, 'salt'),
);
export const STATE = layout(
  u(4, 'index'),
  u(1, 'rank'),
  u(4, 'fstar_ppb rate_wh demand_cap_wh supply_cap_wh memory_ppb'),
  u(8, 'deficit_hi deficit_lo credit debit peak subscription'),
  bytes(16, 'salt'),
);
export const CONTRACT = layout(u(4, 'index'), bytes(20, 'owner'), u(2, 'bus'), u(4, 'slot'));
export const READING = layout(u(4, 'index interval consumed_wh produced_wh'), signature);
export const SHARE = layout(u(4, 'index share_ppb'));
export const BUS = layout(
  u(2, 'bus'),
  u(1, 'depth'),
  u(4, 'price_ticks'),
  i64('theta pi'),
  u(8, SUMS.join(' ')),
  bytes(32, 'root'),
);
export const HEADER = layout(
  u(4, 'interval'),
  bytes(32, 'orders_root allocation_root pre_state_root state_root contracts_root bus_vector_hash'),
  bytes(32, 'meter_root shares_root policy_hash'),
  u(4, 'grid_version'),
  bytes(32, 'seed bundle_hash'),
  u(8, 'requested served offered dispatched credit_sum debit_sum pot shortfall'),
  u(4, 'imbalance_scale_ppb'),
  u(8, 'forced_cursor'),
);
export const POLICY = layout(
  u(2, 'version'),
  u(4, 'interval_s p_cap_ticks v_ticks kappa w_s_ticks k_max'),
  u(1, 'essential_rank'),
  u(8, 'gamma_ppb tau_ppb'),
  u(4, 'beta_ppb p_lo_ticks p_hi_ticks max_bid_ticks'),
  u(1, 'mechanism price_curve meter_lag'),
  u(4, 'spread_ticks'),
  u(8, 'reserve_micro'),
  bytes(20, 'meter_operator'),
);

const READ = { u: toUint, i: toInt, bytes: (part) => part };

/** One record: its fields (numbers as BigInt, bytes as arrays) and `packed`, its bytes. */
export function decode({ fields, size }, packed) {
  const row = { packed: packed.subarray(0, size) };
  let at = 0;
  for (const [name, type, width] of fields) {
    row[name] = READ[type](packed.subarray(at, at + width));
    at += width;
  }
  return row;
}

/** Every record of a table. */
export function decodeAll(of, packed) {
  const rows = [];
  for (let at = 0; at < packed.length; at += of.size) rows.push(decode(of, packed.subarray(at)));
  return rows;
}

/** The bytes of a record. */
export function encode({ fields }, row) {
  return concat(
    ...fields.map(([name, type, width]) =>
      type === 'bytes' ? row[name] : fromInt(row[name], width),
    ),
  );
}
