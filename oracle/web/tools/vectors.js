/** The shared vectors: tables of columns, numbers as decimal text, bytes as 0x text. */

import { readFileSync } from 'node:fs';
import { fromHex } from '../checker/bytes.js';
import { readGenesis } from '../checker/container.js';

const FOLDER = new URL('../../../tests/vectors/', import.meta.url);

/** A file of `tests/vectors`. */
export const vectors = (name) => JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));

/** The rows of a table: bytes as arrays, whole numbers as BigInt, other text as it is. */
export function rows(table) {
  const names = Object.keys(table);
  return table[names[0]].map((_, i) =>
    Object.fromEntries(names.map((name) => [name, value(table[name][i])])),
  );
}

function value(text) {
  if (text.startsWith('0x')) return fromHex(text);
  return /^-?[0-9]+$/.test(text) ? BigInt(text) : text;
}

/** Bytes given whole, or by what differs from the honest ones: `at:bytes`, one run after the other. */
function edited(honest, text) {
  if (text.startsWith('0x')) return fromHex(text);
  const bytes = honest.slice();
  for (const edit of text.split(' ').filter(Boolean)) {
    const [at, changed] = edit.split(':');
    bytes.set(fromHex(changed), Number(at));
  }
  return bytes;
}

/**
 * The market of `intervals.json` with one of its cases as the last interval.
 * @returns What `checkMarket` takes: facts of the chain, and what gives the bundles.
 */
export function marketOf(tables, number) {
  const [market] = rows(tables.market);
  const honest = rows(tables.intervals);
  const last = honest.pop();
  const told = Object.fromEntries(
    Object.entries(tables.cases).map(([name, column]) => [
      name,
      name in last ? edited(last[name], column[number]) : column[number],
    ]),
  );
  const all = [...honest, told];
  const byNumber = (name) => new Map(all.map((row, i) => [BigInt(i + 1), row[name]]));
  const due = BigInt(all.length);
  const deposit = BigInt(told.deposit);
  const owners = rows(tables.owners).map((row) => row.owner);
  const { domain, grid } = readGenesis(market.genesis);
  const facts = {
    domain,
    policyHash: market.policyHash,
    sharesRoot: market.sharesRoot,
    genesisHash: market.genesisHash,
    grids: new Map([[market.gridVersion, grid]]),
    ordersRoots: byNumber('ordersRoot'),
    seeds: byNumber('seed'),
    headers: all,
    owners: new Map(owners.entries()),
    collateral: owners.flatMap((_, index) => [
      { interval: 1n, index, micro: DEPOSIT },
      { interval: due, index, micro: deposit - DEPOSIT },
    ]),
    forced: told.forced === '0x' ? [] : [{ due, record: fromHex(told.forced) }],
  };
  const bundles = [market.genesis, ...all.map((row) => row.bundle)];
  return { facts, read: (interval) => bundles[Number(interval)] ?? null };
}

/** What everybody has deposited before the last interval, micro. */
const DEPOSIT = 10n ** 9n;
