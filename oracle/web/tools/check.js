#!/usr/bin/env node
/** Checks a folder of bundles, without Python and without a chain; `--help` tells how. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex, InputError } from '../checker/bytes.js';
import { checkMarket, verdictOf } from '../checker/market.js';
import { marketIn } from '../page/files.js';

const USAGE = `Usage: node oracle/web/tools/check.js FOLDER [HASH] [--json]

Checks the bundles in a folder against every rule that needs no chain.

  FOLDER  where genesis.bundle, 00001.bundle and so on are
  HASH    hash of the last header, from a source that you trust
  --json  print one JSON object

Exit codes: 0 every interval keeps the rules, 1 a rule is broken, 2 it cannot be told.

Examples:
  node oracle/web/tools/check.js bundles
  node oracle/web/tools/check.js bundles 0x88fb... --json
`;

const words = process.argv.slice(2);
const [folder, head] = words.filter((word) => !word.startsWith('-'));
const unknown = words.find(
  (word) => word.startsWith('-') && !['--json', '--help', '-h'].includes(word),
);

if (words.includes('--help') || words.includes('-h')) {
  process.stdout.write(USAGE);
} else {
  try {
    process.exitCode = run(folder, head);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`check: ${error.message}\n`);
    process.exitCode = 2;
  }
}

function run(place, trusted) {
  if (unknown) throw new InputError(`there is no option ${unknown}; --help names those there are`);
  if (!place) throw new InputError('give the folder with the bundles; --help tells how');
  const files = filesIn(place);
  const { facts, read } = marketIn(files);
  const results = [...checkMarket(facts, read)];
  const last = facts.headers.findLast((posted) => posted);
  const ends = last ? hex(last.headerHash) : null;
  if (trusted && ends !== hexOf(trusted)) {
    throw new InputError(`the last header here is ${ends}, not the one that was given`);
  }
  const verdict = verdictOf(results);
  say(verdict, ends, Boolean(trusted));
  const { faults, unjudged } = verdict;
  return faults.length ? 1 : unjudged.size ? 2 : 0;
}

function filesIn(place) {
  try {
    return readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ name, bytes: new Uint8Array(readFileSync(join(place, name))) }));
  } catch ({ code }) {
    const why = { ENOENT: 'there is no such folder', ENOTDIR: 'it is no folder' }[code];
    throw new InputError(
      `cannot read ${place}: ${why ?? code}; give the folder with genesis.bundle and the others`,
    );
  }
}

function hexOf(text) {
  return (text.startsWith('0x') ? text : `0x${text}`).toLowerCase();
}

function say({ intervals, checks, faults, unjudged, uncharged, uncounted }, ends, trusted) {
  const lines = [
    ...faults.map((f) => ({ interval: String(f.interval), ...pick(f) })),
    ...[...unjudged].map(([interval, reason]) => ({
      interval: String(interval),
      unjudged: reason,
    })),
  ];
  if (process.argv.includes('--json')) {
    process.stdout.write(
      `${JSON.stringify({ intervals, checks, head: ends, uncharged, uncounted, findings: lines })}\n`,
    );
    return;
  }
  for (const { interval, rule, where, expected, found, unjudged: reason } of lines) {
    const words = reason ?? `${rule}: ${where} is ${found}; the rules give ${expected}`;
    process.stdout.write(`interval ${interval}, ${words}\n`);
  }
  if (uncharged) {
    process.stdout.write(
      `On ${uncharged} lines less than was due was charged; whether a deposit covered more, only the chain can tell.\n`,
    );
  }
  if (uncounted) {
    process.stdout.write(
      `Orders that counted as none: ${uncounted}; whether a deposit covered them, only the chain can tell.\n`,
    );
  }
  process.stdout.write(
    `${checks} values compared in ${intervals} intervals, up to header ${ends}` +
      `${trusted ? '' : '; compare this hash with one that you trust'}\n`,
  );
}

function pick({ rule, where, expected, found }) {
  return { rule, where, expected, found };
}
