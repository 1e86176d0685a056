/** A registered grid and all that must hold of it (docs/protocol.md, section 5; docs/grids.md, section 5). */

import { InputError, Reader } from './bytes.js';
import { ceilDiv, sum } from './numbers.js';

const MAX_ANGLE = 2n ** 62n - 1n;
const MAX_B = 2n ** 53n - 1n;
const MAX_LIMIT = 2n ** 40n - 1n;
const ROUNDING = 16n;
const TOLERANCE = 64;
const MAX_DEPTH = 16;

/**
 * The grid of its packed bytes.
 * @throws {InputError} When a field is out of range or does not follow from the others.
 */
export function readGrid(packed) {
  const reader = new Reader(packed, 'packed grid');
  const nBus = reader.number(2, 'buses');
  const nLine = reader.number(2, 'lines');
  const shift = reader.uint(1, 'shift');
  require(reader.number(1, 'margin_slack') === 0, 'margin_slack', 'must be 0');
  const eps = reader.uint(32, 'eps_grid');
  const each = (n, read) => Array.from({ length: n }, read);
  const lines = each(nLine, () => ({
    from: reader.number(2, 'line'),
    to: reader.number(2, 'line'),
    b: reader.uint(8, 'line'),
    limit: reader.uint(8, 'line'),
    margin: reader.uint(8, 'line'),
  }));
  const boxes = each(nBus, () => reader.uint(8, 'theta_box'));
  const depth = reader.number(1, 'tree depth');
  const positions = each(nBus, () => reader.number(2, 'position'));
  const layers = each(reader.number(2, 'layers'), () => ({
    level: reader.number(1, 'layer'),
    position: reader.number(2, 'layer'),
    importLimit: reader.uint(8, 'layer'),
  }));
  reader.end();
  const grid = { shift, eps, lines, boxes, depth, positions, layers };
  checkLines(grid);
  checkBoxes(grid);
  checkLayers(grid);
  const islands = islandsOf(grid);
  return {
    ...grid,
    islands,
    layers: layers.map((layer) => ({ ...layer, buses: busesOf(grid, layer) })),
  };
}

function require(holds, field, remedy) {
  if (!holds) throw new InputError(`packed grid: ${field}: ${remedy}; give the registered bytes`);
}

/** The buses that lines join, island by island, ascending. */
function islandsOf({ lines, boxes }) {
  const neighbours = boxes.map(() => []);
  for (const { from, to } of lines) {
    neighbours[from].push(to);
    neighbours[to].push(from);
  }
  const seen = new Set();
  const islands = [];
  boxes.forEach((_, bus) => {
    if (seen.has(bus)) return;
    const island = [];
    const todo = [bus];
    while (todo.length) {
      const next = todo.pop();
      if (seen.has(next)) continue;
      seen.add(next);
      island.push(next);
      todo.push(...neighbours[next]);
    }
    islands.push(island.sort((a, b) => a - b));
  });
  return islands;
}

function checkLines({ lines, boxes, shift }) {
  require(boxes.length > 0, 'buses', 'there is none');
  const total = boxes.map(() => 0n);
  const leaving = boxes.map(() => 0);
  const entering = boxes.map(() => 0);
  lines.forEach(({ from, to, b, limit, margin }, line) => {
    const where = `line ${line}`;
    require(from < boxes.length && to < boxes.length && from !== to, where, 'ends at no other bus');
    require(b >= 1n && b <= MAX_B, where, 'b is out of range');
    require(limit <= MAX_LIMIT, where, 'limit is out of range');
    require(margin >= 2n && margin < limit, where, 'margin must be 2 ... below the limit');
    total[from] += b;
    total[to] += b;
    leaving[from] += 1;
    entering[to] += 1;
  });
  boxes.forEach((_, bus) => {
    require(total[bus] <= ROUNDING << shift, 'shift', `too small for bus ${bus}`);
    const most = Math.max(leaving[bus], entering[bus]);
    require(Number(ROUNDING) + most <= TOLERANCE, `bus ${bus}`, 'has too many lines');
  });
}

/** Shortest paths from one reference per island, and the tolerance that follows. */
function checkBoxes({ lines, boxes, shift, eps }) {
  const nearest = boxes.map(() => MAX_ANGLE);
  lines.forEach(({ from, to, b, limit }, line) => {
    const angle = ceilDiv((256n * limit + 1n) << shift, b);
    require(angle <= MAX_ANGLE, `line ${line}`, 'limit too large for its b');
    for (const [here, there] of [
      [from, to],
      [to, from],
    ]) {
      const reached = boxes[here] + angle;
      if (reached < nearest[there]) nearest[there] = reached;
    }
  });
  boxes.forEach((box, bus) => {
    require(box < MAX_ANGLE, 'theta_box', `of bus ${bus} is out of range`);
    require(box === 0n || box === nearest[bus], 'theta_box', `of bus ${bus} is no shortest path`);
  });
  for (const island of islandsOf({ lines, boxes })) {
    const references = island.filter((bus) => boxes[bus] === 0n);
    require(references.length <=
      1, 'theta_box', `the island of bus ${island[0]} has two references`);
  }
  const atBus = boxes.map(() => 0n);
  for (const { from, to, b } of lines) {
    atBus[from] += b;
    atBus[to] += b;
  }
  const follows = sum(boxes.map((box, bus) => 2n * box * 3n * atBus[bus]));
  require(eps === follows, 'eps_grid', 'does not follow from b and theta_box');
}

const busesOf = ({ positions }, { level, position }) =>
  positions.flatMap((place, bus) => (place >> level === position ? [bus] : []));

function checkLayers(grid) {
  const { depth, positions, layers, lines } = grid;
  require(depth <= MAX_DEPTH, 'tree depth', `must be at most ${MAX_DEPTH}`);
  require(positions.every((place) => place < 2 ** depth), 'position', 'outside the tree');
  require(new Set(positions).size === positions.length, 'position', 'two buses share one');
  const [system] = layers;
  require(system?.level === depth && system.position === 0, 'layers', 'first must be the system');
  const places = new Set(layers.map(({ level, position }) => `${level}/${position}`));
  require(places.size === layers.length, 'layers', 'two are the same subtree');
  const nodes = new Set();
  layers.forEach((layer, number) => {
    const where = `layer ${number}`;
    require(layer.level <= depth, where, 'lies outside the tree');
    const inside = new Set(busesOf(grid, layer));
    require(inside.size > 0, where, 'holds no bus');
    if (layer.level === 0) nodes.add(layer.position);
    const crossing = lines.filter(({ from, to }) => inside.has(from) !== inside.has(to));
    const limit = sum(crossing.map((line) => line.limit));
    require(layer.importLimit === limit, where, `import limit must be ${limit} Wh`);
  });
  require(nodes.size === positions.length, 'layers', 'a bus has no node layer');
}
