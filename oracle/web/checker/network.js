/** The network certificate: balance, limits, line prices and gap (docs/mechanism.md, section 4). */

import { InputError, toInt, toUint } from './bytes.js';
import { abs, sum } from './numbers.js';

/**
 * The certificate of its packed bytes.
 * @throws {InputError} When the length fits no certificate of so many buses.
 */
export function readCertificate(data, buses) {
  const lines = (data.length - 16 * buses) / 10;
  if (lines < 0 || !Number.isInteger(lines)) {
    throw new InputError(
      `certificate: ${data.length} bytes; give 16 per bus (${buses}), 10 per priced line`,
    );
  }
  const i64 = (at) => toInt(data.subarray(at, at + 8));
  const mu = [];
  for (let at = 16 * buses; at < data.length; at += 10) {
    mu.push([Number(toUint(data.subarray(at, at + 2))), i64(at + 2)]);
  }
  return {
    theta: Array.from({ length: buses }, (_, bus) => i64(16 * bus)),
    pi: Array.from({ length: buses }, (_, bus) => i64(16 * bus + 8)),
    mu,
  };
}

/** Rules 1 to 5 of a certificate: the injections that the angles state, and every violation in words. */
export function checkNetwork(grid, { theta, pi, mu }) {
  const violations = [];
  const price = grid.lines.map(() => 0n);
  let previous = -1;
  for (const [line, ticks] of mu) {
    if (line <= previous || line >= grid.lines.length) {
      violations.push(`line price: line ${line} after ${previous}`);
    }
    if (line < grid.lines.length) price[line] = ticks;
    previous = line;
  }
  const net = grid.boxes.map(() => 0n);
  const residual = grid.boxes.map(() => 0n);
  const flows = grid.lines.map(({ from, to, b }, line) => {
    const flow = (b * (theta[from] - theta[to])) >> grid.shift;
    const slope = b * (pi[from] - pi[to] + price[line]);
    net[from] += flow;
    net[to] -= flow;
    residual[from] += slope;
    residual[to] -= slope;
    return flow;
  });
  flows.forEach((flow, line) => {
    if (abs(flow) > 256n * grid.lines[line].limit) {
      violations.push(`limit: line ${line} carries ${flow}/256 Wh`);
    }
  });
  for (const [line, ticks] of mu) {
    if (line >= grid.lines.length) continue;
    const { limit, margin } = grid.lines[line];
    const fromFull = abs(abs(flows[line]) - 256n * (limit - margin));
    if (ticks * flows[line] <= 0n || fromFull > 256n * margin) {
      violations.push(`line price: ${ticks} on line ${line}, which carries ${flows[line]}/256 Wh`);
    }
  }
  const injections = net.map((flow) => (flow + 128n) >> 8n);
  net.forEach((flow, bus) => {
    if (abs(flow - 256n * injections[bus]) > 64n) {
      violations.push(`balance: bus ${bus} sends ${flow}/256 Wh, not a whole number`);
    }
  });
  for (const island of grid.islands) {
    const total = sum(island.map((bus) => injections[bus]));
    if (total) {
      violations.push(`balance: the injections of bus ${island[0]}'s island add up to ${total} Wh`);
    }
  }
  const gap = sum(residual.map((r, bus) => 2n * grid.boxes[bus] * abs(r)));
  if (gap > grid.eps) violations.push(`gap: ${gap} is above eps_grid ${grid.eps}`);
  return { injections, flows, violations };
}
