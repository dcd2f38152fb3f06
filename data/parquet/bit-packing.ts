/** Parquet's hybrid of runs and bit-packed groups, for levels and dictionary indexes. */
import type { ByteBuffer } from './thrift.ts';

/** Bits that hold 0 … `largest`. */
export const bitWidth = (largest: number): number => (largest === 0 ? 0 : 32 - Math.clz32(largest));

/** One run: `count` times the same value of `width` bits. */
export function writeRun(out: ByteBuffer, value: number, count: number, width: number): void {
  out.varint(count * 2);
  for (let shift = 0; shift < width; shift += 8) out.byte((value >>> shift) & 255);
}

/**
 * The first `count` values, each of `width` ≤ 24 bits, as one bit-packed run, lowest bits first. Groups
 * have eight values: the last is filled up with zeros, which readers do not count.
 */
export function writeBitPacked(
  out: ByteBuffer,
  values: ArrayLike<number>,
  count: number,
  width: number,
): void {
  const groups = Math.ceil(count / 8);
  out.varint(groups * 2 + 1);
  out.reserve(groups * width + 4);
  const { bytes } = out;
  const end = out.length + groups * width;
  let at = out.length;
  let pending = 0;
  let bits = 0;
  for (let i = 0; i < count; i++) {
    // At most 7 bits are pending, so 31 are never passed.
    pending |= values[i]! << bits;
    bits += width;
    while (bits >= 8) {
      bytes[at++] = pending & 255;
      pending >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) bytes[at++] = pending & 255;
  bytes.fill(0, at, end);
  out.length = end;
}

/** Values as one run when they are all alike, else bit-packed. */
export function writeHybrid(
  out: ByteBuffer,
  values: ArrayLike<number>,
  count: number,
  width: number,
): void {
  let alike = 1;
  while (alike < count && values[alike] === values[0]) alike++;
  if (count > 0 && alike >= count) writeRun(out, values[0]!, count, width);
  else writeBitPacked(out, values, count, width);
}
