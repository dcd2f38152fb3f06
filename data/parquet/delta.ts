/** Parquet's DELTA_BINARY_PACKED for whole numbers below 2^52, such as times in milliseconds. */
import type { ByteBuffer } from './thrift.ts';

const BLOCK = 128;
const MINIBLOCK = 32;

const zigzag = (value: number): number => (value >= 0 ? 2 * value : -2 * value - 1);

/** Bits that hold a whole number below 2^53. */
const widthOf = (value: number): number =>
  value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));

/** 32 values of `width` bits, the lowest first. Not by shifts: a value may have more than 32 bits. */
function packMiniblock(out: ByteBuffer, values: Float64Array, from: number, width: number): void {
  out.reserve(width * 4 + 8);
  const { bytes } = out;
  let at = out.length;
  let pending = 0;
  let bits = 0;
  for (let i = from; i < from + MINIBLOCK; i++) {
    let value = values[i]!;
    let left = width;
    // In pieces of 24 bits at most: what is pending stays below 2^31.
    while (left > 0) {
      const take = Math.min(24, left);
      const size = 2 ** take;
      const high = Math.floor(value / size);
      pending |= (value - high * size) << bits;
      value = high;
      bits += take;
      left -= take;
      while (bits >= 8) {
        bytes[at++] = pending & 255;
        pending >>>= 8;
        bits -= 8;
      }
    }
  }
  out.length = at;
}

/** The first `count` ≥ 1 values. */
export function writeDeltas(out: ByteBuffer, values: ArrayLike<number>, count: number): void {
  out.varint(BLOCK);
  out.varint(BLOCK / MINIBLOCK);
  out.varint(count);
  out.varint(zigzag(values[0]!));
  const deltas = new Float64Array(BLOCK);
  for (let start = 1; start < count; start += BLOCK) {
    const n = Math.min(BLOCK, count - start);
    let lowest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < n; i++) {
      deltas[i] = values[start + i]! - values[start + i - 1]!;
      if (deltas[i]! < lowest) lowest = deltas[i]!;
    }
    for (let i = 0; i < n; i++) deltas[i]! -= lowest;
    deltas.fill(0, n);
    out.varint(zigzag(lowest));
    const widths: number[] = [];
    for (let from = 0; from < BLOCK; from += MINIBLOCK) {
      let largest = 0;
      for (let i = from; i < from + MINIBLOCK; i++) largest = Math.max(largest, deltas[i]!);
      widths.push(widthOf(largest));
      out.byte(widths.at(-1)!);
    }
    widths.forEach((width, m) => {
      if (width > 0) packMiniblock(out, deltas, m * MINIBLOCK, width);
    });
  }
}
