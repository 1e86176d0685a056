/**
 * A whole market against the rules: its genesis, then each interval from where the bundle before it ends.
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
      const bundle = data && attempt(() => readBundle(data)).value;
      if (!bundle) return null;
      const { previous_hash: previousHash, certificate, header } = bundle;
      const hash = headerHash(bound, previousHash, header.packed);
      return { previousHash, payload: header.packed, certificate, headerHash: hash };
    }),
  };
}

/** What something gives, or why its input cannot be read. */
function attempt(read) {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof InputError) return { problem: error.message };
    throw error;
  }
}

/** What was fixed on the chain before an interval was cleared; null where no chain was asked. */
function inputsOf(facts, number) {
  if (facts.seeds === undefined) return null;
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
 * @yields `{number, findings, unjudged, rules, posted, bundle, market}` of the genesis and of each interval: `unjudged`
 *   says why nothing can be said of one, and is null otherwise.
 */
export function* checkMarket(facts, read) {
  const data = read(0n);
  const opening = data
    ? attempt(() => checkGenesis(facts, data))
    : { problem: 'its bundle is missing' };
  const { findings = null, market = null, start = null } = opening.value ?? {};
  yield { number: 0n, findings, unjudged: opening.problem ?? null, rules: null, market };
  const judge = market && judgeOf(facts, market, start, read);
  for (let number = 1n; number <= facts.headers.length; number += 1n) {
    yield {
      number,
      market,
      ...(judge ? judge(number) : cannot('the state before it is not known')),
    };
  }
}

const cannot = (unjudged) => ({ findings: null, unjudged, rules: null });

/** Judges intervals one after the other; bundles that the next ones need are kept. */
function judgeOf(facts, market, start, read) {
  const lag = market.policy.meter_lag;
  const opened = new Map();
  const open = (number) => {
    if (!opened.has(number))
      opened.set(
        number,
        attempt(() => openAt(facts, read, number)),
      );
    return opened.get(number);
  };
  return (number) => {
    opened.delete(number - 2n - lag);
    const { value: bundle, problem } = open(number);
    if (problem) return cannot(problem);
    const previous = number > 1n ? open(number - 1n).value : start;
    if (!previous) return cannot('the state before it is not known');
    const then = number - lag;
    const settles = lag > 0n && then > 0n;
    const measured = settles ? open(then).value?.allocation : null;
    if (measured === undefined) {
      return cannot(
        `the allocations of interval ${then}, whose readings it settles, are not known`,
      );
    }
    const inputs = inputsOf(facts, number);
    const version = bundle.header.grid_version;
    if (!inputs && !market.grids.has(version)) {
      return cannot(`its grid, version ${version}, is not in the bundles`);
    }
    const before = {
      headerHash: number > 1n ? headerAt(facts, number - 1n).headerHash : start.headerHash,
      sharesRoot: number > 1n ? previous.header.shares_root : start.sharesRoot,
      state: previous.state,
      measured,
    };
    const posted = headerAt(facts, number);
    const { findings, rules } = checkInterval(market, number, before, posted, inputs, bundle);
    return { findings, rules, posted, bundle, unjudged: null };
  };
}

const headerAt = (facts, number) => facts.headers[Number(number) - 1];

function openAt(facts, read, number) {
  const data = read(number);
  if (!data) throw new InputError('its bundle is missing');
  const posted = headerAt(facts, number);
  if (!posted) throw new InputError('its bundle cannot be read; fetch it again');
  return openBundle(posted, data);
}

/** The verdict over everything that `checkMarket` yields: faults in order, and what could not be judged. */
export function verdictOf(results) {
  const verdict = {
    intervals: 0,
    checks: 0,
    faults: [],
    unjudged: new Map(),
    uncharged: 0,
    uncounted: 0,
  };
  for (const { number, findings, unjudged } of results) {
    if (unjudged) verdict.unjudged.set(number, unjudged);
    if (!findings) continue;
    if (number > 0n) verdict.intervals += 1;
    verdict.checks += findings.checks;
    verdict.uncharged += findings.uncharged;
    verdict.uncounted += findings.uncounted;
    verdict.faults.push(...findings.faults.values());
  }
  return verdict;
}
