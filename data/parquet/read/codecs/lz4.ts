/** LZ4's block format (lz4/lz4, lz4_Block_format.md), which Parquet calls LZ4_RAW. */
import { Damage } from '../damage.ts';
import { repeat } from './snappy.ts';

const MIN_MATCH = 4;

/** Decompresses what gives exactly `size` bytes into the beginning of `out`. @throws Damage */
export function lz4Decompress(bytes: Uint8Array, out: Uint8Array, size: number): void {
  const end = bytes.length;
  let at = 0;
  let to = 0;
  /** A length of four bits and the bytes that follow while they are 255. */
  const lengthOf = (bits: number): number => {
    let length = bits;
    if (bits < 15) return length;
    for (let byte = 255; byte === 255; length += byte) {
      if (at >= end) throw new Damage('lz4 data is cut off');
      byte = bytes[at++]!;
    }
    return length;
  };
  while (at < end) {
    const token = bytes[at++]!;
    const literals = lengthOf(token >>> 4);
    if (at + literals > end) throw new Damage('lz4 data is cut off');
    if (to + literals > size) throw new Damage('lz4 data holds more than it should');
    out.set(bytes.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    // The last sequence has no match.
    if (at === end) break;
    if (at + 2 > end) throw new Damage('lz4 data is cut off');
    const offset = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    to = repeat(out, to, offset, MIN_MATCH + lengthOf(token & 15), size);
  }
  if (to !== size) throw new Damage('lz4 data holds less than it should');
}
