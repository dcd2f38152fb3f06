/**
 * Adam (Kingma and Ba, ICLR 2015) on one vector of weights, with clipping by the gradient's norm and
 * decay of the weights apart from the gradient (Loshchilov and Hutter, ICLR 2019).
 */
import * as tf from '@tensorflow/tfjs';

export interface AdamOptions {
  learningRate: number;
  /** Largest Euclidean norm of the gradient; longer ones are scaled to it. */
  clipNorm: number;
  /** Share of a weight that one unit of step size takes away, apart from the gradient. @default 0 */
  weightDecay?: number | undefined;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-7;

/** Weights, first and second moment; all of one length. */
export interface AdamState {
  weights: tf.Tensor1D;
  m: tf.Tensor1D;
  v: tf.Tensor1D;
  /** Updates made so far. */
  step: number;
}

export function adamStart(weights: tf.Tensor1D): AdamState {
  return { weights, m: tf.zerosLike(weights), v: tf.zerosLike(weights), step: 0 };
}

/**
 * One update as tfjs's own optimiser makes it (bias correction of both moments, ε outside the root),
 * but for the powers of β: tfjs multiplies them up step by step in float32, which a resumed training
 * could not repeat; here they are float64. Returns a new state; the caller disposes the old one.
 */
export function adamUpdate(
  state: AdamState,
  gradient: tf.Tensor1D,
  { learningRate, clipNorm, weightDecay = 0 }: AdamOptions,
): AdamState {
  const step = state.step + 1;
  const [weights, m, v] = tf.tidy(() => {
    const norm = tf.sqrt(tf.sum(tf.square(gradient)));
    const g = tf.mul(gradient, tf.div(clipNorm, tf.maximum(norm, clipNorm)));
    const m = tf.add(tf.mul(state.m, BETA1), tf.mul(g, 1 - BETA1));
    const v = tf.add(tf.mul(state.v, BETA2), tf.mul(tf.square(g), 1 - BETA2));
    const mHat = tf.div(m, 1 - BETA1 ** step);
    const vHat = tf.div(v, 1 - BETA2 ** step);
    const move = tf.mul(tf.div(mHat, tf.add(tf.sqrt(vHat), EPSILON)), learningRate);
    const kept = tf.mul(state.weights, 1 - learningRate * weightDecay);
    return [tf.sub(kept, move), m, v] as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
  });
  return { weights, m, v, step };
}

export function disposeAdam({ weights, m, v }: AdamState): void {
  tf.dispose([weights, m, v]);
}
