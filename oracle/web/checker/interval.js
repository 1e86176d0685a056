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
 * @param before What the intervals before left: header hash, shares root, state, and the allocations whose readings are
 *   settled (null where none are).
 * @param posted Its header as the chain has it.
 * @param inputs What was fixed on the chain before it was cleared; null where no chain was asked.
 * @param bundle Of `openBundle`.
 * @returns Findings, and the rules as far as they could be applied.
 */
export function checkInterval(market, number, before, posted, inputs, bundle) {
  const findings = new Findings(number);
  const { header } = bundle;
  const known = market.grids.has(header.grid_version);
  // A ledger that is not eager is sent no certificate; the bus vector hash binds the bundle's.
  const certificate = posted.certificate.length ? posted.certificate : bundle.certificate;
  const hash = headerHash(market.bound, posted.previousHash, posted.payload);
  for (const [rule, where, expected, found] of [
    ['header-chain', "the interval's number", number, header.interval],
    ['header-chain', 'the hash of the header before', before.headerHash, posted.previousHash],
    ['header-chain', 'the header hash', hash, posted.headerHash],
    ['bundle', "the bundle's certificate", certificate, bundle.certificate],
    ['bundle', "the bundle's previous hash", posted.previousHash, bundle.previous_hash],
    ['bundle', "the bundle's interval", header.interval, bundle.interval],
    ['bundle', "the bundle's grid version", header.grid_version, bundle.grid_version],
    ['policy', 'the policy hash', market.policyHash, header.policy_hash],
    ['grid', 'the grid version', true, known],
    ['shares', 'the shares root', before.sharesRoot, header.shares_root],
  ]) {
    findings.equal(rule, where, expected, found);
  }
  if (inputs) {
    const due = BigInt(inputs.forced.length);
    findings.equal('inputs', 'the orders root', inputs.ordersRoot ?? null, header.orders_root);
    findings.equal('inputs', 'the seed', inputs.seed ?? null, header.seed);
    findings.equal('forced-order', 'the number of forced orders', due, header.forced_cursor);
  }
  let rules = null;
  if (known && tablesInRange(findings, market, before, bundle)) {
    rules = new IntervalRules(findings, market, before, inputs, bundle);
    rules.check();
  }
  return { findings, rules };
}

/** Whether the tables have the rows and the ranges that the arithmetic needs. */
function tablesInRange(findings, market, before, bundle) {
  const n = market.contracts.length;
  const { measured } = before;
  const { state, allocation, contracts, shares, orders, readings } = bundle;
  const own = { allocation, state, contract: contracts, share: shares };
  const tables = { 'state before': before.state, ...own };
  const all = measured ? { 'measured allocation': measured, ...tables } : tables;
  for (const [name, table] of Object.entries(all)) {
    if (!findings.equal('malformed', `the number of ${name} rows`, n, table.length)) return false;
  }
  const ascends = (table) =>
    table.every(({ index }, i) => index < BigInt(n) && (i === 0 || index > table[i - 1].index));
  if (!findings.equal('order-terms', 'the order of the orders', true, ascends(orders)))
    return false;
  if (!findings.equal('meter', 'the order of the readings', true, ascends(readings))) return false;
  const number = Array.from({ length: n }, (_, i) => BigInt(i));
  const numbered = Object.entries(own).map(([name, table]) =>
    findings.column('malformed', `${name} in row`, 'index', number, table),
  );
  const ranged = [
    stateInRange(findings, market.policy, before.state, 'before'),
    stateInRange(findings, market.policy, state, 'after'),
    ordersInRange(findings, market.policy, orders),
    allocationInRange(findings, allocation),
    !measured || allocationInRange(findings, measured, 'measured allocation'),
    sharesInRange(findings, shares),
    readingsInRange(findings, readings),
  ];
  return [...numbered, ...ranged].every(Boolean);
}
