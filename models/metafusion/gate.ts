/**
 * The Transfer layer: from how stable a user is to one gate per fused layer.
 *
 *   z   = clip((U_s − mean) / std, ±3), the user's cohort one-hot beside it      [B, S + C]
 *   h_l = tanh(z A_l + a_l)                                                       [B, h] per layer l
 *   g^l = σ(h_l · v_l + v⁰_l)                                                     [B, L]
 *
 * U_s are the user's stability statistics before the day (variance and trend of the click rate,
 * activity, changes of cohort …). v starts at 0, so every gate starts at σ(v⁰) whatever U_s.
 */
import * as tf from '@tensorflow/tfjs';
import { Random } from '../../lib/random.ts';
import type { Tensors } from '../engine/types.ts';
import { glorotUniform } from '../layers/initializers.ts';

export interface GateConfig {
  /** Names of U_s, in the order of the input. */
  statistics: string[];
  /** Normalisation of U_s. */
  mean: number[];
  std: number[];
  /** Cohorts in the order of the one-hot part. */
  cohorts: string[];
  /** Fused layers in the order of the gates. */
  layers: string[];
  /** Hidden units per layer's MLP. */
  hidden: number;
}

/** Normalised statistics further from the mean than this count as this far. */
export const CLIP = 3;

/**
 * Normalised statistics and the cohort's one-hot of one user. A statistic that is not known (NaN: too few
 * days tell it) is 0, as that of the mean user the gate was trained on.
 */
export function gateInput(
  config: GateConfig,
  statistics: ArrayLike<number>,
  cohort: number,
): number[] {
  const z = config.mean.map((mean, s) => {
    const value = (statistics[s]! - mean) / config.std[s]!;
    return Math.max(-CLIP, Math.min(CLIP, Number.isFinite(value) ? value : 0));
  });
  return [...z, ...config.cohorts.map((_, c) => (c === cohort ? 1 : 0))];
}

/** Mean and standard deviation of each statistic; one that does not vary gets std 1. */
export function fitNormalisation(rows: ArrayLike<number>[]): { mean: number[]; std: number[] } {
  const width = rows[0]?.length ?? 0;
  const mean: number[] = [];
  const std: number[] = [];
  for (let s = 0; s < width; s++) {
    const values = rows.map((row) => row[s]!).filter(Number.isFinite);
    const m = values.reduce((sum, v) => sum + v, 0) / Math.max(1, values.length);
    const variance = values.reduce((sum, v) => sum + (v - m) ** 2, 0) / Math.max(1, values.length);
    mean.push(m);
    std.push(variance > 1e-12 ? Math.sqrt(variance) : 1);
  }
  return { mean, std };
}

/** `gate/hidden/kernel` [S + C, L·h], `gate/hidden/bias` [L·h], `gate/out/kernel` [L, h], `gate/out/bias` [L]. */
export function gateInit(config: GateConfig, seed: number): Tensors {
  const inputs = config.statistics.length + config.cohorts.length;
  const L = config.layers.length;
  const width = L * config.hidden;
  return {
    'gate/hidden/kernel': glorotUniform([inputs, width], Random.of(seed, 'gate')),
    'gate/hidden/bias': tf.zeros([width]),
    'gate/out/kernel': tf.zeros([L, config.hidden]),
    'gate/out/bias': tf.zeros([L]),
  };
}

/** Gates of some users. @param z [B, S + C] @returns [B, L], each in (0, 1) */
export function gates(weights: Tensors, z: tf.Tensor2D): tf.Tensor2D {
  const out = weights['gate/out/kernel'] as tf.Tensor2D;
  const [L, h] = out.shape;
  const hidden = tf.tanh(
    tf.add(
      tf.matMul(z, weights['gate/hidden/kernel'] as tf.Tensor2D),
      weights['gate/hidden/bias']!,
    ),
  );
  const scores = tf.sum(tf.mul(hidden.reshape([-1, L, h]), out), 2);
  return tf.sigmoid(tf.add(scores, weights['gate/out/bias']!)) as tf.Tensor2D;
}
