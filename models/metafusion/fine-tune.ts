/** W_p: the meta model after a little more training on one cohort's rows of day T. */
import { z } from 'zod';
import type { RunOptions } from '../../lib/progress.ts';
import type { Tensors } from '../engine/types.ts';
import { splitWeights } from './fused-weights.ts';
import type { RerankerParts } from './reranker-parts.ts';
import { batchOf, type DayRows, shuffledRows } from './rows.ts';
import { trainShortly } from './short-training.ts';

export const fineTuneParams = z.strictObject({
  epochs: z
    .int()
    .min(0)
    .default(3)
    .describe('passes over day T; fixed beforehand, for no later day may say when to stop'),
  batchSize: z.int().min(1).default(64).describe('rows per update'),
  learningRate: z.number().positive().default(0.001).describe("Adam's step size"),
  seed: z.int().default(1).describe('of the order of rows'),
});
export type FineTuneParams = z.infer<typeof fineTuneParams>;

export interface FineTuneInput {
  reranker: RerankerParts;
  /** W_m, whole. The caller keeps it. */
  meta: Tensors;
  /** Day T, the cohort's users only. */
  day: DayRows;
  params: FineTuneParams;
  /** Name of the cohort, for messages. */
  what: string;
}

/**
 * Trains the fused layers on the rows; everything else stays W_m's.
 * @returns the fused part of W_p, by name; the caller disposes it
 * @throws EdgeloomError `training-diverged`
 */
export async function fineTuneCohort(
  input: FineTuneInput,
  options: RunOptions = {},
): Promise<{ tuned: Tensors; losses: number[] }> {
  const { reranker, meta, day, params } = input;
  const { fused, frozen } = splitWeights(meta);
  const { weights, losses } = await trainShortly(
    {
      start: fused,
      epochs: params.epochs,
      learningRate: params.learningRate,
      what: `fine-tuning ${input.what}`,
      batches(epoch) {
        const order = shuffledRows(day.rows, params.seed, epoch);
        const count = Math.ceil(order.length / params.batchSize);
        return Array.from({ length: count }, (_, i) => {
          const rows = order.slice(i * params.batchSize, (i + 1) * params.batchSize);
          return {
            rows: rows.length,
            loss: (trained) => {
              const batch = batchOf(day, reranker.inputs, rows);
              return reranker.model.loss({ ...frozen, ...trained }, batch);
            },
          };
        });
      },
    },
    options,
  );
  return { tuned: weights, losses };
}
