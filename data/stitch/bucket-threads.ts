/** Buckets shared out to threads. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { receivedError } from '../../lib/errors.ts';
import { type BucketJob, BucketStitcher } from './bucket.ts';
import type { FromThread, ThreadInput, ToThread } from './bucket-worker.ts';
import { addCounts, emptyCounts, type StitchCounts } from './counts.ts';
import { lanesWithin } from './merge-memory.ts';

export interface SharedOut {
  /** At most so many threads; fewer where memory does not hold them. */
  threads: number;
  /** Events in all buckets. */
  events: number;
  /** Events that are worth another thread. */
  eventsPerThread: number;
  memoryLimitMb: number;
  tempDir: string;
  signal?: AbortSignal | undefined;
  onBucket: (bucket: string, done: number) => void;
  /** Told what a bucket had when it is done. */
  onCounts?: (bucket: string, counts: StitchCounts) => void;
}

/** What stitches buckets: this thread, or another one. */
interface Lane {
  stitch(bucket: string): Promise<StitchCounts>;
  /** Ends what the lane is at; `stitch` then fails. A lane of this thread hears the signal itself. */
  interrupt?(): void;
  close(): void | Promise<void>;
}

class ThreadLane implements Lane {
  readonly #worker: Worker;
  #waiting: ((message: FromThread | Error) => void) | undefined;
  #ended: Error | undefined;

  constructor(input: ThreadInput) {
    this.#worker = new Worker(new URL('./bucket-worker.mjs', import.meta.url), {
      workerData: input,
      execArgv: [],
    });
    this.#worker.on('message', (message: FromThread) => this.#waiting?.(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a thread of stitching ended early')));
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.(this.#ended);
  }

  async #ask(message: ToThread): Promise<FromThread> {
    if (this.#ended) throw this.#ended;
    const answer = await new Promise<FromThread | Error>((resolve) => {
      this.#waiting = resolve;
      this.#worker.postMessage(message);
    });
    this.#waiting = undefined;
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** Ends what the thread is at; `stitch` then fails. */
  interrupt(): void {
    this.#worker.postMessage({ kind: 'stop' } satisfies ToThread);
  }

  async stitch(bucket: string): Promise<StitchCounts> {
    const answer = await this.#ask({ kind: 'bucket', bucket });
    if (answer.kind === 'done') return answer.counts;
    throw answer.kind === 'failed' ? receivedError(answer.error) : new Error('stopped');
  }

  async close(): Promise<void> {
    // A thread that died while it was told to stop has nothing left to close; what it died of was thrown.
    if (!this.#ended) await this.#ask({ kind: 'stop' }).catch(() => undefined);
    await this.#worker.terminate();
  }
}

/**
 * Stitches the buckets in their order. A failure lets the other lanes end the bucket they are at; it is
 * thrown when all of them have ended.
 * @returns the sum of the counts
 * @throws EdgeloomError `memory-too-small`
 */
export async function stitchBuckets(
  job: BucketJob,
  buckets: readonly string[],
  {
    threads,
    events,
    eventsPerThread,
    memoryLimitMb,
    tempDir,
    signal,
    onBucket,
    onCounts,
  }: SharedOut,
): Promise<StitchCounts> {
  const wanted = lanesWithin({
    ...job.settings,
    threads: Math.min(threads, buckets.length, Math.max(1, Math.ceil(events / eventsPerThread))),
    buckets: buckets.length,
    events,
    memoryLimitMb,
  });
  const lanes: Lane[] = [];
  const stop = new AbortController();
  const counts = emptyCounts();
  let next = 0;
  const interrupt = () => {
    for (const lane of lanes) lane.interrupt?.();
  };
  const work = async (lane: Lane): Promise<void> => {
    try {
      while (next < buckets.length && !stop.signal.aborted) {
        signal?.throwIfAborted();
        const bucket = buckets[next]!;
        onBucket(bucket, next++);
        const own = await lane.stitch(bucket);
        onCounts?.(bucket, own);
        addCounts(counts, own);
      }
    } catch (error) {
      stop.abort(error);
      // An interrupted lane says so in words of its own; whoever cancelled wants to hear that it was that.
      signal?.throwIfAborted();
      throw error;
    }
  };
  try {
    if (wanted <= 1) {
      const open = { memoryLimitMb, tempDir, threads: 1, signal };
      lanes.push(new BucketStitcher(job, open));
    } else {
      for (let lane = 0; lane < wanted; lane++) {
        const input = { job, memoryLimitMb: Math.floor(memoryLimitMb / wanted) };
        lanes.push(new ThreadLane({ ...input, tempDir: join(tempDir, `lane-${lane}`) }));
      }
    }
    signal?.addEventListener('abort', interrupt);
    const ended = await Promise.allSettled(lanes.map(work));
    for (const lane of ended) if (lane.status === 'rejected') throw lane.reason;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await Promise.all(lanes.map((lane) => lane.close()));
  }
  return counts;
}
