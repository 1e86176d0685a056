/** The page: files in, verdict and one participant's line out. */

import { fromHex, hex, InputError, same } from '../checker/bytes.js';
import { checkMarket, verdictOf } from '../checker/market.js';
import { marketIn } from './files.js';
import { count, whole } from './format.js';
import { drawHistory } from './history.js';
import { drawLine } from './line.js';

/** Why an interval is not judged of which nobody gave the file. */
const MISSING = 'its bundle is missing';

const at = (id) => document.getElementById(id);

/** What was checked last; a newer choice of files takes its place. */
let checked = null;
let turn = 0;

at('files').addEventListener('change', (event) => open([...event.target.files]));
at('folder').addEventListener('change', (event) => open([...event.target.files]));
at('head').addEventListener('input', sayHead);
at('trust').addEventListener('submit', (event) => event.preventDefault());
at('who').addEventListener('input', showLine);
at('interval').addEventListener('change', showLine);

const drop = at('drop');
for (const name of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', name === 'dragover');
  });
}
drop.addEventListener('drop', async (event) => {
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry());
  open((await Promise.all(entries.filter(Boolean).map(filesOf))).flat());
});

/** All files of something that was dropped, folders opened. */
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return (await Promise.all(found.map(filesOf))).flat();
    found.push(...some);
  }
}

/** Lets the browser draw. */
const breathe = () => new Promise((done) => setTimeout(done));

async function open(list) {
  turn += 1;
  const mine = turn;
  if (!list.length) return;
  at('problem').hidden = true;
  at('verdict-part').hidden = true;
  at('line-part').hidden = true;
  progress('Reading …', 0);
  try {
    const files = await Promise.all(
      list.map(async (file) => ({
        name: file.name,
        bytes: new Uint8Array(await file.arrayBuffer()),
      })),
    );
    const market = marketIn(files);
    const total = market.facts.headers.length;
    const results = [];
    for (const result of checkMarket(market.facts, market.read)) {
      results.push(result);
      progress(
        `Checked ${whole(result.number)} of ${count(total, 'interval')}`,
        Number(result.number) / total,
      );
      await breathe();
      if (mine !== turn) return;
    }
    checked = { results, total, others: market.others };
    show();
  } catch (error) {
    if (mine !== turn) return;
    const known = error instanceof InputError;
    at('problem').textContent = known
      ? error.message
      : `These files could not be read (${error.message}). Choose them again.`;
    at('problem').hidden = false;
    at('work').hidden = true;
  }
}

function progress(words, share) {
  at('work').hidden = false;
  at('status').textContent = words;
  at('progress').value = share;
}

function show() {
  const { results, total, others } = checked;
  const verdict = verdictOf(results);
  const part = at('verdict-part');
  const faulty = new Set(verdict.faults.map(({ interval }) => interval));
  const state = faulty.size ? 'bad' : verdict.unjudged.size ? 'open' : 'good';
  part.className = `card verdict ${state}`;
  at('mark').textContent = { good: '✓', bad: '✕', open: '?' }[state];
  at('verdict').textContent = {
    good:
      total === 1 ? 'The interval keeps the rules' : `All ${whole(total)} intervals keep the rules`,
    bad:
      faulty.size === 1
        ? `Interval ${[...faulty][0]} breaks the rules`
        : `${whole(faulty.size)} intervals break the rules`,
    open: `${count(verdict.unjudged.size, 'interval')} could not be judged`,
  }[state];
  at('verdict-detail').textContent =
    `${whole(verdict.checks)} values were computed again and compared.`;
  const items = verdict.faults.map(
    ({ interval, rule, where, expected, found }) =>
      `Interval ${interval}, rule “${rule}”: ${where} is ${found}; the rules give ${expected}.`,
  );
  items.push(...unjudgedWords(verdict.unjudged));
  list(at('faults'), items);
  list(at('unseen'), [
    'Whether orders and seeds were fixed on the chain before the interval was cleared.',
    'Whether orders that were filed on the chain were taken up, and whether deposits cover what is ordered and owed.',
    'Whether this is the history that the chain has: paste the hash of its last header above.',
    ...(others.length
      ? [
          `${count(others.length, 'file')} passed over, because they are no bundles: ${others.slice(0, 3).join(', ')}${others.length > 3 ? ' …' : ''}.`,
        ]
      : []),
  ]);
  part.hidden = false;
  sayHead();
  const judged = results.filter(({ rules }) => rules);
  at('line-part').hidden = judged.length === 0;
  if (judged.length) {
    const chosen = at('interval');
    chosen.replaceChildren(
      ...judged.map(({ number }) => {
        const option = document.createElement('option');
        option.value = number;
        option.textContent = faulty.has(number) ? `${number} (breaks the rules)` : String(number);
        return option;
      }),
    );
    chosen.value = String(judged.at(-1).number);
    const people = judged[0].market.contracts.length;
    at('who').max = people - 1;
    if (at('who').value === '') at('who').value = Math.min(people - 1, firstConsumer(judged));
    showLine();
  }
  part.focus({ preventScroll: true });
}

/** What to do about intervals that could not be judged; those that only follow from others need no words. */
function unjudgedWords(unjudged) {
  const missing = [...unjudged]
    .filter(([, reason]) => reason === MISSING)
    .map(([number]) => number);
  const others = [...unjudged].filter(
    ([, reason]) => reason !== MISSING && !/not known$/.test(reason),
  );
  const names = missing.slice(0, 3).map((number) => `${String(number).padStart(5, '0')}.bundle`);
  const more = missing.length > 3 ? ` and ${count(missing.length - 3, 'more file')}` : '';
  return [
    ...(missing.length
      ? [
          `Add ${names.join(', ')}${more} and open all files again: without them neither their own intervals nor those that follow from them can be judged.`,
        ]
      : []),
    ...others
      .slice(0, 3)
      .map(
        ([number, reason]) =>
          `${number ? `Interval ${number}` : 'The start'} cannot be judged: ${reason}.`,
      ),
  ];
}

/** Somebody who asks for flexible energy, so that the page has something to show. */
function firstConsumer(judged) {
  const { allocation } = judged.at(-1).bundle;
  return Math.max(
    allocation.findIndex((row) => row.flexible_q_wh > 0n),
    0,
  );
}

function list(element, items) {
  element.replaceChildren(
    ...items.map((words) => {
      const item = document.createElement('li');
      item.textContent = words;
      return item;
    }),
  );
}

function sayHead() {
  const said = at('head-said');
  const text = at('head').value.trim();
  said.className = 'hint';
  if (!checked || !text) {
    said.textContent = 'With it this is the history that was committed to, and no other.';
    return;
  }
  const last = checked.results.findLast(({ posted }) => posted);
  let given;
  try {
    given = fromHex(text);
  } catch {
    given = new Uint8Array();
  }
  if (given.length !== 32) {
    said.textContent = 'A hash has 64 hexadecimal digits; copy all of it.';
  } else if (last && same(given, last.posted.headerHash)) {
    said.classList.add('good');
    said.textContent = `Yes: interval ${last.number} ends in this hash.`;
  } else {
    said.classList.add('bad');
    const own = last ? ` Interval ${last.number} here ends in ${hex(last.posted.headerHash)}.` : '';
    said.textContent = `No: these bundles are not the history with this hash.${own}`;
  }
}

function showLine() {
  if (!checked) return;
  const judged = checked.results.filter(({ rules }) => rules);
  const people = judged[0].market.contracts.length;
  const who = /^\d+$/.test(at('who').value) ? Number(at('who').value) : -1;
  const known = who >= 0 && who < people;
  at('who-said').textContent = known
    ? ''
    : `Give a number from 0 to ${people - 1}; it is on your contract.`;
  for (const id of ['history', 'line', 'line-verdict']) at(id).hidden = !known;
  if (!known) return;
  const number = BigInt(at('interval').value);
  drawHistory(at('history'), judged, who, number, (chosen) => {
    at('interval').value = String(chosen);
    showLine();
  });
  const result = judged.find((one) => one.number === number);
  drawLine(at('line'), at('line-verdict'), result, who);
}
