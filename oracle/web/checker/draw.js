/** The seeded draw: an integer Gumbel variate (docs/mechanism.md, section 2). */

import { fromInt, toUint } from './bytes.js';
import { H, tag } from './hashing.js';

const OCTAVE = [
  57042319553n,
  46596746509n,
  37147576307n,
  28521159776n,
  20585625820n,
  13238468952n,
  6398429549n,
  0n,
];
const [A1, A3, A5, A7] = [3098164009n, 1032721336n, 619632802n, 442594858n];

/** `53 - log2(x)` in 2^-36, for 1 <= x < 2^53. */
export function log2Complement(x) {
  const zeros = BigInt(53 - x.toString(2).length);
  const m = x << zeros;
  const k = (m >> 49n) - 8n;
  const c = (k + 9n) << 49n;
  const z = ((c - m) << 14n) / ((c + m) >> 22n);
  const y = (z * z) >> 36n;
  let s = A7;
  for (const a of [A5, A3, A1]) s = a + ((s * y) >> 36n);
  return (zeros << 36n) + OCTAVE[Number(k)] + ((s * z) >> 30n);
}

/** The draw of 52 uniform bits, in 2^-24. */
export function gumbel(h) {
  const u = 2n * h + 1n;
  const v = 2n ** 53n - u;
  let r;
  if (v >= 2n ** 45n) {
    r = log2Complement(log2Complement(u)) - 774611408087n;
  } else {
    const a = v >> 13n;
    const b = a * a;
    const e = (v << 7n) + (b >> 21n) + ((b >> 32n) * a) / (3n << 28n);
    r = log2Complement(e) + 838319485111n;
  }
  return ((r >> 6n) * 186065279n) >> 34n;
}

/** The first 52 bits of a participant's hash. */
export const uniform = (seed, index) =>
  toUint(H(tag(11), seed, fromInt(index, 4)).subarray(0, 8)) >> 12n;

/** The draw of a participant in an interval. */
export const draw = (seed, index) => gumbel(uniform(seed, index));
