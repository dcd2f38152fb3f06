/** For tests: the phones' entry points at real size, with random weights. */
import * as tf from '@tensorflow/tfjs';
import type { InputType, NamedTensors } from '../../compiler/index.ts';
import type { Subject } from '../../compiler/testing/parity.ts';
import { Random } from '../../lib/random.ts';
import {
  encodeExposureStep,
  encodePageViewStep,
  init,
  RERANK_MASKS,
  rerank,
  rerankerConfig,
} from '../../models/reranker/model.ts';
import {
  DECIDE_MASKS,
  decide,
  decideShapes,
  upliftConfig,
  upliftModel,
} from '../../models/uplift/model.ts';

const fields = [
  { name: 'item', rows: 50, width: 16 },
  { name: 'category', rows: 9, width: 8 },
  { name: 'brand', rows: 9, width: 8 },
  { name: 'creator', rows: 9, width: 8 },
];
const P = 40;

const reranker = rerankerConfig.parse({
  fields,
  candidates: 50,
  exposures: 32,
  pageViews: 16,
  exposureAction: 45,
  pageViewAction: 40,
  exposureDecay: 8,
  pageViewDecay: 8,
  dense: 3,
  context: 30,
});
const H = reranker.hidden;

/** Renames outputs that are called like the inputs that they replace on the phone. */
const next = (states: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(states).map(([name, state]) => [`next_${name}`, state]));

function encoder(action: number, run: typeof encodeExposureStep, weights: NamedTensors): Subject {
  return {
    run: (inputs) => next(run(reranker, weights, inputs)),
    inputs: {
      item_vec: { shape: [1, P] },
      action: { shape: [1, action] },
      state_item: { shape: [1, H] },
      state_action: { shape: [1, H] },
    },
  };
}

function rerankSubject(weights: NamedTensors): Subject {
  const { candidates: N, exposures, pageViews, dense, context } = reranker;
  const sequence = (prefix: string, K: number, decay: number): Record<string, InputType> => ({
    [`${prefix}_item_state`]: { shape: [1, K, H] },
    [`${prefix}_action_state`]: { shape: [1, K, H] },
    [`${prefix}_decay`]: { shape: [1, K, decay] },
    [`${prefix}_mask`]: { shape: [1, K] },
  });
  return {
    run: (inputs) => ({ scores: rerank(reranker, weights, inputs) }),
    inputs: {
      cand_vec: { shape: [1, N, P] },
      cand_dense: { shape: [1, N, dense] },
      cand_mask: { shape: [1, N] },
      ...sequence('exp', exposures, reranker.exposureDecay),
      ...sequence('pv', pageViews, reranker.pageViewDecay),
      context: { shape: [1, context] },
    },
    masks: RERANK_MASKS,
  };
}

function decideSubject(): Subject {
  const config = upliftConfig.parse({
    fields,
    since: 16,
    sessionClicks: 8,
    unexposed: 16,
    exposureAction: 45,
    pageViewAction: 40,
    exposureDecay: 8,
    pageViewDecay: 8,
    context: 30,
  });
  const weights = upliftModel(config).init(3);
  const shapes = Object.entries(decideShapes(config));
  // The output layer starts at zero; random weights make its output worth comparing.
  const random = Random.of(8, 'uplift-out');
  const size = weights['uplift/out/kernel']!.shape;
  const values = Float32Array.from({ length: size[0]! }, () => random.normal(0, 0.3));
  weights['uplift/out/kernel'] = tf.tensor(values, size);
  return {
    run: (inputs) => ({ uplift: decide(config, weights, inputs as never) }),
    inputs: Object.fromEntries(shapes.map(([name, shape]) => [name, { shape }])),
    masks: DECIDE_MASKS,
  };
}

/** By name; made when asked for, on the current backend. */
export const phoneEntries: Record<string, () => Subject> = {
  encodeExposureStep: () => encoder(45, encodeExposureStep, init(reranker, 1)),
  encodePageViewStep: () => encoder(40, encodePageViewStep, init(reranker, 1)),
  rerank: () => rerankSubject(init(reranker, 1)),
  decide: () => decideSubject(),
};
