/** Fully connected layers over the last axis. */
import * as tf from '@tensorflow/tfjs';
import type { Random } from '../../lib/random.ts';
import type { Tensors } from '../engine/types.ts';
import { glorotUniform } from './initializers.ts';
import { matMul } from './mat-mul.ts';

/** Weights of one layer under `name`: `name/kernel` [in, out] and `name/bias` [out]. */
export function denseInit(name: string, inputs: number, outputs: number, random: Random): Tensors {
  return {
    [`${name}/kernel`]: glorotUniform([inputs, outputs], random),
    [`${name}/bias`]: tf.zeros([outputs]),
  };
}

/**
 * y = x W + b over the last axis of x.
 * @param x [..., in] @returns [..., out]
 */
export function dense(weights: Tensors, name: string, x: tf.Tensor): tf.Tensor {
  const kernel = weights[`${name}/kernel`] as tf.Tensor2D;
  const [inputs, outputs] = kernel.shape;
  const flat = x.rank === 2 ? (x as tf.Tensor2D) : x.reshape<tf.Tensor2D>([-1, inputs]);
  const y = tf.add(matMul(flat, kernel), weights[`${name}/bias`]!);
  return x.rank === 2 ? y : y.reshape([...x.shape.slice(0, -1), outputs]);
}

/**
 * Hidden layers with ReLU, then one linear output: `name/0`, `name/1`, …, `name/out`.
 * @param x      [..., in]
 * @param shared inputs that all rows of a group have in common, [B, in2] for x of [B, N, in]. Their
 *   share of the first layer (`name/shared/kernel`) is computed once per group, not once per row.
 * @returns [..., 1] logits
 */
export function mlp(
  weights: Tensors,
  name: string,
  hidden: number[],
  x: tf.Tensor,
  shared?: tf.Tensor2D,
): tf.Tensor {
  let h = x;
  hidden.forEach((_, layer) => {
    let y = dense(weights, `${name}/${layer}`, h);
    if (layer === 0 && shared) {
      const common = matMul(shared, weights[`${name}/shared/kernel`] as tf.Tensor2D);
      y = tf.add(y, tf.expandDims(common, 1));
    }
    h = tf.relu(y);
  });
  return dense(weights, `${name}/out`, h);
}

/** Weights of {@link mlp}. */
export function mlpInit(
  name: string,
  inputs: number,
  hidden: number[],
  random: Random,
  shared = 0,
): Tensors {
  const weights: Tensors = {};
  let width = inputs;
  hidden.forEach((units, layer) => {
    Object.assign(weights, denseInit(`${name}/${layer}`, width, units, random));
    if (layer === 0 && shared > 0) {
      weights[`${name}/shared/kernel`] = glorotUniform([shared, units], random);
    }
    width = units;
  });
  return Object.assign(weights, denseInit(`${name}/out`, width, 1, random));
}
