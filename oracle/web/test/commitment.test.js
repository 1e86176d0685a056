import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busTree, lineSums } from '../checker/allocation-tree.js';
import { ascii, concat, fromInt, hex } from '../checker/bytes.js';
import { busNode, EMPTY, H, leaf, nodeSalt, plainRoot, recordSalt } from '../checker/hashing.js';
import * as header from '../checker/header.js';
import { ALLOCATION, BUS, decode, encode } from '../checker/records.js';
import { rows, vectors } from '../tools/vectors.js';

const tables = vectors('commitment');
const sameBytes = (a, b) => assert.equal(hex(a), hex(b));
const packedSums = (sums) => concat(...sums.map((value) => fromInt(value, 8)));

test('empty subtrees are those of the shared vectors', () => {
  for (const { level, root } of rows(tables.empty)) sameBytes(EMPTY[Number(level)], root);
});

test('leaves and plain trees are those of the shared vectors', () => {
  const byRoot = new Map();
  for (const row of rows(tables.leaves)) {
    sameBytes(leaf(Number(row.kind), row.record), row.leaf);
    const name = hex(row.root);
    byRoot.set(name, [...(byRoot.get(name) ?? []), row]);
  }
  for (const [root, leaves] of byRoot) {
    const records = leaves.map(({ index, record }) => ({ index, packed: record }));
    const n = Number(leaves.at(-1).index) + 1;
    assert.equal(hex(plainRoot(Number(leaves[0].kind), records, n)), root);
  }
});

test('salts are those of the shared vectors', () => {
  for (const row of rows(tables.salts)) {
    sameBytes(nodeSalt(row.key, row.bus, row.level, row.position), row.node);
    sameBytes(recordSalt(row.key, Number(row.kind), row.index), row.record);
  }
});

test('the trees of buses are those of the shared vectors', () => {
  const lines = rows(tables.lines);
  const saltKey = H(ascii('salt key'));
  for (const line of lines) {
    sameBytes(leaf(2, line.record), line.leaf);
    sameBytes(busNode(line.bus), line.busNode);
    sameBytes(encode(BUS, decode(BUS, line.bus)), line.bus);
    sameBytes(packedSums(lineSums(decode(ALLOCATION, line.record))), line.sums);
  }
  rows(tables.buses).forEach(({ position, members, root, sums }, bus) => {
    const here = lines.filter((line) => line.position === position);
    assert.equal(BigInt(here.length), members);
    const allocation = here.map((line) => decode(ALLOCATION, line.record));
    const tree = busTree(bus, [...here.keys()], allocation, saltKey);
    sameBytes(tree.hash, root);
    sameBytes(packedSums(tree.sums), sums);
  });
});

test('the names of a market and its chain of headers are those of the shared vectors', () => {
  const [names] = rows(tables.domain);
  const { contractsRoot, stateRoot, nonce } = names;
  sameBytes(header.policyHash(names.policy), names.policyHash);
  const named = header.marketId(names.policyHash, names.gridHash, contractsRoot, stateRoot, nonce);
  sameBytes(named, names.marketId);
  const domain = header.domainHash(names);
  sameBytes(domain, names.domainHash);
  sameBytes(header.genesisHash(domain, stateRoot), names.genesisHash);
  for (const row of rows(tables.headers)) {
    sameBytes(header.headerHash(domain, row.previous, row.payload), row.hash);
    sameBytes(H(row.certificate, row.injections), row.busVectorHash);
  }
});
