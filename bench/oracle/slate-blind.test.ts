import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../models/engine/backend.ts';
import { tensorBatches } from '../../models/engine/batch-tensors.ts';
import { Dataset } from '../../models/engine/dataset.ts';
import { availableBackends } from '../../models/engine/test-backends.ts';
import { TEST_DATES, writeTestTensors } from '../../models/engine/test-tensors.ts';
import type { Model } from '../../models/engine/types.ts';
import { rerankerConfigFor, rerankerModel } from '../../models/reranker/model.ts';
import { slateBlindModel } from './slate-blind.ts';

const backends = await availableBackends();
let folder: string;

beforeAll(async () => {
  await useBackend(backends.at(-1)!);
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-slate-blind-'));
  await writeTestTensors(folder, 12);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Largest change of the logits, by candidate, when the numbers of candidate 1 change. */
async function changes(modelOf: (dataset: Dataset) => Model): Promise<number[]> {
  const dataset = await Dataset.open(folder, 'rerank', [TEST_DATES[0]!]);
  try {
    const model = modelOf(dataset);
    const weights = model.init(1);
    for await (const { tensors } of tensorBatches(dataset, model.inputs, { batchSize: 12 })) {
      const before = model.predict(weights, tensors);
      const [, N, dense] = tensors.cand_dense!.shape as [number, number, number];
      const added = tf.tensor3d(
        Array.from({ length: N * dense }, (_, i) => (Math.floor(i / dense) === 1 ? 2 : 0)),
        [1, N, dense],
      );
      const cand_dense = tf.add(tensors.cand_dense!, added);
      const after = model.predict(weights, { ...tensors, cand_dense });
      return Array.from(tf.max(tf.abs(tf.sub(after, before)), 0).dataSync());
    }
    throw new Error('no batch');
  } finally {
    await dataset.close();
  }
}

describe('the slate-blind reranker', () => {
  it('scores a candidate without a look at the others, which the reranker does not', async () => {
    const config = (dataset: Dataset) => rerankerConfigFor(dataset.features);
    const blind = await changes((dataset) => slateBlindModel(config(dataset)));
    expect(blind[1]).toBeGreaterThan(1e-3);
    expect(Math.max(...blind.filter((_, k) => k !== 1))).toBeLessThan(1e-6);
    const whole = await changes((dataset) => rerankerModel(config(dataset)));
    expect(whole[2]).toBeGreaterThan(1e-3);
  });
});
