/** A widely used library makes and checks our plain trees: docs/checker.md, section 8, says how, and where none can. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MerkleTree } from 'merkletreejs';
import { hex } from '../checker/bytes.js';
import { EMPTY, H, inner, plainLevels, tag } from '../checker/hashing.js';
import { rows, vectors } from '../tools/vectors.js';

/** Our inner node as the library sees it: the hash of the two children joined. */
const node = (joined) => Buffer.from(H(tag(1), joined));
const options = { hashLeaves: false, sort: false, duplicateOdd: false };
const padded = (leaves) => {
  const whole = leaves.map((leaf) => Buffer.from(leaf));
  while (whole.length & (whole.length - 1)) whole.push(Buffer.from(EMPTY[0]));
  return whole;
};

/** Our path, siblings from below, as the library writes one: each with its side. */
const proofOf = (index, path) =>
  Array.from({ length: path.length / 32 }, (_, level) => ({
    position: (index >> level) & 1 ? 'left' : 'right',
    data: Buffer.from(path.subarray(32 * level, 32 * level + 32)),
  }));

const tables = vectors('commitment');

test('merkletreejs verifies every path of the shared vectors', () => {
  const library = new MerkleTree([], node, options);
  for (const { leaf, path, index, root } of rows(tables.leaves)) {
    const proof = proofOf(Number(index), path);
    assert.ok(library.verify(proof, Buffer.from(leaf), Buffer.from(root)));
  }
});

test('merkletreejs refuses a path whose sides are turned round', () => {
  const library = new MerkleTree([], node, options);
  const long = rows(tables.leaves).find(({ path }) => path.length >= 96);
  const proof = proofOf(~Number(long.index), long.path);
  assert.ok(!library.verify(proof, Buffer.from(long.leaf), Buffer.from(long.root)));
});

test('merkletreejs makes our roots from leaves that are filled up with empty ones', () => {
  for (let n = 1; n <= 21; n += 1) {
    const leaves = Array.from({ length: n }, (_, i) => H(Uint8Array.of(0, 6, i)));
    const library = new MerkleTree(padded(leaves), node, options);
    const [root] = plainLevels(leaves).at(-1);
    assert.equal(hex(library.getRoot()), hex(root));
  }
});

test('a library that sorts the two children of a node cannot make them', () => {
  const leaves = [H(Uint8Array.of(0, 6, 2)), H(Uint8Array.of(0, 6, 1))]
    .sort(Buffer.compare)
    .reverse();
  const sorted = new MerkleTree(padded(leaves), node, { ...options, sortPairs: true });
  assert.notEqual(hex(sorted.getRoot()), hex(inner(...leaves)));
});
