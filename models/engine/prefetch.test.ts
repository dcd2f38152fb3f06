import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rerankerConfigFor, rerankerModel } from '../reranker/model.ts';
import { tensorBatches } from './batch-tensors.ts';
import { Dataset } from './dataset.ts';
import { Prefetcher } from './prefetch.ts';
import { TEST_DATES, writeTestTensors } from './test-tensors.ts';

let folder: string;
let dataset: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-prefetch-'));
  await writeTestTensors(folder, 300);
  dataset = await Dataset.open(folder, 'rerank', [TEST_DATES[0]!]);
});
afterAll(async () => {
  await dataset.close();
  await rm(folder, { recursive: true, force: true });
});

const options = (skip = 0) => ({ batchSize: 32, shuffle: { seed: 3, epoch: 1 }, skip });
const model = () => rerankerModel(rerankerConfigFor(dataset.features));

async function read(batches: AsyncIterable<{ tensors: Record<string, tf.Tensor>; rows: number }>) {
  const all: unknown[] = [];
  for await (const { tensors, rows } of batches) {
    const entries = Object.entries(tensors).map(([name, t]) => [name, t.shape, [...t.dataSync()]]);
    all.push([rows, entries]);
    tf.dispose(tensors);
  }
  return all;
}

describe('Prefetcher', { timeout: 60_000 }, () => {
  it('gives the batches that the dataset gives, pass after pass, from any place', async () => {
    const { inputs, labelCut: cut } = model();
    const prefetcher = new Prefetcher(dataset.source);
    for (const skip of [0, 4]) {
      const own = await read(tensorBatches(dataset, inputs, { ...options(skip), cut }));
      expect(own.length).toBeGreaterThan(3);
      expect(await read(prefetcher.batches(inputs, { ...options(skip), cut }))).toEqual(own);
    }
    await prefetcher.close();
  });

  it('starts anew after a pass that was left', async () => {
    const { inputs } = model();
    const prefetcher = new Prefetcher(dataset.source);
    for await (const { tensors } of prefetcher.batches(inputs, options())) {
      tf.dispose(tensors);
      break;
    }
    const whole = await read(prefetcher.batches(inputs, options()));
    expect(whole).toEqual(await read(tensorBatches(dataset, inputs, options())));
    await prefetcher.close();
  });

  it('never writes over what a tensor still holds', async () => {
    const { inputs } = model();
    const prefetcher = new Prefetcher(dataset.source);
    const kept: tf.Tensor[] = [];
    const values: unknown[] = [];
    for await (const { tensors } of prefetcher.batches(inputs, options())) {
      // A reshaped tensor shares the memory.
      kept.push(tensors.cand_dense!.reshape([-1]));
      values.push([...tensors.cand_dense!.dataSync()]);
      tf.dispose(tensors);
    }
    expect(kept.length).toBeGreaterThan(6);
    expect(kept.map((tensor) => [...tensor.dataSync()])).toEqual(values);
    tf.dispose(kept);
    await prefetcher.close();
  });

  it('reports what is wrong with the samples, and where', async () => {
    const path = join(folder, 'rerank', `${TEST_DATES[1]}.safetensors`);
    const broken = await Dataset.open(folder, 'rerank', [TEST_DATES[1]!]);
    await truncate(path, 20_000);
    const prefetcher = new Prefetcher(broken.source);
    await expect(read(prefetcher.batches(model().inputs, options()))).rejects.toMatchObject({
      code: 'bad-safetensors',
      where: path,
    });
    await prefetcher.close();
    await broken.close();
  });

  it('says that its thread ended', async () => {
    const prefetcher = new Prefetcher(dataset.source);
    await prefetcher.close();
    await expect(read(prefetcher.batches(model().inputs, options()))).rejects.toThrow(
      'the thread that reads batches ended',
    );
  });
});
