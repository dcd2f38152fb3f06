import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { maskedBinaryCrossEntropy } from '../losses/binary-cross-entropy.ts';
import { CohortTuner, fineTuneParams } from './fine-tune.ts';
import { deltaWeights, fusedLayers } from './fused-weights.ts';
import type { GateConfig } from './gate.ts';
import { allGates, fusedScorer, gatesOfUsers, scoreVariants, type Variant } from './predict.ts';
import type { RerankerParts } from './reranker-parts.ts';
import type { DayRows } from './rows.ts';
import { gateParams, trainGate } from './train-gate.ts';

const N = 5;
const D = 2;

/** A linear scorer in the reranker's place: logits = x · head/out/kernel. */
const linear: RerankerParts = (() => {
  const inputs: RerankerParts['inputs'] = {
    x: { dtype: 'float32', shape: [N, D] },
    label_click: { dtype: 'float32', shape: [N] },
    label_mask: { dtype: 'float32', shape: [N] },
  };
  const encode: RerankerParts['encode'] = (_, batch) => ({ x: batch.x! });
  const logits: RerankerParts['logits'] = (weights, { x }) =>
    tf
      .matMul(x!.reshape([-1, D]), weights['head/out/kernel'] as tf.Tensor2D)
      .reshape([x!.shape[0]!, N]);
  const loss: RerankerParts['loss'] = (z, batch) =>
    maskedBinaryCrossEntropy(z, batch.label_click!, batch.label_mask!);
  const model: RerankerParts['model'] = {
    name: 'linear',
    config: {},
    inputs,
    init: () => ({ 'head/out/kernel': tf.zeros([D, 1]) }),
    predict: (weights, batch) => logits(weights, encode(weights, batch)),
    loss: (weights, batch) => loss(logits(weights, encode(weights, batch)), batch),
  };
  return { model, inputs, limits: {}, encode, logits, loss };
})();

/** Slates whose clicks follow `weights(user)`; `slates` of them per user. */
function day(
  users: number,
  slates: number,
  weights: (user: number) => number[],
  seed: number,
): DayRows {
  const random = Random.of(seed, 'day');
  const rows = users * slates;
  const x = Float32Array.from({ length: rows * N * D }, () => random.normal());
  const user = Int32Array.from({ length: rows }, (_, row) => Math.floor(row / slates));
  const click = Float32Array.from({ length: rows * N }, (_, cell) => {
    const w = weights(user[Math.floor(cell / N)]!);
    const z = w.reduce((sum, value, d) => sum + value * x[cell * D + d]!, 0);
    return random.chance(1 / (1 + Math.exp(-z))) ? 1 : 0;
  });
  return {
    rows,
    user,
    columns: {
      x: { shape: [rows, N, D], data: x },
      label_click: { shape: [rows, N], data: click },
      label_mask: { shape: [rows, N], data: new Float32Array(rows * N).fill(1) },
    },
  };
}

const META = [2, 0];
const COHORT = [0, 2];
const meta = () => ({ 'head/out/kernel': tf.tensor2d(META, [D, 1]) });
const layers = fusedLayers(['head/out/kernel']);
const config: GateConfig = {
  statistics: ['stability'],
  mean: [0],
  std: [1],
  cohorts: ['cohort-0'],
  layers,
  hidden: 4,
};

async function scoresOf<Name extends string>(
  rows: DayRows,
  variants: Record<Name, Variant>,
): Promise<Record<Name, Float32Array>> {
  const { delta } = Object.values<Variant>(variants)[0]!;
  const scorer = await fusedScorer({ reranker: linear, meta: meta(), layers, delta, day: rows });
  return scoreVariants(scorer, rows, variants);
}

describe.each(await availableBackends())('fine-tuning and gates on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('fine-tuning moves the meta model to what the cohort does', async () => {
    const params = fineTuneParams.parse({ epochs: 20, batchSize: 50, learningRate: 0.1 });
    const rows = day(50, 8, () => COHORT, 1);
    const tuner = await CohortTuner.create(linear, meta(), params);
    const { tuned, losses } = await tuner.tune(rows, 'cohort-0');
    const [a, b] = tuned['head/out/kernel']!.dataSync();
    expect(a).toBeCloseTo(COHORT[0]!, 0);
    expect(b).toBeCloseTo(COHORT[1]!, 0);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  });

  it('no epoch leaves W_m as it was', async () => {
    const params = fineTuneParams.parse({ epochs: 0, batchSize: 8, learningRate: 0.1 });
    const tuner = await CohortTuner.create(linear, meta(), params);
    const { tuned } = await tuner.tune(
      day(2, 1, () => COHORT, 1),
      'cohort-0',
    );
    expect([...tuned['head/out/kernel']!.dataSync()]).toEqual(META);
  });

  it('gates open for stable users, who follow their cohort, and close for the others', async () => {
    const stability = (user: number): number[] => [user % 2 === 0 ? 1 : -1];
    const follows = (user: number) => (user % 2 === 0 ? COHORT : META);
    const delta = deltaWeights(meta(), { 'head/out/kernel': tf.tensor2d(COHORT, [D, 1]) });
    const cohorts = [{ cohort: 0, day: day(40, 8, follows, 2), delta, statistics: stability }];
    const params = gateParams.parse({ epochs: 16, learningRate: 0.1 });
    const input = { reranker: linear, meta: meta(), config, cohorts, params };
    const { weights, users } = await trainGate(input);
    expect(users).toBe(40);
    const gatesOf = gatesOfUsers(weights, config, 0, stability);
    expect(gatesOf(0)![0]).toBeGreaterThan(0.8);
    expect(gatesOf(1)![0]).toBeLessThan(0.2);
  });

  it('users without statistics train nothing and keep W_m', async () => {
    const rows = day(6, 3, () => COHORT, 3);
    const delta = deltaWeights(meta(), { 'head/out/kernel': tf.tensor2d(COHORT, [D, 1]) });
    const cohorts = [{ cohort: 0, day: rows, delta, statistics: () => undefined }];
    const params = gateParams.parse({});
    const input = { reranker: linear, meta: meta(), config, cohorts, params };
    const { weights, users, losses } = await trainGate(input);
    expect([users, losses]).toEqual([0, []]);
    const gatesOf = gatesOfUsers(weights, config, 0, () => undefined);
    const scored = await scoresOf(rows, {
      fused: { delta, gatesOf },
      meta: { delta, gatesOf: allGates(layers, 0) },
    });
    expect([...scored.fused]).toEqual([...scored.meta]);
  });

  it('leaves gates as they start where there is no cohort', async () => {
    const params = gateParams.parse({});
    const none = { ...config, cohorts: [] };
    const input = { reranker: linear, meta: meta(), config: none, cohorts: [], params };
    const { weights, users, losses } = await trainGate(input);
    expect([users, losses]).toEqual([0, []]);
    expect(Object.keys(weights).length).toBeGreaterThan(0);
  });

  it.each<[0 | 1, number[]]>([
    [0, META],
    [1, COHORT],
  ])('logits with every gate %d are those of weights %j', async (gate, kernel) => {
    const rows = day(5, 70, () => COHORT, 4);
    const delta = deltaWeights(meta(), { 'head/out/kernel': tf.tensor2d(COHORT, [D, 1]) });
    const fused = (await scoresOf(rows, { fused: { delta, gatesOf: allGates(layers, gate) } }))
      .fused;
    const x = rows.columns.x!.data;
    const expected = Array.from(
      fused,
      (_, i) => kernel[0]! * x[2 * i]! + kernel[1]! * x[2 * i + 1]!,
    );
    fused.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  });
});
