/**
 * Attention of candidates over behaviours (Bahdanau et al., ICLR 2015; EdgeRec, CIKM 2020, eq. 10–13).
 *
 *   s_tj = vᵀ tanh(W_q q_t + β + W_k k_j + W_d d_j)  query: candidate's item state
 *   a_t  = softmax_j(s_t) over real behaviours     key: behaviour's item state
 *   c_t  = Σ_j a_tj b_j                            value: behaviour's item and action states
 *
 * d_j is the one-hot bucket of the time since behaviour j ended. It changes with every decision,
 * so it enters here, on the key side, and never the encoders' states, which a phone keeps.
 * The bias β is not in the paper's formula; without it a unit can hardly tell like from unlike.
 *
 * Weights under `name`: query/kernel [Hq, A], query/bias [A], key/kernel [Hk, A], decay/kernel [De, A], vector [A, 1].
 */
import * as tf from '@tensorflow/tfjs';
import { nativeBackend, rawOp } from '../../compiler/trace/raw-op.ts';
import type { Random } from '../../lib/random.ts';
import type { Tensors } from '../engine/types.ts';
import { glorotUniform, normal } from './initializers.ts';
import { matMul, product } from './mat-mul.ts';

/**
 * Score of a padded behaviour before the softmax. Low enough that 100 of them weigh below 1e-6,
 * near enough to real scores that an int8 softmax still tells those apart.
 */
const PADDING_SCORE = -20;

export interface AttentionSizes {
  query: number;
  key: number;
  decay: number;
  hidden: number;
}

export function attentionInit(name: string, sizes: AttentionSizes, random: Random): Tensors {
  return {
    [`${name}/query/kernel`]: glorotUniform([sizes.query, sizes.hidden], random),
    // Spread out, so that the units differ from the start in where their tanh bends.
    [`${name}/query/bias`]: normal([sizes.hidden], 1, random),
    [`${name}/key/kernel`]: glorotUniform([sizes.key, sizes.hidden], random),
    [`${name}/decay/kernel`]: glorotUniform([sizes.decay, sizes.hidden], random),
    [`${name}/vector`]: glorotUniform([sizes.hidden, 1], random),
  };
}

export interface Behaviours {
  /** Item states, [B, K, Hk]. */
  keys: tf.Tensor3D;
  /** Item and action states, [B, K, Hv]. */
  values: tf.Tensor3D;
  /** One-hot decay buckets, [B, K, De]. */
  decay: tf.Tensor3D;
  /** 1 for real behaviours, [B, K]. */
  mask: tf.Tensor2D;
}

/**
 * What each candidate draws from the behaviours. A row without any behaviour gets zeros.
 * @param queries [B, N, Hq] @returns contexts [B, N, Hv]
 */
export function behaviourAttention(
  weights: Tensors,
  name: string,
  queries: tf.Tensor3D,
  { keys, values, decay, mask }: Behaviours,
): tf.Tensor3D {
  const q = tf.add(
    project(queries, weights[`${name}/query/kernel`] as tf.Tensor2D),
    weights[`${name}/query/bias`]!,
  ) as tf.Tensor3D;
  const k = tf.add(
    project(keys, weights[`${name}/key/kernel`] as tf.Tensor2D),
    project(decay, weights[`${name}/decay/kernel`] as tf.Tensor2D),
  ) as tf.Tensor3D;
  const scores = additiveScores(q, k, weights[`${name}/vector`] as tf.Tensor2D);
  const attention = maskedSoftmax(scores, tf.expandDims(mask, 1));
  return tf.matMul(attention, values) as tf.Tensor3D;
}

/**
 * Softmax over the last axis that gives masked entries exactly zero; all zeros where all are masked.
 * @param scores [B, N, K] @param mask broadcastable to it, 1 for real entries
 */
export function maskedSoftmax(scores: tf.Tensor, mask: tf.Tensor): tf.Tensor {
  const filled = tf.add(tf.mul(scores, mask), tf.mul(tf.sub(1, mask), PADDING_SCORE));
  return tf.mul(tf.softmax(filled), mask);
}

function project(x: tf.Tensor3D, kernel: tf.Tensor2D): tf.Tensor3D {
  const [batch, steps, width] = x.shape;
  const flat = matMul(x.reshape<tf.Tensor2D>([batch * steps, width]), kernel);
  return flat.reshape([batch, steps, kernel.shape[1]]);
}

/**
 * vᵀ tanh(q_t + k_j) for every pair. [B, N, K, A] values are the largest thing of the whole model,
 * so the gradient is written by hand: with y = tanh(…),
 *   dv = Σ ds y,   dq_t = v ∘ Σ_j ds_tj (1 − y_tj²),   dk_j = v ∘ Σ_t ds_tj (1 − y_tj²).
 * @param q [B, N, A] @param k [B, K, A] @param v [A, 1] @returns [B, N, K]
 */
export function additiveScores(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor2D): tf.Tensor3D {
  const [batch, queries, hidden] = q.shape;
  const keys = k.shape[1];
  const op = tf.customGrad((...inputs) => {
    const save = inputs.pop() as unknown as (tensors: tf.Tensor[]) => void;
    const [qt, kt, vt] = inputs as [tf.Tensor3D, tf.Tensor3D, tf.Tensor2D];
    const y = tf.tanh(tf.add(tf.expandDims(qt, 2), tf.expandDims(kt, 1)));
    const flat = y.reshape<tf.Tensor2D>([batch * queries * keys, hidden]);
    save([flat, vt]);
    return {
      value: product(flat, vt!).reshape<tf.Tensor>([batch, queries, keys]),
      gradFunc: (ds: tf.Tensor, [y, v]: tf.Tensor[]) => {
        const column = ds.reshape<tf.Tensor2D>([-1, 1]);
        const slopes = tanhGradient(y as tf.Tensor2D, column).reshape([
          batch,
          queries,
          keys,
          hidden,
        ]);
        const row = (v as tf.Tensor2D).reshape([hidden]);
        return [
          tf.mul(tf.sum(slopes, 2), row),
          tf.mul(tf.sum(slopes, 1), row),
          product(y!, column, true),
        ];
      },
    };
  });
  return op(q, k, v) as tf.Tensor3D;
}

/** ds (1 − y²) with ds as a column. */
function tanhGradient(y: tf.Tensor2D, ds: tf.Tensor2D): tf.Tensor {
  if (nativeBackend()) {
    // TanhGrad does not broadcast; the tile is cheaper than two more passes over y.
    return rawOp('TanhGrad', { T: { dtype: 'float32' } }, [y, tf.tile(ds, [1, y.shape[1]])])[0]!;
  }
  return tf.sub(ds, tf.mul(ds, tf.square(y)));
}
