/** Examples a second: what the loader delivers alone, and what compiled training takes. */
import { stat } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import { toTensors } from '../../models/engine/batch-tensors.ts';
import { CompiledTrainer } from '../../models/engine/compiled-trainer.ts';
import type { RawBatch } from '../../models/engine/dataset.ts';
import { Prefetcher } from '../../models/engine/prefetch.ts';
import type { BatchOptions } from '../../models/engine/sample-reader.ts';
import { median } from '../train/alternate.ts';
import { clocked, type Spent } from './clock.ts';
import { bytesFromDisk, dropFromCache } from './file-cache.ts';
import type { Subject } from './subject.ts';

/** Per example, medians over rounds. */
export interface Rate {
  /** Examples a second of wall time. */
  perSecond: number;
  /** CPU time of an example, µs. */
  cpuUs: number;
}

export interface Rates {
  cold: Rate;
  warm: Rate;
  training: Rate;
  /** Share of the files' bytes that the cold passes read from the disk. */
  coldShare: number;
  /** Examples of a pass of the loader. */
  rows: number;
}

const SEED = 1;
/** Batches that training takes in turns; they stand in memory. */
const HELD = 16;

const passOptions = ({ model }: Subject, batchSize: number, epoch: number): BatchOptions => ({
  batchSize,
  shuffle: { seed: SEED, epoch },
  cut: model.labelCut,
});

/** One epoch of the loader, in the form that a step takes. @returns its examples */
async function drain(prefetcher: Prefetcher, subject: Subject, options: BatchOptions) {
  let rows = 0;
  for await (const batch of prefetcher.batches(subject.model.inputs, options)) {
    rows += batch.rows;
    tf.dispose(batch.tensors);
  }
  return rows;
}

/** Whole batches at even distances in an epoch: labels are cut as often as in the epoch. */
async function heldBatches(subject: Subject, batchSize: number): Promise<RawBatch[]> {
  const held: RawBatch[] = [];
  const whole = Math.floor(subject.dataset.rows / batchSize);
  const every = Math.max(1, Math.floor(whole / HELD));
  let place = 0;
  const { dataset, model } = subject;
  for await (const batch of dataset.batches(model.inputs, passOptions(subject, batchSize, 0))) {
    if (batch.rows === batchSize && place++ % every === 0) held.push(batch);
  }
  return held;
}

/** One step on each, without any loader. @returns the examples and the time in the steps */
async function trainOn(trainer: CompiledTrainer, held: readonly RawBatch[]) {
  const spent: Spent = { wallMs: 0, cpuMs: 0 };
  let rows = 0;
  for (const batch of held) {
    const tensors = toTensors(batch.columns);
    const { wallMs, cpuMs } = await clocked(async () => trainer.update(tensors));
    tf.dispose(tensors);
    spent.wallMs += wallMs;
    spent.cpuMs += cpuMs;
    rows += batch.rows;
  }
  return { ...spent, rows };
}

const rateOf = (rounds: readonly (Spent & { rows: number })[]): Rate => ({
  perSecond: median(rounds.map(({ rows, wallMs }) => rows / (wallMs / 1e3))),
  cpuUs: median(rounds.map(({ rows, cpuMs }) => (cpuMs * 1e3) / rows)),
});

/**
 * The loader and the training take turns. The cold pass begins with the thread's start, as a training
 * does, and checks every row; the warm one is a later epoch of the same loader.
 */
export async function measureRates(
  subject: Subject,
  batchSize: number,
  rounds: number,
): Promise<Rates> {
  const { model, dataset, files, params } = subject;
  const { learningRate, clipNorm, weightDecay } = params;
  const optimizer = { learningRate, clipNorm, weightDecay };
  const start = model.init(params.seed);
  const trainer = await CompiledTrainer.create(model, start, optimizer, params.adam);
  const held = await heldBatches(subject, batchSize);
  await trainOn(trainer, held);
  const cold = [];
  const warm = [];
  const training = [];
  const read = [];
  for (let round = 0; round < rounds; round++) {
    dropFromCache(files);
    const before = bytesFromDisk();
    const prefetcher = new Prefetcher(dataset.source);
    const pass = async (epoch: number) => {
      const options = passOptions(subject, batchSize, epoch);
      const { result, ...spent } = await clocked(() => drain(prefetcher, subject, options));
      return { ...spent, rows: result };
    };
    cold.push(await pass(2 * round));
    read.push(bytesFromDisk() - before);
    warm.push(await pass(2 * round + 1));
    await prefetcher.close();
    training.push(await trainOn(trainer, held));
  }
  trainer.dispose();
  tf.dispose(start);
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return {
    cold: rateOf(cold),
    warm: rateOf(warm),
    training: rateOf(training),
    coldShare: median(read) / bytes,
    rows: dataset.rows,
  };
}
