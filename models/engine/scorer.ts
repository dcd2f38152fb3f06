/** A model with one set of weights, ready to compute. */
import * as tf from '@tensorflow/tfjs';
import type { InputSpec, Model, Tensors } from './types.ts';

export interface Scorer {
  /** What a batch needs. */
  readonly inputs: Record<string, InputSpec>;
  /** Logits of a batch. The caller disposes them. */
  predict(batch: Tensors): tf.Tensor;
  /** Mean loss of a batch. */
  loss(batch: Tensors): number;
}

/** Op by op, on the current backend. The caller keeps the weights. */
export function eagerScorer(model: Model, weights: Tensors): Scorer {
  return {
    inputs: model.inputs,
    predict: (batch) => tf.tidy(() => model.predict(weights, batch)),
    loss: (batch) => tf.tidy(() => model.loss(weights, batch).dataSync()[0]!),
  };
}
