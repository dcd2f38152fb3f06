/** Event ids of accepted rows, wherever they wait: their hashes, and some of the ids themselves. */
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { openParquet, type ParquetFile } from '../../parquet/read/file.ts';
import { type HeldBlock, HeldRows } from '../held/block.ts';
import { hashesOf, type TextHashes } from '../held/hash-texts.ts';
import { packedAt } from '../held/packed.ts';

/** Calls for each of some rows, which are ascending. */
export type OnId = (place: number, id: string, rowNo: number) => void;

/** Rows of one table that wait in one place. */
export interface IdSource {
  /** What they are counted under. */
  table: string;
  hashes: TextHashes;
  read(places: readonly number[], onId: OnId): Promise<void>;
}

function idAt(vector: ColumnVector, row: number): string {
  let [texts, place] = [undefined as { bytes: Uint8Array; starts: Int32Array } | undefined, row];
  if (vector.kind === 'texts') texts = vector.texts;
  else if (vector.kind === 'coded-texts') {
    texts = vector.dictionary;
    place = vector.codes[row]!;
  }
  if (!texts) throw new TypeError('event ids are texts');
  const { bytes, starts } = texts;
  return Buffer.from(bytes.subarray(starts[place]!, starts[place + 1]!)).toString();
}

export const heldIds = (block: HeldBlock, table: string): IdSource => ({
  table,
  hashes: block.hashes,
  async read(places, onId) {
    const { vector } = new HeldRows(block, 0, block.rows).column('event_id')!;
    for (const place of places) onId(place, idAt(vector, place), packedAt(block.numbers, place));
  },
});

export const stagedIds = (path: string, hashes: TextHashes, table: string): IdSource => ({
  table,
  hashes,
  async read(places, onId) {
    await withFile(path, async (file) => {
      let [next, first] = [0, 0];
      for (const [group, { rows }] of file.groups.entries()) {
        if (next < places.length && places[next]! < first + rows) {
          const ids = await file.readColumn(group, file.leaf('event_id')!);
          const numbers = await file.readColumn(group, file.leaf('row_no')!);
          if (numbers.kind !== 'numbers') throw new TypeError('numbers of rows are numbers');
          for (; next < places.length && places[next]! < first + rows; next++) {
            const row = places[next]! - first;
            onId(places[next]!, idAt(ids, row), numbers.numbers[row]!);
          }
        }
        first += rows;
      }
    });
  },
});

/** Hashes of the event ids of a staged file, in memory that threads share. */
export async function hashStagedIds(path: string, seed: number): Promise<TextHashes> {
  return withFile(path, async (file) => {
    const bytes = file.rows * Int32Array.BYTES_PER_ELEMENT;
    const hashes = {
      low: new Int32Array(new SharedArrayBuffer(bytes)),
      high: new Int32Array(new SharedArrayBuffer(bytes)),
    };
    let first = 0;
    for (const [group, { rows }] of file.groups.entries()) {
      const { low, high } = hashesOf(await file.readColumn(group, file.leaf('event_id')!), seed);
      hashes.low.set(low, first);
      hashes.high.set(high, first);
      first += rows;
    }
    return hashes;
  });
}

async function withFile<T>(path: string, work: (file: ParquetFile) => Promise<T>): Promise<T> {
  const file = await openParquet(path);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}
