/** The reranker cut where MetaFusion needs it: encoders, which stay W_m's, and the fused rest. */
import type * as tf from '@tensorflow/tfjs';
import type { InputSpec, Model, Tensors } from '../engine/types.ts';
import { maskedBinaryCrossEntropy } from '../losses/binary-cross-entropy.ts';
import {
  candidateStates,
  encodeBatch,
  rerank,
  rerankerConfig,
  rerankerModel,
} from '../reranker/model.ts';

export interface RerankerParts {
  model: Model;
  inputs: Record<string, InputSpec>;
  /** Rows of the tables that int32 columns point into. */
  limits: Record<string, number>;
  /** Tables and all GRUs: reads no fused weight. */
  encode(weights: Tensors, batch: Tensors): Tensors;
  /** Logits [B, N] of encoded slates. */
  logits(weights: Tensors, encoded: Tensors): tf.Tensor2D;
  /** Mean cross entropy of clicks over the exposed candidates. */
  loss(logits: tf.Tensor, batch: Tensors): tf.Scalar;
}

/** @param config whole config of a reranker, as kept in its `model.json`. @throws ZodError */
export function rerankerParts(config: unknown): RerankerParts {
  const parsed = rerankerConfig.parse(config);
  const model = rerankerModel(parsed);
  const limits: Record<string, number> = {};
  for (const [name, { dtype }] of Object.entries(model.inputs)) {
    const field = parsed.fields.find((f) => name.endsWith(`_${f.name}`));
    if (dtype === 'int32' && field) limits[name] = field.rows;
  }
  return {
    model,
    inputs: model.inputs,
    limits,
    encode: (weights, batch) => {
      const encoded = encodeBatch(parsed, weights, batch);
      return { ...encoded, cand_state: candidateStates(parsed, weights, encoded) };
    },
    logits: (weights, encoded) => rerank(parsed, weights, encoded),
    loss: (logits, batch) =>
      maskedBinaryCrossEntropy(logits, batch.label_click!, batch.label_mask!),
  };
}
