/** Says of packed policies and grids which are accepted: node tools/accepted.js FILE, a JSON object of two lists of 0x text. */

import { readFileSync } from 'node:fs';
import { fromHex, InputError } from '../checker/bytes.js';
import { readGrid } from '../checker/grid.js';
import { readPolicy } from '../checker/policy.js';

function accepts(read, text) {
  try {
    read(fromHex(text));
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

const { policies, grids } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const said = {
  policies: policies.map((text) => accepts(readPolicy, text)),
  grids: grids.map((text) => accepts(readGrid, text)),
};
process.stdout.write(`${JSON.stringify(said)}\n`);
