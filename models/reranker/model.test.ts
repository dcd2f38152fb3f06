import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { tensorBatches } from '../engine/batch-tensors.ts';
import { Dataset } from '../engine/dataset.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { TEST_DATES, writeTestTensors } from '../engine/test-tensors.ts';
import type { Tensors } from '../engine/types.ts';
import { itemVectors } from '../layers/item-vector.ts';
import {
  encodeBatch,
  encodeExposureStep,
  encodePageViewStep,
  init,
  predict,
  type RerankerConfig,
  rerank,
  rerankerConfigFor,
  rerankerModel,
} from './model.ts';

const backends = await availableBackends();
let folder: string;
let dataset: Dataset;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-reranker-'));
  await writeTestTensors(folder, 12);
  dataset = await Dataset.open(folder, 'rerank', [TEST_DATES[0]!]);
});
afterAll(async () => {
  await dataset.close();
  await rm(folder, { recursive: true, force: true });
});

const difference = (a: tf.Tensor, b: tf.Tensor): number =>
  tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

/** Rows that are masked out mean nothing: only real candidates are compared. */
const masked = (logits: tf.Tensor, batch: Tensors): tf.Tensor => tf.mul(logits, batch.cand_mask!);

async function firstBatch(config: RerankerConfig): Promise<Tensors> {
  const { inputs } = rerankerModel(config);
  for await (const { tensors } of tensorBatches(dataset, inputs, { batchSize: 12 })) return tensors;
  throw new Error('no batch');
}

/** The same slates scored as a phone does: one encoder step per behaviour, then rerank. */
function onPhone(config: RerankerConfig, weights: Tensors, batch: Tensors): number[][] {
  const rows = batch.cand_mask!.shape[0]!;
  const one = (t: tf.Tensor, row: number) => tf.slice(t, [row], [1]);
  const scores: number[][] = [];
  for (let row = 0; row < rows; row++) {
    const inputs: Tensors = {
      cand_vec: one(itemVectors(config.fields, weights, batch, 'cand'), row),
      cand_dense: one(batch.cand_dense!, row),
      cand_mask: one(batch.cand_mask!, row),
      context: one(batch.context!, row),
    };
    for (const [prefix, step, K] of [
      ['exp', encodeExposureStep, config.exposures],
      ['pv', encodePageViewStep, config.pageViews],
    ] as const) {
      const H = config.hidden;
      const zeros = (): tf.Tensor => tf.zeros([1, config.layers * H]);
      let states: Tensors = { state_item: zeros(), state_action: zeros() };
      const vectors = one(itemVectors(config.fields, weights, batch, prefix), row);
      const mask = one(batch[`${prefix}_mask`]!, row).dataSync();
      const kept: Record<string, tf.Tensor[]> = { item: [], action: [] };
      for (let j = 0; j < K; j++) {
        // The ring of a phone holds zeros where there is no behaviour yet.
        const top = (state: tf.Tensor) =>
          mask[j] === 1 ? tf.slice(state, [0, (config.layers - 1) * H], [1, H]) : tf.zeros([1, H]);
        const at = (t: tf.Tensor) =>
          tf.slice(t, [0, j, 0], [1, 1, t.shape[2]!]).reshape([1, t.shape[2]!]);
        if (mask[j] === 1) {
          const action = config.useActions ? at(one(batch[`${prefix}_action`]!, row)) : undefined;
          states = step(config, weights, {
            ...states,
            item_vec: at(vectors),
            ...(action && { action }),
          });
        }
        kept.item!.push(top(states.state_item!));
        if (config.useActions) kept.action!.push(top(states.state_action!));
      }
      inputs[`${prefix}_item_state`] = tf.stack(kept.item!, 1);
      if (config.useActions) inputs[`${prefix}_action_state`] = tf.stack(kept.action!, 1);
      inputs[`${prefix}_decay`] = one(batch[`${prefix}_decay`]!, row);
      inputs[`${prefix}_mask`] = one(batch[`${prefix}_mask`]!, row);
    }
    scores.push(Array.from(rerank(config, weights, inputs).dataSync()));
  }
  return scores;
}

describe.each(backends)('reranker on the %s backend', (backend) => {
  beforeAll(async () => useBackend(backend));

  it.each([
    { layers: 1, useActions: true },
    { layers: 2, useActions: true },
    { layers: 1, useActions: false },
  ])(
    'scores slates stepwise as in a batch ($layers layers, actions $useActions)',
    async (overrides) => {
      const config = rerankerConfigFor(dataset.features, { ...overrides, hidden: 8, attention: 6 });
      const weights = init(config, 7);
      const batch = await firstBatch(config);
      const expected = predict(config, weights, batch);
      const got = tf.tidy(() => tf.tensor2d(onPhone(config, weights, batch)));
      expect(difference(masked(got, batch), masked(expected, batch))).toBeLessThan(1e-5);
    },
  );

  it('gives every weight a gradient', async () => {
    const config = rerankerConfigFor(dataset.features, { hidden: 8 });
    const model = rerankerModel(config);
    const weights = model.init(1);
    const batch = await firstBatch(config);
    const names = Object.keys(weights);
    const loss = (...values: tf.Tensor[]) =>
      model.loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
    const gradients = tf.grads(loss)(names.map((name) => weights[name]!));
    for (const [i, gradient] of gradients.entries()) {
      expect(gradient.shape).toEqual(weights[names[i]!]!.shape);
      expect(`${names[i]} ${tf.max(tf.abs(gradient)).dataSync()[0]! > 0}`).toBe(`${names[i]} true`);
    }
  });

  it('has the same loss when labels are cut behind the last one', async () => {
    const config = rerankerConfigFor(dataset.features, { hidden: 8 });
    const model = rerankerModel(config);
    const weights = model.init(3);
    const batch = await firstBatch(config);
    const seen = tf.tensor1d([1, 1, 1, 0, 0, 0]);
    const early: Tensors = { ...batch, label_mask: tf.mul(batch.label_mask!, seen) };
    const cut: Tensors = { ...early };
    for (const name of ['label_mask', 'label_click'])
      cut[name] = tf.slice(early[name]!, [0, 0], [12, 3]);
    const [whole, part] = [model.loss(weights, early), model.loss(weights, cut)];
    expect(difference(whole, part)).toBeLessThan(1e-5);
  });

  it('is blind to what padding holds', async () => {
    const config = rerankerConfigFor(dataset.features, { hidden: 8 });
    const weights = init(config, 2);
    const batch = await firstBatch(config);
    const junk: Tensors = { ...batch };
    for (const prefix of ['exp', 'pv', 'cand']) {
      const padding = tf.cast(tf.sub(1, batch[`${prefix}_mask`]!), 'int32');
      for (const { name } of config.fields) {
        const column = `${prefix}_${name}`;
        junk[column] = tf.add(batch[column]!, tf.mul(padding, tf.scalar(3, 'int32')));
      }
    }
    const plain = predict(config, weights, batch);
    expect(
      difference(masked(predict(config, weights, junk), batch), masked(plain, batch)),
    ).toBeLessThan(1e-5);
  });

  it('reads what the user did, unless told not to', async () => {
    const config = rerankerConfigFor(dataset.features, { hidden: 8 });
    const weights = init(config, 2);
    const batch = await firstBatch(config);
    const other = { ...batch, exp_action: tf.sub(1, batch.exp_action!) };
    const change = difference(predict(config, weights, other), predict(config, weights, batch));
    expect(change).toBeGreaterThan(1e-4);
    const blind = rerankerConfigFor(dataset.features, { hidden: 8, useActions: false });
    expect(
      Object.keys(rerankerModel(blind).inputs).filter((name) => name.includes('action')),
    ).toEqual([]);
    expect(Object.keys(init(blind, 2)).filter((name) => name.includes('/action/'))).toEqual([]);
  });

  it('lets candidates see each other through the local context', async () => {
    const config = rerankerConfigFor(dataset.features, { hidden: 8 });
    const weights = init(config, 2);
    const inputs = encodeBatch(config, weights, await firstBatch(config));
    const last = tf
      .oneHot(tf.tensor1d([2], 'int32'), config.candidates)
      .reshape([1, config.candidates, 1]);
    const moved = { ...inputs, cand_dense: tf.add(inputs.cand_dense!, tf.mul(last, 3)) };
    const first = (logits: tf.Tensor) => tf.slice(logits, [0, 0], [12, 1]);
    const change = difference(
      first(rerank(config, weights, moved)),
      first(rerank(config, weights, inputs)),
    );
    expect(change).toBeGreaterThan(1e-5);
  });
});
