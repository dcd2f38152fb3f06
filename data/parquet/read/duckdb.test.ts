import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DuckDb } from '../../duckdb.ts';
import { COLUMNS, type Table, writeTable } from './duckdb-fixture.ts';
import { openParquet, type ParquetFile } from './file.ts';
import { readCells } from './read-fixture.ts';

let folder: string;
let db: DuckDb;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-read-'));
  db = await DuckDb.open({ tempDir: join(folder, 'spill') });
});
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes the table and reads it with both. */
async function compare(table: Table, options: string): Promise<ParquetFile> {
  const path = join(folder, 'table.parquet');
  await writeTable(db, path, table, options);
  const file = await openParquet(path);
  try {
    expect(file.rows).toBe(table.rows);
    for (const [name, { reads = { [name]: name } }] of Object.entries(COLUMNS)) {
      for (const [leaf, sql] of Object.entries(reads)) {
        const rows = await db.rows<{ cell: unknown }>(
          `select ${sql} as cell from t order by rowid`,
        );
        expect(await readCells(file, leaf), `${leaf} with ${options}`).toEqual(
          rows.map(({ cell }) => cell),
        );
      }
    }
  } finally {
    await file.close();
  }
  return file;
}

const codec = fc.constantFrom(
  'compression uncompressed',
  'compression snappy',
  'compression gzip',
  'compression lz4_raw',
  'compression zstd',
  'compression zstd, compression_level 1',
  'compression zstd, compression_level 19',
);
const form = fc.record({
  codec,
  version: fc.constantFrom('v1', 'v2'),
  dictionary: fc.constantFrom('', ', dictionary_size_limit 1', ', dictionary_size_limit 100000'),
});

describe('files of DuckDB', () => {
  it('are read as DuckDB reads them: every codec, both versions, nulls, lists, several row groups', async () => {
    const table = fc.record({
      rows: fc.oneof(fc.constantFrom(0, 1, 7, 8, 9, 2048, 5000), fc.integer({ min: 1, max: 300 })),
      nulls: fc.constantFrom(0, 0, 5, 50, 100),
      distinct: fc.constantFrom(1, 2, 3, 17, 300),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(table, form, async (shape, { codec, version, dictionary }) => {
        await compare(
          shape,
          `${codec}, parquet_version ${version}, row_group_size 2048${dictionary}`,
        );
      }),
      { numRuns: 40 },
    );
  });

  it('tells schema, row groups and exact statistics', async () => {
    const file = await compare(
      { rows: 5000, nulls: 5, distinct: 17, seed: 3 },
      'compression zstd, row_group_size 2048',
    );
    expect(file.groups.map(({ rows }) => rows)).toEqual([2048, 2048, 904]);
    const leaf = file.leaf('few')!;
    const expected = await db.rows<{ nulls: number; low: number; high: number }>(
      `select count(*) - count(few) as nulls, min(few) as low, max(few) as high from t
       group by rowid // 2048 order by rowid // 2048`,
    );
    expect(
      file.groups.map(({ chunks }) => {
        const { nulls, min, max } = chunks[leaf]!.statistics;
        return { nulls, low: min, high: max };
      }),
    ).toEqual(expected);
    expect(file.leaves[file.leaf('seen.list.element.item')!]).toMatchObject({
      physical: 'bytes',
      logical: { kind: 'text' },
      maxDefinition: 4,
      maxRepetition: 1,
      elementDefinition: 2,
    });
    expect(file.leaves[file.leaf('micros')!]?.logical).toEqual({
      kind: 'timestamp',
      unit: 'us',
      utc: false,
    });
    expect(file.leaves[file.leaf('price')!]?.logical).toMatchObject({ kind: 'decimal', scale: 2 });
    expect(file.leaves[file.leaf('tiny')!]?.logical).toEqual({
      kind: 'int',
      bits: 8,
      signed: false,
    });
  });
});
