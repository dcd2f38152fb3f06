/** Parquet's DELTA_BINARY_PACKED for whole numbers below 2^52, such as times in milliseconds. */
import type { ByteBuffer } from './thrift.ts';

const BLOCK = 128;
const MINIBLOCK = 32;
const PIECE = 2 ** 24;

const zigzag = (value: number): number => (value >= 0 ? 2 * value : -2 * value - 1);

/** Bits that hold a whole number below 2^53. */
const widthOf = (value: number): number =>
  value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));

/** 32 values of `width` bits, the lowest first. */
function packMiniblock(out: ByteBuffer, values: Float64Array, from: number, width: number): void {
  out.reserve(width * 4 + 8);
  out.length =
    width <= NARROW
      ? packNarrow(out.bytes, out.length, values, from, width)
      : packWide(out.bytes, out.length, values, from, width);
}

/** At most 7 bits are pending, so 31 are never passed. */
const NARROW = 24;

function packNarrow(
  bytes: Uint8Array,
  start: number,
  values: Float64Array,
  from: number,
  width: number,
): number {
  let at = start;
  let pending = 0;
  let bits = 0;
  for (let i = from; i < from + MINIBLOCK; i++) {
    pending |= (values[i]! | 0) << bits;
    bits += width;
    while (bits >= 8) {
      bytes[at++] = pending;
      pending >>>= 8;
      bits -= 8;
    }
  }
  return at;
}

/** Not by shifts alone: a value may have more than 32 bits. In pieces of 24 bits, the lowest first. */
function packWide(
  bytes: Uint8Array,
  start: number,
  values: Float64Array,
  from: number,
  width: number,
): number {
  let at = start;
  let pending = 0;
  let bits = 0;
  for (let i = from; i < from + MINIBLOCK; i++) {
    let value = values[i]!;
    let left = width;
    while (left > 0) {
      const take = left < NARROW ? left : NARROW;
      const high = Math.floor(value / PIECE);
      pending |= (value - high * PIECE) << bits;
      value = high;
      bits += take;
      left -= take;
      while (bits >= 8) {
        bytes[at++] = pending;
        pending >>>= 8;
        bits -= 8;
      }
    }
  }
  return at;
}

/** The first `count` ≥ 1 values. */
export function writeDeltas(out: ByteBuffer, values: ArrayLike<number>, count: number): void {
  out.varint(BLOCK);
  out.varint(BLOCK / MINIBLOCK);
  out.varint(count);
  out.varint(zigzag(values[0]!));
  const deltas = new Float64Array(BLOCK);
  const widths = new Uint8Array(BLOCK / MINIBLOCK);
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
    for (let m = 0; m < widths.length; m++) {
      let largest = 0;
      for (let i = m * MINIBLOCK; i < (m + 1) * MINIBLOCK; i++) {
        if (deltas[i]! > largest) largest = deltas[i]!;
      }
      widths[m] = widthOf(largest);
      out.byte(widths[m]!);
    }
    for (let m = 0; m < widths.length; m++) {
      if (widths[m]! > 0) packMiniblock(out, deltas, m * MINIBLOCK, widths[m]!);
    }
  }
}
