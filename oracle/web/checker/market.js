/**
 * A whole market against the rules: its genesis, then each interval from where the last one ended.
 *
 * The rules are docs/checker.md; this is written from there, runs unchanged in Node and in a browser, and asks no network.
 */

import { InputError } from './bytes.js';
import { readBundle } from './container.js';
import { checkGenesis } from './genesis.js';
import { domainHash, headerHash } from './header.js';
import { checkInterval, openBundle } from './interval.js';

/**
 * What a chain would say, taken from the bundles themselves where there is no chain: it can show that a history agrees
 * with itself and with a trusted hash of its last header, not that seeds and orders were fixed before.
 * @param domain Of the genesis bundle.
 * @param bundles Bytes of the bundles of intervals 1, 2 ... in order; null where one is missing.
 */
export function factsOfBundles(domain, bundles) {
  const bound = domainHash(domain);
  return {
    headers: bundles.map((data) => {
      try {
        const { previous_hash: previousHash, certificate, header } = readBundle(data);
        const hash = headerHash(bound, previousHash, header.packed);
        return { previousHash, payload: header.packed, certificate, headerHash: hash };
      } catch (error) {
        if (error instanceof InputError || data === null) return null;
        throw error;
      }
    }),
  };
}

/** What was fixed on the chain before an interval was cleared. */
function inputsOf(facts, number) {
  if (facts.seeds === undefined) return { fixed: false };
  const collateral = new Map();
  for (const { interval, index, micro } of facts.collateral) {
    if (interval <= number) collateral.set(index, (collateral.get(index) ?? 0n) + micro);
  }
  return {
    ordersRoot: facts.ordersRoots.get(number),
    seed: facts.seeds.get(number),
    collateral,
    forced: facts.forced.filter(({ due }) => due <= number),
  };
}

/**
 * Check a market from its genesis on.
 * @param facts What the chain says (docs/checker.md, section 2).
 * @param read Gives the bytes of the bundle of an interval, 0 for the genesis; null where nobody has it.
 * @yields `{number, findings, unjudged, rules, market}` of the genesis and of each interval: `unjudged` says why nothing
 *   can be said of one, and is null otherwise.
 */
export function* checkMarket(facts, read) {
  let start = null;
  let unjudged = null;
  const data = read(0n);
  if (!data) {
    unjudged = 'its bundle is missing';
  } else {
    try {
      start = checkGenesis(facts, data);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      unjudged = error.message;
    }
  }
  const market = start?.market ?? null;
  yield { number: 0n, findings: start?.findings ?? null, unjudged, rules: null, market };
  let before = market ? start.before : null;
  for (const [at, posted] of facts.headers.entries()) {
    const number = BigInt(at + 1);
    const result = judge(facts, market, number, before, posted, read(number));
    before = result.after;
    yield { number, ...result, market };
  }
}

const cannot = (unjudged) => ({ findings: null, unjudged, rules: null, after: null });

function judge(facts, market, number, before, posted, data) {
  if (!before) return cannot('the state before it is not known');
  if (!data) return cannot('its bundle is missing');
  if (!posted) return cannot('its bundle cannot be read; fetch it again');
  try {
    const bundle = openBundle(posted, data);
    const inputs = inputsOf(facts, number);
    const result = checkInterval(market, number, before, posted, inputs, bundle);
    return { ...result, bundle, before, unjudged: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return cannot(error.message);
  }
}

/** The verdict over everything that `checkMarket` yields: faults in order, and what could not be judged. */
export function verdictOf(results) {
  const verdict = { intervals: 0, checks: 0, faults: [], unjudged: new Map() };
  for (const { number, findings, unjudged } of results) {
    if (unjudged) verdict.unjudged.set(number, unjudged);
    if (!findings) continue;
    if (number > 0n) verdict.intervals += 1;
    verdict.checks += findings.checks;
    verdict.faults.push(...findings.faults.values());
  }
  return verdict;
}
