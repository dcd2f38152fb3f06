/** Batches as tensors. */
import * as tf from '@tensorflow/tfjs';
import { type BatchColumns, gatherBatch, type RowRef } from './columns.ts';
import type { BatchOptions, Dataset } from './dataset.ts';
import type { InputSpec, Tensors } from './types.ts';

export interface Batch {
  /** The caller disposes them. */
  tensors: Tensors;
  rows: number;
}

export function toTensors(columns: BatchColumns): Tensors {
  return Object.fromEntries(
    Object.entries(columns).map(([name, { data, shape }]) => [
      name,
      tf.tensor(data, shape, data instanceof Float32Array ? 'float32' : 'int32'),
    ]),
  );
}

/** Makes the tensors of a batch. The caller disposes them. */
export const makeBatch = (inputs: Record<string, InputSpec>, rows: RowRef[]): Tensors =>
  toTensors(gatherBatch(inputs, rows));

/** The batches of one pass over a dataset; see `Dataset.batches`. */
export async function* tensorBatches(
  dataset: Dataset,
  inputs: Record<string, InputSpec>,
  options: BatchOptions,
): AsyncGenerator<Batch> {
  for await (const { columns, rows } of dataset.batches(inputs, options)) {
    yield { tensors: toTensors(columns), rows };
  }
}
