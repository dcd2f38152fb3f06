/** W_p: the meta model after a little more training on one cohort's rows of day T. */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import type { RunOptions } from '../../lib/progress.ts';
import { createTrainer } from '../engine/create-trainer.ts';
import { flatten } from '../engine/flat-weights.ts';
import { withFrozen } from '../engine/frozen.ts';
import { executionParams, type Trainer } from '../engine/trainer.ts';
import type { Tensors } from '../engine/types.ts';
import { splitWeights } from './fused-weights.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { batchOf, type DayRows, shuffledRows } from './rows.ts';
import { type ShortBatch, trainShortly } from './short-training.ts';

export const fineTuneParams = z.strictObject({
  epochs: z
    .int()
    .min(0)
    .default(3)
    .describe('passes over day T; fixed beforehand, for no later day may say when to stop'),
  batchSize: z.int().min(1).default(64).describe('rows per update'),
  learningRate: z.number().positive().default(0.001).describe("Adam's step size"),
  seed: z.int().default(1).describe('of the order of rows'),
  ...executionParams,
});
export type FineTuneParams = z.infer<typeof fineTuneParams>;

const CLIP_NORM = 5;

/** Fine-tunes cohort after cohort from one meta model, with one trainer. */
export class CohortTuner {
  readonly #reranker: RerankerParts;
  readonly #params: FineTuneParams;
  readonly #trainer: Trainer;
  readonly #start: Float32Array;

  private constructor(
    reranker: RerankerParts,
    params: FineTuneParams,
    trainer: Trainer,
    start: Float32Array,
  ) {
    this.#reranker = reranker;
    this.#params = params;
    this.#trainer = trainer;
    this.#start = start;
  }

  /** @param meta W_m, whole; the caller keeps it */
  static async create(
    reranker: RerankerParts,
    meta: Tensors,
    params: FineTuneParams,
    options: RunOptions = {},
  ): Promise<CohortTuner> {
    const { fused, frozen } = splitWeights(meta);
    const model = {
      ...withFrozen(reranker.model, frozen),
      name: `${reranker.model.name}, fused part`,
    };
    const optimizer = { learningRate: params.learningRate, clipNorm: CLIP_NORM };
    const trainer = await createTrainer(params, model, fused, optimizer, options);
    const flat = tf.tidy(() => flatten(fused, trainer.layout));
    const start = flat.dataSync() as Float32Array;
    flat.dispose();
    return new CohortTuner(reranker, params, trainer, start);
  }

  /**
   * Trains the fused layers on the cohort's rows of day T; everything else stays W_m's.
   * @param what the cohort's name, for messages
   * @returns the fused part of W_p, by name; the caller disposes it
   * @throws EdgeloomError `training-diverged`
   */
  async tune(
    day: DayRows,
    what: string,
    options: RunOptions = {},
  ): Promise<{ tuned: Tensors; losses: number[] }> {
    const { epochs, batchSize, seed } = this.#params;
    const trainer = this.#trainer;
    const zeros = new Float32Array(this.#start.length);
    trainer.restore({ weights: this.#start, m: zeros, v: zeros, step: 0 });
    const losses = await trainShortly(
      {
        trainer,
        epochs,
        what: `fine-tuning ${what}`,
        batches: (epoch) => {
          const order = shuffledRows(day.rows, seed, epoch);
          const count = Math.ceil(order.length / batchSize);
          return Array.from({ length: count }, (_, i) =>
            this.#batch(day, order.slice(i * batchSize, (i + 1) * batchSize)),
          );
        },
      },
      options,
    );
    return { tuned: tensorsOf(trainer), losses };
  }

  #batch(day: DayRows, rows: number[]): ShortBatch {
    return {
      rows: rows.length,
      update: (trainer) => {
        const tensors = batchOf(day, this.#reranker.inputs, rows);
        try {
          return trainer.update(tensors);
        } finally {
          tf.dispose(tensors);
        }
      },
    };
  }

  dispose(): void {
    this.#trainer.dispose();
  }
}

/** The trainer's weights by name. The caller disposes them. */
export function tensorsOf(trainer: Trainer): Tensors {
  const { names, shapes, sizes } = trainer.layout;
  const flat = trainer.weights();
  let at = 0;
  return Object.fromEntries(
    names.map((name, i) => {
      const from = at;
      at += sizes[i]!;
      return [name, tf.tensor(flat.slice(from, at), shapes[i]!)];
    }),
  );
}
