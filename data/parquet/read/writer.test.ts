import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ColumnData, ListShape, NULL_INT } from '../column.ts';
import { Dictionary } from '../dictionary.ts';
import type { ColumnSchema } from '../schema.ts';
import { ParquetWriter } from '../writer.ts';
import { openParquet } from './file.ts';
import { type Cell, readCells } from './read-fixture.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-own-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const ROWS = 30;
const list = <T>(value: fc.Arbitrary<T>) => fc.array(fc.option(value), { maxLength: 9 });
const column = <T>(value: fc.Arbitrary<T>) => fc.array(value, { minLength: ROWS, maxLength: ROWS });

const int = fc.oneof(fc.integer({ min: -(2 ** 31) + 1 }), fc.integer({ min: 3, max: 9 }));
const long = fc.oneof(
  fc.integer({ min: -(2 ** 51), max: 2 ** 51 }),
  fc.constant(1_772_409_600_000),
);
const double = fc.double({ noNaN: true });
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('a', 'b', 'é€😀'));

const groups = fc.array(
  fc.record({
    int: column(fc.option(int)),
    long: column(fc.option(long)),
    double: column(fc.option(double)),
    text: column(fc.option(text)),
    coded: column(fc.option(text)),
    longs: column(list(long)),
    codes: column(list(text)),
  }),
  { minLength: 1, maxLength: 3 },
);
type Group = typeof groups extends fc.Arbitrary<(infer G)[]> ? G : never;

const SCHEMA: ColumnSchema[] = [
  { name: 'int', type: 'int32', list: false },
  { name: 'long', type: 'int64', list: false },
  { name: 'double', type: 'double', list: false },
  { name: 'text', type: 'text', list: false },
  { name: 'coded', type: 'text', list: false },
  { name: 'longs', type: 'int64', list: true },
  { name: 'codes', type: 'text', list: true },
];

const doubles = (values: readonly (number | null)[]): ColumnData => ({
  numbers: Float64Array.from(values, (value) => value ?? Number.NaN),
});

function codesOf(values: readonly (string | null)[]): ColumnData {
  const dictionary = new Dictionary();
  const known = new Map<string, number>();
  const codes = values.map((value) => {
    if (value === null) return -1;
    if (!known.has(value)) known.set(value, dictionary.add(value));
    return known.get(value)!;
  });
  return { codes: Int32Array.from(codes), dictionary };
}

const shaped = (data: ColumnData, cells: readonly (readonly unknown[])[]): ColumnData => ({
  ...data,
  shape: new ListShape(cells.map(({ length }) => length)),
});

const dataOf = (group: Group): ColumnData[] => [
  { numbers: Int32Array.from(group.int, (value) => value ?? NULL_INT) },
  doubles(group.long),
  doubles(group.double),
  { texts: group.text },
  codesOf(group.coded),
  shaped(doubles(group.longs.flat()), group.longs),
  shaped(codesOf(group.codes.flat()), group.codes),
];

it('reads what our own writer wrote, group by group', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(groups, async (written) => {
      const path = join(folder, `${run++}.parquet`);
      const writer = await ParquetWriter.create(path, SCHEMA);
      for (const group of written) await writer.group(ROWS, dataOf(group));
      await writer.close();
      const file = await openParquet(path);
      try {
        expect(file.rows).toBe(ROWS * written.length);
        for (const { name, list: isList } of SCHEMA) {
          const cells = await readCells(file, isList ? `${name}.list.element` : name);
          const expected = written.flatMap((group) => group[name as keyof Group] as Cell[]);
          expect(cells, name).toEqual(expected);
        }
      } finally {
        await file.close();
      }
    }),
    { numRuns: 60 },
  );
});
