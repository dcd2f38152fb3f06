import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Columns, gatherBatch, type RowRef } from './columns.ts';
import type { InputSpec } from './types.ts';

/** Rows of the two tables. */
const TABLES = [5, 3];
const STORED = 70;
const VECTORS = 4;
const PER_VECTOR = 2;
const AXIS = 6;

const inputs = (short: number, long: number): Record<string, InputSpec> => ({
  scalar: { dtype: 'int32', shape: [] },
  short: { dtype: 'float32', shape: [short] },
  long: { dtype: 'float32', shape: [long, 1] },
  hot: { dtype: 'float32', shape: [VECTORS, AXIS], validity: 'known' },
});

/** Every value of a table says where it stands; every third vector is unknown. */
function table(at: number, rows: number): Columns {
  const floats = (width: number) =>
    Float32Array.from({ length: rows * width }, (_, i) => at * 10_000 + i + 0.5);
  const hot = Int32Array.from({ length: rows * VECTORS * PER_VECTOR }, (_, i) => {
    return ((i * 5 + at) % (AXIS + 1)) - 1;
  });
  return {
    scalar: { shape: [rows], data: Int32Array.from({ length: rows }, (_, i) => at * 100 + i) },
    short: { shape: [rows, STORED], data: floats(STORED) },
    long: { shape: [rows, STORED, 1], data: floats(STORED) },
    hot: { shape: [rows, VECTORS, PER_VECTOR], data: hot },
    known: {
      shape: [rows, VECTORS],
      data: Int32Array.from({ length: rows * VECTORS }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    },
  };
}

/** What a row of the batch must hold, value by value. */
function expectedRow({ columns, row }: RowRef, short: number, long: number) {
  const from = (name: string, width: number, size: number) =>
    [...columns[name]!.data].slice(row * size, row * size + width);
  const hot = new Array<number>(VECTORS * AXIS).fill(0);
  for (let v = 0; v < VECTORS; v++) {
    if (columns.known!.data[row * VECTORS + v] === 0) continue;
    for (let f = 0; f < PER_VECTOR; f++) {
      const index = columns.hot!.data[(row * VECTORS + v) * PER_VECTOR + f]!;
      if (index >= 0) hot[v * AXIS + index] = 1;
    }
  }
  return {
    scalar: from('scalar', 1, 1),
    short: from('short', short, STORED),
    long: from('long', long, STORED),
    hot,
  };
}

describe('gatherBatch', () => {
  it('takes from any rows of any tables what stands there, cut and expanded', () => {
    const tables = TABLES.map((rows, at) => table(at, rows));
    const ref = fc
      .integer({ min: 0, max: TABLES.length - 1 })
      .chain((at) => fc.tuple(fc.constant(at), fc.integer({ min: 0, max: TABLES[at]! - 1 })));
    const width = fc.integer({ min: 1, max: STORED });
    fc.assert(
      fc.property(fc.array(ref, { minLength: 1, maxLength: 12 }), width, width, (refs, a, b) => {
        const rows = refs.map(([at, row]) => ({ columns: tables[at]!, row }));
        const batch = gatherBatch(inputs(a, b), rows);
        const expected = rows.map((row) => expectedRow(row, a, b));
        for (const name of ['scalar', 'short', 'long', 'hot'] as const) {
          expect([...batch[name]!.data]).toEqual(expected.flatMap((row) => row[name]));
        }
        expect(batch.hot!.shape).toEqual([refs.length, VECTORS, AXIS]);
      }),
    );
  });

  it('turns stored bytes into numbers of the type that the model takes', () => {
    const columns: Columns = { mask: { shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) } };
    const batch = gatherBatch({ mask: { dtype: 'float32', shape: [2] } }, [{ columns, row: 1 }]);
    expect(batch.mask!.data).toEqual(Float32Array.of(0, 1));
  });
});
