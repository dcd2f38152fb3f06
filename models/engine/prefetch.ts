/** Batches read, gathered and expanded by a thread of their own while a step runs. */
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { receivedError } from '../../lib/errors.ts';
import { type Batch, toTensors } from './batch-tensors.ts';
import type { FromBatchWorker, ToBatchWorker } from './batch-worker.ts';
import { batchColumns } from './gather.ts';
import { type BatchOptions, cutInputs, type RowSource } from './sample-reader.ts';
import type { InputSpec } from './types.ts';

/** Batches that wait at most; more would only cost memory. */
const AHEAD = 3;

/** Reads one dataset; one pass at a time. */
export class Prefetcher {
  readonly #worker: Worker;
  #pass = 0;
  #waiting: FromBatchWorker[] = [];
  #wake: (() => void) | undefined;
  #failed: Error | undefined;

  constructor(source: RowSource) {
    this.#worker = new Worker(new URL('./batch-worker.mjs', import.meta.url), {
      workerData: source,
      execArgv: [],
    });
    // A thread that only waits must not keep the process.
    this.#worker.unref();
    this.#worker.on('message', (message: FromBatchWorker) => {
      if (message.pass === this.#pass) this.#waiting.push(message);
      this.#wake?.();
    });
    this.#worker.on('error', (error) => {
      this.#failed = error;
      this.#wake?.();
    });
    this.#worker.on('exit', () => {
      this.#failed ??= new Error('the thread that reads batches ended');
      this.#wake?.();
    });
  }

  /**
   * The batches of `Dataset.batches`, in its order. The memory of a batch whose tensors were disposed
   * is used again as soon as the next batch is asked for.
   * @throws EdgeloomError of the dataset: `no-samples`, `bad-samples`
   */
  async *batches(inputs: Record<string, InputSpec>, options: BatchOptions): AsyncGenerator<Batch> {
    const kinds = cutInputs(inputs, options.cut);
    const pass = ++this.#pass;
    this.#waiting = [];
    this.#worker.ref();
    this.#send({ kind: 'start', pass, inputs, options });
    for (let i = 0; i < AHEAD; i++) this.#send({ kind: 'more', pass });
    try {
      for (;;) {
        const message = await this.#next();
        if (message.kind === 'end') return;
        if (message.kind === 'error') throw receivedError(message.error);
        this.#send({ kind: 'more', pass });
        const { buffer, rows, kind } = message.batch;
        const columns = batchColumns(kinds[kind]!, buffer, options.batchSize, rows);
        const tensors = toTensors(columns);
        const data = Object.values(tensors).map(({ dataId }) => dataId);
        yield { tensors, rows };
        if (isGone(data)) this.#send({ kind: 'used', buffer }, [buffer]);
      }
    } finally {
      this.#send({ kind: 'stop' });
      this.#worker.unref();
    }
  }

  #send(message: ToBatchWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  async #next(): Promise<FromBatchWorker> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message) return message;
      if (this.#failed) throw this.#failed;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Whether no tensor holds the data any more, a reshaped one neither. */
const isGone = (data: readonly tf.Tensor['dataId'][]): boolean =>
  data.every((id) => tf.backend().refCount(id) === 0);
