/** Int8 at the ends of its scales: found by random graphs, each mended. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { deviation, prepare } from '../testing/deviation.ts';
import type { NamedTensors } from '../trace/record.ts';
import { finestScale } from './resolution.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const inputs = { a: { shape: [4, 3] }, b: { shape: [4, 3] } };

describe.each(['int8', 'onnxInt8'] as const)('%s', (target) => {
  it.each<[string, (a: tf.Tensor2D, b: tf.Tensor2D) => tf.Tensor]>([
    [
      'a difference that is always 0 under a dense layer',
      (a) => tf.matMul(tf.tanh(tf.sub(a, a)) as tf.Tensor2D, tf.fill([3, 2], -0.4)),
    ],
    ['a sum of ordinary numbers and zeros', (a, b) => tf.add(tf.sub(b, b), tf.tanh(a))],
    [
      'tiny numbers that are added to zeros',
      (a, b) => tf.add(tf.mul(a, 1e-7), tf.relu(tf.neg(tf.abs(b)))),
    ],
    ['the negation of tiny numbers', (a) => tf.neg(tf.mul(a, 1e-6))],
    [
      'a quotient whose divisor is kept off 0 by an ε',
      (a, b) => tf.div(a, tf.add(tf.mul(tf.abs(b), 1000), 0.5)),
    ],
    [
      'a logarithm kept off −∞ by an ε, through a reshape',
      (a) => tf.log(tf.add(tf.mul(tf.abs(a), 1000), 0.5).reshape([12])),
    ],
    [
      'an input that is read in its own and in shared parameters',
      (a, b) => tf.concat([tf.neg(b), b, tf.mul(a, 1.5)], 1),
    ],
    [
      'probabilities that are read in finer steps',
      (a) => tf.minimum(tf.softmax(tf.mul(a, 0.1)), 2),
    ],
  ])('stays within its steps for %s', async (_, run) => {
    const subject = {
      inputs,
      run: ({ a, b }: NamedTensors) => ({ y: run(a as tf.Tensor2D, b as tf.Tensor2D) }),
    };
    const { outside } = await deviation(prepare(subject, 5), target);
    expect(outside).toBe(0);
  });
});

describe('finestScale', () => {
  const tensor = (scale: number) => ({
    name: '',
    shape: [1],
    type: 'INT8' as const,
    quantization: { scale: [scale], zeroPoint: [0], axis: 0 },
  });

  it('is 2⁻¹⁹ of a sum’s larger input and 2⁻⁸ of a product', () => {
    expect(finestScale('ADD', [tensor(1), tensor(0.5)])).toBe(2 ** -19);
    expect(finestScale('MUL', [tensor(0.5), tensor(0.5)])).toBe(2 ** -10);
    expect(finestScale('MEAN', [tensor(1)])).toBe(2 ** -8);
    expect(finestScale('RELU', [tensor(1)])).toBe(0);
  });
});
