/** The price of each bus from the tightest layer around it (docs/mechanism.md, section 5). */

import { min, PPB, sum } from './numbers.js';

/** Tightness of a layer, ppb. */
export function tightness(requested, offered, everywhere, importLimit) {
  const deliverable = offered + min(importLimit, everywhere - offered);
  if (requested === 0n || deliverable >= requested) return 0n;
  return PPB - (deliverable * PPB) / requested;
}

const CURVES = [
  (tau) => tau,
  (tau) => (2n * tau <= PPB ? tau / 2n : (3n * tau - PPB) / 2n),
  (tau) => (tau * tau * (3n * PPB - 2n * tau)) / (PPB * PPB),
];

/** The price at a tightness, ticks. */
export const priceAt = ({ p_lo_ticks: low, p_hi_ticks: high, price_curve: curve }, tau) =>
  low + ((high - low) * CURVES[Number(curve)](tau)) / PPB;

/** Price, tightness and explaining layer of every bus; columns are Wh asked and offered at each. */
export function busPrices(policy, grid, requested, offered) {
  const everywhere = sum(offered);
  const buses = requested.map(() => ({ tau: 0n, layer: null }));
  grid.layers.forEach((layer, number) => {
    const asked = sum(layer.buses.map((bus) => requested[bus]));
    const given = sum(layer.buses.map((bus) => offered[bus]));
    const tau = tightness(asked, given, everywhere, layer.importLimit);
    for (const bus of layer.buses) {
      const outermost =
        buses[bus].layer === null || layer.level > grid.layers[buses[bus].layer].level;
      const tighter = tau > buses[bus].tau || (tau === buses[bus].tau && tau > 0n && outermost);
      if (tighter) buses[bus] = { tau, layer: number };
    }
  });
  return buses.map((bus) => ({ ...bus, price: priceAt(policy, bus.tau) }));
}
