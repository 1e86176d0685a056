/** Orders as ramps: the integer response to a nodal price, and its bracket (docs/mechanism.md, section 1). */

import { max, min } from './numbers.js';

/** Wh served to a demand at a price in 2^-16 tick. */
export function demand(q, pa, pb, price) {
  if (price <= pa << 16n) return q;
  if (price >= pb << 16n) return 0n;
  return (q * ((pb << 16n) - price)) / ((pb - pa) << 16n);
}

/** Wh dispatched from a supply at a price in 2^-16 tick. */
export function supply(q, pa, pb, price) {
  if (price <= pa << 16n) return 0n;
  if (price >= pb << 16n) return q;
  return (q * (price - (pa << 16n))) / ((pb - pa) << 16n);
}

/** The least and the greatest allocation that a price admits, Wh. */
export function bracket(side, q, pa, pb, price) {
  const [respond, less] = side === 'supply' ? [supply, -1n] : [demand, 1n];
  return [
    max(0n, respond(q, pa, pb, price + less) - 1n),
    min(q, respond(q, pa, pb, price - less) + 1n),
  ];
}
