/**
 * The reranker: reorders the slate on the phone by what the user just did there.
 * EdgeRec (CIKM 2020, arXiv 2005.08416), compact form; equation numbers are the paper's.
 *
 *   item vector of an item: p = [E_item, E_category, …]              the row that embedding shards hold
 *   exposures and page views, each as two sequences read by GRUs of their own:
 *     (3)(6) Â = GRU(actions)        what the user did with each item
 *     (4)(7) P̂ = GRU(item vectors)
 *     (5)(8) B̂ = [Â, P̂]
 *   (9)  P̂_CND, s = GRU([p, dense] of the candidates in their initial order); s = last state,
 *        the local context of the slate
 *   (10)–(13) c_t = Σ_j softmax_j(vᵀ tanh(W_q P̂_CND,t + W_k P̂_j + W_d decay_j)) B̂_j
 *        once over exposures, once over page views
 *   logit_t = MLP([c_exposure,t, c_page_view,t, P̂_CND,t, s, p_t, dense_t, context]); loss = cross
 *        entropy of clicks on the exposed candidates
 *
 * Beyond the paper: the candidate's own p and dense features and the moment's context also go to
 * the MLP, and the time since a behaviour enters the attention (see layers/attention.ts), never the
 * encoders. So a phone keeps, per behaviour, P̂ and Â as they were, and runs one GRU step per new one.
 * `useActions: false` drops every action input and GRU (the paper's HUISM): B̂ = P̂.
 *
 * State rule, the same in training and on the phone: encoders start from zeros at the oldest of the
 * last K kept behaviours; when an older one drops out, the kept ones are encoded again.
 *
 * | weights                             | shape (P item vector, H hidden, A attention)          |
 * |-------------------------------------|-------------------------------------------------------|
 * | embedding/<field>                   | [rows, width]; stays in the cloud, rows reach phones  |
 * | <exposure,page_view>/item/<layer>   | GRU P → H                                             |
 * | <exposure,page_view>/action/<layer> | GRU actions → H                                       |
 * | candidate/<layer>                   | GRU P + dense → H                                     |
 * | attention/<exposure,page_view>      | query, key [H, A], decay [D, A], vector [A, 1]        |
 * | head                                | MLP 6H + P + dense + context → 32 → 1                 |
 *
 * Without the tables about 43,000 parameters, 170 KB of float32, at the default sizes
 * (`describeSize` counts them).
 */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { Random } from '../../lib/random.ts';
import type { Features } from '../engine/features.ts';
import { labelCut } from '../engine/label-cut.ts';
import type { InputSpec, Model, Tensors } from '../engine/types.ts';
import { attentionInit, type Behaviours, behaviourAttention } from '../layers/attention.ts';
import { mlp, mlpInit } from '../layers/dense.ts';
import { stackedGru, stackedGruCell, stackedGruInit } from '../layers/gru.ts';
import {
  itemFields,
  itemFieldsFor,
  itemVectors,
  itemVectorsInit,
  itemWidth,
} from '../layers/item-vector.ts';
import { slateCrossEntropy } from '../losses/binary-cross-entropy.ts';

const size = z.int().min(1);

export const rerankerConfig = z.strictObject({
  fields: itemFields.describe('id tables whose rows, side by side, are the item vector'),
  candidates: size.describe('N, candidates of a slate'),
  exposures: size.describe('K of the exposure sequence'),
  pageViews: size.describe('K of the page-view sequence'),
  exposureAction: size.describe('length of the multi-hot action vector of an exposure'),
  pageViewAction: size.describe('length of the multi-hot action vector of a page view'),
  exposureDecay: size.describe('buckets of the time since an exposure ended'),
  pageViewDecay: size.describe('buckets of the time since a page view ended'),
  dense: size.describe('numbers per candidate, such as the cloud score'),
  context: size.describe('length of the multi-hot vector of the moment'),
  hidden: z.int().min(1).max(512).default(32).describe('H, states of every GRU; paper: 32'),
  layers: z.int().min(1).max(4).default(1).describe('GRU layers; paper: 3'),
  attention: z.int().min(1).max(512).default(32).describe('A, width of the attention; paper: 32'),
  mlp: z.array(size).default([32]).describe('hidden layers of the head; paper: 32'),
  useActions: z
    .boolean()
    .default(true)
    .describe('false: items only, what the user did is not read'),
});
export type RerankerConfig = z.infer<typeof rerankerConfig>;

/** The two behaviour sequences: column prefix of samples, name of the encoder. */
const SEQUENCES = [
  {
    prefix: 'exp',
    encoder: 'exposure',
    length: 'exposures',
    action: 'exposureAction',
    decay: 'exposureDecay',
  },
  {
    prefix: 'pv',
    encoder: 'page_view',
    length: 'pageViews',
    action: 'pageViewAction',
    decay: 'pageViewDecay',
  },
] as const;
type Sequence = (typeof SEQUENCES)[number];

/** Config for a tensors folder; `overrides` are the fields with defaults and `widths` of id tables. */
export function rerankerConfigFor(
  features: Features,
  overrides: Record<string, unknown> & { widths?: Record<string, number> } = {},
): RerankerConfig {
  const { widths, ...rest } = overrides;
  const { candidates, exposures, pageViews, exposureAction, pageViewAction } = features.sizes;
  const { exposureDecay, pageViewDecay, dense, context } = features.sizes;
  return rerankerConfig.parse({
    fields: itemFieldsFor(features, widths),
    ...{ candidates, exposures, pageViews, exposureAction, pageViewAction },
    ...{ exposureDecay, pageViewDecay, dense, context },
    ...rest,
  });
}

export function init(config: RerankerConfig, seed: number): Tensors {
  const stream = (name: string) => Random.of(seed, 'reranker', name);
  const { hidden: H, layers, attention, dense, context } = config;
  const P = itemWidth(config.fields);
  const weights = itemVectorsInit(config.fields, stream('embedding'));
  const valueWidth = config.useActions ? 2 * H : H;
  for (const { encoder, action, decay } of SEQUENCES) {
    const gru = (name: string, inputs: number) =>
      stackedGruInit(`${encoder}/${name}`, layers, inputs, H, stream(`${encoder}/${name}`));
    Object.assign(weights, gru('item', P));
    if (config.useActions) Object.assign(weights, gru('action', config[action]));
    const sizes = { query: H, key: H, decay: config[decay], hidden: attention };
    Object.assign(
      weights,
      attentionInit(`attention/${encoder}`, sizes, stream(`attention/${encoder}`)),
    );
  }
  const headWidth = 2 * valueWidth + H + P + dense;
  return Object.assign(
    weights,
    stackedGruInit('candidate', layers, P + dense, H, stream('candidate')),
    mlpInit('head', headWidth, config.mlp, stream('head'), H + context),
  );
}

/**
 * One more exposure: phone entry, eqs 3 and 4.
 * In and out, for B phones at once: `item_vec` [B, P], `action` [B, Ae] (all zeros when unknown),
 * `state_item`, `state_action` [B, layers · H], zeros before the first. The encoding that the phone
 * keeps for the attention is the last H columns of both new states. Without actions the action
 * input and state do not exist.
 */
export function encodeExposureStep(
  config: RerankerConfig,
  weights: Tensors,
  inputs: Tensors,
): Tensors {
  return encodeStep(config, weights, 'exposure', inputs);
}

/** One more page view: phone entry, eqs 6 and 7. As {@link encodeExposureStep}, with `action` [B, Ap]. */
export function encodePageViewStep(
  config: RerankerConfig,
  weights: Tensors,
  inputs: Tensors,
): Tensors {
  return encodeStep(config, weights, 'page_view', inputs);
}

function encodeStep(
  config: RerankerConfig,
  weights: Tensors,
  encoder: string,
  inputs: Tensors,
): Tensors {
  const next = (name: string, x: tf.Tensor) =>
    stackedGruCell(
      weights,
      `${encoder}/${name}`,
      config.layers,
      x as tf.Tensor2D,
      inputs[`state_${name}`] as tf.Tensor2D,
    );
  const states: Tensors = { state_item: next('item', inputs.item_vec!) };
  if (config.useActions) states.state_action = next('action', inputs.action!);
  return states;
}

const slateOf = (inputs: Tensors): tf.Tensor3D =>
  tf.concat([inputs.cand_vec!, inputs.cand_dense!], 2) as tf.Tensor3D;

/** Eq 9: the candidates' states, [B, N, H], of the inputs of {@link rerank}. */
export function candidateStates(
  config: RerankerConfig,
  weights: Tensors,
  inputs: Tensors,
): tf.Tensor3D {
  const mask = inputs.cand_mask as tf.Tensor2D;
  return stackedGru(weights, 'candidate', config.layers, slateOf(inputs), mask);
}

/** Inputs of `rerank` that hold 0 and 1. */
export const RERANK_MASKS = ['cand_mask', 'exp_mask', 'pv_mask'] as const;

/**
 * Scores a slate: phone entry, eqs 9–13. For B slates at once:
 * `cand_vec` [B, N, P], `cand_dense` [B, N, Fd], `cand_mask` [B, N], `context` [B, C], and per
 * sequence (`exp`, `pv`) `_item_state`, `_action_state` [B, K, H], `_decay` [B, K, D], `_mask` [B, K].
 * Where `cand_state` is given, the candidates' states are not computed again.
 * @param scored how many candidates, from the first on, are scored; all are read
 * @returns logits [B, scored]; those of masked candidates mean nothing
 */
export function rerank(
  config: RerankerConfig,
  weights: Tensors,
  inputs: Tensors,
  scored = config.candidates,
): tf.Tensor2D {
  const candMask = inputs.cand_mask as tf.Tensor2D;
  const [batch, N] = candMask.shape;
  const H = config.hidden;
  const slate = slateOf(inputs); // [B, N, P + Fd]
  const states = (inputs.cand_state ?? candidateStates(config, weights, inputs)) as tf.Tensor3D; // [B, N, H]
  const last = tf.slice(states, [0, N - 1, 0], [batch, 1, H]); // padding keeps the state
  const local = last.reshape<tf.Tensor2D>([batch, H]);
  // Also where it takes all: what is computed must not depend on a size, or it cannot be compiled.
  const first = (x: tf.Tensor3D) => tf.slice(x, [0, 0, 0], [batch, scored, x.shape[2]]);
  const queries = first(states); // [B, scored, H]
  const contexts = SEQUENCES.map(({ prefix, encoder }) => {
    const keys = inputs[`${prefix}_item_state`] as tf.Tensor3D; // [B, K, H]
    const parts = config.useActions ? [inputs[`${prefix}_action_state`]!, keys] : [keys];
    const behaviours: Behaviours = {
      keys,
      values: tf.concat(parts, 2) as tf.Tensor3D, // [B, K, 2H]
      decay: inputs[`${prefix}_decay`] as tf.Tensor3D,
      mask: inputs[`${prefix}_mask`] as tf.Tensor2D,
    };
    return behaviourAttention(weights, `attention/${encoder}`, queries, behaviours); // [B, scored, 2H]
  });
  const own = tf.concat([...contexts, queries, first(slate)], 2); // [B, scored, 5H + P + Fd]
  const shared = tf.concat([local, inputs.context!], 1) as tf.Tensor2D; // [B, H + C]
  return mlp(weights, 'head', config.mlp, own, shared).reshape([batch, scored]);
}

/** A batch of samples as the inputs of {@link rerank}: rows gathered, both sequences encoded. */
export function encodeBatch(config: RerankerConfig, weights: Tensors, batch: Tensors): Tensors {
  const inputs: Tensors = {
    cand_vec: itemVectors(config.fields, weights, batch, 'cand'),
    cand_dense: batch.cand_dense!,
    cand_mask: batch.cand_mask!,
    context: batch.context!,
  };
  for (const { prefix, encoder } of SEQUENCES) {
    const mask = batch[`${prefix}_mask`] as tf.Tensor2D;
    const encode = (name: string, x: tf.Tensor) =>
      stackedGru(weights, `${encoder}/${name}`, config.layers, x as tf.Tensor3D, mask);
    inputs[`${prefix}_item_state`] = encode(
      'item',
      itemVectors(config.fields, weights, batch, prefix),
    );
    if (config.useActions)
      inputs[`${prefix}_action_state`] = encode('action', batch[`${prefix}_action`]!);
    inputs[`${prefix}_decay`] = batch[`${prefix}_decay`]!;
    inputs[`${prefix}_mask`] = mask;
  }
  return inputs;
}

/** Logits of a batch of samples, [B, N]. */
export function predict(config: RerankerConfig, weights: Tensors, batch: Tensors): tf.Tensor2D {
  return rerank(config, weights, encodeBatch(config, weights, batch));
}

/** Columns of the samples that a batch holds. */
export function inputSpecs(config: RerankerConfig): Record<string, InputSpec> {
  const N = config.candidates;
  const specs: Record<string, InputSpec> = {
    cand_dense: { dtype: 'float32', shape: [N, config.dense] },
    cand_mask: { dtype: 'float32', shape: [N] },
    context: { dtype: 'float32', shape: [config.context] },
    label_click: { dtype: 'float32', shape: [N] },
    label_mask: { dtype: 'float32', shape: [N] },
  };
  for (const { name } of config.fields) specs[`cand_${name}`] = { dtype: 'int32', shape: [N] };
  for (const sequence of SEQUENCES) Object.assign(specs, sequenceSpecs(config, sequence));
  return specs;
}

function sequenceSpecs(config: RerankerConfig, s: Sequence): Record<string, InputSpec> {
  const K = config[s.length];
  const specs: Record<string, InputSpec> = {
    [`${s.prefix}_mask`]: { dtype: 'float32', shape: [K] },
    [`${s.prefix}_decay`]: {
      dtype: 'float32',
      shape: [K, config[s.decay]],
      validity: `${s.prefix}_mask`,
    },
  };
  for (const { name } of config.fields)
    specs[`${s.prefix}_${name}`] = { dtype: 'int32', shape: [K] };
  if (config.useActions) {
    const shape = [K, config[s.action]];
    specs[`${s.prefix}_action`] = { dtype: 'float32', shape, validity: `${s.prefix}_known` };
  }
  return specs;
}

export function rerankerModel(config: RerankerConfig): Model {
  return {
    name: config.useActions ? 'reranker' : 'reranker-no-actions',
    config,
    inputs: inputSpecs(config),
    init: (seed) => tf.tidy(() => init(config, seed)),
    predict: (weights, batch) => predict(config, weights, batch),
    labelCut: labelCut(config.candidates),
    loss: (weights, batch) => {
      const scored = batch.label_mask!.shape[1]!;
      const logits = rerank(config, weights, encodeBatch(config, weights, batch), scored);
      return slateCrossEntropy(logits, batch.label_click!, batch.label_mask!);
    },
  };
}
