import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { type ColumnData, ListShape, NULL_INT } from './column.ts';
import { Dictionary } from './dictionary.ts';
import type { ColumnSchema, ValueType } from './schema.ts';
import { ParquetWriter } from './writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Value = number | string | null;
type Cell = Value | Value[];

/** Cells of a column as the writer takes them. */
function dataOf({ type, list }: ColumnSchema, cells: readonly Cell[], coded: boolean): ColumnData {
  const values = (list ? (cells as Value[][]).flat() : cells) as Value[];
  const shape = list ? new ListShape(cells.map((cell) => (cell as Value[]).length)) : undefined;
  if (type === 'text' && coded) {
    const dictionary = new Dictionary();
    const known = new Map<string, number>();
    const codes = values.map((text) => {
      if (text === null) return -1;
      if (!known.has(text as string)) known.set(text as string, dictionary.add(text as string));
      return known.get(text as string)!;
    });
    return { codes: Int32Array.from(codes), dictionary, shape };
  }
  if (type === 'text') return { texts: values as (string | null)[], shape };
  const numbers =
    type === 'double' || type === 'int64'
      ? Float64Array.from(values, (value) => (value === null ? Number.NaN : Number(value)))
      : Int32Array.from(values, (value) => (value === null ? NULL_INT : Number(value)));
  return { numbers, shape };
}

const VALUES: Record<ValueType, fc.Arbitrary<number | string>> = {
  int32: fc.oneof(fc.integer({ min: -2_147_483_647 }), fc.integer({ min: 3, max: 60 })),
  uint8: fc.integer({ min: 0, max: 255 }),
  date: fc.integer({ min: 0, max: 30_000 }),
  int64: fc.oneof(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), fc.constant(1_772_409_600_000)),
  double: fc.double({ noNaN: true }),
  text: fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b', 'é€😀')),
};

const column = fc
  .record({
    type: fc.constantFrom(...(Object.keys(VALUES) as ValueType[])),
    list: fc.boolean(),
    coded: fc.boolean(),
    nulls: fc.boolean(),
  })
  .chain(({ type, list, coded, nulls }) => {
    const value = nulls ? fc.option(VALUES[type], { freq: 3 }) : VALUES[type];
    const cell: fc.Arbitrary<Cell> = list ? fc.array(value, { maxLength: 40 }) : value;
    return fc.record({
      type: fc.constant(type),
      list: fc.constant(list),
      coded: fc.constant(coded),
      cells: fc.array(cell, { minLength: 12, maxLength: 12 }),
    });
  });

/** Reads the file with DuckDB; numbers of any kind as JavaScript's. */
async function readWithDuckDb(path: string, columns: readonly ColumnSchema[]) {
  const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
  try {
    const names = columns.map(({ name }) => name).join(', ');
    return await db.rows<Record<string, unknown>>(
      `select ${names} from read_parquet(${sqlText(path)})`,
    );
  } finally {
    db.close();
  }
}

const DAY_MS = 86_400_000;
const days = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(days) : value instanceof Date ? value.getTime() / DAY_MS : value;

describe('Parquet files', () => {
  it('are read by DuckDB and hyparquet as they were written', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(column, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 11 }),
        async (columns, cut) => {
          const schema = columns.map(({ type, list }, c) => ({ name: `c${c}`, type, list }));
          const path = join(folder, `${run++}.parquet`);
          const writer = await ParquetWriter.create(path, schema);
          for (const [from, to] of [
            [0, cut],
            [cut, 12],
          ] as const) {
            const data = columns.map(({ cells, coded }, c) =>
              dataOf(schema[c]!, cells.slice(from, to), coded),
            );
            await writer.group(to - from, data);
          }
          await writer.close();
          const expected = Array.from({ length: 12 }, (_, row) =>
            Object.fromEntries(columns.map(({ cells }, c) => [`c${c}`, cells[row]])),
          );
          const clean = (rows: Record<string, unknown>[]) =>
            rows.map((row) =>
              Object.fromEntries(Object.entries(row).map(([key, value]) => [key, days(value)])),
            );
          expect(clean(await readWithDuckDb(path, schema))).toEqual(expected);
          const file = await asyncBufferFromFile(path);
          const rows = await parquetReadObjects({ file });
          const plain = (value: unknown): unknown =>
            Array.isArray(value)
              ? value.map(plain)
              : typeof value === 'bigint'
                ? Number(value)
                : days(value);
          expect(
            rows.map((row) =>
              Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)])),
            ),
          ).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });
});
