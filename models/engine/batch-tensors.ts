/** Batches as tensors. */
import * as tf from '@tensorflow/tfjs';
import type { Columns } from './columns.ts';
import type { Dataset } from './dataset.ts';
import { type BatchColumns, batchBytes, batchColumns, gatherRows } from './gather.ts';
import type { BatchOptions } from './sample-reader.ts';
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

/** Makes tensors of some rows of stored columns. The caller disposes them. */
export function makeBatch(
  inputs: Record<string, InputSpec>,
  stored: Columns,
  rows: ArrayLike<number>,
): Tensors {
  const buffer = new ArrayBuffer(batchBytes(inputs, rows.length));
  const columns = batchColumns(inputs, buffer, rows.length, rows.length);
  gatherRows(inputs, stored, rows, columns, 0);
  return toTensors(columns);
}

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
