/**
 * Says which policies, grids and certificates are accepted: node tools/accepted.js FILE, a JSON object of lists of packed
 * policies, packed grids, and pairs of a grid and a certificate, all 0x text.
 */

import { readFileSync } from 'node:fs';
import { fromHex, InputError } from '../checker/bytes.js';
import { readGrid } from '../checker/grid.js';
import { checkNetwork, readCertificate } from '../checker/network.js';
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

function certified([grid, certificate]) {
  const read = readGrid(fromHex(grid));
  const packed = fromHex(certificate);
  return checkNetwork(read, readCertificate(packed, read.boxes.length)).violations.length === 0;
}

const { policies, grids, certificates } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const said = {
  policies: policies.map((text) => accepts(readPolicy, text)),
  grids: grids.map((text) => accepts(readGrid, text)),
  certificates: certificates.map(certified),
};
process.stdout.write(`${JSON.stringify(said)}\n`);
