import { expect, it } from 'vitest';
import type { ColumnVector } from '../../parquet/read/decode.ts';
import type { Leaf } from '../../parquet/read/schema.ts';
import { checkColumn, checkNull } from './check-column.ts';
import type { LeafRule } from './contract-rules.ts';

const leafOf = (physical: Leaf['physical'], maxDefinition = 1): Leaf => ({
  ...{ path: ['x'], physical, logical: undefined, maxDefinition, maxRepetition: 0 },
  ...{ elementDefinition: 0, nullable: true, unsupported: undefined },
});

/** 1 for each row that is not surely valid. */
function badRows(vector: ColumnVector, leaf: Leaf, rule: Omit<LeafRule, 'path'>): number[] {
  const bad = new Uint8Array(vector.rows);
  checkColumn(
    vector,
    leaf,
    { path: 'x', ...rule },
    Int32Array.from(bad, (_, row) => row),
    bad,
  );
  return [...bad];
}

const flat = (rows: number) => ({ rows, lists: undefined, levels: undefined });

it('leaves −0, not a number, what is out of range and what was rounded to the long way', () => {
  const numbers = Float64Array.of(0, -0, Number.NaN, 5, 5.5, -1, 2 ** 53);
  const vector: ColumnVector = { ...flat(7), kind: 'numbers', numbers };
  const rule = { required: true, value: { kind: 'number', whole: false, least: 0 } as const };
  const within = (most: number) => ({ ...rule, value: { ...rule.value, most } });
  expect(badRows(vector, leafOf('double'), within(5))).toEqual([0, 1, 1, 0, 1, 1, 1]);
  expect(badRows(vector, leafOf('int64'), within(Number.MAX_VALUE)).at(-1)).toBe(1);
});

it('leaves texts with control characters, wrong lengths and bytes that are not UTF-8 alone', () => {
  const texts = ['ok', '', 'a\u0001', 'a\u007f', 'a\u0085', 'a\u00a0', 'four', '日'].map((text) =>
    Buffer.from(text),
  );
  texts.push(Buffer.from([0xff]));
  let at = 0;
  const starts = Int32Array.from([0, ...texts.map(({ length }) => (at += length))]);
  const rows = texts.length;
  const bytes = Buffer.concat(texts);
  const vector: ColumnVector = { ...flat(rows), kind: 'texts', texts: { bytes, starts } };
  const value = { kind: 'text', least: 1, most: 3 } as const;
  expect(badRows(vector, leafOf('bytes'), { required: true, value })).toEqual([
    0, 1, 1, 1, 1, 0, 1, 0, 1,
  ]);
});

it('refuses null where a value must be, and only there', () => {
  const vector: ColumnVector = {
    ...{ rows: 2, lists: undefined, levels: Uint8Array.of(1, 0) },
    ...{ kind: 'numbers', numbers: Float64Array.of(1, Number.NaN) },
  };
  const value = { kind: 'number', whole: false, least: 0, most: 9 } as const;
  expect(badRows(vector, leafOf('double'), { required: true, value })).toEqual([0, 1]);
  expect(badRows(vector, leafOf('double'), { required: false, value })).toEqual([0, 0]);
});

it('takes a column for null only where the outermost level is what is missing', () => {
  const lists = { starts: Int32Array.of(0, 0, 0), nulls: Uint8Array.of(1, 0) };
  const flatVector = { ...flat(2), levels: Uint8Array.of(0, 1) };
  const numbers = { kind: 'numbers', numbers: new Int32Array(2) } as const;
  const notNull = (vector: ColumnVector, leaf: Partial<Leaf>): number[] => {
    const bad = new Uint8Array(2);
    checkNull(vector, { ...leafOf('int32'), ...leaf }, Int32Array.of(0, 1), bad);
    return [...bad];
  };
  expect(notNull({ ...flatVector, ...numbers }, {})).toEqual([0, 1]);
  expect(notNull({ ...flatVector, ...numbers }, { nullable: false })).toEqual([1, 1]);
  expect(notNull({ ...flat(2), ...numbers }, {})).toEqual([1, 1]);
  expect(notNull({ ...flat(2), lists, ...numbers }, { elementDefinition: 2 })).toEqual([0, 1]);
  expect(notNull({ ...flat(2), lists, ...numbers }, { elementDefinition: 3 })).toEqual([1, 1]);
});
