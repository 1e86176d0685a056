/** Bytes and the integers in them: big endian, as everything that is committed. */

/** Input that cannot be read; its message names the part and the remedy. */
export class InputError extends Error {
  name = 'InputError';
}

const DIGITS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Bytes as text, with `0x` in front. */
export function hex(bytes) {
  let text = '0x';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/**
 * Text of hexadecimal digits, with or without `0x`, as bytes.
 * @throws {InputError} When it is no such text.
 */
export function fromHex(text, name = 'bytes') {
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits)) {
    throw new InputError(`${name}: must be pairs of hexadecimal digits`);
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

/** Whether two byte arrays are the same. */
export function same(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** One array of all parts. */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The unsigned integer in bytes, a BigInt. */
export function toUint(bytes) {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** The signed integer in bytes (two's complement), a BigInt. */
export function toInt(bytes) {
  return BigInt.asIntN(8 * bytes.length, toUint(bytes));
}

/** An integer as `size` bytes; a negative one in two's complement, what does not fit is cut off. */
export function fromInt(value, size) {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(8 * size, BigInt(value));
  for (let at = size - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** ASCII text as bytes. */
export function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** Takes fields off the front of bytes. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes, name) {
    this.#bytes = bytes;
    this.name = name;
  }

  take(size, field) {
    const end = this.#at + size;
    if (end > this.#bytes.length) {
      throw new InputError(
        `${this.name}: ${field} ends at byte ${end} of ${this.#bytes.length}; give all of it`,
      );
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  uint(size, field) {
    return toUint(this.take(size, field));
  }

  number(size, field) {
    return Number(this.uint(size, field));
  }

  end() {
    const left = this.#bytes.length - this.#at;
    if (left) throw new InputError(`${this.name}: ${left} bytes after the end; cut them off`);
  }
}
