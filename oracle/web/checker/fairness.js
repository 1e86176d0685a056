/** What everybody is owed: keys, ramps, shortage memory and deficit (docs/mechanism.md, section 2). */

import { draw } from './draw.js';
import { max, min, PPB } from './numbers.js';

const U64_SPAN = 2n ** 64n;

/** The deficit of its two halves, ppb-Wh. */
export const deficitOf = (state) => state.deficit_hi * U64_SPAN + state.deficit_lo;

/** What memory, deficit and draw add to a key, ticks. */
export function keyTerms(policy, state, g) {
  const owed = state.rate_wh ? min(deficitOf(state) / state.rate_wh, policy.k_max * PPB) : 0n;
  return {
    memory: (((policy.gamma_ppb * policy.v_ticks) / PPB) * state.memory_ppb) / PPB,
    deficit: (owed * policy.v_ticks) / PPB,
    draw: (((policy.tau_ppb * policy.v_ticks) / PPB) * g) >> 24n,
  };
}

/** The key and the ends of a participant's three ramps, ticks; `bid` is 0 without an order. */
export function ramps(policy, state, bid, seed) {
  const terms = keyTerms(policy, state, draw(seed, state.index));
  const key = min(policy.k_max * policy.v_ticks, terms.memory + terms.deficit + terms.draw);
  const flexible = policy.p_cap_ticks + state.rank * policy.rankTicks + key;
  return {
    key,
    essential: { pa: policy.essentialPa, pb: policy.essentialPa + policy.demandWidth },
    flexible: { pa: flexible, pb: flexible + policy.demandWidth },
    supply: { pa: bid, pb: bid + policy.w_s_ticks },
  };
}

/** The shortage memory after an interval, ppb. */
export function nextMemory(memory, fstar, beta, requested, served) {
  const target = (fstar * requested) / PPB;
  if (target === 0n) return memory;
  const missing = PPB - min(PPB, (served * PPB) / target);
  return ((PPB - beta) * memory + beta * missing) / PPB;
}

/** The deficit after an interval, ppb-Wh. */
export const nextDeficit = (deficit, fstar, requested, served) =>
  max(0n, deficit + fstar * requested - served * PPB);

/** The upper and the lower half of a deficit. */
export const halves = (deficit) => [
  BigInt.asUintN(64, deficit >> 64n),
  BigInt.asUintN(64, deficit),
];
