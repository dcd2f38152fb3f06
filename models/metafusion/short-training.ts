/** A short training over batches held in memory: a fixed number of epochs, no early stop. */
import * as tf from '@tensorflow/tfjs';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { adamStart, adamUpdate, disposeAdam } from '../engine/adam.ts';
import { flatten, layoutOf, unflatten } from '../engine/flat-weights.ts';
import { yieldToEvents } from '../engine/predict.ts';
import type { Tensors } from '../engine/types.ts';

export interface TrainingBatch {
  rows: number;
  /** Mean loss of the batch; makes its tensors itself, inside a tidy. */
  loss(weights: Tensors): tf.Scalar;
}

export interface TrainingInput {
  /** Starting values of what is trained. The caller keeps them. */
  start: Tensors;
  epochs: number;
  learningRate: number;
  /** The batches of an epoch. */
  batches(epoch: number): TrainingBatch[];
  /** For messages: `cohort-0`. */
  what: string;
}

export interface TrainingResult {
  /** The caller disposes them. */
  weights: Tensors;
  /** Mean loss of each epoch, as the weights moved. */
  losses: number[];
}

const CLIP_NORM = 5;

/** @throws EdgeloomError `training-diverged` */
export async function trainShortly(
  input: TrainingInput,
  options: RunOptions = {},
): Promise<TrainingResult> {
  const layout = layoutOf(input.start);
  let state = adamStart(tf.tidy(() => flatten(input.start, layout)));
  const adam = { learningRate: input.learningRate, clipNorm: CLIP_NORM };
  const losses: number[] = [];
  try {
    for (let epoch = 0; epoch < input.epochs; epoch++) {
      let sum = 0;
      let rows = 0;
      const batches = input.batches(epoch);
      for (const [i, batch] of batches.entries()) {
        options.signal?.throwIfAborted();
        let loss = Number.NaN;
        const gradient = tf.tidy(() => {
          const weights = unflatten(state.weights, layout);
          const forward = (...values: tf.Tensor[]) =>
            batch.loss(Object.fromEntries(layout.names.map((name, k) => [name, values[k]!])));
          const { value, grads } = tf.valueAndGrads(forward)(
            layout.names.map((name) => weights[name]!),
          );
          loss = value.dataSync()[0]!;
          return tf.concat1d(grads.map((grad) => grad.reshape<tf.Tensor1D>([-1])));
        });
        const next = adamUpdate(state, gradient, adam);
        disposeAdam(state);
        gradient.dispose();
        state = next;
        if (!Number.isFinite(loss)) throw diverged(input.what, epoch, loss);
        sum += loss * batch.rows;
        rows += batch.rows;
        options.onProgress?.({
          message: `${input.what}: epoch ${epoch + 1} of ${input.epochs}, loss ${(sum / rows).toFixed(4)}`,
          fraction: (epoch + (i + 1) / batches.length) / input.epochs,
        });
        await yieldToEvents();
      }
      losses.push(rows > 0 ? sum / rows : Number.NaN);
    }
    const weights = tf.tidy(() => {
      const parts = unflatten(state.weights, layout);
      return Object.fromEntries(layout.names.map((name) => [name, parts[name]!.clone()]));
    });
    return { weights, losses };
  } finally {
    disposeAdam(state);
  }
}

function diverged(what: string, epoch: number, loss: number): EdgeloomError {
  return new EdgeloomError({
    code: 'training-diverged',
    what: `The loss became ${loss}`,
    where: `${what}, epoch ${epoch + 1}`,
    fix: 'lower the learning rate',
  });
}
