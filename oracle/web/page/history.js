/** Flexible energy asked and served, interval by interval, as bars that can be chosen. */

import { PPB } from '../checker/numbers.js';
import { count, energy, percent } from './format.js';

const SPACE = 'http://www.w3.org/2000/svg';
const WIDTH = 600;
const HEIGHT = 90;

const shape = (name, attributes) => {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

/** Draws the history of one participant; `choose` is told the interval that somebody clicks. */
export function drawHistory(figure, judged, who, chosen, choose) {
  const lines = judged.map(({ number, bundle }) => ({ number, ...bundle.allocation[who] }));
  const asked = lines.reduce((sum, line) => sum + line.flexible_q_wh, 0n);
  const served = lines.reduce((sum, line) => sum + line.flexible_x_wh, 0n);
  figure.hidden = asked === 0n;
  if (asked === 0n) return;
  const words = `Flexible energy in ${count(lines.length, 'interval')}: ${energy(served)} of ${energy(asked)} served, ${percent((served * PPB) / asked)}.`;
  const most = lines.reduce((a, { flexible_q_wh: q }) => (q > a ? q : a), 1n);
  const height = (wh) => Number((wh * BigInt(HEIGHT - 4)) / most);
  const svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': words });
  const width = WIDTH / lines.length;
  const bar = Math.max(Math.min(width - 2, 40), 1);
  lines.forEach(({ number, flexible_q_wh: q, flexible_x_wh: x }, i) => {
    const left = i * width + (width - bar) / 2;
    const box = (className, wh) =>
      shape('rect', {
        class: className,
        x: left,
        y: HEIGHT - 1 - height(wh),
        width: bar,
        height: height(wh),
        rx: Math.min(3, bar / 3),
      });
    svg.append(box('asked', q), box('served', x));
    if (number === chosen) svg.append(box('chosen', q));
    const hit = shape('rect', { class: 'hit', x: i * width, y: 0, width, height: HEIGHT });
    const title = shape('title', {});
    title.textContent = `Interval ${number}: ${energy(x)} of ${energy(q)}`;
    hit.append(title);
    hit.addEventListener('click', () => choose(number));
    svg.append(hit);
  });
  const caption = document.createElement('figcaption');
  caption.textContent = words;
  figure.replaceChildren(svg, caption);
}
