/** One interval against the rules, in the order of docs/checker.md. */

import { InputError, same } from './bytes.js';
import { readBundle, readHeader } from './container.js';
import { Findings } from './findings.js';
import { headerHash } from './header.js';
import {
  allocationInRange,
  ordersInRange,
  readingsInRange,
  sharesInRange,
  stateInRange,
} from './ranges.js';
import { IntervalRules } from './rules.js';

/**
 * The bundle of a posted header.
 * @throws {InputError} When it cannot be read or is not the one that the header names.
 */
export function openBundle(posted, data) {
  const bundle = readBundle(data);
  if (!same(bundle.hash, readHeader(posted.payload).bundle_hash)) {
    throw new InputError('its bundle is not the one whose hash is in the header; fetch it again');
  }
  if (!same(bundle.header.packed, posted.payload)) {
    throw new InputError("its bundle ends in another header than the chain's; fetch it again");
  }
  return bundle;
}

/**
 * Check one interval.
 * @param market Of `checkGenesis`.
 * @param number The number that the interval must have, BigInt.
 * @param before What the interval before left.
 * @param posted Its header as the chain has it.
 * @param inputs What was fixed on the chain before it was cleared; what is left out is not compared.
 * @param bundle Of `openBundle`.
 * @returns Findings, and where the next interval starts.
 */
export function checkInterval(market, number, before, posted, inputs, bundle) {
  const findings = new Findings(number);
  const header = readHeader(posted.payload);
  checkChain(findings, market, before, posted, header);
  checkBundle(findings, posted, header, bundle);
  checkInputs(findings, market, inputs, header);
  findings.equal('shares', 'the shares root', before.sharesRoot, header.shares_root);
  const lag = Number(market.policy.meter_lag);
  const unsettled = [...before.past, bundle.allocation];
  const after = {
    headerHash: posted.headerHash,
    state: bundle.state,
    sharesRoot: header.shares_root,
    past: unsettled.slice(Math.max(0, unsettled.length - lag)),
  };
  let rules = null;
  if (market.grids.has(header.grid_version) && tablesInRange(findings, market, before, bundle)) {
    const measured = lag && before.past.length === lag ? before.past[0] : null;
    rules = new IntervalRules(findings, market, before.state, measured, inputs, header, bundle);
    rules.check();
  }
  return { findings, after, rules };
}

function checkChain(findings, market, before, posted, header) {
  const check = (where, expected, found) => findings.equal('header-chain', where, expected, found);
  check("the interval's number", findings.interval, header.interval);
  check('the hash of the header before', before.headerHash, posted.previousHash);
  const hash = headerHash(market.bound, posted.previousHash, posted.payload);
  check('the header hash', hash, posted.headerHash);
}

function checkBundle(findings, posted, header, bundle) {
  const check = (where, expected, found) => findings.equal('bundle', where, expected, found);
  check("the bundle's certificate", posted.certificate, bundle.certificate);
  check("the bundle's previous hash", posted.previousHash, bundle.previous_hash);
  check("the bundle's interval", header.interval, bundle.interval);
  check("the bundle's grid version", header.grid_version, bundle.grid_version);
}

function checkInputs(findings, market, inputs, header) {
  const known = inputs.fixed !== false;
  if (known) {
    findings.equal('inputs', 'the orders root', inputs.ordersRoot ?? null, header.orders_root);
    findings.equal('inputs', 'the seed', inputs.seed ?? null, header.seed);
  }
  findings.equal('policy', 'the policy hash', market.policyHash, header.policy_hash);
  findings.equal('grid', 'the grid version', true, market.grids.has(header.grid_version));
  if (inputs.forced) {
    const count = BigInt(inputs.forced.length);
    findings.equal('forced-order', 'the number of forced orders', count, header.forced_cursor);
  }
}

/** Whether the tables have the rows and the ranges that the arithmetic needs. */
function tablesInRange(findings, market, before, bundle) {
  const n = market.contracts.length;
  const { state, allocation, contracts, shares, orders, readings } = bundle;
  const rows = Object.entries({
    participants: before.state,
    states: state,
    allocations: allocation,
    contracts,
    shares,
  }).map(([name, table]) => findings.equal('malformed', `the number of ${name}`, n, table.length));
  if (!rows.every(Boolean)) return false;
  const ascends = (table) =>
    table.every(({ index }, i) => index < BigInt(n) && (i === 0 || index > table[i - 1].index));
  if (!findings.equal('order-terms', 'the order of the orders', true, ascends(orders)))
    return false;
  if (!findings.equal('meter', 'the order of the readings', true, ascends(readings))) return false;
  const number = Array.from({ length: n }, (_, i) => BigInt(i));
  const numbered = Object.entries({
    allocation,
    state,
    contract: contracts,
    share: shares,
  }).map(([name, table]) => findings.column('malformed', `${name} in row`, 'index', number, table));
  const ranged = [
    stateInRange(findings, market.policy, before.state, 'before'),
    stateInRange(findings, market.policy, state, 'after'),
    ordersInRange(findings, market.policy, orders),
    allocationInRange(findings, allocation),
    sharesInRange(findings, shares),
    readingsInRange(findings, readings),
  ];
  return [...numbered, ...ranged].every(Boolean);
}
