import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NamedTensor, writeSafetensors } from '../../lib/safetensors.ts';
import { batchColumns } from './gather.ts';
import { cutInputs, SampleReader } from './sample-reader.ts';
import type { InputSpec } from './types.ts';

/** More than two pools of 16,384 rows. */
const ROWS = [30_000, 10_001];
const TOTAL = ROWS[0]! + ROWS[1]!;
const WIDTH = 4;
const inputs: Record<string, InputSpec> = {
  sample: { dtype: 'int32', shape: [] },
  values: { dtype: 'float32', shape: [WIDTH] },
  hot: { dtype: 'float32', shape: [5] },
  mask: { dtype: 'float32', shape: [WIDTH] },
};
const cut = { mask: 'mask', columns: ['mask'], lengths: [1, 2, WIDTH] };
const options = { batchSize: 100, cut };

/** One row of 500 has labels up to the end: their batches wait for rows of several pools. */
const labels = (sample: number): number => (sample % 500 === 0 ? WIDTH : sample % 3);

function columnsOf(rows: number, first: number): Record<string, NamedTensor> {
  const ids = Int32Array.from({ length: rows }, (_, i) => first + i);
  const perLabel = (value: (sample: number, place: number) => number) =>
    Float32Array.from({ length: rows * WIDTH }, (_, i) =>
      value(first + Math.floor(i / WIDTH), i % WIDTH),
    );
  return {
    sample: { shape: [rows], data: ids },
    values: { shape: [rows, WIDTH], data: perLabel((sample, place) => sample + place / 8) },
    hot: { shape: [rows, 1], data: ids.map((sample) => sample % 5) },
    mask: {
      shape: [rows, WIDTH],
      data: perLabel((sample, place) => (place < labels(sample) ? 1 : 0)),
    },
  };
}

let folder: string;
let paths: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-reader-'));
  paths = ['a', 'b'].map((name) => join(folder, `${name}.safetensors`));
  await writeSafetensors(paths[0]!, columnsOf(ROWS[0]!, 0));
  await writeSafetensors(paths[1]!, columnsOf(ROWS[1]!, ROWS[0]!));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** Reads a pass, each buffer given back as soon as its batch was looked at. @returns the samples */
async function read(reader: SampleReader, skip = 0, epoch = 0) {
  const pass = { ...options, shuffle: { seed: 1, epoch }, skip };
  const kinds = cutInputs(inputs, cut);
  const free: ArrayBuffer[] = [];
  let made = 0;
  const take = (bytes: number) => {
    const buffer = free.pop();
    if (!buffer) made++;
    return buffer ?? new ArrayBuffer(bytes);
  };
  const samples: number[][] = [];
  for await (const { buffer, rows, kind } of reader.batches(inputs, pass, take)) {
    const batch = batchColumns(kinds[kind]!, buffer, options.batchSize, rows);
    const ids = [...batch.sample!.data];
    const length = cut.lengths[kind]!;
    expect(batch.mask!.shape).toEqual([rows, length]);
    const expected = (width: number, value: (sample: number, place: number) => number) =>
      ids.flatMap((id) => Array.from({ length: width }, (_, place) => value(id, place)));
    expect([...batch.values!.data]).toEqual(expected(WIDTH, (id, place) => id + place / 8));
    expect([...batch.hot!.data]).toEqual(expected(5, (id, place) => (id % 5 === place ? 1 : 0)));
    expect([...batch.mask!.data]).toEqual(
      expected(length, (id, place) => (place < labels(id) ? 1 : 0)),
    );
    samples.push(ids);
    free.push(buffer);
  }
  return { samples, made };
}

describe('SampleReader', () => {
  it('loses no row that waits while its pool is replaced, and needs a buffer per length', async () => {
    const reader = await SampleReader.open({ paths, tables: [] });
    expect(reader.rows).toBe(TOTAL);
    const { samples, made } = await read(reader);
    expect(samples.flat().sort((a, b) => a - b)).toEqual(
      Array.from({ length: TOTAL }, (_, i) => i),
    );
    expect(made).toBeLessThanOrEqual(cut.lengths.length);
    await reader.close();
  });

  it('gives the batches that are left, also after rows of those before were copied', async () => {
    const reader = await SampleReader.open({ paths, tables: [] });
    const { samples } = await read(reader);
    for (const skip of [1, 170, 350]) {
      expect((await read(reader, skip)).samples).toEqual(samples.slice(skip));
    }
    await reader.close();
  });

  it('keeps passes that run beside each other apart', async () => {
    const reader = await SampleReader.open({ paths, tables: [] });
    const alone = [await read(reader), await read(reader, 0, 1)];
    const together = await Promise.all([read(reader), read(reader, 0, 1)]);
    expect(together.map(({ samples }) => samples)).toEqual(alone.map(({ samples }) => samples));
    await reader.close();
  });

  it('reads whole columns of all files', async () => {
    const reader = await SampleReader.open({ paths, tables: [] });
    const { sample, values } = await reader.readColumns(['sample', 'values']);
    expect([...sample!.data]).toEqual(Array.from({ length: TOTAL }, (_, i) => i));
    expect(values!.shape).toEqual([TOTAL, WIDTH]);
    expect(values!.data[35_000 * WIDTH + 3]).toBe(35_000.375);
    await reader.close();
  });

  it('refuses files whose columns differ, and names column and file', async () => {
    const bytes = join(folder, 'bytes.safetensors');
    const columns = columnsOf(10, 0);
    columns.mask = { shape: [10, WIDTH], data: new Uint8Array(10 * WIDTH) };
    await writeSafetensors(bytes, columns);
    const without = join(folder, 'without.safetensors');
    const { mask: _, ...rest } = columns;
    await writeSafetensors(without, rest);
    const cases = [
      [bytes, "mask has rows of U8 [4], other days' are of F32 [4]"],
      [without, 'The samples have no column mask'],
    ] as const;
    for (const [where, message] of cases) {
      const reader = await SampleReader.open({ paths: [paths[0]!, where], tables: [] });
      const failing = read(reader);
      await expect(failing).rejects.toThrow(message);
      await expect(failing).rejects.toMatchObject({ code: 'bad-samples', where });
      await reader.close();
    }
  });

  it('checks the rows of a pass that was left before', async () => {
    const path = join(folder, 'broken.safetensors');
    const columns = columnsOf(1000, 0);
    columns.values!.data[900 * WIDTH] = Number.NaN;
    await writeSafetensors(path, columns);
    const reader = await SampleReader.open({ paths: [path], tables: [] });
    for (let time = 0; time < 2; time++) {
      await expect(read(reader)).rejects.toThrow('values holds NaN in row 900');
    }
    await reader.close();
  });
});
