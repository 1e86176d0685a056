/** Typed hashes of leaves and nodes, and plain trees (docs/protocol.md, section 2). */

import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, fromInt } from './bytes.js';

export const H = (...parts) => keccak_256(parts.length === 1 ? parts[0] : concat(...parts));
export const tag = (byte) => Uint8Array.of(byte);

export const leaf = (kind, record) => H(Uint8Array.of(0, kind), record);
export const inner = (left, right) => H(tag(1), left, right);
export const sumInner = (left, right, sumsHash) => H(tag(2), left, right, sumsHash);
export const busNode = (record) => H(tag(3), record);

const MAX_DEPTH = 32;

/** Root of the empty plain subtree of each height; the first is the empty leaf. */
export const EMPTY = [H(tag(4))];
while (EMPTY.length <= MAX_DEPTH) EMPTY.push(inner(EMPTY.at(-1), EMPTY.at(-1)));

/** Salt of an inner node inside a bus, 16 bytes; level 1 is just above the leaves. */
export const nodeSalt = (key, bus, level, position) =>
  H(tag(5), key, fromInt(bus, 2), fromInt(level, 1), fromInt(position, 4)).subarray(0, 16);

/** Salt of a record, 16 bytes. */
export const recordSalt = (key, kind, index) =>
  H(tag(6), key, tag(kind), fromInt(index, 4)).subarray(0, 16);

/** Levels of the plain tree over leaf hashes, from the leaves up. */
export function plainLevels(hashes) {
  const levels = [hashes.length ? hashes : [EMPTY[0]]];
  while (levels.at(-1).length > 1) {
    const below = levels.at(-1);
    const absent = EMPTY[levels.length - 1];
    const above = [];
    for (let i = 0; i < below.length; i += 2) above.push(inner(below[i], below[i + 1] ?? absent));
    levels.push(above);
  }
  return levels;
}

/** Root of the plain tree over `n` registration numbers; who has no row has the empty leaf. */
export function plainRoot(kind, rows, n) {
  const hashes = new Array(n).fill(EMPTY[0]);
  for (const row of rows) hashes[Number(row.index)] = leaf(kind, row.packed);
  return plainLevels(hashes).at(-1)[0];
}
