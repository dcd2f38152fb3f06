/** Raw logs without the erased users: only the folders that whoever asks for the erasure names. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eraseFromLogs, type LogsAccount } from '../../data/privacy/erase-logs.ts';
import { sha256 } from '../../lib/hash.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { noteChange } from './audit.ts';
import type { Estate } from './types.ts';

/**
 * Rewrites the folders; the files that change are noted.
 * @throws EdgeloomError `logs-changed`, and those of `openLogFolder`
 */
export async function eraseRawLogs(
  { workspace }: Estate,
  id: string,
  { users, logs }: { users: readonly string[]; logs: readonly string[] },
  options: RunOptions,
): Promise<LogsAccount & { folders: number }> {
  const sum = { folders: logs.length, files: 0, unread: 0 };
  const tempDir = await mkdtemp(join(tmpdir(), 'edgeloom-logs-'));
  try {
    for (const logsDir of logs) {
      const { files, unread } = await eraseFromLogs(
        { ...options, logsDir, ids: users, tempDir },
        (file, rows) => noteChange(workspace, id, { log: sha256(join(logsDir, file)), rows }),
      );
      sum.files += files;
      sum.unread += unread;
    }
    return sum;
  } finally {
    await rm(tempDir, { recursive: true, force: true });
  }
}
