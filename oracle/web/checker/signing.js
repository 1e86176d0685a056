/** Signatures of orders and readings: EIP-712 over secp256k1 (docs/protocol.md, section 3). */

import { secp256k1 } from '@noble/curves/secp256k1.js';
import { ascii, concat, fromInt, toUint } from './bytes.js';
import { H } from './hashing.js';
import { word } from './header.js';

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
const DOMAIN_TYPE = H(
  ascii(
    'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)',
  ),
);
const ORDER_TYPE = H(
  ascii(
    'Order(uint32 index,uint32 seq,uint32 validFrom,uint32 validTo,uint32 essentialWh,' +
      'uint32 flexibleWh,uint32 supplyWh,uint32 bidTicks)',
  ),
);
const READING_TYPE = H(
  ascii('MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)'),
);
const ORDER_FIELDS =
  'index seq valid_from valid_to essential_wh flexible_wh supply_wh bid_ticks'.split(' ');
const READING_FIELDS = 'index interval consumed_wh produced_wh'.split(' ');

/** What everything signed in a market is bound to. */
export const domainSeparator = ({ chainId, ledger, marketId }) =>
  H(
    DOMAIN_TYPE,
    H(ascii('clearwatt')),
    H(ascii('1')),
    fromInt(chainId, 32),
    word(ledger),
    marketId,
  );

const digest = (separator, type, fields, row) =>
  H(Uint8Array.of(0x19, 0x01), separator, H(type, ...fields.map((name) => fromInt(row[name], 32))));

export const orderDigest = (separator, row) => digest(separator, ORDER_TYPE, ORDER_FIELDS, row);
export const readingDigest = (separator, row) =>
  digest(separator, READING_TYPE, READING_FIELDS, row);

/** The address that signed a digest; null where r, s, v are no canonical signature. */
export function recover(message, { r, s, v }) {
  if ((v !== 27n && v !== 28n) || toUint(s) > HALF_ORDER) return null;
  try {
    const signature = secp256k1.Signature.fromBytes(
      concat(Uint8Array.of(Number(v) - 27), r, s),
      'recovered',
    );
    const key = signature.recoverPublicKey(message).toBytes(false);
    return H(key.subarray(1)).subarray(12);
  } catch {
    return null;
  }
}

/** Remembers who signed which record, because standing orders come back in every interval. */
export class Signers {
  #known = new Map();

  constructor(domain) {
    this.separator = domainSeparator(domain);
  }

  of(row, digestOf) {
    const name = String.fromCharCode(...row.packed);
    if (!this.#known.has(name)) {
      this.#known.set(name, recover(digestOf(this.separator, row), row));
    }
    return this.#known.get(name);
  }
}
