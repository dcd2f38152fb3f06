/** Lines of logs that name a user. */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filePattern, type UserTraces } from '../../data/privacy/user-pattern.ts';

/**
 * Blanks such lines in every file of a folder, in place: a worker that has the file open goes on
 * appending to it.
 * @returns number of lines
 */
export async function redactLines(folder: string, traces: UserTraces): Promise<number> {
  const pattern = new RegExp(filePattern(traces));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  let redacted = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'latin1');
    const holds = (line: string): boolean =>
      pattern.test(line) || pattern.test(Buffer.from(line, 'latin1').toString('utf8'));
    const lines = text.split('\n');
    const found = lines.filter(holds).length;
    if (found === 0) continue;
    redacted += found;
    const file = await open(path, 'r+');
    try {
      const kept = Buffer.from(
        lines.map((line) => (holds(line) ? '[erased]' : line)).join('\n'),
        'latin1',
      );
      await file.truncate(0);
      await file.write(kept, 0, kept.length, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return redacted;
}
