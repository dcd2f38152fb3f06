/** Batches read, gathered and expanded by a thread of their own while a step runs. */
import { Worker } from 'node:worker_threads';
import { receivedError } from '../../lib/errors.ts';
import { type Batch, toTensors } from './batch-tensors.ts';
import type { FromBatchWorker, ToBatchWorker } from './batch-worker.ts';
import type { BatchOptions, DatasetSource } from './dataset.ts';
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

  constructor(source: DatasetSource) {
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
   * The batches of `Dataset.batches`, in its order.
   * @throws EdgeloomError of the dataset: `no-samples`, `bad-samples`
   */
  async *batches(inputs: Record<string, InputSpec>, options: BatchOptions): AsyncGenerator<Batch> {
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
        const { columns, rows } = message.batch;
        yield { tensors: toTensors(columns), rows };
      }
    } finally {
      this.#send({ kind: 'stop' });
      this.#worker.unref();
    }
  }

  #send(message: ToBatchWorker): void {
    this.#worker.postMessage(message);
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
