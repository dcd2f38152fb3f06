import { describe, expect, test } from 'vitest';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { type Block, bytesOfBlock } from './block.ts';
import { HeldBlocks, holdLimit } from './held-blocks.ts';

const flat = { rows: 3, lists: undefined, levels: undefined };
const texts = { bytes: Buffer.from('abc'), starts: Int32Array.of(0, 1, 2, 3) };
const lists = { starts: Int32Array.of(0, 1, 1, 2), nulls: Uint8Array.of(0, 1, 0) };

function block(): Block {
  const vectors: Record<string, ColumnVector> = {
    event_id: { ...flat, kind: 'texts', texts },
    user_key: { ...flat, kind: 'coded-texts', codes: Int32Array.of(2, 0, 0), dictionary: texts },
    ts: { ...flat, kind: 'numbers', numbers: Float64Array.of(3, 2, 1) },
    'a.list.element': { ...flat, lists, kind: 'numbers', numbers: Int32Array.of(5, 6) },
    'b.list.element': { ...flat, lists, kind: 'numbers', numbers: Int32Array.of(7, 8) },
  };
  return {
    ...{ type: 'exposure', rows: 3, starts: Int32Array.of(0, 1, 3) },
    numbers: Float64Array.of(1, 2, 3),
    days: Int32Array.of(9, 9, 9),
    columns: new Map(
      Object.entries(vectors).map(([path, vector]) => [path, { vector, maxDefinition: 1 }]),
    ),
  };
}

describe('a block that is held', () => {
  test('is the same in memory that threads share, with its arrays in common once', () => {
    const held = new HeldBlocks(holdLimit(2 ** 20));
    expect(held.take(block())).toBe(true);
    const [one] = held.finish();
    const { hashes, ...rest } = one!;
    expect(hashes.low.length).toBe(3);
    const vectorOf = (path: string) => one!.columns.get(path)!.vector;
    expect(vectorOf('ts')).toEqual(block().columns.get('ts')!.vector);
    expect({ ...rest, columns: [...rest.columns.keys()] }).toEqual({
      ...block(),
      columns: [...block().columns.keys()],
    });
    const [a, b] = [vectorOf('a.list.element'), vectorOf('b.list.element')];
    expect(a.lists!.starts).toBe(b.lists!.starts);
    const ids = vectorOf('event_id');
    if (ids.kind !== 'texts') throw new Error('another kind');
    expect(Buffer.from(ids.texts.bytes).toString()).toBe('abc');
    for (const array of [one!.numbers, hashes.low, a.lists!.starts, ids.texts.bytes]) {
      expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
    expect(bytesOfBlock(one!)).toBe(one!.numbers.buffer.byteLength);
  });

  test('is not taken beyond what all threads may hold together', () => {
    const limit = holdLimit(2 * 1024);
    const [one, other] = [new HeldBlocks(limit), new HeldBlocks(limit)];
    expect([one.take(block()), other.take(block()), one.take(block())]).toEqual([
      true,
      true,
      false,
    ]);
    expect([one.finish().length, other.finish().length]).toEqual([1, 1]);
  });
});
