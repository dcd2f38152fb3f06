/** The files of a lake, and making a changed copy of one. */
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listFiles } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { TABLE_COLUMNS, TABLE_NAMES, type TableName } from '../contracts/columns.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import { refuseUsedFolder } from '../output-folder.ts';

export const REJECTS_FILE = 'rejects.ndjson';

/** `type=<type>/date=<date>/bucket=<NN>/part-0.parquet` */
export interface EventFile {
  path: string;
  type: string;
  date: string;
}

export function eventFile(path: string): EventFile | undefined {
  const [, type, date] = /^type=([^/]+)\/date=([^/]+)\/.*\.parquet$/.exec(path) ?? [];
  return type && date ? { path, type, date } : undefined;
}

/** The table that a file holds, when it has users. */
export function userTable(path: string): TableName | undefined {
  const name = TABLE_NAMES.find((table) => path === `tables/${table}.parquet`);
  return name && TABLE_COLUMNS[name].some((column) => column.name === 'user_key')
    ? name
    : undefined;
}

/** Whether rows of a file are of users. */
export const holdsUsers = (path: string): boolean =>
  eventFile(path) !== undefined || userTable(path) !== undefined;

export interface Copying {
  lakeDir: string;
  outDir: string;
  /** Of the lake, sorted. */
  files: readonly string[];
  db: DuckDb;
}

/** Fills `outDir`, with a database at hand; what spills is gone afterwards. Nothing stays when it fails. */
export async function copyingLake<T>(
  { lakeDir, outDir, ...options }: { lakeDir: string; outDir: string } & RunOptions,
  work: (copying: Copying) => Promise<T>,
): Promise<T> {
  await refuseUsedFolder(outDir);
  const spill = join(outDir, '.work');
  await mkdir(spill, { recursive: true, mode: 0o700 });
  const db = await DuckDb.open({ ...options, tempDir: spill });
  try {
    const result = await work({ lakeDir, outDir, files: await listFiles(lakeDir), db });
    await rm(spill, { recursive: true, force: true });
    return result;
  } catch (error) {
    await rm(outDir, { recursive: true, force: true });
    throw error;
  } finally {
    db.close();
  }
}

/** The same bytes without a copy where the file system can: files of an artifact never change. */
export async function takeOver({ lakeDir, outDir }: Copying, path: string): Promise<void> {
  const to = join(outDir, path);
  await mkdir(dirname(to), { recursive: true });
  try {
    await link(join(lakeDir, path), to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(join(lakeDir, path), to, constants.COPYFILE_EXCL);
    if (path === REJECTS_FILE) await chmod(to, 0o600);
  }
}

/** Writes rows in the order of the query, as ingest writes the lake. */
export async function writeParquet(
  { db, outDir }: Pick<Copying, 'db' | 'outDir'>,
  query: string,
  path: string,
): Promise<void> {
  const to = join(outDir, path);
  await mkdir(dirname(to), { recursive: true });
  const format = '(format parquet, compression zstd, parquet_version v2)';
  await db.run(`copy (${query}) to ${sqlText(to)} ${format}`, {}, 'writing the lake');
}
