import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import type { Tensors } from '../engine/types.ts';
import {
  decide,
  decideShapes,
  gatherInputs,
  type UpliftConfig,
  upliftLoss,
  upliftModel,
} from './model.ts';

const config: UpliftConfig = {
  fields: [
    { name: 'item', rows: 12, width: 3 },
    { name: 'category', rows: 5, width: 2 },
  ],
  exposureAction: 7,
  pageViewAction: 6,
  exposureDecay: 3,
  pageViewDecay: 4,
  context: 5,
  since: 4,
  sessionClicks: 3,
  unexposed: 5,
  hidden: 4,
  mlp: [6],
  interaction: true,
  stopGradientTreatment: false,
  tablePenalty: 0.01,
  label: 'order_n10',
};

/** A random batch with left-aligned masks; row 0 has no behaviour and no candidate at all. */
function fakeBatch(rows: number, seed: number): Tensors {
  const random = Random.of(seed, 'batch');
  const model = upliftModel(config);
  const batch: Tensors = {};
  const limits = new Map(config.fields.map(({ name: field, rows: size }) => [field, size]));
  for (const [name, { dtype, shape }] of Object.entries(model.inputs)) {
    const size = [rows, ...shape].reduce((a, b) => a * b, 1);
    const field = name.split('_')[1]!;
    const limit = limits.get(field) ?? 2;
    const values = Array.from({ length: size }, () => random.below(limit));
    if (name.endsWith('_mask')) {
      const length = shape[0]!;
      for (let row = 0; row < rows; row++) {
        const real = row === 0 ? 0 : random.below(length + 1);
        for (let k = 0; k < length; k++) values[row * length + k] = k < real ? 1 : 0;
      }
    }
    batch[name] = tf.tensor(values, [rows, ...shape], dtype);
  }
  return batch;
}

/** Weights with every layer away from its starting point. */
function noisyWeights(seed: number): Tensors {
  const random = Random.of(seed, 'noise');
  return Object.fromEntries(
    Object.entries(upliftModel(config).init(seed)).map(([name, w]) => [
      name,
      tf.tensor(
        Array.from(w.dataSync(), (v) => v + random.normal(0, 0.3)),
        w.shape,
      ),
    ]),
  );
}

const backends = await availableBackends();

describe.each(backends)('uplift model on %s', (backend) => {
  beforeAll(() => useBackend(backend));
  afterEach(() => tf.disposeVariables());

  it('starts without an effect for anyone', () => {
    const model = upliftModel(config);
    const out = model.predict(model.init(1), fakeBatch(6, 1)).arraySync() as number[][];
    expect(out.map((row) => row[1])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(out.every(([c]) => Number.isFinite(c))).toBe(true);
  });

  it('decides on one gathered row what it predicts for that row in a batch', () => {
    const weights = noisyWeights(2);
    const batch = fakeBatch(5, 2);
    const predicted = upliftModel(config).predict(weights, batch).arraySync() as number[][];
    const gathered = gatherInputs(config, weights, batch);
    for (let row = 0; row < 5; row++) {
      const one = Object.fromEntries(
        Object.entries(gathered).map(([name, all]) => [name, all.slice([row], [1])]),
      ) as unknown as typeof gathered;
      for (const [name, shape] of Object.entries(decideShapes(config))) {
        expect(one[name as keyof typeof one].shape).toEqual(shape);
      }
      expect(decide(config, weights, one).dataSync()[0]).toBeCloseTo(predicted[row]![1]!, 5);
    }
  });

  it('reads nothing of padded places', () => {
    const weights = noisyWeights(3);
    const batch = fakeBatch(6, 3);
    const model = upliftModel(config);
    const before = model.predict(weights, batch).dataSync();
    const changed: Tensors = { ...batch };
    for (const prefix of ['since', 'sclk', 'unexposed']) {
      const mask = batch[`${prefix}_mask`]!;
      for (const { name: field } of config.fields) {
        const kept = tf.mul(batch[`${prefix}_${field}`]!, tf.cast(mask, 'int32'));
        changed[`${prefix}_${field}`] = tf.add(kept, tf.cast(tf.sub(1, mask), 'int32'));
      }
    }
    const after = model.predict(weights, changed).dataSync();
    for (let i = 0; i < before.length; i++) expect(after[i]).toBeCloseTo(before[i]!, 5);
  });

  it('has the mean cross entropy of each counted row under its own arm as loss', () => {
    // Control, c = 0, bought: ln 2. Treated, c = 1, v = −1, not bought: ln 2.
    // Treated, c = 0, v = ln 3, bought: −ln(3/4).
    const both = tf.tensor2d([
      [0, 5],
      [1, -1],
      [0, Math.log(3)],
      [9, 9],
    ]);
    const arm = tf.tensor1d([0, 1, 1, 0]);
    const label = tf.tensor1d([1, 0, 1, 0]);
    const mask = tf.tensor1d([1, 1, 1, 0]);
    const expected = (2 * Math.LN2 - Math.log(0.75)) / 3;
    for (const stop of [false, true]) {
      expect(upliftLoss(both, arm, label, mask, stop).dataSync()[0]).toBeCloseTo(expected, 6);
    }
  });

  it.each([
    [false, 1],
    [true, 0],
  ])('with stopGradientTreatment=%s lets %d treated rows train ControlNet', (stop, trained) => {
    const model = upliftModel({ ...config, stopGradientTreatment: stop });
    const weights = Object.fromEntries(
      Object.entries(noisyWeights(5)).map(([name, w]) => [name, tf.variable(w)]),
    );
    const known = { matured: tf.ones([6]), propensity: tf.fill([6], 0.5) };
    const batch = { ...fakeBatch(6, 5), ...known };
    const armIs = (arm: number): Tensors => ({ ...batch, arm: tf.fill([6], arm) });
    const gradient = (rows: Tensors, name: string): number => {
      const { grads } = tf.variableGrads(
        () => model.loss(weights, rows),
        [weights[name] as tf.Variable],
      );
      return Math.max(...tf.abs(Object.values(grads)[0]!).dataSync());
    };
    expect(gradient(armIs(1), 'control/out/bias') > 0 ? 1 : 0).toBe(trained);
    expect(gradient(armIs(1), 'uplift/out/bias')).toBeGreaterThan(0);
    expect(gradient(armIs(0), 'control/out/bias')).toBeGreaterThan(0);
    expect(gradient(armIs(0), 'uplift/out/bias')).toBe(0);
  });

  it('learns nothing from rows that were not randomised or whose outcome is not known yet', () => {
    const model = upliftModel({ ...config, tablePenalty: 0 });
    const weights = noisyWeights(9);
    const batch = fakeBatch(4, 9);
    const loss = (propensity: number, matured: number): number => {
      const columns = { propensity: tf.fill([4], propensity), matured: tf.fill([4], matured) };
      return model.loss(weights, { ...batch, ...columns }).dataSync()[0]!;
    };
    expect([loss(1, 1), loss(0, 1), loss(0.5, 0)]).toEqual([0, 0, 0]);
    expect(loss(0.5, 1)).toBeGreaterThan(0);
  });

  it('draws equal weights from equal seeds', () => {
    const read = (seed: number) =>
      Object.values(upliftModel(config).init(seed)).map((w) => [...w.dataSync()]);
    expect(read(7)).toEqual(read(7));
    expect(read(7)).not.toEqual(read(8));
  });
});

it.skipIf(backends.length < 2)('gives the same values on both backends', async () => {
  const on = async (backend: 'cpu' | 'tensorflow'): Promise<Float32Array> => {
    await useBackend(backend);
    return (await upliftModel(config)
      .predict(noisyWeights(6), fakeBatch(8, 6))
      .data()) as Float32Array;
  };
  const cpu = await on('cpu');
  const native = await on('tensorflow');
  for (let i = 0; i < cpu.length; i++) expect(native[i]).toBeCloseTo(cpu[i]!, 4);
});
