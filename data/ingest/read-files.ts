/** Shares log files out to lanes. What they stage does not depend on who reads what. */
import type { RunOptions } from '../../lib/progress.ts';
import { Lane, type LaneFile, type LaneInput } from './lane.ts';
import { ThreadLane } from './lane-thread.ts';
import type { FileAccount } from './rows.ts';
import type { StagedFiles } from './staged-rows.ts';

/** Bytes of log files for which a thread is worth its start. */
const WORTH_A_THREAD = 8 * 2 ** 20;

export interface FilesRead {
  /** In the order of the files that were given. */
  accounts: FileAccount[];
  staged: StagedFiles[];
}

/** DuckDB reads Parquet, and belongs to the main thread. */
const canMove = ({ file }: LaneFile): boolean => file.format !== 'parquet';

/** Threads beside this one that are worth their start. */
export function helpersFor(files: readonly LaneFile[], threads: number): number {
  const movable = files.filter(canMove);
  const bytes = movable.reduce((sum, { file }) => sum + file.bytes, 0);
  return Math.max(0, Math.min(threads, movable.length, Math.floor(bytes / WORTH_A_THREAD)) - 1);
}

/**
 * Reads files, some in this thread and some in `helpers` others.
 * @throws what the first lane that fails throws, when all have stopped
 */
export async function readFiles(
  files: readonly LaneFile[],
  input: Omit<LaneInput, 'lane'>,
  helpers: number,
  { signal, onProgress }: RunOptions,
): Promise<FilesRead> {
  const accounts: FileAccount[] = [];
  const total = Math.max(
    1,
    files.reduce((sum, { file }) => sum + file.bytes, 0),
  );
  // Large files first: lanes that begin with them end at about the same time.
  const order = files
    .map((_, place) => place)
    .sort((a, b) => files[b]!.file.bytes - files[a]!.file.bytes);
  let readBytes = 0;
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;

  const work = async (lane: Pick<Lane, 'read' | 'finish'>, all: boolean): Promise<StagedFiles> => {
    for (;;) {
      both.throwIfAborted();
      const next = order.findIndex((place) => all || canMove(files[place]!));
      const [place] = next < 0 ? [] : order.splice(next, 1);
      if (place === undefined) return lane.finish();
      const file = files[place]!;
      const onRead = (bytes: number): void => {
        readBytes += bytes;
        const fraction = Math.min(1, readBytes / total);
        onProgress?.({ message: `reading ${file.file.path}`, fraction });
      };
      accounts[place] = await lane.read(file, onRead, both);
    }
  };

  const here = new Lane({ ...input, lane: 0 });
  const threads: ThreadLane[] = [];
  try {
    for (let lane = 1; lane <= helpers; lane++) threads.push(new ThreadLane({ ...input, lane }));
    const works = [work(here, true), ...threads.map((lane) => work(lane, false))];
    for (const one of works) one.catch((error) => stop.abort(error));
    const results = await Promise.allSettled(
      works.map((one, i) => (i === 0 ? one : orStopped(one, both))),
    );
    signal?.throwIfAborted();
    for (const result of results) if (result.status === 'rejected') throw stop.signal.reason;
    return {
      accounts,
      staged: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    };
  } finally {
    here.close();
    await Promise.all(threads.map((lane) => lane.close()));
  }
}

/** A thread that is in the middle of a file does not hear that it should stop: it is ended. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
