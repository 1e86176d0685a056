/** The numbers of the mechanism (docs/protocol.md, section 6). */

import { InputError } from './bytes.js';
import { MAX_RAMP_TICKS, MAX_TICKS, PPB, WH_TICKS_PER_MICRO } from './numbers.js';
import { decode, POLICY } from './records.js';

/**
 * The policy of its packed bytes, with what follows from them.
 * @throws {InputError} When a number breaks a promise of the mechanism.
 */
export function readPolicy(packed) {
  if (packed.length !== POLICY.size) {
    throw new InputError(`policy: ${packed.length} bytes; a packed policy has ${POLICY.size}`);
  }
  const p = decode(POLICY, packed);
  const rankTicks = p.v_ticks * (p.k_max + p.kappa + 1n);
  const demandWidth = p.v_ticks * p.kappa;
  const essentialPa = p.p_cap_ticks + p.essential_rank * rankTicks;
  const rules = [
    ['version', p.version === 1n],
    ['interval_s', p.interval_s > 0n],
    ['v_ticks', p.v_ticks > 0n && demandWidth <= MAX_RAMP_TICKS],
    ['kappa', p.kappa > 0n],
    ['w_s_ticks', p.w_s_ticks > 0n && p.w_s_ticks <= MAX_RAMP_TICKS],
    ['k_max', p.k_max > 0n],
    ['essential_rank', p.essential_rank > 0n && essentialPa + demandWidth < MAX_TICKS],
    ['p_cap_ticks', p.p_cap_ticks >= p.max_bid_ticks + p.w_s_ticks],
    ['gamma_ppb', p.gamma_ppb * p.v_ticks < 2n ** 62n],
    ['tau_ppb', p.tau_ppb * p.v_ticks < 2n ** 62n],
    ['beta_ppb', p.beta_ppb <= PPB],
    ['p_lo_ticks', p.p_lo_ticks <= p.p_hi_ticks],
    [
      'p_hi_ticks',
      p.p_hi_ticks < MAX_TICKS &&
        p.p_hi_ticks % WH_TICKS_PER_MICRO === 0n &&
        p.p_hi_ticks >= p.max_bid_ticks + WH_TICKS_PER_MICRO,
    ],
    ['mechanism', p.mechanism === 0n],
    ['price_curve', p.price_curve < 3n],
    ['spread_ticks', p.max_bid_ticks + p.spread_ticks <= p.p_hi_ticks],
    ['reserve_micro', p.reserve_micro < 2n ** 62n],
    ['meter_operator', p.meter_lag === 0n || p.meter_operator.some((byte) => byte)],
  ];
  for (const [name, holds] of rules) {
    if (!holds) throw new InputError(`policy.${name}: out of its range; this is no valid policy`);
  }
  return { ...p, rankTicks, demandWidth, essentialPa };
}
