/** Shares log files out to lanes. What they stage does not depend on who reads what. */
import type { RunOptions } from '../../lib/progress.ts';
import type { LaneFile } from './lane.ts';
import type { LanePool } from './lane-pool.ts';
import type { FileAccount } from './rows.ts';
import type { Staged } from './staged-rows.ts';

/** Bytes of log files for which a thread is worth its start. */
const WORTH_A_THREAD = 8 * 2 ** 20;

export interface FilesRead {
  /** In the order of the files that were given. */
  accounts: FileAccount[];
  staged: Staged[];
}

/** Threads beside this one that are worth their start. */
export function helpersFor(files: readonly LaneFile[], threads: number): number {
  const bytes = files.reduce((sum, { file }) => sum + file.bytes, 0);
  return Math.max(0, Math.min(threads, files.length, Math.floor(bytes / WORTH_A_THREAD)) - 1);
}

/**
 * Reads files, each in one of the lanes.
 * @throws what the first lane that fails throws, when all have stopped
 */
export async function readFiles(
  files: readonly LaneFile[],
  lanes: LanePool,
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
  const staged = await lanes.each(async (lane, stopped) => {
    for (;;) {
      stopped.throwIfAborted();
      const place = order.shift();
      if (place === undefined) return lane.finish();
      const file = files[place]!;
      const onRead = (bytes: number): void => {
        readBytes += bytes;
        const fraction = Math.min(1, readBytes / total);
        onProgress?.({ message: `reading ${file.file.path}`, fraction });
      };
      accounts[place] = await lane.read(file, onRead, stopped);
    }
  }, signal);
  return { accounts, staged };
}
