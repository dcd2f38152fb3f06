/** Something that holds weights and updates them: eager or compiled, with the same snapshots. */
import type { AdamForm, AdamOptions } from '../../compiler/tensorflow/index.ts';
import type { Layout } from './flat-weights.ts';
import type { Scorer } from './scorer.ts';
import type { Tensors } from './types.ts';

export type OptimizerOptions = AdamOptions & { clipNorm: number };

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
  /** The weights as they are, one vector. */
  weights(): Float32Array;
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
  dispose(): void;
}

/** How updates are computed; the same trajectory up to rounding, except for `lazy` (see its docs). */
export interface Execution {
  mode: 'compiled' | 'eager';
  adam: AdamForm;
}
