/** Texts in UTF-8 as they stand in memory. */
import { isUtf8 } from 'node:buffer';
import type { ColumnVector } from '../parquet/read/decode.ts';

/** Bytes, and a view of the same bytes to read words from. */
export interface TextBytes {
  bytes: Buffer;
  view: DataView;
}

/** Without a copy. */
export const textBytes = ({ buffer, byteOffset, byteLength }: Uint8Array): TextBytes => ({
  bytes: Buffer.from(buffer, byteOffset, byteLength),
  view: new DataView(buffer, byteOffset, byteLength),
});

/** A text that is not UTF-8: whoever knows the file says where. */
export class NotUtf8 extends Error {
  constructor() {
    super('a text is not UTF-8');
  }
}

/** The text `bytes[from] … bytes[to − 1]`. @throws NotUtf8 */
export function decodeText(bytes: Buffer, from: number, to: number): string {
  let all = 0;
  for (let at = from; at < to; at++) all |= bytes[at]!;
  if (all < 128) return bytes.toString('latin1', from, to);
  if (!isUtf8(bytes.subarray(from, to))) throw new NotUtf8();
  return bytes.toString('utf8', from, to);
}

export const sameBytes = (
  a: DataView,
  from: number,
  to: number,
  b: DataView,
  start: number,
): boolean => {
  let at = from;
  let own = start;
  for (; at + 4 <= to; at += 4, own += 4) {
    if (a.getInt32(at, true) !== b.getInt32(own, true)) return false;
  }
  for (; at < to; at++, own++) if (a.getUint8(at) !== b.getUint8(own)) return false;
  return true;
};

/** The texts of one column chunk. */
export interface ChunkTexts extends TextBytes {
  /** Text i: `bytes[starts[i]] … bytes[starts[i + 1] − 1]`. */
  starts: Int32Array;
  /** Number of the text of each value, −1 for null; without it value i has text i. */
  codes: Int32Array | undefined;
  /** Without codes: whether value i is null. Undefined when none is. */
  nulls: Uint8Array | undefined;
}

/** @param maxDefinition of the column. @throws TypeError when it holds no texts */
export function chunkTexts(vector: ColumnVector, maxDefinition: number): ChunkTexts {
  if (vector.kind === 'coded-texts') {
    const { codes, dictionary } = vector;
    return { ...textBytes(dictionary.bytes), starts: dictionary.starts, codes, nulls: undefined };
  }
  if (vector.kind !== 'texts') throw new TypeError('the column holds no texts');
  const { levels, texts } = vector;
  const nulls = levels?.map((level) => Number(level < maxDefinition));
  return { ...textBytes(texts.bytes), starts: texts.starts, codes: undefined, nulls };
}
