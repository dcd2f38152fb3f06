/** The one shape that every trainable model of this project has. */
import type * as tf from '@tensorflow/tfjs';

/** Named tensors: a batch, or a model's weights. */
export type Tensors = Record<string, tf.Tensor>;

/**
 * One column of a batch: dtype and shape without the batch dimension.
 *
 * A float32 column whose stored tensor is int32 is expanded when the batch is made: the stored
 * values are indexes into the last axis of `shape`. Stored [n, K, F] becomes multi-hot [n, K, A],
 * stored [n, K] one-hot [n, K, D]; negative indexes set nothing.
 */
export interface InputSpec {
  dtype: 'float32' | 'int32';
  shape: number[];
  /** The shape is that of one tensor for the whole batch, not of a row's. */
  whole?: boolean;
  /** For an expanded column: the stored column that is 0 where the vector must be all zeros. */
  validity?: string;
}

/**
 * Columns that a training batch may hold only the beginning of. A slate has 50 candidates of which
 * a dozen were seen: the loss needs scores up to the last one that has a label, not for all.
 */
export interface LabelCut {
  /** Stored column [n, N], 1 where there is a label. */
  mask: string;
  /** Inputs whose axis after the batch is cut, all to one length. */
  columns: string[];
  /** Lengths to cut to, ascending; the last one is N. Batches hold rows of one length only. */
  lengths: number[];
}

/**
 * A model is pure functions of tensors. No I/O, no clock, no random numbers but through `seed`.
 * All weights are passed in, so one definition serves training, evaluation, fine-tuned copies
 * and recording for export.
 */
export interface Model {
  /** Kebab-case: `reranker`, `dnn`, `uplift`. */
  readonly name: string;
  /** Everything that shapes the model, as JSON. */
  readonly config: Record<string, unknown>;
  /** What `loss` needs of a batch; `predict` may ignore the label columns. */
  readonly inputs: Record<string, InputSpec>;
  /** Weights that stay as they are, when only a part of the model is trained. */
  readonly frozen?: Tensors;
  /** Set when `loss` accepts label columns that are cut. */
  readonly labelCut?: LabelCut;
  /** Fresh weights; equal seeds give equal weights. */
  init(seed: number): Tensors;
  /** Scalar mean loss of a batch. */
  loss(weights: Tensors, batch: Tensors): tf.Scalar;
  /** Logits of a batch. */
  predict(weights: Tensors, batch: Tensors): tf.Tensor;
}
