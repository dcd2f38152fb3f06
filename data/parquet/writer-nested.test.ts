import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DuckDb, sqlText } from '../duckdb.ts';
import { ListShape, NULL_INT } from './column.ts';
import { ParquetWriter } from './writer.ts';

it('writes lists of structs, structs and null lists as DuckDB reads them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'parquet-'));
  const path = join(folder, 'nested.parquet');
  const db = await DuckDb.open({ tempDir: join(folder, 'spill') });
  try {
    const writer = await ParquetWriter.create(path, [
      { name: 'candidates', member: 'item', type: 'text', list: true },
      { name: 'candidates', member: 'place', type: 'int32', list: true },
      { name: 'order', type: 'text', list: true },
      { name: 'summary', member: 'count', type: 'int32', list: false },
      { name: 'summary', member: 'mean', type: 'double', list: false },
      { name: 'id', type: 'text', list: false },
    ]);
    const shape = new ListShape([2, -1, 0, 1]);
    const inside = Uint8Array.of(1, 0, 1, 1);
    await writer.group(4, [
      { texts: ['a', null, 'c'], shape },
      { numbers: Int32Array.of(0, 1, NULL_INT), shape },
      { texts: ['x', 'y'], shape: new ListShape([-1, 1, 1, 0]) },
      { numbers: Int32Array.of(5, NULL_INT, NULL_INT, 7), inside },
      { numbers: Float64Array.of(0.5, Number.NaN, 1.5, Number.NaN), inside },
      { plain: Buffer.from('\u0001\0\0\0p\0\0\0\0\u0002\0\0\0qr\u0001\0\0\0s'), count: 4 },
    ]);
    await writer.close();
    const rows = await db.rows<{ row: string }>(
      `select to_json(t)::varchar as row from read_parquet(${sqlText(path)}) t`,
    );
    expect(rows.map(({ row }) => JSON.parse(row) as unknown)).toEqual([
      {
        candidates: [
          { item: 'a', place: 0 },
          { item: null, place: 1 },
        ],
        ...{ order: null, summary: { count: 5, mean: 0.5 }, id: 'p' },
      },
      { candidates: null, order: ['x'], summary: null, id: '' },
      { candidates: [], order: ['y'], summary: { count: null, mean: 1.5 }, id: 'qr' },
      {
        candidates: [{ item: 'c', place: null }],
        order: [],
        summary: { count: 7, mean: null },
        id: 's',
      },
    ]);
  } finally {
    db.close();
    await rm(folder, { recursive: true, force: true });
  }
});
