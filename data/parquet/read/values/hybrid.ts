/** Parquet's hybrid of runs and bit-packed groups: levels, dictionary indexes and booleans. */
import { Damage } from '../damage.ts';
import type { Slice } from './slice.ts';

/** An unsigned number of 32 bits at most, seven bits a byte. */
export function varint(slice: Slice): number {
  let value = 0;
  for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
    if (slice.at >= slice.end) break;
    const byte = slice.bytes[slice.at++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  throw new Damage('a page is cut off within a number');
}

/** The value of all `count` ≥ 1, when they are one run; else −1. Reads nothing. */
export function onlyValue(slice: Slice, width: number, count: number): number {
  if (width === 0) return 0;
  const { at } = slice;
  const header = varint(slice);
  const value = header % 2 === 0 && header / 2 >= count ? runValue(slice, width) : -1;
  slice.at = at;
  return value;
}

function runValue(slice: Slice, width: number): number {
  const { bytes, at, end } = slice;
  const size = (width + 7) >> 3;
  if (at + size > end) throw new Damage('a page is cut off within a run');
  let value = 0;
  for (let i = 0; i < size; i++) value |= bytes[at + i]! << (8 * i);
  slice.at += size;
  if (width < 32 && value >>> width !== 0) throw new Damage('a run has a value that is too wide');
  return value;
}

/**
 * Reads `count` values of `width` ≤ 32 bits into `out` from `from` on.
 * @throws Damage when there are fewer
 */
export function readHybrid(
  slice: Slice,
  width: number,
  out: Int32Array,
  from: number,
  count: number,
): void {
  const stop = from + count;
  if (width === 0) {
    out.fill(0, from, stop);
    return;
  }
  let to = from;
  while (to < stop) {
    const header = varint(slice);
    const left = stop - to;
    if (header % 2 === 0) {
      const run = Math.min(header / 2, left);
      const value = runValue(slice, width);
      if (run === 0) throw new Damage('a page has an empty run');
      out.fill(value, to, to + run);
      to += run;
    } else {
      // Groups of eight, of which the last may hold fewer values than it has room for.
      const groups = (header - 1) / 2;
      const values = Math.min(8 * groups, left);
      const size = Math.min(groups * width, slice.end - slice.at);
      if (values === 0 || 8 * size < values * width) throw new Damage('a page is cut off');
      unpack(slice.view, slice.at, width, out, to, values);
      slice.at += size;
      to += values;
    }
  }
}

/** Values of `width` bits, lowest bits first, from the byte `start` on. */
export function unpack(
  view: DataView,
  start: number,
  width: number,
  out: Int32Array,
  from: number,
  count: number,
): void {
  const mask = width === 32 ? -1 : (1 << width) - 1;
  const stop = from + count;
  let bit = 0;
  let to = from;
  if (width <= 25) {
    // As long as a whole word can be read.
    const safeBits = 8 * (view.byteLength - start - 3);
    const words = Math.min(stop, from + Math.floor(Math.max(0, safeBits) / width));
    for (; to < words; to++, bit += width) {
      out[to] = (view.getInt32(start + (bit >>> 3), true) >>> (bit & 7)) & mask;
    }
  }
  for (; to < stop; to++, bit += width) out[to] = byBytes(view, start, bit, width) & mask;
}

/** For the last values of a page and for wide ones. */
function byBytes(view: DataView, start: number, bit: number, width: number): number {
  let value = 0;
  const shift = bit & 7;
  for (let i = 0; 8 * i < shift + width; i++) {
    const byte = view.getUint8(start + (bit >>> 3) + i);
    value |= i === 0 ? byte >>> shift : byte << (8 * i - shift);
  }
  return value;
}
