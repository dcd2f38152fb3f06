/** Bit readers of zstd. Bits that are not there are damage, never zeros by accident. */

/** The bytes are not what a zstd compressor writes. */
export class ZstdDamage extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'ZstdDamage';
  }
}

export const highestBit = (value: number): number => 31 - Math.clz32(value);

/** Little-endian bits from the front: distributions of FSE tables. */
export class ForwardBits {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #bit: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#end = end;
    this.#bit = 8 * start;
  }

  /** @param count at most 16 */
  read(count: number): number {
    const at = this.#bit >>> 3;
    const word =
      (this.#bytes[at] ?? 0) |
      ((this.#bytes[at + 1] ?? 0) << 8) |
      ((this.#bytes[at + 2] ?? 0) << 16);
    const value = (word >>> (this.#bit & 7)) & ((1 << count) - 1);
    this.#bit += count;
    return value;
  }

  unread(count: number): void {
    this.#bit -= count;
  }

  /** The first byte that was not touched. */
  byteAfter(): number {
    const after = (this.#bit + 7) >>> 3;
    if (after > this.#end) throw new ZstdDamage('a table runs past its end');
    return after;
  }
}

/**
 * Bits from the back: compressed data is written forwards and read backwards. The highest set bit of
 * the last byte marks where it starts.
 */
export class BackwardBits {
  readonly bytes: Uint8Array;
  readonly #start: number;
  /** Bits left; below 0 after reading more than there are. */
  left: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? bytes[end - 1]! : 0;
    if (last === 0) throw new ZstdDamage('a bit stream has no end mark');
    this.bytes = bytes;
    this.#start = start;
    this.left = 8 * (end - start - 1) + highestBit(last);
  }

  /** Reads at most 24 bits; those past the beginning are 0 and leave `left` negative. */
  read(count: number): number {
    const left = this.left - count;
    this.left = left;
    if (left < 0) {
      const there = left + count;
      return there > 0 ? (this.#word(0) & ((1 << there) - 1)) << -left : 0;
    }
    return (this.#word(left >>> 3) >>> (left & 7)) & ((1 << count) - 1);
  }

  /** Reads up to 31 bits. */
  readLong(count: number): number {
    if (count <= 24) return this.read(count);
    const high = this.read(count - 16);
    return high * 65_536 + this.read(16);
  }

  /** The 32 bits from a byte of the stream on. */
  #word(byte: number): number {
    const bytes = this.bytes;
    const at = this.#start + byte;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
}
