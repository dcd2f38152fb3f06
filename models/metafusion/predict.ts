/** Logits of a cohort's day under the meta model, a fine-tuned one, and the fused ones. */
import * as tf from '@tensorflow/tfjs';
import type { RunOptions } from '../../lib/progress.ts';
import { yieldToEvents } from '../engine/predict.ts';
import type { Tensors } from '../engine/types.ts';
import { fuse } from './fused-weights.ts';
import { type GateConfig, gateInput, gates } from './gate.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { batchOf, type DayRows, sliceRows, userRuns } from './rows.ts';

const BATCH_ROWS = 256;

/** Gate values of one user, in the order of the layers. */
export type GatesOf = (user: number) => Float32Array | undefined;

/** Logits of all rows, row-major [rows, N], under one set of weights. */
export async function predictWith(
  reranker: RerankerParts,
  weights: Tensors,
  day: DayRows,
  options: RunOptions = {},
): Promise<Float32Array> {
  return predictBatches(day, options, (from, rows) => {
    const batch = batchOf(day, reranker.inputs, range(from, rows));
    return reranker.logits(weights, reranker.encode(weights, batch));
  });
}

/** Logits of all rows under weights fused per user. A user without gates gets W_m. */
export async function predictFused(
  reranker: RerankerParts,
  meta: Tensors,
  delta: Tensors,
  layers: readonly string[],
  gatesOf: GatesOf,
  day: DayRows,
  options: RunOptions = {},
): Promise<Float32Array> {
  return predictBatches(day, options, (from, rows) => {
    const batch = batchOf(day, reranker.inputs, range(from, rows));
    const encoded = reranker.encode(meta, batch);
    const users = { ...day, user: day.user.subarray(from, from + rows), rows };
    const logits = userRuns(users).map((run) => {
      const own = gatesOf(run.user);
      const weights = own ? fuse(meta, delta, layers, tf.tensor1d(own)) : meta;
      return reranker.logits(weights, sliceRows(encoded, run.from, run.to - run.from));
    });
    return tf.concat(logits);
  });
}

/** The gates that a phone would compute from its user's statistics. */
export function gatesOfUsers(
  gate: Tensors,
  config: GateConfig,
  cohort: number,
  statistics: (user: number) => ArrayLike<number> | undefined,
): GatesOf {
  return (user) => {
    const own = statistics(user);
    if (!own) return undefined;
    return tf.tidy(
      () => gates(gate, tf.tensor2d([gateInput(config, own, cohort)])).dataSync() as Float32Array,
    );
  };
}

const range = (from: number, rows: number): number[] =>
  Array.from({ length: rows }, (_, i) => from + i);

async function predictBatches(
  day: DayRows,
  { signal, onProgress }: RunOptions,
  predict: (from: number, rows: number) => tf.Tensor,
): Promise<Float32Array> {
  let out: Float32Array | undefined;
  for (let from = 0; from < day.rows; from += BATCH_ROWS) {
    signal?.throwIfAborted();
    const rows = Math.min(BATCH_ROWS, day.rows - from);
    const logits = tf.tidy(() => predict(from, rows).dataSync() as Float32Array);
    const width = logits.length / rows;
    out ??= new Float32Array(day.rows * width);
    out.set(logits, from * width);
    onProgress?.({ message: `scored ${from + rows} of ${day.rows} rows` });
    await yieldToEvents();
  }
  return out ?? new Float32Array(0);
}
