/**
 * Request uplift: how much more likely an order becomes when the phone asks the cloud for a new page
 * now. AdaRequest (KDD 2022, arXiv 2206.12296), compact form, with the paper's equation numbers.
 *
 *   exposures since the last request and clicks of the session, each as item and action sequence:
 *     P̂ = GRU(items)   Â = GRU(actions)   B̂ = [P̂, Â]
 *   unexposed candidates left on the phone:
 *     F_cands = mean over candidates of tanh(W [item vector])        (mean pooling, no self-attention)
 *   (7)  α_i = softmax_i(F_cands · P̂_i)      M = Σ_i α_i B̂_i         for exposures and for clicks
 *   recency r = Σ_i onehot(time since behaviour i ended) / K             for exposures and for clicks
 *   (11) F = [F_cands, M_exp, M_sclk, F_cands ∘ M_exp items, F_cands ∘ M_sclk items, r_exp, r_sclk, context]
 *   (12) c = ControlNet(F)        (13) v = UpliftNet(F)              two MLPs on a shared bottom
 *   (14) P_ctrl = σ(c)            (15) P_trt = σ(c + v)              (16) effect = P_trt − P_ctrl
 *   (17) loss = CE(P_ctrl | control rows) + CE(P_trt | treated rows), per row of the batch
 *
 * Left out of the paper: long-term clicks, the user's profile, GRU and self-attention over the
 * candidates. Added: the two element-wise products in (11), which say how well the candidates match
 * the behaviours without asking the MLPs to multiply (`interaction: false` removes them), and how many
 * behaviours ended how long ago: whoever has just clicked is in a flow that a request interrupts. As in
 * the reranker, what changes with *now* stays out of the GRUs.
 * Whether treated rows also train ControlNet is not said in the paper: `stopGradientTreatment`.
 *
 * v has the sign of the effect and, at one control probability, its order. `decide` computes v only.
 *
 * | weights                                   | shape                    |
 * |-------------------------------------------|--------------------------|
 * | embedding/<field>                         | [rows, width]            |
 * | since-item/0, sclk-item/0                 | GRU, P → H               |
 * | since-action/0, sclk-action/0             | GRU, actions → H         |
 * | candidates                                | dense P → H              |
 * | control, uplift                           | MLP, 7H + times + context → 1 |
 *
 * At the default sizes about 30 KB of float32 run on the phone (tables excluded).
 */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { Random } from '../../lib/random.ts';
import type { Features } from '../engine/features.ts';
import type { InputSpec, Model, Tensors } from '../engine/types.ts';
import { maskedSoftmax } from '../layers/attention.ts';
import { dense, denseInit, mlp, mlpInit } from '../layers/dense.ts';
import { gru, gruInit, gruWeights } from '../layers/gru.ts';
import {
  itemFields,
  itemFieldsFor,
  itemVectors,
  itemVectorsInit,
  itemWidth,
} from '../layers/item-vector.ts';
import { maskedBinaryCrossEntropy } from '../losses/binary-cross-entropy.ts';

/** Outcomes after a decision: an order (or a click) within the next n slots shown to the user. */
export const UPLIFT_LABELS = {
  order_n5: 'label_n5',
  order_n10: 'label_n10',
  order_n15: 'label_n15',
  order_n20: 'label_n20',
  click_n10: 'label_click',
} as const;
export type UpliftLabel = keyof typeof UPLIFT_LABELS;

const size = z.int().min(1);

export const upliftConfig = z.strictObject({
  fields: itemFields.describe('id tables whose rows, side by side, are the item vector'),
  since: size.describe('Ks, exposures since the last request'),
  sessionClicks: size.describe('Kc, clicks of the session'),
  unexposed: size.describe('U, candidates left on the phone'),
  exposureAction: size.describe('length of the multi-hot action vector of an exposure'),
  pageViewAction: size.describe('length of the multi-hot action vector of a click'),
  exposureDecay: size.describe('buckets of the time since an exposure ended'),
  pageViewDecay: size.describe('buckets of the time since a click ended'),
  context: size.describe('length of the multi-hot vector of the moment'),
  hidden: z.int().min(1).max(256).default(16).describe('H, width of every state'),
  mlp: z
    .array(size)
    .default([])
    .describe('hidden layers of ControlNet and UpliftNet; none: both are linear in the fusion'),
  interaction: z
    .boolean()
    .default(true)
    .describe('products of candidates and behaviours in the fusion'),
  stopGradientTreatment: z
    .boolean()
    .default(false)
    .describe('true: treated rows train UpliftNet and the shared bottom, not ControlNet'),
  tablePenalty: z
    .number()
    .min(0)
    .default(0.01)
    .describe(
      'times the mean squared item vector of a row, added to the loss: orders are too few to learn ids by heart',
    ),
  label: z
    .enum(Object.keys(UPLIFT_LABELS) as [UpliftLabel, ...UpliftLabel[]])
    .default('order_n10')
    .describe('outcome after the decision'),
});
export type UpliftConfig = z.infer<typeof upliftConfig>;

/**
 * Config for a tensors folder; `overrides` are the fields with defaults, `fields` and `widths`.
 * Tables of its own are those of the attributes (category, brand …): orders are too few to learn ids
 * by. Without attributes there is only the id.
 */
export function upliftConfigFor(
  features: Features,
  overrides: Record<string, unknown> & { widths?: Record<string, number> } = {},
): UpliftConfig {
  const { widths, ...rest } = overrides;
  const { since, sessionClicks, unexposed, exposureAction, pageViewAction } = features.sizes;
  const { exposureDecay, pageViewDecay } = features.sizes;
  const all = itemFieldsFor(features, widths);
  const attributes = all.filter(({ name }) => name !== 'item');
  return upliftConfig.parse({
    fields: attributes.length > 0 ? attributes : all,
    ...{ since, sessionClicks, unexposed, exposureAction, pageViewAction },
    ...{ exposureDecay, pageViewDecay },
    context: features.sizes.decisionContext,
    ...rest,
  });
}

/** What `decide` takes: gathered rows, one decision, float32. */
export interface DecideInputs {
  /** [1, Ks, P] */
  since_item_vec: tf.Tensor3D;
  /** [1, Ks, exposureAction] multi-hot */
  since_action: tf.Tensor3D;
  /** [1, Ks, exposureDecay] one-hot, zeros for padding */
  since_decay: tf.Tensor3D;
  /** [1, Ks] */
  since_mask: tf.Tensor2D;
  /** [1, Kc, P] */
  sclk_item_vec: tf.Tensor3D;
  /** [1, Kc, pageViewAction] multi-hot */
  sclk_action: tf.Tensor3D;
  /** [1, Kc, pageViewDecay] one-hot, zeros for padding */
  sclk_decay: tf.Tensor3D;
  /** [1, Kc] */
  sclk_mask: tf.Tensor2D;
  /** [1, U, P] */
  unexposed_vec: tf.Tensor3D;
  /** [1, U] */
  unexposed_mask: tf.Tensor2D;
  /** [1, C] multi-hot */
  context: tf.Tensor2D;
}

/** Inputs of `decide` that hold 0 and 1. */
export const DECIDE_MASKS = ['since_mask', 'sclk_mask', 'unexposed_mask'] as const;

/** Shapes of {@link DecideInputs} by name, for recording. */
export function decideShapes(config: UpliftConfig): Record<keyof DecideInputs, number[]> {
  const { since, sessionClicks, unexposed } = config;
  const P = itemWidth(config.fields);
  return {
    since_item_vec: [1, since, P],
    since_action: [1, since, config.exposureAction],
    since_decay: [1, since, config.exposureDecay],
    since_mask: [1, since],
    sclk_item_vec: [1, sessionClicks, P],
    sclk_action: [1, sessionClicks, config.pageViewAction],
    sclk_decay: [1, sessionClicks, config.pageViewDecay],
    sclk_mask: [1, sessionClicks],
    unexposed_vec: [1, unexposed, P],
    unexposed_mask: [1, unexposed],
    context: [1, config.context],
  };
}

function fusionWidth(config: UpliftConfig): number {
  const states = config.hidden * (config.interaction ? 7 : 5);
  return states + config.exposureDecay + config.pageViewDecay + config.context;
}

function init(config: UpliftConfig, seed: number): Tensors {
  const stream = (name: string): Random => Random.of(seed, 'uplift', name);
  const P = itemWidth(config.fields);
  const weights = itemVectorsInit(config.fields, stream('embedding'));
  const H = config.hidden;
  Object.assign(
    weights,
    gruInit('since-item/0', P, H, stream('since-item')),
    gruInit('since-action/0', config.exposureAction, H, stream('since-action')),
    gruInit('sclk-item/0', P, H, stream('sclk-item')),
    gruInit('sclk-action/0', config.pageViewAction, H, stream('sclk-action')),
    denseInit('candidates', P, H, stream('candidates')),
    mlpInit('control', fusionWidth(config), config.mlp, stream('control')),
    mlpInit('uplift', fusionWidth(config), config.mlp, stream('uplift')),
  );
  // The effect starts at 0 for everyone: noise in v would have to be unlearned from few orders.
  const out = weights['uplift/out/kernel']!;
  weights['uplift/out/kernel'] = tf.zerosLike(out);
  out.dispose();
  return weights;
}

/** A batch of the tensors folder as the inputs of `decide`, with B rows in place of one. */
export function gatherInputs(config: UpliftConfig, weights: Tensors, batch: Tensors): DecideInputs {
  const vectors = (prefix: string): tf.Tensor3D =>
    itemVectors(config.fields, weights, batch, prefix) as tf.Tensor3D;
  return {
    since_item_vec: vectors('since'),
    since_action: batch.since_action as tf.Tensor3D,
    since_decay: batch.since_decay as tf.Tensor3D,
    since_mask: batch.since_mask as tf.Tensor2D,
    sclk_item_vec: vectors('sclk'),
    sclk_action: batch.sclk_action as tf.Tensor3D,
    sclk_decay: batch.sclk_decay as tf.Tensor3D,
    sclk_mask: batch.sclk_mask as tf.Tensor2D,
    unexposed_vec: vectors('unexposed'),
    unexposed_mask: batch.unexposed_mask as tf.Tensor2D,
    context: batch.context as tf.Tensor2D,
  };
}

/** Eq 7: what the candidates draw from one kind of behaviour. @returns items [B, H], actions [B, H] */
function match(
  weights: Tensors,
  prefix: 'since' | 'sclk',
  candidates: tf.Tensor2D,
  items: tf.Tensor3D,
  actions: tf.Tensor3D,
  mask: tf.Tensor2D,
): [tf.Tensor, tf.Tensor] {
  const itemStates = gru(items, mask, gruWeights(weights, `${prefix}-item/0`)); // [B, K, H]
  const actionStates = gru(actions, mask, gruWeights(weights, `${prefix}-action/0`));
  const query = tf.expandDims(candidates, 1); // [B, 1, H]
  const scores = tf.matMul(query, itemStates, false, true); // [B, 1, K]
  const alpha = maskedSoftmax(scores, tf.expandDims(mask, 1));
  const drawn = tf.matMul(alpha, tf.concat([itemStates, actionStates], 2)); // [B, 1, 2H]
  const [rows, units] = candidates.shape;
  return [
    tf.slice(drawn, [0, 0, 0], [rows, 1, units]).reshape([rows, units]),
    tf.slice(drawn, [0, 0, units], [rows, 1, units]).reshape([rows, units]),
  ];
}

/** Eqs 7 and 11, the shared bottom. @returns [B, fusionWidth] */
function fuse(config: UpliftConfig, weights: Tensors, x: DecideInputs): tf.Tensor2D {
  const hidden = tf.tanh(dense(weights, 'candidates', x.unexposed_vec)); // [B, U, H]
  const mask = tf.expandDims(x.unexposed_mask, 2);
  const count = tf.maximum(tf.sum(mask, 1), 1); // [B, 1]
  const candidates = tf.div(tf.sum(tf.mul(hidden, mask), 1), count) as tf.Tensor2D; // [B, H]
  const [expItems, expActions] = match(
    weights,
    'since',
    candidates,
    x.since_item_vec,
    x.since_action,
    x.since_mask,
  );
  const [clkItems, clkActions] = match(
    weights,
    'sclk',
    candidates,
    x.sclk_item_vec,
    x.sclk_action,
    x.sclk_mask,
  );
  const parts = [candidates, expItems, expActions, clkItems, clkActions];
  if (config.interaction) {
    parts.push(tf.mul(candidates, expItems), tf.mul(candidates, clkItems));
  }
  return tf.concat(
    [...parts, tf.mean(x.since_decay, 1), tf.mean(x.sclk_decay, 1), x.context],
    1,
  ) as tf.Tensor2D;
}

/** The value and no gradient. */
const stopGradient = tf.customGrad((x) => ({
  value: (x as tf.Tensor).clone(),
  gradFunc: (dy: tf.Tensor) => tf.zerosLike(dy),
}));

/** Entry point of the phone: the uplift logit v (eq 13). @returns [1, 1] ([B, 1] for B rows) */
export function decide(config: UpliftConfig, weights: Tensors, inputs: DecideInputs): tf.Tensor2D {
  return mlp(weights, 'uplift', config.mlp, fuse(config, weights, inputs)) as tf.Tensor2D;
}

/** Control logit c and uplift logit v of gathered rows. @returns [B, 2] */
function logits(config: UpliftConfig, weights: Tensors, inputs: DecideInputs): tf.Tensor2D {
  const fusion = fuse(config, weights, inputs);
  return tf.concat(
    [mlp(weights, 'control', config.mlp, fusion), mlp(weights, 'uplift', config.mlp, fusion)],
    1,
  ) as tf.Tensor2D;
}

/** Mean over rows of the mean squared entries of their item vectors. */
function tablePenalty(inputs: DecideInputs): tf.Scalar {
  const parts: [tf.Tensor3D, tf.Tensor2D][] = [
    [inputs.since_item_vec, inputs.since_mask],
    [inputs.sclk_item_vec, inputs.sclk_mask],
    [inputs.unexposed_vec, inputs.unexposed_mask],
  ];
  return tf.addN(
    parts.map(([vectors, mask]) => {
      const squares = tf.sum(tf.square(vectors), 2);
      return tf.div(tf.sum(tf.mul(squares, mask)), tf.maximum(tf.sum(mask), 1));
    }),
  ) as tf.Scalar;
}

/**
 * Eq 17 as the mean over the rows of both arms.
 * @param both [B, 2] @param arm, label [B]
 * @param mask [B], 1 for rows that count: randomised and with a known outcome
 */
export function upliftLoss(
  both: tf.Tensor2D,
  arm: tf.Tensor,
  label: tf.Tensor,
  mask: tf.Tensor,
  stopGradientTreatment: boolean,
): tf.Scalar {
  const rows = both.shape[0];
  const c = tf.slice(both, [0, 0], [rows, 1]).reshape([rows]);
  const v = tf.slice(both, [0, 1], [rows, 1]).reshape([rows]);
  const base = stopGradientTreatment ? stopGradient(c) : c;
  // Each row enters through its own arm's probability, so one cross entropy holds both terms.
  const z = tf.add(tf.mul(arm, tf.add(base, v)), tf.mul(tf.sub(1, arm), c));
  return maskedBinaryCrossEntropy(z, label, mask);
}

/** Rows that teach something: the arm was drawn, and the labels have matured. @returns [B] */
function countedRows(batch: Tensors): tf.Tensor {
  const p = batch.propensity!;
  const drawn = tf.logicalAnd(tf.greater(p, 0), tf.less(p, 1));
  return tf.mul(tf.cast(drawn, 'float32'), batch.matured!);
}

function inputSpecs(config: UpliftConfig): Record<string, InputSpec> {
  const int = (...shape: number[]): InputSpec => ({ dtype: 'int32', shape });
  const float = (...shape: number[]): InputSpec => ({ dtype: 'float32', shape });
  const specs: Record<string, InputSpec> = {};
  const { since, sessionClicks, unexposed } = config;
  for (const [prefix, length] of Object.entries({ since, sclk: sessionClicks, unexposed })) {
    for (const { name } of config.fields) specs[`${prefix}_${name}`] = int(length);
    specs[`${prefix}_mask`] = float(length);
  }
  // Stored as indexes, made multi-hot with the batch; behaviours of unknown actions are all zeros.
  specs.since_action = { ...float(since, config.exposureAction), validity: 'since_known' };
  specs.sclk_action = { ...float(sessionClicks, config.pageViewAction), validity: 'sclk_known' };
  specs.since_decay = { ...float(since, config.exposureDecay), validity: 'since_mask' };
  specs.sclk_decay = { ...float(sessionClicks, config.pageViewDecay), validity: 'sclk_mask' };
  specs.context = float(config.context);
  for (const name of ['arm', 'propensity', 'matured']) specs[name] = float();
  specs[UPLIFT_LABELS[config.label]] = float();
  return specs;
}

function loss(config: UpliftConfig, weights: Tensors, batch: Tensors): tf.Scalar {
  const inputs = gatherInputs(config, weights, batch);
  const entropy = upliftLoss(
    logits(config, weights, inputs),
    batch.arm!,
    batch[UPLIFT_LABELS[config.label]]!,
    countedRows(batch),
    config.stopGradientTreatment,
  );
  if (config.tablePenalty === 0) return entropy;
  return tf.add(entropy, tf.mul(config.tablePenalty, tablePenalty(inputs)));
}

/** The model; `predict` gives [B, 2]: control logit c, uplift logit v. */
export function upliftModel(config: UpliftConfig): Model {
  return {
    name: 'uplift',
    config,
    inputs: inputSpecs(config),
    init: (seed) => tf.tidy(() => init(config, seed)),
    predict: (weights, batch) => logits(config, weights, gatherInputs(config, weights, batch)),
    loss: (weights, batch) => loss(config, weights, batch),
  };
}
