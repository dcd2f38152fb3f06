import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../lib/hash.ts';
import { fromFloat16, toFloat16, toFloat16Up } from './float16.ts';
import { hashId, type RowDtype } from './format.ts';
import { readShardIndex, shardIndexJson } from './index-file.ts';
import { openShards } from './open.ts';
import { writeShards } from './write.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'shards-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const write = (
  ids: string[],
  vectors: number[],
  unknown: number[],
  more: Partial<Parameters<typeof writeShards>[0]> = {},
) =>
  writeShards({
    ids,
    vectors: Float32Array.from(vectors),
    unknown: Float32Array.from(unknown),
    model: 'reranker',
    modelVersion: 'v1',
    outDir: dir,
    parquet: false,
    ...more,
  });

describe('float16', () => {
  it('knows the textbook patterns', () => {
    expect(toFloat16(1)).toBe(0x3c00);
    expect(toFloat16(-2)).toBe(0xc000);
    expect(toFloat16(65504)).toBe(0x7bff);
    expect(toFloat16(2 ** -24)).toBe(1);
    expect(toFloat16(1e9)).toBe(0x7c00);
    expect(fromFloat16(0x3555)).toBeCloseTo(1 / 3, 3);
  });

  it('keeps every finite pattern through a round trip', () => {
    for (let pattern = 0; pattern < 0x7c00; pattern++) {
      expect(toFloat16(fromFloat16(pattern))).toBe(pattern);
    }
  });

  it('rounds to the nearest number, and up when told to', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, max: 60000, noNaN: true }), (value) => {
        const nearest = fromFloat16(toFloat16(value));
        const up = fromFloat16(toFloat16Up(value));
        expect(Math.abs(nearest - value)).toBeLessThanOrEqual(Math.max(value * 2 ** -11, 2 ** -25));
        expect(up).toBeGreaterThanOrEqual(value);
        expect(up - value).toBeLessThanOrEqual(Math.max(value * 2 ** -10, 2 ** -24));
      }),
    );
  });
});

describe('embedding shards', () => {
  it('gives back the rows asked for, and the unknown row for any other id', async () => {
    await write(['a', 'b', 'c'], [1, 2, 3, 4, 5, 6], [9, 8], { dtype: 'float32', rowsPerShard: 1 });
    const shards = await openShards(dir);
    expect(shards.table.shards).toHaveLength(3);
    expect([...(await shards.lookup(['c', 'nobody', 'a', 'c']))]).toEqual([5, 6, 9, 8, 1, 2, 5, 6]);
    expect(shards.has('b')).toBe(true);
    expect(shards.has('B')).toBe(false);
    await shards.close();
  });

  it('keeps int8 rows with one scale a row: 127 steps to the largest value', async () => {
    const table = await write(['a'], [127, -127, 64, 0.4], [0, 0, 0, 0]);
    const shards = await openShards(dir);
    expect([...(await shards.lookup(['a']))]).toEqual([127, -127, 64, 0]);
    expect(table.quantisation.maxAbsError).toBeCloseTo(0.4, 6);
    await shards.close();
  });

  it('finds every id and no other, for any ids, widths, types and shard sizes', async () => {
    const finite = fc.float({ min: -100, max: 100, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string(), { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom<RowDtype>('int8', 'float16', 'float32'),
        fc.integer({ min: 1, max: 12 }),
        fc.infiniteStream(finite),
        async (ids, width, dtype, rowsPerShard, numbers) => {
          const vectors = [...numbers.take(ids.length * width)];
          const table = await write(ids, vectors, Array(width).fill(7), { dtype, rowsPerShard });
          const shards = await openShards(dir);
          const found = await shards.lookup([...ids, ' no such id ']);
          await shards.close();
          for (let i = 0; i < vectors.length; i++) {
            const row = vectors.slice(i - (i % width), i - (i % width) + width);
            const largest = Math.max(...row.map(Math.abs));
            const bound = { float32: 0, float16: largest / 1024, int8: largest / 250 }[dtype];
            expect(Math.abs(found[i]! - vectors[i]!)).toBeLessThanOrEqual(bound + 2 ** -24);
            expect(Math.abs(found[i]! - vectors[i]!)).toBeLessThanOrEqual(
              table.quantisation.maxAbsError,
            );
          }
          expect([...found.slice(ids.length * width)]).toEqual(Array(width).fill(7));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells ids of equal hash apart and never tears them into two shards', async () => {
    const hashOf = (id: string): bigint => hashId(id) % 3n;
    const ids = Array.from({ length: 30 }, (_, i) => `item ${i}`);
    await write(
      ids,
      ids.map((_, i) => i),
      [-1],
      { dtype: 'float32', rowsPerShard: 4, hashOf },
    );
    const shards = await openShards(dir, { hashOf });
    expect(shards.table.shards).toHaveLength(3);
    expect([...(await shards.lookup(ids))]).toEqual(ids.map((_, i) => i));
    expect([...(await shards.lookup(['item 30']))]).toEqual([-1]);
    await shards.close();
  });

  it('begins every section at a multiple of 64 bytes', async () => {
    await write(['ä', 'b'], [1, 2, 3, 4, 5, 6], [0, 0, 0]);
    const bytes = await readFile(join(dir, 'shard-reranker-0000.bin'));
    for (const at of [28, 32, 36, 40, 44]) expect(bytes.readUInt32LE(at) % 64).toBe(0);
    expect(bytes.readUInt32LE(28)).toBe(64);
    expect(bytes.toString('latin1', 0, 8)).toBe('EDGESHRD');
  });

  it('writes equal bytes whatever the order of the ids', async () => {
    await write(['a', 'b', 'c'], [1, 2, 3], [0], { parquet: true });
    const first = await readShardIndex(dir);
    await write(['c', 'a', 'b'], [3, 1, 2], [0], { parquet: true });
    expect(await readShardIndex(dir)).toEqual(first);
  });

  it('has a Parquet twin with the rows that a phone decodes', async () => {
    await write(['b', 'a'], [1, 0.5, 2, 0.25], [3, 3], { parquet: true });
    const file = await asyncBufferFromFile(join(dir, 'reranker.parquet'));
    const shards = await openShards(dir);
    const [a, b] = [await shards.lookup(['a']), await shards.lookup(['b'])];
    await shards.close();
    expect(await parquetReadObjects({ file, compressors: await zstd() })).toEqual([
      { item_id: null, model_version: 'v1', embedding: [3, 3] },
      { item_id: 'a', model_version: 'v1', embedding: [...a] },
      { item_id: 'b', model_version: 'v1', embedding: [...b] },
    ]);
  });

  it('refuses a file that was altered', async () => {
    await write(['a', 'b'], [1, 2], [0]);
    const path = join(dir, 'shard-reranker-0000.bin');
    const bytes = await readFile(path);
    bytes[bytes.length - 4]! ^= 1;
    await writeFile(path, bytes);
    await expect(openShards(dir)).rejects.toThrow(/SHA-256/);
  });

  it('refuses a file that was cut off even when hashes are not checked', async () => {
    await write(['a', 'b'], [1, 2], [0]);
    const path = join(dir, 'shard-reranker-0000.bin');
    await writeFile(path, (await readFile(path)).subarray(0, 100));
    await expect(openShards(dir, { verify: false })).rejects.toThrow(/bytes instead of/);
  });

  it('refuses rows of another model version, in the index and in the files', async () => {
    await write(['a'], [1], [0]);
    await expect(openShards(dir, { modelVersion: 'v2' })).rejects.toThrow(/serve v1.*is v2/);
    const [table] = (await readShardIndex(dir)).tables;
    await writeFile(join(dir, 'index.json'), shardIndexJson([{ ...table!, modelVersion: 'v2' }]));
    await expect(openShards(dir)).rejects.toThrow(/another model version than v2/);
  });

  it('refuses an index whose shard file names leave the folder', async () => {
    await write(['a'], [1], [0]);
    const text = await readFile(join(dir, 'index.json'), 'utf8');
    await writeFile(join(dir, 'index.json'), text.replace('shard-reranker', '../shard-reranker'));
    await expect(openShards(dir)).rejects.toMatchObject({ code: 'bad-shards' });
  });

  it.each([
    ['repeated ids', ['a', 'a'], [1, 2], [0], /twice/],
    ['a wrong length', ['a'], [1, 2], [0], /2 values for 1 ids/],
    ['values that are not numbers', ['a'], [Number.NaN], [0], /item a .*NaN/],
    ['an unknown row that is not finite', ['a'], [1], [Number.NaN], /not finite/],
  ])('refuses %s', async (_, ids, vectors, unknown, message) => {
    await expect(write(ids, vectors, unknown)).rejects.toThrow(message);
  });

  it('writes a table without rows, where every id is unknown', async () => {
    await write([], [], [5]);
    const shards = await openShards(dir);
    expect([...(await shards.lookup(['a']))]).toEqual([5]);
    await shards.close();
  });

  it('hashes ids by the first 8 bytes of SHA-256', () => {
    expect(hashId('abc').toString(16)).toBe(sha256('abc').slice(0, 16));
  });
});

/** hyparquet takes its decompressors from outside. */
async function zstd() {
  const { decompress } = await import('fzstd');
  return { ZSTD: (input: Uint8Array) => decompress(input) };
}
