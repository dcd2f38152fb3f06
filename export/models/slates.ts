/** Real slates as a phone meets them: raw behaviours to encode one by one, then candidates to score. */

import * as tf from '@tensorflow/tfjs';
import type { NamedArrays } from '../../compiler/index.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { tensorBatches } from '../../models/engine/batch-tensors.ts';
import type { Dataset } from '../../models/engine/dataset.ts';
import { itemVectors } from '../../models/layers/item-vector.ts';
import { auc } from '../../models/metrics/auc.ts';
import { inputSpecs, type RerankerConfig } from '../../models/reranker/model.ts';
import type { TensorMap } from './entry-point.ts';
import { readTensors } from './read-tensors.ts';

export const ENCODERS = [
  { prefix: 'exp', entry: 'encodeExposureStep', length: 'exposures', action: 'exposureAction' },
  { prefix: 'pv', entry: 'encodePageViewStep', length: 'pageViews', action: 'pageViewAction' },
] as const;
export type EncoderName = (typeof ENCODERS)[number]['entry'];

export interface Slate {
  /** Inputs of `rerank` but the states. */
  inputs: NamedArrays;
  /** Per encoder, its inputs `item_vec` and `action` from the oldest behaviour on. */
  behaviours: Record<EncoderName, NamedArrays[]>;
  /** Rows of the item table: of candidates, and of behaviours from the oldest on. */
  items: Record<'candidates' | EncoderName, Int32Array>;
  /** 1 where a candidate was exposed, and where it was clicked. */
  labelMask: Float32Array;
  clicked: Float32Array;
}

const ROWS_PER_BATCH = 64;

/** Draws slates at random; equal seeds draw equal slates whatever the weights. */
export async function drawSlates(
  dataset: Dataset,
  config: RerankerConfig,
  weights: TensorMap,
  count: number,
  seed: number,
  {
    signal,
    enough,
  }: RunOptions & {
    /** Says of the first slates that no more are needed. */
    enough?: (slates: Slate[]) => boolean;
  } = {},
): Promise<Slate[]> {
  const slates: Slate[] = [];
  const order = { batchSize: ROWS_PER_BATCH, shuffle: { seed, epoch: 0 } };
  for await (const { tensors, rows } of tensorBatches(dataset, inputSpecs(config), order)) {
    signal?.throwIfAborted();
    try {
      const read = readBatch(config, weights, tensors);
      for (let row = 0; row < rows && slates.length < count; row++) slates.push(read(row));
    } finally {
      tf.dispose(tensors);
    }
    if (slates.length >= count || enough?.(slates)) break;
  }
  return slates;
}

/** A slate with other item vectors: the rows of a table [items, width]. */
export function withItemRows(
  slate: Slate,
  { width, table }: { width: number; table: Float32Array },
): Slate {
  const row = (item: number): Float32Array => table.slice(item * width, (item + 1) * width);
  const { candidates } = slate.items;
  const vectors = new Float32Array(candidates.length * width);
  candidates.forEach((item, i) => {
    vectors.set(table.subarray(item * width, (item + 1) * width), i * width);
  });
  const behaviours = { ...slate.behaviours };
  for (const { entry } of ENCODERS) {
    behaviours[entry] = slate.behaviours[entry].map((behaviour, i) => ({
      ...behaviour,
      item_vec: row(slate.items[entry][i]!),
    }));
  }
  return { ...slate, inputs: { ...slate.inputs, cand_vec: vectors }, behaviours };
}

/** The first slates that together hold `count` exposed candidates; all when they hold fewer. */
export function untilJudged<S extends Pick<Slate, 'labelMask'>>(slates: S[], count: number): S[] {
  let judged = 0;
  const last = slates.findIndex(({ labelMask }) => {
    judged += labelMask.reduce((sum, value) => sum + value, 0);
    return judged >= count;
  });
  return last < 0 ? slates : slates.slice(0, last + 1);
}

function readBatch(
  config: RerankerConfig,
  weights: TensorMap,
  batch: TensorMap,
): (row: number) => Slate {
  const rows = batch.cand_mask!.shape[0]!;
  const vectors = (prefix: string): Float32Array =>
    readTensors(() => ({ rows: itemVectors(config.fields, weights, batch, prefix) }))
      .rows as Float32Array;
  const columns = new Map<string, Float32Array>([['cand_vec', vectors('cand')]]);
  for (const { prefix } of ENCODERS) columns.set(`${prefix}_item_vec`, vectors(prefix));
  for (const [name, tensor] of Object.entries(batch)) {
    if (tensor.dtype === 'float32') columns.set(name, tensor.dataSync() as Float32Array);
  }
  const items = new Map(
    ['cand', ...ENCODERS.map(({ prefix }) => prefix)].map((prefix) => [
      prefix,
      batch[`${prefix}_item`]!.dataSync() as Int32Array,
    ]),
  );
  const itemsOf = (prefix: string, row: number): Int32Array => {
    const data = items.get(prefix)!;
    const width = data.length / rows;
    return data.slice(row * width, (row + 1) * width);
  };
  const of = (name: string, row: number): Float32Array => {
    const data = columns.get(name)!;
    const width = data.length / rows;
    return data.slice(row * width, (row + 1) * width);
  };
  return (row) => {
    const inputs: NamedArrays = {};
    for (const name of ['cand_vec', 'cand_dense', 'cand_mask', 'context']) {
      inputs[name] = of(name, row);
    }
    for (const { prefix } of ENCODERS) {
      for (const name of [`${prefix}_decay`, `${prefix}_mask`]) inputs[name] = of(name, row);
    }
    const behaviours = Object.fromEntries(
      ENCODERS.map(({ prefix, entry }) => [entry, readBehaviours(config, prefix, of, row)]),
    ) as Slate['behaviours'];
    const behaved = ENCODERS.map(({ prefix, entry }) => [entry, itemsOf(prefix, row)]);
    return {
      inputs,
      behaviours,
      items: { candidates: itemsOf('cand', row), ...Object.fromEntries(behaved) },
      labelMask: of('label_mask', row),
      clicked: of('label_click', row),
    };
  };
}

function readBehaviours(
  config: RerankerConfig,
  prefix: string,
  of: (name: string, row: number) => Float32Array,
  row: number,
): NamedArrays[] {
  const mask = of(`${prefix}_mask`, row);
  const known = mask.reduce((sum, value) => sum + value, 0);
  const vectors = of(`${prefix}_item_vec`, row);
  const width = vectors.length / mask.length;
  const actions = config.useActions ? of(`${prefix}_action`, row) : null;
  const actionWidth = actions ? actions.length / mask.length : 0;
  return Array.from({ length: known }, (_, i) => ({
    item_vec: vectors.slice(i * width, (i + 1) * width),
    ...(actions && { action: actions.slice(i * actionWidth, (i + 1) * actionWidth) }),
  }));
}

/** AUC of clicks over the exposed candidates of all slates; null when a class is missing. */
export function clickAuc(
  slates: Slate[],
  scores: ArrayLike<number>[],
): { auc: number | null; rows: number } {
  const flat: number[] = [];
  const labels: number[] = [];
  slates.forEach(({ labelMask, clicked }, s) => {
    labelMask.forEach((exposed, i) => {
      if (exposed !== 1) return;
      flat.push(scores[s]![i]!);
      labels.push(clicked[i]!);
    });
  });
  const value = flat.length === 0 ? Number.NaN : auc(flat, labels);
  return { auc: Number.isFinite(value) ? value : null, rows: flat.length };
}
