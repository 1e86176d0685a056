/** What a check says: the first fault of each rule, with both numbers. */

import { hex, same } from './bytes.js';

export const words = (value) => (value instanceof Uint8Array ? hex(value) : String(value));

const alike = (a, b) => (a instanceof Uint8Array && b instanceof Uint8Array ? same(a, b) : a === b);

/** Counts what is compared in an interval and keeps the first fault of each rule, in order of discovery. */
export class Findings {
  checks = 0;
  /** How many lines were charged less than was due; without a chain nobody knows why. */
  uncharged = 0;
  /** How many orders counted as none; without a chain nobody knows why. */
  uncounted = 0;
  faults = new Map();

  constructor(interval) {
    this.interval = interval;
  }

  get ok() {
    return this.faults.size === 0;
  }

  wrong(rule, where, expected, found) {
    if (this.faults.has(rule)) return;
    const fault = {
      interval: this.interval,
      rule,
      where,
      expected: words(expected),
      found: words(found),
    };
    this.faults.set(rule, fault);
  }

  /** Compares one value. */
  equal(rule, where, expected, found) {
    this.checks += 1;
    if (alike(expected, found)) return true;
    this.wrong(rule, where, expected, found);
    return false;
  }

  /** Compares a column of records with what the rules give, row by row. */
  column(rule, leaf, name, expected, rows) {
    this.checks += rows.length;
    const row = rows.findIndex((record, i) => !alike(expected[i], record[name]));
    if (row < 0) return true;
    this.wrong(rule, `${name} of ${leaf} ${row}`, expected[row], rows[row][name]);
    return false;
  }

  /** Notes the first row whose value breaks a bound; `values` has one value per row. */
  holds(rule, leaf, name, bound, values, good) {
    this.checks += values.length;
    const row = values.findIndex((value, i) => !good(value, i));
    if (row < 0) return true;
    this.wrong(rule, `${name} of ${leaf} ${row}`, bound, values[row]);
    return false;
  }
}
