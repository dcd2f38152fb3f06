/** A folder of raw logs without some users' rows, in place: file by file, each replaced as a whole. */
import { randomBytes } from 'node:crypto';
import { chmod, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { DuckDb, sqlText, textList } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { type LogFile, openLogFolder } from '../ingest/log-folder.ts';
import { contentOf, type Packing } from './content.ts';
import { keptLines } from './kept-lines.ts';
import { writePacked } from './pack.ts';
import { lineOwner } from './whose-line.ts';

export interface EraseLogsOptions extends RunOptions {
  logsDir: string;
  /** Raw ids. */
  ids: readonly string[];
  tempDir: string;
}

/** Of one folder. */
export interface LogsAccount {
  /** Files looked at. */
  files: number;
  /** Damaged files: not changed, and nobody knows what the unreadable part holds. */
  unread: number;
}

/** Hidden, so that no reader of logs takes a half-written file for a log. */
const ASIDE = /^\.edgeloom-erase-[0-9a-f]{12}(\.frame)?$/;
const aside = (path: string): string =>
  join(dirname(path), `.edgeloom-erase-${randomBytes(6).toString('hex')}`);

/** What a killed attempt left. */
async function removeAsides(logsDir: string): Promise<void> {
  for (const entry of await readdir(logsDir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && ASIDE.test(entry.name)) await rm(join(entry.parentPath, entry.name));
  }
}

/** How many rows of the users a file has, and how to write it without them. */
interface Rewriting {
  rows: number;
  write(path: string): Promise<void>;
}

async function rewriteLines(
  db: DuckDb,
  path: string,
  packing: Packing,
  isTheirs: (line: Buffer) => boolean,
): Promise<Rewriting> {
  let rows = 0;
  const kept = () =>
    keptLines(contentOf(path, packing), isTheirs, () => {
      rows += 1;
    });
  for await (const _ of kept());
  return { rows, write: (to) => writePacked(db, kept(), packing, to) };
}

/** Rows of Parquet whose `user_id` is one of the ids; a file without that column names nobody. */
async function rewriteParquet(
  db: DuckDb,
  path: string,
  ids: readonly string[],
): Promise<Rewriting> {
  const file = fileLiteral(path);
  const source = `read_parquet(${file}, hive_partitioning = false)`;
  const columns = await db.rows<{ column_name: string }>(`describe select * from ${source}`);
  const none = { rows: 0, write: async () => undefined };
  if (!columns.some(({ column_name: name }) => name === 'user_id')) return none;
  await db.createTable('theirs', 'select unnest($ids::varchar[]) as id', { ids: textList(ids) });
  const theirs = 'coalesce(user_id::varchar in (select id from theirs), false)';
  const { n: rows } = await db.row<{ n: number }>(
    `select count(*) filter (${theirs}) as n from ${source}`,
  );
  if (rows === 0) return none;
  const [codec] = await db.rows<{ compression: string }>(
    `select distinct compression from parquet_metadata(${file}) order by 1 limit 1`,
  );
  const format = `(format parquet, compression ${sqlText(codec?.compression ?? 'SNAPPY')})`;
  return {
    rows,
    write: (to) =>
      db.run(`copy (select * from ${source} where not ${theirs}) to ${sqlText(to)} ${format}`),
  };
}

/** Puts the new file in place of the old one, unless that was written to meanwhile. */
async function replaceFile(
  path: string,
  { mtimeMs, size, mode }: { mtimeMs: number; size: number; mode: number },
  write: (to: string) => Promise<void>,
  beforeRename: () => Promise<void>,
): Promise<void> {
  const to = aside(path);
  try {
    await write(to);
    await beforeRename();
    await chmod(to, mode & 0o777);
    const file = await open(to);
    await file.sync();
    await file.close();
    const now = await stat(path);
    if (now.mtimeMs !== mtimeMs || now.size !== size) {
      throw new EdgeloomError({
        code: 'logs-changed',
        what: 'A log file was written to while it was being rewritten; it was left as it is',
        where: path,
        fix: 'stop what writes there, or take unfinished files out, and run edgeloom erase --resume',
      });
    }
    await rename(to, path);
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}

/**
 * Removes the users' rows from events and tables: lines, plain or in gzip or zstd, and rows of Parquet.
 * Files without such rows, and damaged ones, are not touched.
 * @param told before a file is replaced: its path in the folder, and the rows that go
 * @throws EdgeloomError `logs-changed`, and those of `openLogFolder`
 */
export async function eraseFromLogs(
  options: EraseLogsOptions,
  told: (file: string, rows: number) => Promise<void>,
): Promise<LogsAccount> {
  const { logsDir, ids, tempDir, signal } = options;
  await removeAsides(logsDir);
  const { events, tables } = await openLogFolder(logsDir);
  // The items table knows no users.
  const files = [...events, ...tables.users, ...tables.history];
  const isTheirs = lineOwner(ids);
  const db = await DuckDb.open({ tempDir, signal });
  const rewriting = ({ path, format }: LogFile): Promise<Rewriting> =>
    format === 'parquet'
      ? rewriteParquet(db, join(logsDir, path), ids)
      : rewriteLines(db, join(logsDir, path), format, isTheirs);
  let unread = 0;
  try {
    for (const [i, file] of files.entries()) {
      signal?.throwIfAborted();
      options.onProgress?.({ message: `raw logs: file ${i + 1} of ${files.length}` });
      const path = join(logsDir, file.path);
      const before = await stat(path);
      try {
        const { rows, write } = await rewriting(file);
        if (rows > 0) await replaceFile(path, before, write, () => told(file.path, rows));
      } catch (error) {
        signal?.throwIfAborted();
        // What the file system or another writer is in the way of is told; a damaged file is counted.
        if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
        unread += 1;
      }
    }
  } finally {
    db.close();
  }
  return { files: files.length, unread };
}
