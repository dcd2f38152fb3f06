import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../engine/backend.ts';
import { maskedBinaryCrossEntropy, slateCrossEntropy } from './binary-cross-entropy.ts';

const value = (logits: number[][], labels: number[][], mask: number[][]): number =>
  slateCrossEntropy(tf.tensor2d(logits), tf.tensor2d(labels), tf.tensor2d(mask)).dataSync()[0]!;

describe('slate cross entropy', () => {
  beforeAll(async () => useBackend('cpu'));

  it('adds −ln p up over the seen candidates and averages over slates', () => {
    // σ(0) = 0.5 for the positive, σ(ln 3) = 0.75 for the negative; the second slate has one negative.
    const loss = value(
      [
        [0, Math.log(3), 99],
        [0, 5, 5],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [
        [1, 1, 0],
        [1, 0, 0],
      ],
    );
    expect(loss).toBeCloseTo((Math.log(2) + Math.log(4) + Math.log(2)) / 2, 6);
  });

  it('stays finite for extreme logits and exact for small losses', () => {
    expect(value([[1000]], [[0]], [[1]])).toBe(1000);
    expect(value([[20]], [[1]], [[1]]) / Math.exp(-20)).toBeCloseTo(1, 4);
  });

  it('has the gradient (σ(z) − y) / slates, and none where masked', () => {
    const gradient = tf.grad((z: tf.Tensor) =>
      slateCrossEntropy(z, tf.tensor2d([[1], [0], [1]]), tf.tensor2d([[1], [1], [0]])),
    )(tf.tensor2d([[0.4], [-0.3], [5]]));
    const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
    const [a, b, c] = gradient.dataSync();
    expect(a).toBeCloseTo((sigmoid(0.4) - 1) / 3, 6);
    expect(b).toBeCloseTo(sigmoid(-0.3) / 3, 6);
    expect(c).toBe(0);
  });

  it('is zero for slates of which nothing was seen', () => {
    expect(value([[3]], [[0]], [[0]])).toBe(0);
  });
});

describe('masked binary cross entropy', () => {
  it('is the mean over unmasked entries, 0 without one', () => {
    const logits = tf.tensor1d([0, Math.log(3), 99]);
    const labels = tf.tensor1d([1, 0, 0]);
    const loss = maskedBinaryCrossEntropy(logits, labels, tf.tensor1d([1, 1, 0]));
    expect(loss.dataSync()[0]).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 6);
    expect(maskedBinaryCrossEntropy(logits, labels, tf.zeros([3])).dataSync()[0]).toBe(0);
  });
});
