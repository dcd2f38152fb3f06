/**
 * Training: Adam over shuffled batches, early stopping on validation rows, checkpoints. Updates are
 * compiled into one TensorFlow graph where TensorFlow is there, and run op by op elsewhere.
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
import { createTrainer, possible } from './create-trainer.ts';
import type { Dataset } from './dataset.ts';
import { toNamedTensors } from './flat-weights.ts';
import { yieldToEvents } from './predict.ts';
import { Prefetcher } from './prefetch.ts';
import type { Scorer } from './scorer.ts';
import { type Execution, executionParams, type OptimizerOptions, type Trainer } from './trainer.ts';
import { type Cursor, type EpochRecord, loadState, saveState } from './training-state.ts';
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
  warmupSteps: z.int().min(0).default(0).describe('updates over which the step size rises from 0'),
  decay: z
    .enum(['constant', 'linear', 'cosine'])
    .default('constant')
    .describe('how the step size falls over all epochs'),
  decayFloor: z.number().min(0).max(1).default(0).describe('share of it that is left at the end'),
  ...executionParams,
  checkpointEvery: z.int().min(1).default(200).describe('updates between checkpoints'),
  seed: z.int().default(1).describe('of the starting weights and of the order of rows'),
});
export type TrainParams = z.infer<typeof trainParams>;

/** How an epoch is judged. */
export interface Validation {
  /** The metric that picks the best epoch. */
  metric: string;
  better: 'higher' | 'lower';
  evaluate(scorer: Scorer, options: RunOptions): Promise<Record<string, number>>;
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
  /** How updates were computed. */
  execution: Execution;
}

/**
 * Trains until the epochs are used up or validation stops improving.
 * @throws EdgeloomError `training-diverged` when the loss is not a number
 * @throws the signal's reason when aborted, after a checkpoint was written
 */
export async function train(input: TrainInput, options: RunOptions = {}): Promise<TrainResult> {
  const { model, dataset, params } = input;
  const fresh = input.startWeights ?? model.init(params.seed);
  const execution = possible(params);
  const perEpoch = Math.ceil(dataset.rows / params.batchSize);
  const batches = new Prefetcher(dataset.source);
  let trainer: Trainer | undefined;
  try {
    trainer = await createTrainer(execution, model, fresh, optimizerFor(params, perEpoch), options);
    const run = new Run(input, trainer, batches, options);
    await run.resume();
    while (!run.cursor.finished) {
      await run.epoch(perEpoch);
      await run.endEpoch();
    }
    const { history } = run.cursor;
    const bestEpoch = history.findLast((record) => record.best)!.epoch;
    const weights = toNamedTensors(run.best, trainer.layout);
    return { weights, history, bestEpoch, execution };
  } finally {
    await batches.close();
    trainer?.dispose();
    if (!input.startWeights) tf.dispose(fresh);
  }
}

function optimizerFor(params: TrainParams, perEpoch: number): OptimizerOptions {
  const { learningRate, clipNorm, weightDecay, warmupSteps, decay, decayFloor, epochs } = params;
  const totalSteps = epochs * perEpoch;
  const schedule = { warmupSteps, decay, floor: decayFloor, totalSteps };
  return { learningRate, clipNorm, weightDecay, schedule };
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
  readonly #trainer: Trainer;
  readonly #batches: Prefetcher;
  readonly #options: RunOptions;
  readonly #identity: string;

  constructor(input: TrainInput, trainer: Trainer, batches: Prefetcher, options: RunOptions) {
    this.#input = input;
    this.#trainer = trainer;
    this.#batches = batches;
    this.#options = options;
    this.best = trainer.weights();
    const { model, dataIdentity } = input;
    // A checkpoint goes on in any mode.
    const { mode: _mode, adam: _adam, ...params } = input.params;
    const startHash = input.startWeights ? sha256(bytesOf(this.best)) : null;
    this.#identity = sha256(
      canonicalJson({ model: model.name, config: model.config, params, dataIdentity, startHash }),
    );
  }

  async resume(): Promise<void> {
    const saved = await loadState(this.#input.stateDir, this.#identity);
    if (!saved) return;
    const { cursor, best, ...vectors } = saved;
    this.#trainer.restore({ ...vectors, step: cursor.step });
    this.best = best;
    this.cursor = cursor;
    this.#options.onProgress?.({ message: `resumed at update ${cursor.step}` });
  }

  async #save(): Promise<void> {
    const { step: _, ...vectors } = this.#trainer.snapshot();
    const state = { cursor: this.cursor, best: this.best, ...vectors };
    await saveState(this.#input.stateDir, this.#identity, state);
  }

  /** The batches of the current epoch that are still to do. */
  async epoch(perEpoch: number): Promise<void> {
    const { model, params } = this.#input;
    const { batchSize, seed, checkpointEvery } = params;
    const { cursor } = this;
    const started = performance.now();
    const first = cursor.batch;
    const shuffle = { seed, epoch: cursor.epoch };
    const cut = model.labelCut;
    const batches = this.#batches.batches(model.inputs, {
      batchSize,
      shuffle,
      skip: cursor.batch,
      cut,
    });
    for await (const { tensors, rows } of batches) {
      let loss: number;
      try {
        await this.#stopIfAborted();
        loss = this.#trainer.update(tensors);
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

  async #stopIfAborted(): Promise<void> {
    if (!this.#options.signal?.aborted) return;
    await this.#save();
    this.#options.signal.throwIfAborted();
  }

  /** Judges the epoch, keeps its weights when they are the best, decides whether to go on. */
  async endEpoch(): Promise<void> {
    const { validation, params } = this.#input;
    const { cursor } = this;
    const valid = await validation.evaluate(this.#trainer, this.#options);
    const { history } = cursor;
    const sign = validation.better === 'higher' ? 1 : -1;
    const value = (record: { valid: Record<string, number> }) =>
      sign * record.valid[validation.metric]!;
    const previous = history.findLast((record) => record.best);
    const best = previous === undefined || value({ valid }) > value(previous);
    if (best) this.best = this.#trainer.weights();
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
