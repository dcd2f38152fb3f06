import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SafetensorsFile } from '../../lib/safetensors.ts';
import { TensorFile } from './tensor-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensor-file-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const columns = {
  id: { dtype: 'I32', shape: [] },
  pair: { dtype: 'F32', shape: [2] },
} as const;
const specs = { id: { ...columns.id, shape: [] }, pair: { ...columns.pair, shape: [2] } };

it('writes rows batch by batch into a file that the safetensors reader reads whole', async () => {
  const path = join(folder, 'a', 'x.safetensors');
  const file = await TensorFile.create(path, 3, specs, 2);
  file.buffers.id.set([7, 8]);
  file.buffers.pair.set([1, 2, 3, 4]);
  await file.flush(2);
  file.buffers.id.set([9]);
  await file.flush(1);
  await file.finish();
  const read = await SafetensorsFile.open(path);
  expect([...(await read.read('id')).data]).toEqual([7, 8, 9]);
  const pair = await read.read('pair');
  expect(pair.shape).toEqual([3, 2]);
  // The buffer was zeroed: the third row does not repeat the first.
  expect([...pair.data]).toEqual([1, 2, 3, 4, 0, 0]);
  await read.close();
  expect((await readFile(path)).readBigUInt64LE(0) % 8n).toBe(0n);
});

it('has no file until it is whole, and none when rows are missing', async () => {
  const path = join(folder, 'x.safetensors');
  const file = await TensorFile.create(path, 2, specs, 2);
  await file.flush(1);
  await expect(file.finish()).rejects.toThrow('1 of 2 rows');
  await expect(file.flush(2)).rejects.toThrow('more than 2 rows');
  await file.abandon();
  expect(await readdir(folder)).toEqual([]);
});
