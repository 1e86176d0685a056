/** Integer arithmetic and the bounds of the protocol. No float takes part in any decision. */

export const PPB = 1_000_000_000n;
export const WH_TICKS_PER_MICRO = 1000n;
export const MAX_ORDER_WH = 2n ** 30n - 1n;
export const MAX_TICKS = 2n ** 29n;
export const MAX_RAMP_TICKS = 2n ** 17n - 1n;
export const MAX_MONEY = 2n ** 62n;
export const MAX_FEE = 2n ** 40n;

export const min = (a, b) => (a < b ? a : b);
export const max = (a, b) => (a > b ? a : b);
export const abs = (a) => (a < 0n ? -a : a);
export const sum = (values) => values.reduce((total, value) => total + value, 0n);

/** Quotient rounded up, for numbers that are not negative. */
export const ceilDiv = (a, b) => (a + b - 1n) / b;

/** `ceil(log2(max(n, 1)))` for a plain number. */
export const depthOf = (n) => (n > 1 ? (n - 1).toString(2).length : 0);
