/** A thread that stitches one bucket after another, each when it is told to. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SentError, sentError } from '../../lib/errors.ts';
import { type BucketJob, BucketStitcher } from './bucket.ts';
import type { StitchCounts } from './counts.ts';

export interface ThreadInput {
  job: BucketJob;
  memoryLimitMb: number;
  tempDir: string;
}

export type ToThread = { kind: 'bucket'; bucket: string } | { kind: 'stop' };
export type FromThread =
  | { kind: 'done'; counts: StitchCounts }
  | { kind: 'failed'; error: SentError }
  | { kind: 'stopped' };

const port = parentPort!;
const { job, memoryLimitMb, tempDir } = workerData as ThreadInput;
const stop = new AbortController();
const stitcher = new BucketStitcher(job, {
  memoryLimitMb,
  tempDir,
  threads: 1,
  signal: stop.signal,
});
let running: Promise<unknown> = Promise.resolve();
let closed: Promise<void> | undefined;

const send = (message: FromThread): void => port.postMessage(message);

async function run(bucket: string): Promise<void> {
  try {
    send({ kind: 'done', counts: await stitcher.stitch(bucket) });
  } catch (error) {
    send({ kind: 'failed', error: sentError(error) });
  }
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'bucket') running = run(message.bucket);
  else {
    // A statement is interrupted, not cut off: the thread must not end while DuckDB works in it.
    stop.abort();
    // Asked twice when the work was cancelled: once to interrupt it, once to end.
    closed ??= running.then(() => stitcher.close());
    void closed.then(() => send({ kind: 'stopped' }));
  }
});
