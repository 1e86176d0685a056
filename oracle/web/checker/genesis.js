/** How a market began, and whether its published start is the one that the chain names. */

import { layoutOf } from './allocation-tree.js';
import { InputError, same } from './bytes.js';
import { readGenesis } from './container.js';
import { Findings } from './findings.js';
import { readGrid } from './grid.js';
import { plainRoot, recordSalt } from './hashing.js';
import { domainHash, genesisHash, gridHash, marketId, policyHash } from './header.js';
import { readPolicy } from './policy.js';
import { stateInRange } from './ranges.js';
import { KIND } from './records.js';
import { Signers } from './signing.js';

/**
 * Check the genesis.
 * @param facts What the chain says (docs/checker.md, section 2); what it leaves out is not compared.
 * @param data The genesis bundle.
 * @returns Findings, and the market that intervals are judged by: null where nothing can be.
 * @throws {InputError} When the bundle cannot be read or is not the one that the chain names.
 */
export function checkGenesis(facts, data) {
  const genesis = readGenesis(data);
  const policy = readPolicy(genesis.policy);
  const first = readGrid(genesis.grid);
  const { contracts, state, shares, domain } = genesis;
  const n = state.length;
  for (const [name, rows] of Object.entries({ contracts, state, shares })) {
    if (rows.some((row, i) => row.index !== BigInt(i))) {
      throw new InputError(`its bundle does not number its ${name} from 0; fetch it again`);
    }
  }
  const contractsRoot = plainRoot(KIND.contract, contracts, n);
  const stateRoot = plainRoot(KIND.state, state, n);
  const sharesRoot = plainRoot(KIND.share, shares, n);
  const policyDigest = policyHash(genesis.policy);
  const named = marketId(
    policyDigest,
    gridHash(genesis.grid),
    contractsRoot,
    stateRoot,
    genesis.nonce,
  );
  const bound = domainHash(domain);
  const begun = genesisHash(bound, stateRoot);
  const version = genesis.grid_version;
  const same_ = (fact, value) => fact === undefined || same(fact, value);
  const agreed = {
    domain:
      facts.domain === undefined ||
      (facts.domain.chainId === domain.chainId &&
        same(facts.domain.ledger, domain.ledger) &&
        same(facts.domain.marketId, domain.marketId)),
    'market id': same(named, domain.marketId),
    'genesis hash': same_(facts.genesisHash, begun),
    grid: same_(facts.grids?.get(version), genesis.grid),
    'key of salts': state.every((row) =>
      same(row.salt, recordSalt(genesis.salt_key, KIND.state, row.index)),
    ),
    'shares root': same_(facts.sharesRoot, sharesRoot),
  };
  for (const [name, holds] of Object.entries(agreed)) {
    if (!holds) {
      throw new InputError(
        `these bundles are of another market, their ${name} differs; choose those of one market`,
      );
    }
  }
  const grids = new Map([[version, first]]);
  for (const [number, packed] of facts.grids ?? []) {
    if (number !== version) grids.set(number, readGrid(packed));
  }
  const layouts = new Map(
    [...grids].map(([number, grid]) => [number, layoutOf(contracts, grid.boxes.length)]),
  );
  const findings = new Findings(0n);
  const stated = facts.policyHash ?? policyDigest;
  findings.equal('policy', "the ledger's policy hash", policyDigest, stated);
  for (const [number, registered] of facts.gridHashes ?? []) {
    const packed = number === version ? genesis.grid : facts.grids.get(number);
    findings.equal('grid', `the registered hash of grid ${number}`, gridHash(packed), registered);
  }
  const usable = checkStart(findings, facts, policy, genesis);
  const market = {
    domain,
    bound,
    policy,
    policyHash: stated,
    grids,
    layouts,
    contracts,
    signers: new Signers(domain),
  };
  const start = { headerHash: begun, state, sharesRoot };
  return { findings, market: usable ? market : null, start };
}

/** Nobody begins with a deficit or a balance, and the escrow pays whom the contracts name. */
function checkStart(findings, { owners }, policy, { contracts, state }) {
  if (owners) {
    contracts.forEach(({ owner }, i) => {
      const where = `the owner of participant ${i} in the escrow`;
      findings.equal('contract', where, owner, owners.get(i) ?? new Uint8Array());
    });
  }
  const nothing = state.map(() => 0n);
  for (const [rule, name] of [
    ['deficit', 'deficit_hi'],
    ['deficit', 'deficit_lo'],
    ['balance', 'credit'],
    ['balance', 'debit'],
    ['balance', 'peak'],
  ]) {
    findings.column(rule, 'state of participant', name, nothing, state);
  }
  return stateInRange(findings, policy, state, 'at genesis');
}
