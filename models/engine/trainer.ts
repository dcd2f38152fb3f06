/** Something that holds weights and updates them: eager or compiled, with the same snapshots. */
import { z } from 'zod';
import type { AdamForm, AdamOptions } from '../../compiler/tensorflow/index.ts';
import type { Layout } from './flat-weights.ts';
import type { Scorer } from './scorer.ts';
import type { Tensors } from './types.ts';

export interface OptimizerOptions extends AdamOptions {
  clipNorm: number;
  /** Make gradients of several batches into one update; see {@link Trainer.accumulate}. */
  accumulate?: boolean;
}

/** All that training changes, as vectors in the order of the layout. */
export interface Snapshot {
  weights: Float32Array;
  m: Float32Array;
  v: Float32Array;
  /** Updates made so far. */
  step: number;
}

export interface Trainer extends Scorer {
  readonly layout: Layout;
  /** One forward and backward pass and one optimiser step. @returns the loss before it */
  update(batch: Tensors): number;
  /** Adds a batch's gradients to the next {@link apply}'s. Needs `accumulate` at creation. @returns its loss */
  accumulate(batch: Tensors): number;
  /** One optimiser step with the sum of the accumulated gradients times `scale`. */
  apply(scale: number): void;
  /** The weights as they are, one vector. */
  weights(): Float32Array;
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
  dispose(): void;
}

/** Parameters that say how updates are computed; the same trajectory up to rounding. */
export const executionParams = {
  mode: z
    .enum(['compiled', 'eager'])
    .default('compiled')
    .describe(
      'compiled: one TensorFlow graph a step; eager: op by op, the only way without TensorFlow',
    ),
  adam: z
    .enum(['exact', 'fast', 'lazy'] satisfies AdamForm[])
    .default('fast')
    .describe(
      'compiled only. exact: as eager, to the last bits; fast: one kernel a weight; lazy: of large tables only the rows of the batch',
    ),
};
export interface Execution {
  mode: 'compiled' | 'eager';
  adam: AdamForm;
}
