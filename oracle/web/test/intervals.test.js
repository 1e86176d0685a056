import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkMarket, verdictOf } from '../checker/market.js';
import { marketOf, rows, vectors } from '../tools/vectors.js';

const tables = vectors('intervals');
const faults = rows(tables.faults);

tables.cases.label.forEach((label, number) => {
  test(`the verdict on "${label}" is the one that the vectors state`, () => {
    const { facts, read } = marketOf(tables, number);
    const verdict = verdictOf(checkMarket(facts, read));
    const expected = faults
      .filter((fault) => fault.case === BigInt(number))
      .map(({ interval, rule, where }) => ({ interval, rule, where }));
    const found = verdict.faults.map(({ interval, rule, where }) => ({ interval, rule, where }));
    assert.deepEqual(found, expected);
    assert.equal(verdict.unjudged.size === 0, tables.cases.judged[number] === '1');
  });
});
