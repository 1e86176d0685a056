/** What a market's hashes are bound to (docs/protocol.md, section 4). */

import { fromInt } from './bytes.js';
import { H, tag } from './hashing.js';

export const word = (bytes) => {
  const padded = new Uint8Array(32);
  padded.set(bytes, 32 - bytes.length);
  return padded;
};

/** Hash of chain, ledger and market. */
export const domainHash = ({ chainId, ledger, marketId }) =>
  H(fromInt(1, 32), fromInt(chainId, 32), word(ledger), marketId);

export const headerHash = (domain, previous, payload) => H(previous, H(domain, payload));
export const genesisHash = (domain, stateRoot) => H(tag(8), domain, stateRoot);
export const marketId = (policyHash, gridHash, contractsRoot, stateRoot, nonce) =>
  H(tag(7), policyHash, gridHash, contractsRoot, stateRoot, nonce);
export const policyHash = (packed) => H(tag(10), packed);
export const gridHash = (packed) => H(tag(9), packed);

/** Hash of the certificate and of every bus's injection in Wh. */
export const busVectorHash = (certificate, injections) =>
  H(certificate, ...injections.map((wh) => fromInt(wh, 8)));
