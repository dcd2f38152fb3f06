/** The reranker's entry points with the names that phones use. */
import * as tf from '@tensorflow/tfjs';
import { itemWidth } from '../../models/layers/item-vector.ts';
import {
  encodeExposureStep,
  encodePageViewStep,
  RERANK_MASKS,
  type RerankerConfig,
  rerank,
} from '../../models/reranker/model.ts';
import { type EntryPoint, float32Inputs, type TensorMap } from './entry-point.ts';
import { ENCODERS, type EncoderName } from './slates.ts';

export type RerankerEntry = EncoderName | 'rerank';

/**
 * Encoders give `next_item` and `next_action` for the inputs `state_item` and `state_action`;
 * `rerank` gives `scores` [1, N], logits, 0 for candidates that the mask leaves out.
 */
export function rerankerEntries(
  config: RerankerConfig,
  weights: TensorMap,
): Record<RerankerEntry, EntryPoint> {
  const steps = { encodeExposureStep, encodePageViewStep };
  const entries = ENCODERS.map(({ entry, action }): [EncoderName, EntryPoint] => [
    entry,
    {
      name: entry,
      inputs: float32Inputs(stepShapes(config, config[action])),
      run: (inputs) =>
        Object.fromEntries(
          Object.entries(steps[entry](config, weights, inputs)).map(([name, state]) => [
            name.replace('state_', 'next_'),
            state,
          ]),
        ),
    },
  ]);
  return {
    ...(Object.fromEntries(entries) as Record<EncoderName, EntryPoint>),
    rerank: {
      name: 'rerank',
      inputs: float32Inputs(rerankShapes(config)),
      masks: RERANK_MASKS,
      run: (inputs) => ({
        scores: tf.mul(rerank(config, weights, inputs), inputs.cand_mask!),
      }),
    },
  };
}

function stepShapes(config: RerankerConfig, action: number): Record<string, number[]> {
  const state = [1, config.layers * config.hidden];
  const item = { item_vec: [1, itemWidth(config.fields)], state_item: state };
  return config.useActions ? { ...item, action: [1, action], state_action: state } : item;
}

function rerankShapes(config: RerankerConfig): Record<string, number[]> {
  const { candidates: N, hidden: H, exposures, pageViews, exposureDecay, pageViewDecay } = config;
  const shapes: Record<string, number[]> = {
    cand_vec: [1, N, itemWidth(config.fields)],
    cand_dense: [1, N, config.dense],
    cand_mask: [1, N],
    context: [1, config.context],
  };
  for (const [prefix, K, D] of [
    ['exp', exposures, exposureDecay],
    ['pv', pageViews, pageViewDecay],
  ] as const) {
    shapes[`${prefix}_item_state`] = [1, K, H];
    if (config.useActions) shapes[`${prefix}_action_state`] = [1, K, H];
    shapes[`${prefix}_decay`] = [1, K, D];
    shapes[`${prefix}_mask`] = [1, K];
  }
  return shapes;
}
