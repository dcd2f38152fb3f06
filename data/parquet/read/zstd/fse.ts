/** FSE distributions and decoding tables (RFC 8878, section 4.1), made anew in the same arrays. */
import { Damage } from '../damage.ts';

/** The largest table: 2^9 states. */
export const MAX_STATES = 512;
const MAX_SYMBOLS = 256;

export const highestBit = (value: number): number => 31 - Math.clz32(value);

/** Shares of symbols: how many of the states belong to each; −1 stands for "less than one". */
export class Distribution {
  readonly counts = new Int16Array(MAX_SYMBOLS + 4);
  symbols = 0;
  accuracyLog = 0;

  /** Takes given shares, the predefined ones of the specification. */
  assign(counts: readonly number[], accuracyLog: number): this {
    this.counts.set(counts);
    this.symbols = counts.length;
    this.accuracyLog = accuracyLog;
    return this;
  }

  /**
   * Reads a description. `bytes` must reach 4 bytes past `end`.
   * @returns the byte after it
   */
  read(
    bytes: Uint8Array,
    start: number,
    end: number,
    limits: { accuracyLog: number; symbols: number },
  ): number {
    const { counts } = this;
    const lastBit = 8 * (end - start);
    this.accuracyLog = (bytes[start]! & 15) + 5;
    if (start >= end || this.accuracyLog > limits.accuracyLog) {
      throw new Damage('a zstd table is too large');
    }
    let bit = 4;
    let remaining = 1 << this.accuracyLog;
    let symbols = 0;
    while (remaining > 0) {
      if (bit > lastBit || symbols >= limits.symbols) throw new Damage('a zstd table does not end');
      const width = highestBit(remaining + 1) + 1;
      const lowMask = (1 << (width - 1)) - 1;
      const threshold = (1 << width) - 2 - remaining;
      let value = peek(bytes, start, bit) & ((1 << width) - 1);
      bit += width;
      if ((value & lowMask) < threshold) {
        value &= lowMask;
        bit--;
      } else if (value > lowMask) value -= threshold;
      const count = value - 1;
      remaining -= count < 0 ? 1 : count;
      counts[symbols++] = count;
      for (let zeros = count === 0 ? 3 : 0; zeros === 3; ) {
        zeros = peek(bytes, start, bit) & 3;
        bit += 2;
        if (bit > lastBit || symbols + zeros > limits.symbols) {
          throw new Damage('a zstd table has too many symbols');
        }
        for (let i = 0; i < zeros; i++) counts[symbols++] = 0;
      }
    }
    if (remaining < 0 || bit > lastBit) throw new Damage('a zstd table holds too much');
    this.symbols = symbols;
    return start + ((bit + 7) >>> 3);
  }
}

/** At least 16 bits from a bit of the description on. */
function peek(bytes: Uint8Array, start: number, bit: number): number {
  const at = start + (bit >>> 3);
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) >>> (bit & 7);
}

const next = new Uint16Array(MAX_SYMBOLS);

/**
 * Makes the decoding table. By state: `symbol`, and in `step` the base of the next state × 16 + the bits
 * that are added to it.
 */
export function buildTable(shares: Distribution, symbol: Uint8Array, step: Int32Array): void {
  const { counts, symbols, accuracyLog } = shares;
  const size = 1 << accuracyLog;
  let high = size;
  for (let s = 0; s < symbols; s++) {
    const count = counts[s]!;
    next[s] = count < 0 ? 1 : count;
    if (count < 0) symbol[--high] = s;
  }
  // The stride is odd, so that it visits every state once before it comes back to 0.
  const stride = (size >> 1) + (size >> 3) + 3;
  const mask = size - 1;
  let state = 0;
  for (let s = 0; s < symbols; s++) {
    for (let i = counts[s]!; i > 0; i--) {
      symbol[state] = s;
      do {
        state = (state + stride) & mask;
      } while (state >= high);
    }
  }
  if (state !== 0) throw new Damage('a zstd table does not close');
  for (let i = 0; i < size; i++) {
    const place = next[symbol[i]!]!++;
    const bits = accuracyLog - highestBit(place);
    step[i] = (((place << bits) - size) << 4) | bits;
  }
}
