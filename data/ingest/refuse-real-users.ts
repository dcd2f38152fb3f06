/**
 * A log that says it is simulated gets the public key of user ids. A dataset.json that was copied beside real
 * logs would lay real ids open to whoever tries them all, so the first rows of every file are looked at.
 */
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { isSimulatedUserId } from '../contracts/simulated-users.ts';
import { DuckDb } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { gunzip } from './gzip.ts';
import { Input, readChunks } from './input.ts';
import { type LogFile, openLogFolder } from './log-folder.ts';
import { unzstd } from './zstd/frames.ts';

/** Rows that are looked at in a Parquet file, content in another one. */
const ROWS = 1000;
const BYTES = 64 * 1024;

async function firstText(path: string, format: LogFile['format']): Promise<string> {
  const chunks = readChunks(path, () => undefined);
  const content =
    format === 'plain'
      ? chunks
      : format === 'gzip'
        ? gunzip(new Input(chunks))
        : unzstd(new Input(chunks));
  let text = '';
  for await (const piece of content) {
    text += piece.toString('utf8');
    if (text.length >= BYTES) break;
  }
  return text;
}

async function firstIds(path: string, format: LogFile['format'], db: DuckDb): Promise<string[]> {
  if (format === 'parquet') {
    const rows = await db.rows<{ user_id: string | null }>(
      `select user_id::varchar as user_id from read_parquet(${fileLiteral(path)}) limit ${ROWS}`,
    );
    return rows.flatMap(({ user_id }) => user_id ?? []);
  }
  const text = await firstText(path, format);
  return [...text.matchAll(/"user_id"\s*:\s*"([^"\\]+)"/g)].map(([, id]) => id!);
}

/**
 * @param tempDir where DuckDB may spill
 * @throws EdgeloomError `not-simulated`, and those of `openLogFolder`
 */
export async function refuseRealUsers(logsDir: string, tempDir: string): Promise<void> {
  const { events } = await openLogFolder(logsDir);
  const db = await DuckDb.open({ tempDir, threads: 1 });
  try {
    for (const { path, format } of events) {
      // What cannot be read is the ingest's to tell.
      const ids = await firstIds(join(logsDir, path), format, db).catch(() => [] as string[]);
      if (ids.every(isSimulatedUserId)) continue;
      throw new EdgeloomError({
        code: 'not-simulated',
        what: 'dataset.json says that the log is simulated, but its user ids are not those of the simulator: they would be hashed with a key that everyone knows',
        where: join(logsDir, path),
        fix: 'set "kind": "device" in dataset.json ("imported" for a public data set), so that a secret key is used',
      });
    }
  } finally {
    db.close();
  }
}
