/** DELTA_BINARY_PACKED: blocks of differences, bit-packed above the least one of their block. */
import { Damage } from '../damage.ts';
import { unpack, varint } from './hybrid.ts';
import type { Slice } from './slice.ts';

/** Larger than any writer's; a block's widths and one miniblock are held at once. */
const MAX_BLOCK = 1 << 16;
/** Sums of a value, the least difference and a difference stay exact below these. */
const EXACT = 2 ** 51;
const EXACT_BITS = 51;
const LARGEST = Number.MAX_SAFE_INTEGER;

const WORD = 0xffffffffffffffffn;

interface Header {
  miniblocks: number;
  perMiniblock: number;
  first: bigint;
}

function readHeader(slice: Slice, count: number): Header {
  const block = varint(slice);
  const miniblocks = varint(slice);
  const total = varint(slice);
  const perMiniblock = block / miniblocks;
  if (block === 0 || block > MAX_BLOCK || miniblocks === 0 || perMiniblock % 8 !== 0) {
    throw new Damage('differences come in blocks of an impossible size');
  }
  if (total !== count) throw new Damage(`a page has ${total} differences for ${count} values`);
  return { miniblocks, perMiniblock, first: zigzag(slice) };
}

/** A signed number of 64 bits. */
function zigzag(slice: Slice): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (slice.at >= slice.end) break;
    const byte = slice.bytes[slice.at++]!;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) {
      value &= WORD;
      return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
  }
  throw new Damage('a page is cut off within a number');
}

let low = new Int32Array(0);
let high = new Int32Array(0);

/** Bytes of one miniblock of `width` bits that holds `values` values; the last may be cut short. */
function takeMiniblock(slice: Slice, width: number, size: number, values: number): number {
  const from = slice.at;
  if (from + Math.ceil((values * width) / 8) > slice.end) throw new Damage('a page is cut off');
  slice.at = Math.min(slice.end, from + (size * width) / 8);
  return from;
}

/** Lower and higher halves of values of up to 64 bits. */
function unpackWide(view: DataView, start: number, width: number, count: number): void {
  for (let i = 0; i < count; i++) {
    let value = 0n;
    const bit = i * width;
    const first = bit >>> 3;
    const last = (bit + width + 7) >>> 3;
    for (let at = last - 1; at >= first; at--) {
      value = (value << 8n) | BigInt(view.getUint8(start + at));
    }
    value = (value >> BigInt(bit & 7)) & ((1n << BigInt(width)) - 1n);
    low[i] = Number(value & 0xffffffffn) | 0;
    high[i] = Number(value >> 32n) | 0;
  }
}

/** Walks the miniblocks; `use` gets the values of each in `low` and `high`. */
function eachMiniblock(
  slice: Slice,
  count: number,
  start: (first: bigint) => void,
  use: (least: bigint, width: number, from: number, values: number) => void,
): void {
  const { miniblocks, perMiniblock, first } = readHeader(slice, count);
  if (low.length < perMiniblock) {
    low = new Int32Array(perMiniblock);
    high = new Int32Array(perMiniblock);
  }
  if (count > 0) start(first);
  for (let at = 1; at < count; ) {
    const least = zigzag(slice);
    const widths = slice.at;
    slice.at += miniblocks;
    if (slice.at > slice.end) throw new Damage('a page is cut off');
    for (let m = 0; m < miniblocks && at < count; m++) {
      const width = slice.bytes[widths + m]!;
      if (width > 64) throw new Damage('differences are wider than 64 bits');
      const values = Math.min(perMiniblock, count - at);
      const from = takeMiniblock(slice, width, perMiniblock, values);
      if (width > 32) unpackWide(slice.view, from, width, values);
      else if (width > 0) unpack(slice.view, from, width, low, 0, values);
      use(least, width, at, values);
      at += values;
    }
  }
}

/** INT32: sums wrap around at 32 bits. @throws Damage */
export function readIntDeltas(slice: Slice, out: Int32Array, from: number, count: number): void {
  let value = 0;
  eachMiniblock(
    slice,
    count,
    (first) => {
      value = Number(BigInt.asIntN(32, first));
      out[from] = value;
    },
    (least, width, at, values) => {
      const step = Number(BigInt.asIntN(32, least));
      const differences = low;
      const to = from + at;
      for (let i = 0; i < values; i++) {
        value = (value + step + (width === 0 ? 0 : differences[i]!)) | 0;
        out[to + i] = value;
      }
    },
  );
}

/**
 * INT64, sums of which wrap around at 64 bits.
 * @returns whether all values are exact; if not, they are rounded
 * @throws Damage
 */
export function readLongDeltas(
  slice: Slice,
  out: Float64Array,
  from: number,
  count: number,
  unsigned: boolean,
): boolean {
  const start = slice.at;
  if (addNumbers(slice, out, from, count, unsigned)) return true;
  slice.at = start;
  return addBigInts(slice, out, from, count, unsigned);
}

/** @returns false when a value or a difference is too large to be sure */
function addNumbers(
  slice: Slice,
  out: Float64Array,
  from: number,
  count: number,
  unsigned: boolean,
): boolean {
  let value = 0;
  let exact = true;
  const lowest = unsigned ? 0 : -LARGEST;
  eachMiniblock(
    slice,
    count,
    (first) => {
      value = Number(first);
      exact = value >= lowest && value <= LARGEST;
      out[from] = value;
    },
    (least, width, at, values) => {
      const step = Number(least);
      if (width > EXACT_BITS || step > EXACT || step < -EXACT) exact = false;
      if (exact) exact = addUp(out, from + at, values, value, step, width, lowest);
      value = out[from + at + values - 1]!;
    },
  );
  return exact;
}

function addUp(
  out: Float64Array,
  to: number,
  values: number,
  before: number,
  step: number,
  width: number,
  lowest: number,
): boolean {
  const differences = low;
  const upper = high;
  let value = before;
  let strange = false;
  for (let i = 0; i < values; i++) {
    // The difference first: alone it is exact, and then their sum is, or it is too large.
    let difference = width === 0 ? step : step + (differences[i]! >>> 0);
    if (width > 32) difference += upper[i]! * 2 ** 32;
    value += difference;
    if (value > LARGEST || value < lowest) strange = true;
    out[to + i] = value;
  }
  return !strange;
}

function addBigInts(
  slice: Slice,
  out: Float64Array,
  from: number,
  count: number,
  unsigned: boolean,
): boolean {
  let value = 0n;
  let exact = true;
  const put = (place: number): void => {
    const told = unsigned ? BigInt.asUintN(64, value) : value;
    out[place] = Number(told);
    if (told >= 2n ** 53n || told < -(2n ** 53n)) exact = false;
  };
  eachMiniblock(
    slice,
    count,
    (first) => {
      value = first;
      put(from);
    },
    (least, width, at, values) => {
      for (let i = 0; i < values; i++) {
        const upper = width > 32 ? BigInt(high[i]! >>> 0) << 32n : 0n;
        const difference = width === 0 ? 0n : upper | BigInt(low[i]! >>> 0);
        value = BigInt.asIntN(64, value + least + difference);
        put(from + at + i);
      }
    },
  );
  return exact;
}
