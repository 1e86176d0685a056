/** The allocation tree: a sum tree per bus over slots, one over bus positions above (docs/protocol.md). */

import { fromInt, InputError } from './bytes.js';
import { busNode, EMPTY, H, leaf, nodeSalt, sumInner } from './hashing.js';
import { depthOf } from './numbers.js';
import { BUS, encode, KIND, SUMS } from './records.js';

const MAX_BUS_DEPTH = 20;
const NO_SALT = new Uint8Array(16);

/**
 * Who is at which bus, by slot.
 * @throws {InputError} When a bus does not exist, or its slots are not 0, 1, 2 ... each taken once.
 */
export function layoutOf(contracts, buses) {
  const members = Array.from({ length: buses }, () => []);
  contracts.forEach(({ bus, slot }, who) => {
    const at = members[Number(bus)];
    if (!at) throw new InputError(`contracts.bus: ${bus} is not a bus; give 0 ... ${buses - 1}`);
    if (slot >= BigInt(contracts.length) || at[Number(slot)] !== undefined) {
      throw new InputError(`contracts.slot: bus ${bus} has a gap or a slot taken twice`);
    }
    at[Number(slot)] = who;
  });
  members.forEach((at, bus) => {
    for (let slot = 0; slot < at.length; slot += 1) {
      if (at[slot] === undefined) {
        throw new InputError(`contracts.slot: bus ${bus} has a gap or a slot taken twice`);
      }
    }
    if (depthOf(at.length) > MAX_BUS_DEPTH) {
      throw new InputError(`contracts.bus: too many participants at bus ${bus}`);
    }
  });
  return members;
}

/** What an allocation adds to the sums above it. */
export const lineSums = (row) => [
  row.essential_q_wh + row.flexible_q_wh,
  row.supply_q_wh,
  row.essential_x_wh + row.flexible_x_wh,
  row.supply_x_wh,
  row.supply_pay + row.pot_share + row.imbalance_credit,
  row.energy_cost + row.shortfall + row.subscription + row.imbalance_debit,
  row.supply_pay + row.pot_share,
  row.energy_cost + row.shortfall,
];

const NO_SUMS = SUMS.map(() => 0n);

function joined(left, right, salt) {
  const sums = left.sums.map((value, i) => BigInt.asUintN(64, value + right.sums[i]));
  const sumsHash = H(...sums.map((value) => fromInt(value, 8)), salt);
  return { hash: sumInner(left.hash, right.hash, sumsHash), sums };
}

/** The root and the sums of one bus. */
export function busTree(bus, members, allocation, saltKey) {
  let nodes = members.map((who) => ({
    hash: leaf(KIND.allocation, allocation[who].packed),
    sums: lineSums(allocation[who]).map((value) => BigInt.asUintN(64, value)),
  }));
  if (!nodes.length) return { hash: EMPTY[0], sums: NO_SUMS };
  for (let level = 1; nodes.length > 1; level += 1) {
    const absent = { hash: EMPTY[level - 1], sums: NO_SUMS };
    const above = [];
    for (let i = 0; i < nodes.length; i += 2) {
      const salt = nodeSalt(saltKey, bus, level, i / 2);
      above.push(joined(nodes[i], nodes[i + 1] ?? absent, salt));
    }
    nodes = above;
  }
  return nodes[0];
}

/**
 * Root and sums of the whole tree.
 * @param grid The grid.
 * @param members Of `layoutOf`.
 * @param bundle The interval's bundle.
 * @param prices Of `busPrices`.
 * @param certificate Its angles and nodal prices.
 */
export function allocationTree(grid, members, bundle, prices, certificate) {
  let nodes = new Map();
  members.forEach((at, bus) => {
    const { hash, sums } = busTree(bus, at, bundle.allocation, bundle.salt_key);
    const record = {
      bus,
      depth: depthOf(at.length),
      price_ticks: prices[bus].price,
      theta: certificate.theta[bus],
      pi: certificate.pi[bus],
      ...Object.fromEntries(SUMS.map((name, i) => [name, sums[i]])),
      root: hash,
    };
    nodes.set(grid.positions[bus], { hash: busNode(encode(BUS, record)), sums });
  });
  for (let level = 1; level <= grid.depth; level += 1) {
    const absent = { hash: EMPTY[level - 1], sums: NO_SUMS };
    const above = new Map();
    for (const position of new Set([...nodes.keys()].map((place) => place >> 1))) {
      const [left, right] = [2 * position, 2 * position + 1].map((at) => nodes.get(at) ?? absent);
      above.set(position, joined(left, right, NO_SALT));
    }
    nodes = above;
  }
  return nodes.get(0);
}
