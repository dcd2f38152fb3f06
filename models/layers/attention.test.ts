import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../lib/random.ts';
import { useBackend } from '../engine/backend.ts';
import { availableBackends } from '../engine/test-backends.ts';
import { additiveScores, attentionInit, behaviourAttention, maskedSoftmax } from './attention.ts';
import { embedding } from './embedding.ts';

const backends = await availableBackends();

const randomTensor = (shape: number[], random: Random): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
    shape,
  );

describe.each(backends)('attention on the %s backend', (backend) => {
  beforeEach(async () => useBackend(backend));

  it('scores a pair as v·tanh(q + k)', () => {
    const scores = additiveScores(
      tf.tensor3d([[[0.5, -1]]]),
      tf.tensor3d([
        [
          [0.5, 1],
          [0, 0],
        ],
      ]),
      tf.tensor2d([[2], [3]]),
    );
    const [first, second] = scores.dataSync();
    expect(first).toBeCloseTo(2 * Math.tanh(1) + 3 * Math.tanh(0), 5);
    expect(second).toBeCloseTo(2 * Math.tanh(0.5) + 3 * Math.tanh(-1), 5);
  });

  it('has the gradients of the composed ops', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (seed, n, k) =>
          tf.tidy(() => {
            const random = Random.of(seed);
            const inputs = [
              randomTensor([2, n, 3], random),
              randomTensor([2, k, 3], random),
              randomTensor([3, 1], random),
            ];
            const direction = randomTensor([2, n, k], random);
            const value = (scores: tf.Tensor) => tf.sum(tf.mul(scores, direction)) as tf.Scalar;
            const composed = (q: tf.Tensor, keys: tf.Tensor, v: tf.Tensor) =>
              value(
                tf.sum(
                  tf.mul(tf.tanh(tf.add(q.expandDims(2), keys.expandDims(1))), v.reshape([3])),
                  3,
                ),
              );
            const own = (q: tf.Tensor, keys: tf.Tensor, v: tf.Tensor) =>
              value(additiveScores(q as tf.Tensor3D, keys as tf.Tensor3D, v as tf.Tensor2D));
            const expected = tf.grads(composed)(inputs);
            tf.grads(own)(inputs).forEach((gradient, i) => {
              expect(gradient.shape).toEqual(expected[i]!.shape);
              const difference = tf.max(tf.abs(tf.sub(gradient, expected[i]!))).dataSync()[0]!;
              expect(difference).toBeLessThan(1e-5);
            });
          }),
      ),
      { numRuns: 20 },
    );
  });

  it('gives masked entries exactly nothing and all-masked rows zeros', () => {
    const scores = tf.tensor2d([
      [Math.log(1), Math.log(3), 9],
      [1, 2, 3],
    ]);
    const mask = tf.tensor2d([
      [1, 1, 0],
      [0, 0, 0],
    ]);
    const weights = maskedSoftmax(scores, mask).dataSync();
    expect(weights[0]).toBeCloseTo(0.25, 6);
    expect(weights[1]).toBeCloseTo(0.75, 6);
    expect(Array.from(weights.slice(2))).toEqual([0, 0, 0, 0]);
  });

  it('is blind to what padded behaviours hold and answers zeros without behaviours', () => {
    const random = Random.of(1);
    const weights = attentionInit('a', { query: 4, key: 4, decay: 3, hidden: 5 }, random);
    const queries = randomTensor([2, 6, 4], random) as tf.Tensor3D;
    const mask = tf.tensor2d([
      [1, 1, 0],
      [0, 0, 0],
    ]);
    const keys = randomTensor([2, 3, 4], random) as tf.Tensor3D;
    const values = randomTensor([2, 3, 8], random) as tf.Tensor3D;
    const decay = tf.oneHot(
      tf.tensor2d(
        [
          [0, 1, 2],
          [2, 1, 0],
        ],
        undefined,
        'int32',
      ),
      3,
    ) as tf.Tensor3D;
    const run = (k: tf.Tensor3D, v: tf.Tensor3D) =>
      behaviourAttention(weights, 'a', queries, {
        keys: k,
        values: v,
        decay: tf.cast(decay, 'float32'),
        mask,
      });
    const keep = mask.expandDims(2);
    const other = (t: tf.Tensor3D) =>
      tf.add(tf.mul(t, keep), tf.mul(tf.sub(1, keep), 7)) as tf.Tensor3D;
    const context = run(keys, values);
    expect(context.shape).toEqual([2, 6, 8]);
    expect(
      tf.max(tf.abs(tf.sub(context, run(other(keys), other(values))))).dataSync()[0],
    ).toBeLessThan(1e-6);
    expect(tf.max(tf.abs(tf.slice(context, [1, 0, 0], [1, 6, 8]))).dataSync()[0]).toBe(0);
  });
});

describe.each(backends)('embedding on the %s backend', (backend) => {
  beforeEach(async () => useBackend(backend));

  it('returns rows and adds up the gradients of a row that is used twice', () => {
    const table = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const rows = tf.tensor2d(
      [
        [2, 0],
        [2, 2],
      ],
      undefined,
      'int32',
    );
    expect(embedding(table, rows).arraySync()).toEqual([
      [
        [5, 6],
        [1, 2],
      ],
      [
        [5, 6],
        [5, 6],
      ],
    ]);
    const gradient = tf.grad((t: tf.Tensor) => tf.sum(embedding(t as tf.Tensor2D, rows)))(table);
    expect(gradient.arraySync()).toEqual([
      [1, 1],
      [0, 0],
      [3, 3],
    ]);
  });
});
