import { describe, expect, test } from 'vitest';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import { pickRows } from '../lake/pick-rows.ts';
import type { Source } from '../lake/unit-columns.ts';
import { type Block, HeldRows, releasedBlock } from './block.ts';
import { HeldBlocks, holdLimit } from './held-blocks.ts';

const flat = { rows: 3, lists: undefined, levels: undefined };
const texts = { bytes: new TextEncoder().encode('abc'), starts: Int32Array.of(0, 1, 2, 3) };
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

/** With its texts as such, wherever they lie. */
function textual({ vector, ...rest }: Source) {
  if (vector.kind !== 'texts') return { vector, ...rest };
  const { texts: own, ...shape } = vector;
  const words = Array.from({ length: own.starts.length - 1 }, (_, i) =>
    Buffer.from(own.bytes.subarray(own.starts[i], own.starts[i + 1])).toString(),
  );
  return { vector: { ...shape, words }, ...rest };
}

const readable = ({ columns, ...rest }: Block) => ({
  ...rest,
  columns: [...columns].map(([path, source]) => [path, textual(source)]),
});

describe('a block that is held', () => {
  test('is the same in memory that threads share, as a whole and by groups', () => {
    const held = new HeldBlocks(holdLimit(2 ** 20));
    expect(held.take(block())).toBe(true);
    const [one] = held.finish();
    expect(one!.hashes.low.length).toBe(3);
    expect(readable(releasedBlock(one!))).toEqual(readable(block()));
    const group = new HeldRows(one!, one!.starts[1]!, one!.starts[2]!);
    expect([group.rows, group.numbers, group.days]).toEqual([
      2,
      Float64Array.of(2, 3),
      Int32Array.of(9, 9),
    ]);
    for (const [path, { vector }] of block().columns) {
      const picked = { vector: pickRows(vector, Int32Array.of(1, 2)), maxDefinition: 1 };
      expect(textual(group.column(path)!), path).toEqual(textual(picked));
    }
    expect(group.column('none')).toBeUndefined();
  });

  test('has arrays that columns have in common once', () => {
    const held = new HeldBlocks(holdLimit(2 ** 20));
    held.take(block());
    const [one] = held.finish();
    const listsOf = (path: string) => one!.columns.get(path)!.lists!;
    expect(listsOf('a.list.element').starts).toBe(listsOf('b.list.element').starts);
    expect(listsOf('a.list.element').starts.values.buffer).toBeInstanceOf(SharedArrayBuffer);
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
