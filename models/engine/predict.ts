/** A model's answers for all rows of a dataset. */
import * as tf from '@tensorflow/tfjs';
import type { RunOptions } from '../../lib/progress.ts';
import { tensorBatches } from './batch-tensors.ts';
import type { Dataset } from './dataset.ts';
import type { Scorer } from './scorer.ts';

/**
 * Logits of every row in file order, flattened: row-major [rows, …].
 * @param batchSize larger than in training is fine: nothing is kept for gradients
 */
export async function predictAll(
  scorer: Pick<Scorer, 'inputs' | 'predict'>,
  dataset: Dataset,
  batchSize: number,
  { signal, onProgress }: RunOptions = {},
): Promise<Float32Array> {
  let out: Float32Array | undefined;
  let done = 0;
  for await (const { tensors, rows } of tensorBatches(dataset, scorer.inputs, { batchSize })) {
    try {
      signal?.throwIfAborted();
      const scored = scorer.predict(tensors);
      const logits = scored.dataSync() as Float32Array;
      scored.dispose();
      out ??= new Float32Array(dataset.rows * (logits.length / rows));
      out.set(logits, done * (logits.length / rows));
      done += rows;
    } finally {
      tf.dispose(tensors);
    }
    onProgress?.({
      message: `scored ${done} of ${dataset.rows} rows`,
      fraction: done / dataset.rows,
    });
    await yieldToEvents();
  }
  return out ?? new Float32Array(0);
}

/** Lets signals, heartbeats and file reads through between two pieces of synchronous work. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
