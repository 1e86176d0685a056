/** The container of published data, and the two bundles made of it (docs/protocol.md, section 7). */

import { ascii, fromHex, InputError, same, toUint } from './bytes.js';
import { H } from './hashing.js';
import {
  ALLOCATION,
  CONTRACT,
  decode,
  decodeAll,
  HEADER,
  ORDER,
  READING,
  SHARE,
  STATE,
} from './records.js';

const MAGIC = ascii('clearwatt bundle 1\n');
const MANIFEST_BYTES = 1024;
const HEADER_SECTION_BYTES = 1 + 'header'.length + 8 + HEADER.size;
const TABLES = {
  orders: ORDER,
  allocation: ALLOCATION,
  state: STATE,
  contracts: CONTRACT,
  shares: SHARE,
  readings: READING,
};
const SPARSE = ['orders', 'readings'];
const INTERVAL_SECTIONS = [
  'manifest',
  'previous_hash',
  'salt_key',
  ...Object.keys(TABLES),
  'certificate',
  'header',
];
const GENESIS_SECTIONS = [
  'manifest',
  'policy',
  'grid',
  'nonce',
  'salt_key',
  'contracts',
  'shares',
  'state',
];
const INTERVAL_KEYS = ['format', 'grid_version', 'interval', 'participants'];
const GENESIS_KEYS = [...INTERVAL_KEYS, 'chain_id', 'ledger', 'market_id'];

function readSections(data, names) {
  if (!same(data.subarray(0, MAGIC.length), MAGIC)) {
    throw new InputError("bundle: does not start with 'clearwatt bundle 1'; give a bundle file");
  }
  const sections = {};
  let at = MAGIC.length;
  for (const name of names) {
    const label = ascii(String.fromCharCode(name.length) + name);
    const body = at + label.length + 8;
    if (body > data.length || !same(data.subarray(at, at + label.length), label)) {
      throw new InputError(
        `bundle.${name}: section expected at byte ${at}; fetch the bundle again`,
      );
    }
    const size = toUint(data.subarray(at + label.length, body));
    if (size > BigInt(data.length - body)) {
      throw new InputError(
        `bundle.${name}: ${size} bytes announced, ${data.length - body} left; fetch the bundle again`,
      );
    }
    at = body + Number(size);
    sections[name] = data.subarray(body, at);
  }
  if (at !== data.length) {
    throw new InputError(`bundle: ${data.length - at} bytes after the end; fetch the bundle again`);
  }
  return sections;
}

/** The manifest: canonical JSON with exactly these keys. */
function readManifest(data, keys) {
  if (data.length > MANIFEST_BYTES) {
    throw new InputError(`bundle.manifest: ${data.length} bytes; at most ${MANIFEST_BYTES}`);
  }
  const text = String.fromCharCode(...data);
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new InputError('bundle.manifest: not JSON; fetch the bundle again');
  }
  const names = [...keys].sort();
  if (manifest === null || typeof manifest !== 'object') {
    throw new InputError('bundle.manifest: must be an object');
  }
  const ordered = Object.fromEntries(names.map((name) => [name, manifest[name]]));
  const whole = names.every(
    (name) =>
      typeof manifest[name] === 'string' ||
      (Number.isSafeInteger(manifest[name]) && manifest[name] >= 0),
  );
  // Every byte is compared, so keys that are missing, strange or twice are refused here as well.
  if (!whole || data.some((byte) => byte > 0x7f) || JSON.stringify(ordered) !== text) {
    throw new InputError(`bundle.manifest: not canonical JSON of ${names.join(', ')}`);
  }
  if (manifest.format !== 1) {
    throw new InputError('bundle.manifest.format: must be 1; use a newer clearwatt');
  }
  for (const name of INTERVAL_KEYS) {
    if (typeof manifest[name] !== 'number' || manifest[name] >= 2 ** 32) {
      throw new InputError(`bundle.manifest.${name}: must be a whole number below 2^32`);
    }
  }
  return manifest;
}

function readTable(name, data, participants) {
  const { size } = TABLES[name];
  const rows = data.length / size;
  const fits = SPARSE.includes(name) ? rows <= participants : rows === participants;
  if (!Number.isInteger(rows) || !fits) {
    throw new InputError(
      `bundle.${name}: ${data.length} bytes do not hold ${participants} records of ${size} bytes`,
    );
  }
  return decodeAll(TABLES[name], data);
}

function requireSize(name, data, size) {
  if (data.length !== size) throw new InputError(`${name}: ${data.length} bytes; give ${size}`);
  return data;
}

/** The header of a payload. */
export function readHeader(payload) {
  requireSize('header', payload, HEADER.size);
  return decode(HEADER, payload);
}

/**
 * The bundle of an interval; shapes are checked here, rules elsewhere.
 * @throws {InputError} Naming the section that is not as it must be.
 */
export function readBundle(data) {
  const sections = readSections(data, INTERVAL_SECTIONS);
  const manifest = readManifest(sections.manifest, INTERVAL_KEYS);
  const tables = Object.keys(TABLES).map((name) => [
    name,
    readTable(name, sections[name], manifest.participants),
  ]);
  return {
    interval: BigInt(manifest.interval),
    grid_version: BigInt(manifest.grid_version),
    previous_hash: requireSize('bundle.previous_hash', sections.previous_hash, 32),
    salt_key: requireSize('bundle.salt_key', sections.salt_key, 32),
    ...Object.fromEntries(tables),
    certificate: sections.certificate,
    header: readHeader(sections.header),
    hash: H(data.subarray(0, data.length - HEADER_SECTION_BYTES)),
  };
}

/** The bundle that opens a market; errors as `readBundle`. */
export function readGenesis(data) {
  const sections = readSections(data, GENESIS_SECTIONS);
  const manifest = readManifest(sections.manifest, GENESIS_KEYS);
  const { participants, chain_id: chainId } = manifest;
  if (manifest.interval !== 0) {
    throw new InputError('bundle.manifest.interval: a genesis is interval 0');
  }
  if (typeof chainId !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(chainId)) {
    throw new InputError('bundle.manifest.chain_id: must be a whole number, written as a text');
  }
  if (BigInt(chainId) >= 2n ** 256n) {
    throw new InputError('bundle.manifest.chain_id: must be below 2^256');
  }
  const named = (name, size) =>
    requireSize(
      `bundle.manifest.${name}`,
      fromHex(lowercase(manifest[name], name), `bundle.manifest.${name}`),
      size,
    );
  return {
    domain: {
      chainId: BigInt(chainId),
      ledger: named('ledger', 20),
      marketId: named('market_id', 32),
    },
    grid_version: BigInt(manifest.grid_version),
    policy: sections.policy,
    grid: sections.grid,
    nonce: requireSize('bundle.nonce', sections.nonce, 32),
    salt_key: requireSize('bundle.salt_key', sections.salt_key, 32),
    contracts: readTable('contracts', sections.contracts, participants),
    shares: readTable('shares', sections.shares, participants),
    state: readTable('state', sections.state, participants),
  };
}

function lowercase(text, name) {
  if (typeof text !== 'string' || !/^[0-9a-f]*$/.test(text)) {
    throw new InputError(`bundle.manifest.${name}: must be pairs of hexadecimal digits`);
  }
  return text;
}
