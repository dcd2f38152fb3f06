/**
 * A log that says it is simulated gets the public key of user ids. A dataset.json that was copied beside real
 * logs would lay real ids open to whoever tries them all, so the first rows of every file are looked at.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { EdgeloomError } from '../../lib/errors.ts';
import { isSimulatedUserId } from '../contracts/simulated-users.ts';
import { DuckDb } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { gunzip } from './gzip.ts';
import { Input } from './input.ts';
import { type LogFile, openLogFolder } from './log-folder.ts';
import { unzstd } from './zstd/frames.ts';

/** Rows that are looked at in a Parquet file, bytes in another one. */
const ROWS = 1000;
const BYTES = 64 * 1024;

/** The beginning of the file as text; a compressed one is cut there, which its reader takes for its end. */
async function firstText(path: string, format: LogFile['format']): Promise<string> {
  const file = await open(path, 'r');
  let bytes: Buffer;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BYTES), 0, BYTES, 0);
    bytes = buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
  if (format === 'plain') return bytes.toString('utf8');
  const input = new Input(Readable.from([bytes]));
  const pieces: Buffer[] = [];
  for await (const piece of format === 'gzip' ? gunzip(input) : unzstd(input)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
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
