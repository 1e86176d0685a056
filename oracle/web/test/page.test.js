import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../checker/bytes.js';
import { checkMarket } from '../checker/market.js';
import { explain, lineHolds } from '../page/explain.js';
import { marketIn } from '../page/files.js';
import { energy, money, nodal, percent, price } from '../page/format.js';
import { page } from '../tools/page.js';
import { marketOf, rows, vectors } from '../tools/vectors.js';

const tables = vectors('intervals');
const number = (label) => tables.cases.label.indexOf(label);

/** The files that are published of a case. */
function published(label) {
  const { read } = marketOf(tables, number(label));
  return [3n, 0n, 2n, 1n].map((interval) => ({ name: `${interval}`, bytes: read(interval) }));
}

/** The last interval of a case, as the page checks it. */
function last(label) {
  const { facts, read } = marketIn(published(label));
  return [...checkMarket(facts, read)].at(-1);
}

test('an honest line is right in every row, for everybody and the reserve', () => {
  const result = last('honest');
  result.bundle.allocation.forEach((_, who) => {
    const groups = explain(result, who);
    assert.ok(lineHolds(groups), `participant ${who}`);
    assert.ok(groups.flatMap((group) => group.rows).every(({ why }) => why.length > 10));
  });
});

for (const { case: at, where } of rows(tables.faults).filter(
  ({ where: words }) =>
    /of (allocation|state) of participant \d+$/.test(words) &&
    /^(price|energy_cost|supply_pay|pot_share|shortfall|subscription|imbalance|key_ticks|memory|deficit|credit|debit)/.test(
      words,
    ),
)) {
  const label = tables.cases.label[Number(at)];
  if (/^(chain|covered|forced|header|line: a number too large)/.test(label)) continue;
  test(`the line shows what is wrong: ${label}, ${where}`, () => {
    const who = Number(/\d+$/.exec(where)[0]);
    const result = last(label);
    const groups = explain(result, who);
    if (result.rules.corrected.waived[who] > 0n) {
      const words = groups.flatMap((group) => group.rows).map(({ why }) => why);
      assert.ok(words.some((why) => /only the chain can tell/.test(why)));
      return;
    }
    assert.ok(!lineHolds(groups));
    const wrong = groups.flatMap((group) => group.rows).filter(({ ok }) => ok === false);
    assert.ok(wrong.every(({ expected }) => expected !== null));
  });
}

test('the page says where less was charged than was due, and that only the chain tells why', () => {
  const result = last('covered: the fee in part');
  const who = result.rules.corrected.waived.findIndex((micro) => micro > 0n);
  const groups = explain(result, who);
  assert.ok(lineHolds(groups));
  const words = groups.flatMap((group) => group.rows).map(({ why }) => why);
  assert.ok(words.some((why) => /only the chain can tell/.test(why)));
});

test('the page says where an order counts as none, and that only the chain tells why', () => {
  const result = last('covered: all orders but one');
  const silent = result.rules.counts.flatMap((counts, who) => (counts ? [] : [who]));
  assert.equal(silent.length, result.findings.uncounted);
  assert.equal(silent.length, 1);
  const groups = explain(result, silent[0]);
  assert.ok(lineHolds(groups));
  const [order] = groups[0].rows;
  assert.equal(order.value, 'counts as none');
  assert.match(order.why, /only the chain can tell/);
});

test('a line outside its bracket is wrong, and the page tells what the rules give', () => {
  const label = 'injected: bracket';
  const at = BigInt(number(label));
  const fault = rows(tables.faults).find((row) => row.case === at);
  const groups = explain(last(label), Number(/\d+$/.exec(fault.where)[0]));
  assert.ok(!lineHolds(groups));
});

test('files are known by what they hold, in any order and beside others', () => {
  const files = [...published('honest'), { name: 'photo.jpg', bytes: new Uint8Array(99) }];
  const { facts, others } = marketIn(files);
  assert.equal(facts.headers.length, 3);
  assert.deepEqual(others, ['photo.jpg']);
});

test('files that hold no market are refused with what to do', () => {
  const all = published('honest');
  const refused = (files, words) => {
    assert.throws(
      () => marketIn(files),
      (error) => error instanceof InputError && words.test(error.message),
    );
  };
  refused([], /Choose the .bundle files/);
  refused(
    all.filter(({ name }) => name !== '0'),
    /Add genesis.bundle/,
  );
  refused(
    all.filter(({ name }) => name === '0'),
    /Add 00001.bundle/,
  );
  refused([...all, published('injected: payment')[0]], /two different bundles of interval 3/);
});

test('without a bundle neither its interval nor the next can be judged, and later ones can', () => {
  const said = (missing) => {
    const { facts, read } = marketIn(published('honest').filter(({ name }) => name !== missing));
    return [...checkMarket(facts, read)].map(({ unjudged }) => unjudged);
  };
  const next = 'the state before it is not known';
  assert.deepEqual(said('2'), [null, null, 'its bundle is missing', next]);
  assert.deepEqual(said('1'), [null, 'its bundle is missing', next, null]);
});

test('amounts are shown to the last unit', () => {
  assert.equal(energy(1234567n), '1,234,567 Wh');
  assert.equal(money(-1234567n), '−1.234567');
  assert.equal(money(10n ** 13n), '10,000,000.00');
  assert.equal(price(50_000n), '0.05 per kWh');
  assert.equal(nodal(-1n), '−0.000001 per kWh');
  assert.equal(percent(905_000_000n), '90.5 %');
});

test('the page is one file that may reach no network', async () => {
  const text = await page();
  assert.match(text, /Content-Security-Policy" content="default-src 'none'/);
  assert.doesNotMatch(text, /<(script|img|iframe)[^>]* src=|<link[^>]*href="(?!data:)/);
  const addresses = new Set(text.match(/https?:\/\/[^"'`\s]*/g));
  assert.deepEqual([...addresses], ['http://www.w3.org/2000/svg']);
  assert.doesNotMatch(text, /\b(fetch|XMLHttpRequest|WebSocket|sendBeacon)\(|innerHTML/);
});
