/**
 * Training: Adam over shuffled batches, early stopping on validation rows, checkpoints.
 *
 * A run that was killed and started again on the same state folder makes the same updates from the
 * last checkpoint on, and ends with the same bytes as one that was left alone (one backend, one
 * library, one thread count).
 */
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { EdgeloomError } from '../../lib/errors.ts';
import { canonicalJson, sha256 } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { NamedTensor } from '../../lib/safetensors.ts';
import { type AdamState, adamStart, adamUpdate, disposeAdam } from './adam.ts';
import type { Dataset } from './dataset.ts';
import { flatten, type Layout, layoutOf, toNamedTensors, unflatten } from './flat-weights.ts';
import { yieldToEvents } from './predict.ts';
import {
  type Cursor,
  type EpochRecord,
  loadState,
  saveState,
  type TrainingState,
} from './training-state.ts';
import type { Model, Tensors } from './types.ts';

export const trainParams = z.strictObject({
  epochs: z.int().min(1).max(1000).default(6).describe('at most this many passes over the rows'),
  batchSize: z.int().min(1).max(65536).default(128).describe('rows per update'),
  learningRate: z.number().positive().default(0.003).describe("Adam's step size"),
  clipNorm: z.number().positive().default(20).describe('largest norm of the gradient'),
  weightDecay: z
    .number()
    .min(0)
    .max(10)
    .default(0)
    .describe('share of a weight that one unit of step size takes away'),
  patience: z
    .int()
    .min(1)
    .default(2)
    .describe('stop after this many epochs without a better validation metric'),
  checkpointEvery: z.int().min(1).default(200).describe('updates between checkpoints'),
  seed: z.int().default(1).describe('of the starting weights and of the order of rows'),
});
export type TrainParams = z.infer<typeof trainParams>;

/** How an epoch is judged. */
export interface Validation {
  /** The metric that picks the best epoch. */
  metric: string;
  better: 'higher' | 'lower';
  evaluate(weights: Tensors, options: RunOptions): Promise<Record<string, number>>;
}

export interface TrainInput {
  model: Model;
  dataset: Dataset;
  validation: Validation;
  params: TrainParams;
  /** Existing folder for checkpoints; it may hold those of an earlier, interrupted run. */
  stateDir: string;
  /** Names the data, so that a checkpoint made on other data is not resumed. */
  dataIdentity: string;
  /** Start from these instead of fresh weights (fine-tuning). The caller keeps them. */
  startWeights?: Tensors;
}

export interface TrainResult {
  /** Of the best epoch. */
  weights: Record<string, NamedTensor>;
  history: EpochRecord[];
  bestEpoch: number;
}

/**
 * Trains until the epochs are used up or validation stops improving.
 * @throws EdgeloomError `training-diverged` when the loss is not a number
 * @throws the signal's reason when aborted, after a checkpoint was written
 */
export async function train(input: TrainInput, options: RunOptions = {}): Promise<TrainResult> {
  const { model, dataset, params } = input;
  const fresh = input.startWeights ?? model.init(params.seed);
  const layout = layoutOf(fresh);
  const run = new Run(input, layout, fresh, options);
  if (!input.startWeights) tf.dispose(fresh);
  try {
    await run.resume();
    const perEpoch = Math.ceil(dataset.rows / params.batchSize);
    while (!run.cursor.finished) {
      await run.epoch(perEpoch);
      await run.endEpoch();
    }
    const { history } = run.cursor;
    const bestEpoch = history.findLast((record) => record.best)!.epoch;
    return { weights: toNamedTensors(run.best, layout), history, bestEpoch };
  } finally {
    run.dispose();
  }
}

class Run {
  cursor: Cursor = {
    epoch: 0,
    batch: 0,
    step: 0,
    lossSum: 0,
    lossRows: 0,
    history: [],
    finished: false,
  };
  best: Float32Array;
  readonly #input: TrainInput;
  readonly #layout: Layout;
  readonly #options: RunOptions;
  readonly #identity: string;
  #adam: AdamState;

  constructor(input: TrainInput, layout: Layout, start: Tensors, options: RunOptions) {
    this.#input = input;
    this.#layout = layout;
    this.#options = options;
    this.#adam = adamStart(tf.tidy(() => flatten(start, layout)));
    this.best = this.#adam.weights.dataSync() as Float32Array;
    const { model, params, dataIdentity } = input;
    const startHash = input.startWeights ? sha256(bytesOf(this.best)) : null;
    this.#identity = sha256(
      canonicalJson({ model: model.name, config: model.config, params, dataIdentity, startHash }),
    );
  }

  dispose(): void {
    disposeAdam(this.#adam);
  }

  async resume(): Promise<void> {
    const saved = await loadState(this.#input.stateDir, this.#identity);
    if (!saved) return;
    disposeAdam(this.#adam);
    this.#adam = {
      weights: tf.tensor1d(saved.weights),
      m: tf.tensor1d(saved.m),
      v: tf.tensor1d(saved.v),
      step: saved.cursor.step,
    };
    this.best = saved.best;
    this.cursor = saved.cursor;
    this.#options.onProgress?.({ message: `resumed at update ${saved.cursor.step}` });
  }

  async #save(): Promise<void> {
    const read = (tensor: tf.Tensor) => tensor.dataSync() as Float32Array;
    const state: TrainingState = {
      cursor: this.cursor,
      weights: read(this.#adam.weights),
      m: read(this.#adam.m),
      v: read(this.#adam.v),
      best: this.best,
    };
    await saveState(this.#input.stateDir, this.#identity, state);
  }

  /** The batches of the current epoch that are still to do. */
  async epoch(perEpoch: number): Promise<void> {
    const { model, dataset, params } = this.#input;
    const { batchSize, seed, checkpointEvery } = params;
    const { cursor } = this;
    const started = performance.now();
    const first = cursor.batch;
    const shuffle = { seed, epoch: cursor.epoch };
    const cut = model.labelCut;
    const batches = dataset.batches(model.inputs, { batchSize, shuffle, skip: cursor.batch, cut });
    for await (const { tensors, rows } of batches) {
      let loss: number;
      try {
        await this.#stopIfAborted();
        loss = this.#update(tensors);
      } finally {
        tf.dispose(tensors);
      }
      if (!Number.isFinite(loss)) throw diverged(cursor, loss);
      cursor.batch += 1;
      cursor.step += 1;
      cursor.lossSum += loss * rows;
      cursor.lossRows += rows;
      if (cursor.step % checkpointEvery === 0) await this.#save();
      const perSecond = (cursor.batch - first) / ((performance.now() - started) / 1000);
      this.#options.onProgress?.({
        message: `epoch ${cursor.epoch + 1} of ${params.epochs}, update ${cursor.batch} of about ${perEpoch}, loss ${(cursor.lossSum / cursor.lossRows).toFixed(4)}, ${perSecond.toFixed(1)} updates/s`,
        fraction: Math.min(1, (cursor.epoch + cursor.batch / perEpoch) / params.epochs),
      });
      await yieldToEvents();
    }
  }

  /** One forward and backward pass and one optimiser step. @returns the loss before it */
  #update(batch: Tensors): number {
    const { model, params } = this.#input;
    const layout = this.#layout;
    const before = this.#adam;
    let loss = Number.NaN;
    const gradient = tf.tidy(() => {
      const { names } = layout;
      const weights = unflatten(before.weights, layout);
      const forward = (...values: tf.Tensor[]) =>
        model.loss(Object.fromEntries(names.map((name, i) => [name, values[i]!])), batch);
      const { value, grads } = tf.valueAndGrads(forward)(names.map((name) => weights[name]!));
      loss = value.dataSync()[0]!;
      return tf.concat1d(grads.map((grad) => grad.reshape<tf.Tensor1D>([-1])));
    });
    this.#adam = adamUpdate(before, gradient, params);
    gradient.dispose();
    disposeAdam(before);
    return loss;
  }

  async #stopIfAborted(): Promise<void> {
    if (!this.#options.signal?.aborted) return;
    await this.#save();
    this.#options.signal.throwIfAborted();
  }

  /** Judges the epoch, keeps its weights when they are the best, decides whether to go on. */
  async endEpoch(): Promise<void> {
    const { validation, params } = this.#input;
    const { cursor } = this;
    const weights = tf.tidy(() => unflatten(this.#adam.weights, this.#layout));
    let valid: Record<string, number>;
    try {
      valid = await validation.evaluate(weights, this.#options);
    } finally {
      tf.dispose(weights);
    }
    const { history } = cursor;
    const sign = validation.better === 'higher' ? 1 : -1;
    const value = (record: { valid: Record<string, number> }) =>
      sign * record.valid[validation.metric]!;
    const previous = history.findLast((record) => record.best);
    const best = previous === undefined || value({ valid }) > value(previous);
    if (best) this.best = this.#adam.weights.dataSync() as Float32Array;
    history.push({
      epoch: cursor.epoch,
      loss: cursor.lossSum / cursor.lossRows,
      steps: cursor.batch,
      valid,
      best,
    });
    const bestEpoch = history.findLast((record) => record.best)!.epoch;
    const waited = cursor.epoch - bestEpoch;
    const finished = cursor.epoch + 1 >= params.epochs || waited >= params.patience;
    Object.assign(cursor, { epoch: cursor.epoch + 1, batch: 0, lossSum: 0, lossRows: 0, finished });
    await this.#save();
    this.#options.onProgress?.({
      message: `epoch ${cursor.epoch}: ${validation.metric} ${valid[validation.metric]!.toFixed(4)}${best ? ' (best)' : ''}`,
      fraction: finished ? 1 : cursor.epoch / params.epochs,
    });
  }
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function diverged(cursor: Cursor, loss: number): EdgeloomError {
  return new EdgeloomError({
    code: 'training-diverged',
    what: `The training loss became ${loss}`,
    where: `epoch ${cursor.epoch + 1}, update ${cursor.batch + 1}`,
    fix: 'lower learningRate or clipNorm',
  });
}
