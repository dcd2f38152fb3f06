/** The texts of a column chunk. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { ColumnVector } from '../parquet/read/decode.ts';

export interface ChunkTexts {
  /** Text i: `bytes[starts[i]] … bytes[starts[i + 1] − 1]`. */
  bytes: Buffer;
  /** Of the same bytes, to read words from. */
  view: DataView;
  starts: Int32Array;
  /** Number of the text of each value, −1 for null; without it value i has text i. */
  codes: Int32Array | undefined;
  /** Without codes: 1 where value i is null. Undefined when none is. */
  nulls: Uint8Array | undefined;
}

/** @param maxDefinition of the column. @throws TypeError when it holds no texts */
export function chunkTexts(vector: ColumnVector, maxDefinition: number): ChunkTexts {
  if (vector.kind === 'coded-texts') {
    const { codes, dictionary } = vector;
    return { ...viewed(dictionary.bytes), starts: dictionary.starts, codes, nulls: undefined };
  }
  if (vector.kind !== 'texts') throw new TypeError('the column holds no texts');
  const { levels, texts } = vector;
  const nulls = levels?.map((level) => Number(level < maxDefinition));
  return { ...viewed(texts.bytes), starts: texts.starts, codes: undefined, nulls };
}

/** Without a copy. */
const viewed = ({ buffer, byteOffset, byteLength }: Uint8Array) => ({
  bytes: Buffer.from(buffer, byteOffset, byteLength),
  view: new DataView(buffer, byteOffset, byteLength),
});

/** Whether all texts of a chunk are UTF-8; true for numbers. */
export function areUtf8(vector: ColumnVector): boolean {
  if (vector.kind !== 'texts' && vector.kind !== 'coded-texts') return true;
  const { bytes, starts } = vector.kind === 'texts' ? vector.texts : vector.dictionary;
  if (isAscii(bytes)) return true;
  if (!isUtf8(bytes)) return false;
  // Together they are; each is when none begins in the middle of a character.
  return starts.every((start) => start === bytes.length || (bytes[start]! & 0xc0) !== 0x80);
}
