/** Prints the verdict on every case of a file like tests/vectors/intervals.json: node tools/verdicts.js FILE. */

import { readFileSync } from 'node:fs';
import { checkMarket, verdictOf } from '../checker/market.js';
import { marketOf } from './vectors.js';

const tables = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const verdicts = tables.cases.label.map((_, number) => {
  const { facts, read } = marketOf(tables, number);
  const { faults, unjudged, checks } = verdictOf(checkMarket(facts, read));
  return {
    judged: unjudged.size === 0,
    checks,
    faults: faults.map(({ interval, ...fault }) => ({ interval: String(interval), ...fault })),
  };
});
process.stdout.write(`${JSON.stringify(verdicts)}\n`);
