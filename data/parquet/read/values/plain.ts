/** PLAIN and BYTE_STREAM_SPLIT numbers. Little-endian, as every platform is that this runs on. */
import { Damage } from '../damage.ts';
import type { Slice } from './slice.ts';

/** Takes `size` bytes. @returns where they begin */
export function take(slice: Slice, size: number): number {
  const from = slice.at;
  if (from + size > slice.end) throw new Damage('a page has fewer values than it says');
  slice.at = from + size;
  return from;
}

/** Copies numbers as they are. */
export function readAligned(
  slice: Slice,
  out: Int32Array | Float64Array,
  from: number,
  count: number,
): void {
  const size = out.BYTES_PER_ELEMENT;
  const start = take(slice, size * count);
  const target = new Uint8Array(out.buffer, out.byteOffset + size * from, size * count);
  target.set(slice.bytes.subarray(start, start + size * count));
}

export function readFloats(slice: Slice, out: Float64Array, from: number, count: number): void {
  const { view } = slice;
  const start = take(slice, 4 * count);
  for (let i = 0; i < count; i++) out[from + i] = view.getFloat32(start + 4 * i, true);
}

export function readUnsigned(slice: Slice, out: Float64Array, from: number, count: number): void {
  const { view } = slice;
  const start = take(slice, 4 * count);
  for (let i = 0; i < count; i++) out[from + i] = view.getUint32(start + 4 * i, true);
}

/** INT64. @returns whether all values are exact, from −2^53 to below 2^53; if not, they are rounded */
export function readLongs(
  slice: Slice,
  out: Float64Array,
  from: number,
  count: number,
  unsigned: boolean,
): boolean {
  const { view } = slice;
  const start = take(slice, 8 * count);
  // Bits of higher halves that are beyond: moved up by 2^21, what is in range has 22 bits.
  const shift = unsigned ? 0 : 0x200000;
  let strange = 0;
  for (let i = 0; i < count; i++) {
    const at = start + 8 * i;
    const upper = view.getInt32(at + 4, true);
    strange |= upper + shift;
    out[from + i] = upper * 2 ** 32 + view.getUint32(at, true);
  }
  const exact = (strange & (unsigned ? ~0x1fffff : ~0x3fffff)) === 0;
  if (!exact && unsigned) {
    for (let i = 0; i < count; i++) {
      const at = start + 8 * i;
      out[from + i] = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
    }
  }
  return exact;
}

/**
 * Values whose first bytes stand together, then their second bytes and so on, put back into the PLAIN form.
 * @param size bytes of a value
 */
export function joinStreams(slice: Slice, size: number, count: number): Uint8Array {
  const start = take(slice, size * count);
  const joined = new Uint8Array(size * count);
  for (let stream = 0; stream < size; stream++) {
    const from = start + stream * count;
    for (let i = 0; i < count; i++) joined[i * size + stream] = slice.bytes[from + i]!;
  }
  return joined;
}

/** Booleans, a bit each, the lowest first. */
export function readBits(slice: Slice, out: Uint8Array, from: number, count: number): void {
  const { bytes } = slice;
  const start = take(slice, Math.ceil(count / 8));
  for (let i = 0; i < count; i++) out[from + i] = (bytes[start + (i >>> 3)]! >>> (i & 7)) & 1;
}
