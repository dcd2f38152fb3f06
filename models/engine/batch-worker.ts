/** The thread that reads batches ahead, while the main thread waits for TensorFlow. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../../lib/errors.ts';
import {
  type BatchOptions,
  type PackedBatch,
  type RowSource,
  SampleReader,
} from './sample-reader.ts';
import type { InputSpec } from './types.ts';

/** To the thread: start a pass, send one more batch of it, drop it, use a batch's memory again. */
export type ToBatchWorker =
  | { kind: 'start'; pass: number; inputs: Record<string, InputSpec>; options: BatchOptions }
  | { kind: 'more'; pass: number }
  | { kind: 'stop' }
  | { kind: 'used'; buffer: ArrayBuffer };

/** From the thread. */
export type FromBatchWorker =
  | { kind: 'batch'; pass: number; batch: PackedBatch }
  | { kind: 'end'; pass: number }
  | { kind: 'error'; pass: number; error: SentError };

const port = parentPort!;
const reader = SampleReader.open(workerData as RowSource);
// The first pass reports it.
reader.catch(() => undefined);
let current: { pass: number; batches: AsyncGenerator<PackedBatch> } | undefined;
let turn: Promise<void> = Promise.resolve();
/** Memory of batches that are used up. */
let free: ArrayBuffer[] = [];

port.on('message', (message: ToBatchWorker) => {
  if (message.kind === 'used') free.push(message.buffer);
  else turn = turn.then(() => handle(message));
});

async function handle(message: Exclude<ToBatchWorker, { kind: 'used' }>): Promise<void> {
  if (message.kind === 'start') {
    const { pass, inputs, options } = message;
    const batches = (async function* () {
      yield* (await reader).batches(inputs, options, takeBuffer);
    })();
    current = { pass, batches };
  } else if (message.kind === 'stop') {
    await current?.batches.return(undefined);
    current = undefined;
  } else if (current?.pass === message.pass) {
    await sendNext(current.pass, current.batches);
  }
}

function takeBuffer(bytes: number): ArrayBuffer {
  // Another pass may have batches of another size.
  free = free.filter(({ byteLength }) => byteLength === bytes);
  return free.pop() ?? new ArrayBuffer(bytes);
}

async function sendNext(pass: number, batches: AsyncGenerator<PackedBatch>): Promise<void> {
  try {
    const { value, done } = await batches.next();
    if (done) send({ kind: 'end', pass });
    else send({ kind: 'batch', pass, batch: value }, [value.buffer]);
  } catch (error) {
    send({ kind: 'error', pass, error: sentError(error) });
  }
}

function send(message: FromBatchWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
