import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Columns } from './columns.ts';
import { type BatchColumns, batchBytes, batchColumns, gatherRows } from './gather.ts';
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
function expectedRow(columns: Columns, row: number, short: number, long: number) {
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

/** A batch in memory that was used before. */
function usedBatch(specs: Record<string, InputSpec>, rows: number): BatchColumns {
  const buffer = new ArrayBuffer(batchBytes(specs, rows));
  new Int32Array(buffer).fill(77);
  return batchColumns(specs, buffer, rows, rows);
}

describe('gatherRows', () => {
  it('takes from any rows of two tables what stands there, cut and expanded', () => {
    const tables = TABLES.map((rows, at) => table(at, rows));
    const someOf = (rows: number) =>
      fc.array(fc.integer({ min: 0, max: rows - 1 }), { maxLength: 12 });
    const width = fc.integer({ min: 1, max: STORED });
    const [first, second] = TABLES.map(someOf) as [fc.Arbitrary<number[]>, fc.Arbitrary<number[]>];
    fc.assert(
      fc.property(first, second, width, width, (own, others, short, long) => {
        const specs = inputs(short, long);
        const batch = usedBatch(specs, own.length + others.length);
        gatherRows(specs, tables[0]!, own, batch, 0);
        gatherRows(specs, tables[1]!, others, batch, own.length);
        const expected = [own, others].flatMap((rows, at) =>
          rows.map((row) => expectedRow(tables[at]!, row, short, long)),
        );
        for (const name of ['scalar', 'short', 'long', 'hot'] as const) {
          expect([...batch[name]!.data]).toEqual(expected.flatMap((row) => row[name]));
        }
        expect(batch.hot!.shape).toEqual([expected.length, VECTORS, AXIS]);
      }),
    );
  });

  it('leaves the other rows of the batch alone', () => {
    const specs = inputs(2, 3);
    const batch = usedBatch(specs, 3);
    const before = [...batch.hot!.data];
    gatherRows(specs, table(0, 5), [4], batch, 1);
    const size = VECTORS * AXIS;
    expect([...batch.hot!.data.slice(0, size)]).toEqual(before.slice(0, size));
    expect([...batch.hot!.data.slice(2 * size)]).toEqual(before.slice(2 * size));
    expect([...batch.scalar!.data]).toEqual([77, 4, 77]);
  });

  it('turns stored bytes into numbers of the type that the model takes', () => {
    const stored: Columns = { mask: { shape: [2, 2], data: Uint8Array.of(1, 0, 0, 1) } };
    const specs: Record<string, InputSpec> = { mask: { dtype: 'float32', shape: [2] } };
    const batch = usedBatch(specs, 1);
    gatherRows(specs, stored, [1], batch, 0);
    expect(batch.mask!.data).toEqual(Float32Array.of(0, 1));
  });
});

describe('batchColumns', () => {
  it('lays a smaller batch out where a full one would lie', () => {
    const specs = inputs(2, 3);
    const buffer = new ArrayBuffer(batchBytes(specs, 5));
    const full = batchColumns(specs, buffer, 5, 5);
    const small = batchColumns(specs, buffer, 5, 2);
    for (const [name, { data, shape }] of Object.entries(small)) {
      expect(data.byteOffset).toBe(full[name]!.data.byteOffset);
      expect(shape).toEqual([2, ...specs[name]!.shape]);
      expect(data.length / 2).toBe(full[name]!.data.length / 5);
    }
  });
});
