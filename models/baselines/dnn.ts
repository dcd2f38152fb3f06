/**
 * DNN-rank: what a cloud ranker knows, without the phone's behaviours and without the other
 * candidates. The plain baseline of EdgeRec's table ("cloud features only").
 *
 *   logit_t = MLP([p_t, dense_t, context])
 *
 * p is the item vector (own tables), dense the candidate's numbers (the cloud score among them),
 * context the moment. Trained on the same rows, labels and loss as the reranker.
 */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { Random } from '../../lib/random.ts';
import type { Features } from '../engine/features.ts';
import { labelCut } from '../engine/label-cut.ts';
import type { InputSpec, Model, Tensors } from '../engine/types.ts';
import { mlp, mlpInit } from '../layers/dense.ts';
import {
  itemFields,
  itemFieldsFor,
  itemVectors,
  itemVectorsInit,
  itemWidth,
} from '../layers/item-vector.ts';
import { slateCrossEntropy } from '../losses/binary-cross-entropy.ts';

const size = z.int().min(1);

export const dnnConfig = z.strictObject({
  fields: itemFields.describe('id tables whose rows, side by side, are the item vector'),
  candidates: size.describe('N, candidates of a slate'),
  dense: size.describe('numbers per candidate'),
  context: size.describe('length of the multi-hot vector of the moment'),
  mlp: z.array(size).default([64, 32]).describe('hidden layers'),
});
export type DnnConfig = z.infer<typeof dnnConfig>;

export function dnnConfigFor(
  features: Features,
  overrides: Record<string, unknown> & { widths?: Record<string, number> } = {},
): DnnConfig {
  const { widths, ...rest } = overrides;
  const { candidates, dense, context } = features.sizes;
  return dnnConfig.parse({
    fields: itemFieldsFor(features, widths),
    candidates,
    dense,
    context,
    ...rest,
  });
}

function init(config: DnnConfig, seed: number): Tensors {
  const inputs = itemWidth(config.fields) + config.dense;
  return {
    ...itemVectorsInit(config.fields, Random.of(seed, 'dnn', 'embedding')),
    ...mlpInit('head', inputs, config.mlp, Random.of(seed, 'dnn', 'head'), config.context),
  };
}

/** Logits, [B, N]. */
function predict(config: DnnConfig, weights: Tensors, batch: Tensors): tf.Tensor2D {
  const vectors = itemVectors(config.fields, weights, batch, 'cand'); // [B, N, P]
  const [rows, N] = vectors.shape as [number, number];
  const own = tf.concat([vectors, batch.cand_dense!], 2);
  const shared = batch.context as tf.Tensor2D;
  return mlp(weights, 'head', config.mlp, own, shared).reshape([rows, N]);
}

function inputSpecs(config: DnnConfig): Record<string, InputSpec> {
  const N = config.candidates;
  const specs: Record<string, InputSpec> = {
    cand_dense: { dtype: 'float32', shape: [N, config.dense] },
    context: { dtype: 'float32', shape: [config.context] },
    label_click: { dtype: 'float32', shape: [N] },
    label_mask: { dtype: 'float32', shape: [N] },
  };
  for (const { name } of config.fields) specs[`cand_${name}`] = { dtype: 'int32', shape: [N] };
  return specs;
}

export function dnnModel(config: DnnConfig): Model {
  const inputs = inputSpecs(config);
  // Candidates do not see each other here, so all their columns are cut.
  const perCandidate = Object.keys(inputs).filter((name) => name !== 'context');
  return {
    name: 'dnn',
    config,
    inputs,
    labelCut: labelCut(config.candidates, perCandidate),
    init: (seed) => tf.tidy(() => init(config, seed)),
    predict: (weights, batch) => predict(config, weights, batch),
    loss: (weights, batch) =>
      slateCrossEntropy(predict(config, weights, batch), batch.label_click!, batch.label_mask!),
  };
}
