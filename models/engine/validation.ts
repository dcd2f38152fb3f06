/** Ways to judge an epoch. */
import * as tf from '@tensorflow/tfjs';
import { gauc } from '../metrics/auc.ts';
import { logLoss, sigmoid } from '../metrics/calibration.ts';
import { type LabelledRows, prepareRows } from '../metrics/rows.ts';
import { tensorBatches } from './batch-tensors.ts';
import type { Dataset } from './dataset.ts';
import { predictAll, yieldToEvents } from './predict.ts';
import type { Validation } from './train.ts';

/** Mean loss over the rows of `dataset`. */
export function lossValidation(dataset: Dataset, batchSize: number): Validation {
  return {
    metric: 'loss',
    better: 'lower',
    evaluate: async (scorer, { signal }) => {
      let sum = 0;
      for await (const { tensors, rows } of tensorBatches(dataset, scorer.inputs, { batchSize })) {
        signal?.throwIfAborted();
        sum += rows * scorer.loss(tensors);
        tf.dispose(tensors);
        await yieldToEvents();
      }
      return { loss: sum / dataset.rows };
    },
  };
}

/** GAUC per slate of clicks, with the log loss beside it. */
export function rankingValidation(dataset: Dataset, batchSize: number): Validation {
  return {
    metric: 'gauc',
    better: 'higher',
    evaluate: async (scorer, { signal }) => {
      const logits = await predictAll(scorer, dataset, batchSize, { signal });
      const { labelled, cells } = await labelledCandidates(dataset);
      const scores = Float64Array.from(cells, (cell) => logits[cell]!);
      const rows = prepareRows(labelled);
      const once = new Uint8Array(rows.users).fill(1);
      return {
        gauc: gauc(scores, rows),
        logLoss: logLoss(scores.map(sigmoid), rows)(once),
      };
    },
  };
}

/** The exposed candidates of all slates, as rows for metrics. */
export interface LabelledCandidates {
  labelled: LabelledRows;
  /** Where each row lies in a row-major [slates, N] table. */
  cells: Int32Array;
  /** Scene index of each row. */
  scene: Int32Array;
}

/** @param label a label column of the samples, by default clicks */
export async function labelledCandidates(
  dataset: Dataset,
  label = 'label_click',
): Promise<LabelledCandidates> {
  const columns = await dataset.readColumns([
    'slate',
    'date',
    'user',
    'scene',
    'label_mask',
    label,
  ]);
  const mask = columns.label_mask!;
  const width = mask.shape[1]!;
  const cells: number[] = [];
  mask.data.forEach((value, cell) => {
    if (value === 1) cells.push(cell);
  });
  const perSlate = (name: string) =>
    Int32Array.from(cells, (cell) => columns[name]!.data[Math.floor(cell / width)]!);
  // Slates are numbered within a date.
  const date = perSlate('date');
  const slateIds = Float64Array.from(perSlate('slate'), (slate, i) => date[i]! * 2 ** 32 + slate);
  return {
    labelled: {
      list: slateIds,
      user: perSlate('user'),
      label: Uint8Array.from(cells, (cell) => columns[label]!.data[cell]!),
    },
    cells: Int32Array.from(cells),
    scene: perSlate('scene'),
  };
}
