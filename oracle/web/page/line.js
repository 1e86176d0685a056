/** Draws a participant's line of one interval. */

import { explain, lineHolds } from './explain.js';

const make = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};

/** Fills `place` with the rows of a line, and `verdict` with what they come to. */
export function drawLine(place, verdict, result, who) {
  const groups = explain(result, who);
  const holds = lineHolds(groups);
  const clean = result.findings.ok;
  const state = holds ? (clean ? 'good' : 'open') : 'bad';
  verdict.className = `line-verdict ${state}`;
  verdict.textContent = {
    good: `Participant ${who}: everything in this line is as the rules give it.`,
    open: `Participant ${who}: this line is as the rules give it, but the interval breaks a rule elsewhere.`,
    bad: `Participant ${who}: this line is not what the rules give.`,
  }[state];
  place.replaceChildren(
    ...groups.flatMap(({ title, rows }) => {
      const table = make('dl');
      table.append(...rows.map(drawRow));
      return [make('h3', '', title), table];
    }),
  );
}

function drawRow({ name, value, ok, expected, why }) {
  const row = make('div', ok === false ? 'row wrong' : 'row');
  const shown = make('dd', 'value', value);
  if (ok !== null) {
    const said = make('span', 'said', ok ? '✓' : '✕');
    said.setAttribute('role', 'img');
    said.setAttribute('aria-label', ok ? 'right' : 'wrong');
    shown.append(said);
  }
  const words = ok === false ? `The rules give ${expected}. ${why}` : why;
  row.append(make('dt', '', name), shown, make('dd', 'why', words));
  return row;
}
