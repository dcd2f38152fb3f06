/** Files out of the system's cache, so that the next read is one of the disk. Linux only. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Drops the cached pages of these files only: other processes of the machine keep theirs. */
export function dropFromCache(paths: readonly string[]): void {
  // Pages that are not yet on the disk would stay.
  execFileSync('sync', ['--data', ...paths]);
  for (const path of paths) {
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  }
}

/** Bytes that this process has read from the disk so far: what the cache gave does not count. */
export function bytesFromDisk(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}
