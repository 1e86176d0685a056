/** Integers in the words of a reader. Nothing is rounded but shares of a whole, and no float takes part. */

const group = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ',');

/** A whole number with groups of three digits. */
export function whole(value) {
  const number = BigInt(value);
  return number < 0n ? `−${group(String(-number))}` : group(String(number));
}

/** A number of millionths with two to six decimals. */
function millionths(value) {
  const size = value < 0n ? -value : value;
  const decimals = String(size % 1_000_000n)
    .padStart(6, '0')
    .replace(/0{1,4}$/, '');
  return `${value < 0n ? '−' : ''}${group(String(size / 1_000_000n))}.${decimals}`;
}

export const energy = (wh) => `${whole(wh)} Wh`;
export const money = (micro) => millionths(micro);
export const price = (ticks) => `${millionths(ticks)} per kWh`;
/** A nodal price in 2^-16 tick, rounded down to a tick. */
export const nodal = (pi) => price(pi >> 16n);

/** Parts per billion in percent, with one decimal. */
export function percent(ppb) {
  const tenths = (ppb + 500_000n) / 1_000_000n;
  return `${tenths / 10n}.${tenths % 10n} %`;
}

/** One of two words by number. */
export const count = (n, one, many = `${one}s`) => `${whole(n)} ${BigInt(n) === 1n ? one : many}`;
