/** Snappy's block format (google/snappy, format_description.txt). */
import { Damage } from '../damage.ts';

/** From this length on the engine's own copying pays for the call. */
const LONG_COPY = 64;

/** Decompresses what gives exactly `size` bytes into the beginning of `out`. @throws Damage */
export function snappyDecompress(bytes: Uint8Array, out: Uint8Array, size: number): void {
  const end = bytes.length;
  let at = 0;
  let told = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw new Damage('snappy data has no length');
    const byte = bytes[at++]!;
    told += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (told !== size) throw new Damage('snappy data has another size than it should');
  let to = 0;
  while (at < end) {
    const tag = bytes[at++]!;
    let length = (tag >>> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) {
        const extra = length - 60;
        if (at + extra > end) throw new Damage('snappy data is cut off');
        length = 1;
        for (let i = 0; i < extra; i++) length += bytes[at++]! * 2 ** (8 * i);
      }
      if (at + length > end) throw new Damage('snappy data is cut off');
      if (to + length > size) throw new Damage('snappy data holds more than it should');
      if (length >= LONG_COPY) {
        out.set(bytes.subarray(at, at + length), to);
        at += length;
        to += length;
      } else for (const stop = at + length; at < stop; ) out[to++] = bytes[at++]!;
      continue;
    }
    let offset: number;
    if ((tag & 3) === 1) {
      length = ((tag >>> 2) & 7) + 4;
      offset = ((tag >>> 5) << 8) | (at < end ? bytes[at]! : 0);
      at += 1;
    } else if ((tag & 3) === 2) {
      offset = at + 2 <= end ? bytes[at]! | (bytes[at + 1]! << 8) : 0;
      at += 2;
    } else {
      offset =
        at + 4 <= end
          ? (bytes[at]! |
              (bytes[at + 1]! << 8) |
              (bytes[at + 2]! << 16) |
              (bytes[at + 3]! << 24)) >>>
            0
          : 0;
      at += 4;
    }
    if (at > end) throw new Damage('snappy data is cut off');
    to = repeat(out, to, offset, length, size);
  }
  if (to !== size) throw new Damage('snappy data holds less than it should');
}

/** Copies `length` bytes from `offset` bytes back; they may overlap what they make. @returns the place after */
export function repeat(
  out: Uint8Array,
  at: number,
  offset: number,
  length: number,
  size: number,
): number {
  if (offset < 1 || offset > at) throw new Damage('a copy reaches back too far');
  const stop = at + length;
  if (stop > size) throw new Damage('compressed data holds more than it should');
  let from = at - offset;
  if (offset >= length && length >= LONG_COPY) out.copyWithin(at, from, from + length);
  else for (let to = at; to < stop; ) out[to++] = out[from++]!;
  return stop;
}
