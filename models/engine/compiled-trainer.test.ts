import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { dnnConfigFor, dnnModel } from '../baselines/dnn.ts';
import { gru, gruInit, gruWeights } from '../layers/gru.ts';
import { fusedLayers, splitWeights } from '../metafusion/fused-weights.ts';
import { rerankerParts } from '../metafusion/reranker-parts.ts';
import { gateModel } from '../metafusion/train-gate.ts';
import { rerankerConfigFor, rerankerModel } from '../reranker/model.ts';
import { upliftConfigFor, upliftModel } from '../uplift/model.ts';
import { useBackend } from './backend.ts';
import { CompiledTrainer } from './compiled-trainer.ts';
import { EagerTrainer } from './eager-trainer.ts';
import { type Features, readFeatures } from './features.ts';
import { withFrozen } from './frozen.ts';
import { availableBackends } from './test-backends.ts';
import { writeTestTensors } from './test-tensors.ts';
import type { Model, Tensors } from './types.ts';

const native = (await availableBackends()).includes('tensorflow');
let folder: string;
let features: Features;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgeloom-compiled-'));
  await writeTestTensors(folder, 4);
  features = await readFeatures(folder);
  if (native) await useBackend('tensorflow');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const sizes = { hidden: 6, attention: 5, mlp: [7] };
const models: [string, () => Model][] = [
  ['GRU over halves of the batch', halvedGru],
  ['reranker', () => rerankerModel(rerankerConfigFor(features, sizes))],
  [
    'reranker of two layers',
    () => rerankerModel(rerankerConfigFor(features, { ...sizes, layers: 2 })),
  ],
  [
    'reranker without actions',
    () => rerankerModel(rerankerConfigFor(features, { ...sizes, useActions: false })),
  ],
  ['DNN', () => dnnModel(dnnConfigFor(features, { mlp: [8] }))],
  ['uplift', () => upliftModel(upliftConfigFor(features, { hidden: 5, mlp: [6] }))],
  [
    'uplift with other tables, ControlNet kept from treated rows',
    () => {
      const model = upliftModel(
        upliftConfigFor(features, { tablePenalty: 0, stopGradientTreatment: true }),
      );
      const weights = model.init(3);
      const tables = Object.entries(weights).filter(([name]) => name.startsWith('embedding/'));
      return withFrozen(model, Object.fromEntries(tables));
    },
  ],
  [
    'gates of MetaFusion',
    () => {
      const reranker = rerankerParts(rerankerConfigFor(features, sizes));
      const meta = rerankerModel(rerankerConfigFor(features, sizes)).init(6);
      const layers = fusedLayers(Object.keys(meta));
      const statistics = ['stability', 'visits'];
      const config = {
        ...{ statistics, mean: [0, 0], std: [1, 1], cohorts: ['cohort-0'], layers, hidden: 4 },
      };
      return gateModel(reranker, meta, config, splitWeights(meta).fused);
    },
  ],
  [
    'fused layers of a cohort',
    () => {
      const model = rerankerModel(rerankerConfigFor(features, sizes));
      return withFrozen(model, splitWeights(model.init(5)).frozen);
    },
  ],
];

/** The mean of a GRU's last states, over halves of the batch. */
function halvedGru(): Model {
  const states = (weights: Tensors, { x, mask }: Tensors) =>
    gru(x as tf.Tensor3D, mask as tf.Tensor2D, gruWeights(weights, 'g'), undefined, 2);
  return {
    name: 'halved',
    config: {},
    inputs: {
      x: { dtype: 'float32', shape: [6, 3] },
      mask: { dtype: 'float32', shape: [6] },
      label: { dtype: 'float32', shape: [6] },
    },
    init: (seed) => gruInit('g', 3, 4, Random.of(seed)),
    predict: (weights, batch) => tf.mean(states(weights, batch), 2),
    loss: (weights, batch) =>
      tf.mean(tf.squaredDifference(tf.mean(states(weights, batch), 2), batch.label!)),
  };
}

const optimizer = {
  learningRate: 0.01,
  clipNorm: 1,
  weightDecay: 0.1,
  schedule: { warmupSteps: 5 },
};

/** Rows of any model's columns; sizes of tables are the smallest there are. */
function batchOf(model: Model, rows: number, cut: number | undefined, random: Random): Tensors {
  const batch: Tensors = {};
  for (const [name, { dtype, shape, whole }] of Object.entries(model.inputs)) {
    const isCut = cut !== undefined && model.labelCut?.columns.includes(name);
    const full = whole ? shape : [rows, ...(isCut ? [cut, ...shape.slice(1)] : shape)];
    const length = full.reduce((product, size) => product * size, 1);
    const binary = /mask|label|arm|matured/.test(name);
    const limit = features.items.fields.find((field) => name.endsWith(`_${field.name}`))?.size ?? 1;
    batch[name] =
      dtype === 'int32'
        ? tf.tensor(
            Int32Array.from({ length }, () => random.below(limit)),
            full,
            'int32',
          )
        : tf.tensor(
            Float32Array.from({ length }, () =>
              binary ? random.below(2) : random.uniform() * 0.98 + 0.01,
            ),
            full,
          );
  }
  return batch;
}

const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe.runIf(native)('compiled training', { timeout: 300_000 }, () => {
  describe.each(models)('of the %s', (_, create) => {
    it('has the weights of eager training after 20 steps, at any batch size', async () => {
      const model = create();
      const start = model.init(1);
      const compiled = await CompiledTrainer.create(model, start, optimizer, 'exact');
      const first = compiled.snapshot();
      for (const rows of [1, 2, 7, 64]) {
        const eager = new EagerTrainer(model, start, optimizer);
        compiled.restore(first);
        const random = Random.of(rows, 'rows');
        for (let step = 0; step < 20; step++) {
          const cut = model.labelCut?.lengths[step % model.labelCut.lengths.length];
          const batch = batchOf(model, rows, cut, random);
          const losses = [eager.update(batch), compiled.update(batch)];
          expect(losses[1]).toBeCloseTo(losses[0]!, 5);
          tf.dispose(batch);
        }
        expect(furthest(eager.weights(), compiled.weights())).toBeLessThan(1e-6);
        const batch = batchOf(model, rows, undefined, random);
        const [a, b] = [eager, compiled].map((trainer) => trainer.predict(batch).dataSync());
        expect(furthest(a as Float32Array, b as Float32Array)).toBeLessThan(1e-5);
        expect(compiled.loss(batch)).toBeCloseTo(eager.loss(batch), 5);
        eager.dispose();
      }
      compiled.dispose();
    });
  });

  it.each(['exact', 'fast', 'lazy'] as const)(
    'goes on from an eager checkpoint, and back (%s)',
    async (adam) => {
      const model = models[1]![1]();
      const start = model.init(2);
      const undisturbed = new EagerTrainer(model, start, optimizer);
      const eager = new EagerTrainer(model, start, optimizer);
      const compiled = await CompiledTrainer.create(model, start, optimizer, adam);
      const random = Random.of(1, 'rows');
      for (let step = 0; step < 24; step++) {
        const batch = batchOf(model, 16, undefined, random);
        undisturbed.update(batch);
        if (step === 8) compiled.restore(eager.snapshot());
        if (step === 16) eager.restore(compiled.snapshot());
        if (step >= 8 && step < 16) compiled.update(batch);
        else eager.update(batch);
      }
      expect(eager.snapshot().step).toBe(24);
      const apart = furthest(undisturbed.weights(), eager.weights());
      expect(apart).toBeLessThan(adam === 'exact' ? 1e-6 : adam === 'fast' ? 1e-3 : 0.02);
      compiled.dispose();
    },
  );

  it('accumulates what eager training accumulates', async () => {
    const model = models[4]![1]();
    const start = model.init(4);
    const options = { ...optimizer, accumulate: true };
    const eager = new EagerTrainer(model, start, options);
    const compiled = await CompiledTrainer.create(model, start, options, 'exact');
    const random = Random.of(2, 'rows');
    for (let update = 0; update < 5; update++) {
      for (let part = 0; part < 3; part++) {
        const batch = batchOf(model, 4 + part, undefined, random);
        expect(compiled.accumulate(batch)).toBeCloseTo(eager.accumulate(batch), 5);
      }
      eager.apply(1 / 3);
      compiled.apply(1 / 3);
    }
    expect(furthest(eager.weights(), compiled.weights())).toBeLessThan(1e-6);
    compiled.dispose();
  });
});
