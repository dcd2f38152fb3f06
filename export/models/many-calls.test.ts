import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type LoadedModel,
  loadOnnx,
  type NamedTensors,
  record,
  toOnnx,
} from '../../compiler/index.ts';
import { oneByOne, openForMany } from './many-calls.ts';

const path = 'f.onnx';
let outDir: string;
beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'many-calls-'));
});
afterAll(async () => {
  await rm(outDir, { recursive: true, force: true });
});

async function written(f: (x: tf.Tensor) => tf.Tensor) {
  const run = ({ x }: NamedTensors): NamedTensors => ({ y: f(x!) });
  const graph = record(run, { x: { shape: [1, 8] } });
  const bytes = toOnnx(graph, { profile: 'float32' });
  await writeFile(join(outDir, path), bytes);
  return await loadOnnx(bytes);
}
async function counting(model: LoadedModel) {
  let single = 0;
  const run: LoadedModel['run'] = (row) => {
    single += 1;
    return model.run(row);
  };
  return {
    many: await openForMany(outDir, { path, model: { ...model, run } }),
    calls: () => single,
  };
}

const rows = Array.from({ length: 150 }, (_, row) => ({
  x: Float32Array.from({ length: 8 }, (_, i) => Math.sin(row * 8 + i)),
}));
const kernel = tf.tensor2d(
  Array.from({ length: 40 }, (_, i) => Math.cos(i)),
  [8, 5],
);

describe('many calls', () => {
  it('give the bits of single calls, a group of them in one call', async () => {
    const model = await written((x) => tf.tanh(tf.matMul(x as tf.Tensor2D, kernel)));
    const { many, calls } = await counting(model);
    expect(await many.run(rows)).toEqual(await oneByOne(model)(rows));
    // One row of each of three groups.
    expect(calls()).toBe(3);
    await many.dispose();
  });

  it('become single calls where rows of a group would mix', async () => {
    const model = await written((x) => tf.matMul(tf.matMul(x, x, false, true), x));
    const { many, calls } = await counting(model);
    expect(await many.run(rows)).toEqual(await oneByOne(model)(rows));
    expect(calls()).toBe(1 + rows.length);
    await many.dispose();
  });
});
