/** The thread that reads batches ahead, while the main thread waits for TensorFlow. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../../lib/errors.ts';
import { type BatchOptions, Dataset, type DatasetSource, type RawBatch } from './dataset.ts';
import type { InputSpec } from './types.ts';

/** To the thread: start a pass, send one more batch of it, or drop it. */
export type ToBatchWorker =
  | { kind: 'start'; pass: number; inputs: Record<string, InputSpec>; options: BatchOptions }
  | { kind: 'more'; pass: number }
  | { kind: 'stop' };

/** From the thread. */
export type FromBatchWorker =
  | { kind: 'batch'; pass: number; batch: RawBatch }
  | { kind: 'end'; pass: number }
  | { kind: 'error'; pass: number; error: SentError };

const port = parentPort!;
const { tensorsDir, family, dates } = workerData as DatasetSource;
const dataset = Dataset.open(tensorsDir, family, dates);
// The first pass reports it.
dataset.catch(() => undefined);
let current: { pass: number; batches: AsyncGenerator<RawBatch> } | undefined;
let turn: Promise<void> = Promise.resolve();

port.on('message', (message: ToBatchWorker) => {
  turn = turn.then(() => handle(message));
});

async function handle(message: ToBatchWorker): Promise<void> {
  if (message.kind === 'start') {
    const { pass, inputs, options } = message;
    const batches = (async function* () {
      yield* (await dataset).batches(inputs, options);
    })();
    current = { pass, batches };
  } else if (message.kind === 'stop') {
    await current?.batches.return(undefined);
    current = undefined;
  } else if (current?.pass === message.pass) {
    await sendNext(current.pass, current.batches);
  }
}

async function sendNext(pass: number, batches: AsyncGenerator<RawBatch>): Promise<void> {
  try {
    const { value, done } = await batches.next();
    if (done) {
      send({ kind: 'end', pass });
      return;
    }
    const buffers = new Set(
      Object.values(value.columns).map(({ data }) => data.buffer as ArrayBuffer),
    );
    send({ kind: 'batch', pass, batch: value }, [...buffers]);
  } catch (error) {
    send({ kind: 'error', pass, error: sentError(error) });
  }
}

function send(message: FromBatchWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
