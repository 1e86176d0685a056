import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex } from '../checker/bytes.js';
import { draw, gumbel, log2Complement, uniform } from '../checker/draw.js';
import { keyTerms, nextDeficit, nextMemory } from '../checker/fairness.js';
import { readGrid } from '../checker/grid.js';
import { busVectorHash } from '../checker/header.js';
import { checkNetwork, readCertificate } from '../checker/network.js';
import { min } from '../checker/numbers.js';
import { payments } from '../checker/payments.js';
import { priceAt, tightness } from '../checker/prices.js';
import { decode, ORDER } from '../checker/records.js';
import { bracket, demand, supply } from '../checker/response.js';
import { domainSeparator, orderDigest, recover } from '../checker/signing.js';
import { rows, vectors } from '../tools/vectors.js';

const each = (file, table, check) => {
  for (const row of rows(vectors(file)[table])) check(row);
};

test('draws are those of the shared vectors', () => {
  each('draw', 'draws', ({ seed, index, h, g }) => {
    assert.equal(uniform(seed, index), h);
    assert.equal(draw(seed, index), g);
  });
  each('draw', 'gumbel', ({ h, g }) => assert.equal(gumbel(h), g));
  each('draw', 'log2Complement', ({ x, y }) => assert.equal(log2Complement(x), y));
});

test('keys are those of the shared vectors', () => {
  each('fairness', 'keys', (row) => {
    const policy = { gamma_ppb: row.gamma, tau_ppb: row.tau, v_ticks: row.v, k_max: row.kMax };
    const state = {
      memory_ppb: row.memory,
      deficit_hi: row.deficit >> 64n,
      deficit_lo: BigInt.asUintN(64, row.deficit),
      rate_wh: row.rate,
    };
    const { memory, deficit, draw: random } = keyTerms(policy, state, row.g);
    assert.equal(min(row.kMax * row.v, memory + deficit + random), row.key);
  });
});

test('shortage memories and deficits are those of the shared vectors', () => {
  each('fairness', 'memories', ({ memory, fstar, beta, requested, served, next }) =>
    assert.equal(nextMemory(memory, fstar, beta, requested, served), next),
  );
  each('fairness', 'deficits', ({ deficit, fstar, requested, served, next }) =>
    assert.equal(nextDeficit(deficit, fstar, requested, served), next),
  );
});

test('responses and brackets are those of the shared vectors', () => {
  each('response', 'responses', (row) => {
    const order = [row.q, row.pa, row.pb, row.price];
    assert.equal(demand(...order), row.demand);
    assert.equal(supply(...order), row.supply);
    assert.deepEqual(bracket('flexible', ...order), [row.demandLeast, row.demandMost]);
    assert.deepEqual(bracket('supply', ...order), [row.supplyLeast, row.supplyMost]);
  });
});

test('tightness and prices are those of the shared vectors', () => {
  each('price', 'layers', ({ requested, offered, total, limit, tau }) =>
    assert.equal(tightness(requested, offered, total, limit), tau),
  );
  each('price', 'prices', ({ curve, pLo, pHi, tau, price }) => {
    const policy = { p_lo_ticks: pLo, p_hi_ticks: pHi, price_curve: curve };
    assert.equal(priceAt(policy, tau), price);
  });
});

test('payments are those of the shared vectors', () => {
  const file = vectors('payments');
  const lines = rows(file.lines);
  rows(file.totals).forEach((total, interval) => {
    const mine = lines.filter((line) => line.interval === BigInt(interval));
    const paid = payments(
      { p_hi_ticks: total.pHi },
      mine.map((line) => ({ ...line, used: line.served, sold: line.dispatched })),
    );
    assert.deepEqual(
      paid.energy_cost,
      mine.map((line) => line.energyCost),
    );
    assert.deepEqual(
      paid.supply_pay,
      mine.map((line) => line.supplyPay),
    );
    assert.deepEqual(
      paid.pot_share,
      mine.map((line) => line.potShare),
    );
    assert.deepEqual(
      paid.shortfall,
      mine.map((line) => line.shortfall),
    );
    assert.equal(paid.pot, total.pot);
    assert.equal(paid.shortfallTotal, total.shortfall);
  });
});

test('orders are signed by whom the shared vectors say', () => {
  each('order', 'orders', (row) => {
    const order = decode(ORDER, row.record);
    const separator = domainSeparator(row);
    assert.equal(hex(separator), hex(row.separator));
    const digest = orderDigest(separator, order);
    assert.equal(hex(digest), hex(row.digest));
    assert.equal(hex(recover(digest, order)), hex(row.signer));
  });
});

test('certificates hold where the shared vectors say, and give their injections', () => {
  const file = vectors('network');
  const grids = rows(file.grids).map(({ packed }) => readGrid(packed));
  for (const row of rows(file.certificates)) {
    const grid = grids[Number(row.grid)];
    const check = checkNetwork(grid, readCertificate(row.certificate, grid.boxes.length));
    assert.equal(check.violations.length === 0, row.valid === 1n, row.label);
    if (row.valid) {
      const stated = busVectorHash(row.injections, []);
      assert.deepEqual(stated, busVectorHash(new Uint8Array(), check.injections), row.label);
    }
  }
});
