/** Starting values of weights: equal seeds give equal weights on every backend. */
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../../lib/random.ts';

/**
 * Glorot uniform: U(−a, a) with a = √(6 / (fanIn + fanOut)) (Glorot and Bengio, AISTATS 2010).
 * Drawn in plain numbers, not by the backend, so that all backends start from the same weights.
 */
export function glorotUniform(shape: [number, number], random: Random): tf.Tensor2D {
  const limit = Math.sqrt(6 / (shape[0] + shape[1]));
  const values = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < values.length; i++) values[i] = (random.uniform() * 2 - 1) * limit;
  return tf.tensor2d(values, shape);
}

/** Independent normal values, for embedding tables. */
export function normal(shape: number[], deviation: number, random: Random): tf.Tensor {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < values.length; i++) values[i] = random.normal(0, deviation);
  return tf.tensor(values, shape);
}
