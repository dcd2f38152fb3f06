/** A real training run, with clocks around the loader's and the trainer's calls. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '../../models/engine/batch-tensors.ts';
import { CompiledTrainer } from '../../models/engine/compiled-trainer.ts';
import { Prefetcher } from '../../models/engine/prefetch.ts';
import { train, type Validation } from '../../models/engine/train.ts';
import { clocked } from './clock.ts';
import type { Subject } from './subject.ts';

export interface Waits {
  steps: number;
  epochs: number;
  /** From the call for an epoch's first batch to its end, all epochs together. */
  wallMs: number;
  /** Of all threads, in the same time. */
  cpuMs: number;
  /** Within the loader's calls: waiting for its thread, and making tensors of what came. */
  waitedMs: number;
  /** The part of `waitedMs` before the first batch of an epoch. */
  firstMs: number;
  /** Within the updates. */
  updateMs: number;
}

/** Judging an epoch is not what is measured. */
const NO_VALIDATION: Validation = {
  metric: 'epoch',
  better: 'higher',
  evaluate: async () => ({ epoch: 0 }),
};

/** Trains for at least `steps` updates, whole epochs, and tells where the time went. */
export async function measureWaits(
  subject: Subject,
  batchSize: number,
  steps: number,
): Promise<Waits> {
  const { model, dataset } = subject;
  const epochs = Math.ceil(steps / Math.ceil(dataset.rows / batchSize));
  const waits: Waits = {
    ...{ steps: 0, epochs, wallMs: 0, cpuMs: 0, waitedMs: 0, firstMs: 0, updateMs: 0 },
  };
  const stateDir = await mkdtemp(join(tmpdir(), 'edgeloom-bench-loader-'));
  const restore = clockCalls(waits);
  try {
    const params = { ...subject.params, batchSize, epochs, patience: epochs };
    const validation = NO_VALIDATION;
    await train({ model, dataset, validation, params, stateDir, dataIdentity: 'bench' });
  } finally {
    restore();
    await rm(stateDir, { recursive: true });
  }
  return waits;
}

/** Puts clocks around the calls of `train`. @returns takes them away again */
function clockCalls(waits: Waits): () => void {
  const { batches } = Prefetcher.prototype;
  const { update } = CompiledTrainer.prototype;
  Prefetcher.prototype.batches = async function* (...args): AsyncGenerator<Batch> {
    const from = performance.now();
    const cpu = process.cpuUsage();
    const source = batches.apply(this, args);
    try {
      for (let place = 0; ; place++) {
        const { wallMs, result } = await clocked(() => source.next());
        waits.waitedMs += wallMs;
        if (place === 0) waits.firstMs += wallMs;
        if (result.done) break;
        waits.steps += 1;
        yield result.value;
      }
    } finally {
      await source.return(undefined);
      waits.wallMs += performance.now() - from;
      const { user, system } = process.cpuUsage(cpu);
      waits.cpuMs += (user + system) / 1e3;
    }
  };
  CompiledTrainer.prototype.update = function (batch) {
    const from = performance.now();
    try {
      return update.call(this, batch);
    } finally {
      waits.updateMs += performance.now() - from;
    }
  };
  return () => {
    Prefetcher.prototype.batches = batches;
    CompiledTrainer.prototype.update = update;
  };
}
