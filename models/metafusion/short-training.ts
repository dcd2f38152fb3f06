/** A short training over batches held in memory: a fixed number of epochs, no early stop. */
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { yieldToEvents } from '../engine/predict.ts';
import type { Trainer } from '../engine/trainer.ts';

export interface ShortBatch {
  /** What the batch weighs in the epoch's mean loss. */
  rows: number;
  /** Makes its tensors, updates and disposes them. @returns the mean loss before the update */
  update(trainer: Trainer): number;
}

export interface ShortTraining {
  /** The caller keeps it. */
  trainer: Trainer;
  epochs: number;
  /** The batches of an epoch. */
  batches(epoch: number): ShortBatch[];
  /** For messages: `cohort-0`. */
  what: string;
}

/**
 * @returns mean loss of each epoch, as the weights moved
 * @throws EdgeloomError `training-diverged`
 */
export async function trainShortly(
  { trainer, epochs, batches, what }: ShortTraining,
  options: RunOptions = {},
): Promise<number[]> {
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    let sum = 0;
    let rows = 0;
    const all = batches(epoch);
    for (const [i, batch] of all.entries()) {
      options.signal?.throwIfAborted();
      const loss = batch.update(trainer);
      if (!Number.isFinite(loss)) throw diverged(what, epoch, loss);
      sum += loss * batch.rows;
      rows += batch.rows;
      options.onProgress?.({
        message: `${what}: epoch ${epoch + 1} of ${epochs}, loss ${(sum / rows).toFixed(4)}`,
        fraction: (epoch + (i + 1) / all.length) / epochs,
      });
      await yieldToEvents();
    }
    losses.push(rows > 0 ? sum / rows : Number.NaN);
  }
  return losses;
}

function diverged(what: string, epoch: number, loss: number): EdgeloomError {
  return new EdgeloomError({
    code: 'training-diverged',
    what: `The loss became ${loss}`,
    where: `${what}, epoch ${epoch + 1}`,
    fix: 'lower the learning rate',
  });
}
