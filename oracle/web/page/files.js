/** Files that somebody chose, sorted into the bundles of a market. */

import { hex, InputError } from '../checker/bytes.js';
import { readBundle, readGenesis } from '../checker/container.js';
import { H } from '../checker/hashing.js';
import { factsOfBundles } from '../checker/market.js';
import { count } from './format.js';

const FIRST_BYTES = 'clearwatt bundle 1';

/**
 * The market in some files: their content counts, their names do not.
 * @param files `[{name, bytes}]`.
 * @returns Domain, facts and bundles, and what was passed over.
 * @throws {InputError} When nothing can be checked; the message says what to do.
 */
export function marketIn(files) {
  const genesis = [];
  const intervals = new Map();
  const others = [];
  for (const { name, bytes } of files) {
    if (!String.fromCharCode(...bytes.subarray(0, FIRST_BYTES.length)).startsWith(FIRST_BYTES)) {
      others.push(name);
      continue;
    }
    const read = attempt(() => readGenesis(bytes));
    if (read) {
      genesis.push({ bytes, domain: read.domain });
      continue;
    }
    const bundle = attempt(() => readBundle(bytes));
    if (!bundle) {
      others.push(name);
      continue;
    }
    const there = intervals.get(bundle.interval);
    if (there && hex(H(there)) !== hex(H(bytes))) {
      throw new InputError(
        `There are two different bundles of interval ${bundle.interval}. Choose the files of one market only.`,
      );
    }
    intervals.set(bundle.interval, bytes);
  }
  const [first] = genesis;
  if (!first) {
    throw new InputError(
      intervals.size
        ? 'The file that opens the market is missing. Add genesis.bundle; it is published beside the others.'
        : 'None of these files is a bundle. Choose the .bundle files that the operator publishes, or their folder.',
    );
  }
  if (genesis.some(({ bytes }) => hex(H(bytes)) !== hex(H(first.bytes)))) {
    throw new InputError(
      'There are two markets in these files. Choose the files of one market only.',
    );
  }
  if (!intervals.size) {
    throw new InputError(
      'There is no interval in these files. Add 00001.bundle and those after it.',
    );
  }
  const last = [...intervals.keys()].reduce((a, b) => (a > b ? a : b));
  if (last > BigInt(4 * intervals.size + 1000)) {
    throw new InputError(
      `The files end with interval ${last}, but only ${count(intervals.size, 'is', 'are')} here. Add the bundles from interval 1 on.`,
    );
  }
  const bundles = Array.from(
    { length: Number(last) },
    (_, i) => intervals.get(BigInt(i + 1)) ?? null,
  );
  return {
    domain: first.domain,
    facts: factsOfBundles(first.domain, bundles),
    read: (interval) => (interval ? bundles[Number(interval) - 1] : first.bytes),
    others,
  };
}

function attempt(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}
