import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { maskedBinaryCrossEntropy } from './binary-cross-entropy.ts';

describe('masked binary cross entropy', () => {
  beforeAll(async () => useBackend('cpu'));

  it('is the mean of −ln p over unmasked entries', () => {
    // σ(0) = 0.5 for the positive, σ(ln 3) = 0.75 for the negative: (ln 2 + ln 4) / 2.
    const loss = maskedBinaryCrossEntropy(
      tf.tensor1d([0, Math.log(3), 99]),
      tf.tensor1d([1, 0, 0]),
      tf.tensor1d([1, 1, 0]),
    );
    expect(loss.dataSync()[0]).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 6);
  });

  it('stays finite for extreme logits and exact for small losses', () => {
    const loss = maskedBinaryCrossEntropy(tf.tensor1d([1000]), tf.tensor1d([0]), tf.ones([1]));
    expect(loss.dataSync()[0]).toBe(1000);
    const small = maskedBinaryCrossEntropy(tf.tensor1d([20]), tf.tensor1d([1]), tf.ones([1]));
    expect(small.dataSync()[0]! / Math.exp(-20)).toBeCloseTo(1, 4);
  });

  it('has the gradient (σ(z) − y) / count, and none where masked', () => {
    const gradient = tf.grad((z: tf.Tensor) =>
      maskedBinaryCrossEntropy(z, tf.tensor1d([1, 0, 1]), tf.tensor1d([1, 1, 0])),
    )(tf.tensor1d([0.4, -0.3, 5]));
    const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
    const [a, b, c] = gradient.dataSync();
    expect(a).toBeCloseTo((sigmoid(0.4) - 1) / 2, 6);
    expect(b).toBeCloseTo(sigmoid(-0.3) / 2, 6);
    expect(c).toBe(0);
  });

  it('is zero for a batch without a single unmasked entry', () => {
    const loss = maskedBinaryCrossEntropy(tf.tensor1d([3]), tf.tensor1d([0]), tf.zeros([1]));
    expect(loss.dataSync()[0]).toBe(0);
  });
});
