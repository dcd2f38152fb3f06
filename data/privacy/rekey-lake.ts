/**
 * A lake under the next key: user_key' = HMAC(new link, user_key), without a raw id. Buckets come from
 * keys, so every file is written anew; rows are ordered as ingest orders them.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { TABLE_COLUMNS, TABLE_NAMES } from '../contracts/columns.ts';
import type { DuckDb } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { TABLE_KEYS } from '../ingest/table-sink.ts';
import { bucketOf, linkedKey } from '../ingest/user-keys.ts';
import {
  type Copying,
  copyingLake,
  eventFile,
  REJECTS_FILE,
  takeOver,
  writeParquet,
} from './lake-files.ts';
import { rewriteRejects } from './reject-lines.ts';

export interface RekeyLakeOptions extends RunOptions {
  lakeDir: string;
  /** Absent or empty before. */
  outDir: string;
  /** The secret's new last link. */
  link: Uint8Array;
  /** Number of user buckets of the lake. */
  buckets: number;
}

const withUsers = TABLE_NAMES.filter((name) =>
  TABLE_COLUMNS[name].some((column) => column.name === 'user_key'),
);

const reading = (paths: readonly string[]): string =>
  `read_parquet([${paths.map(fileLiteral).join(', ')}], hive_partitioning = false)`;

/** Table `rekeyed` (user_key, next_key, next_bucket) of every user of the lake. */
async function makeMap(copying: Copying, { link, buckets }: RekeyLakeOptions): Promise<void> {
  const { db, lakeDir, outDir, files } = copying;
  const tables: readonly string[] = withUsers.map((name) => `tables/${name}.parquet`);
  const sources = files.filter((path) => eventFile(path) || tables.includes(path));
  const path = join(outDir, '.work', 'keys.csv');
  const out = await open(path, 'wx', 0o600);
  if (sources.length > 0) {
    const all = sources.map((file) => fileLiteral(join(lakeDir, file))).join(', ');
    const users = db.batches(
      `select distinct user_key from read_parquet([${all}], hive_partitioning = false, union_by_name = true)
       where user_key is not null`,
    );
    for await (const batch of users) {
      let lines = '';
      for (let row = 0; row < batch.rows; row++) {
        const key = batch.text('user_key', row)!;
        const next = linkedKey(link, key);
        lines += `${key},${next},${bucketOf(next, buckets)}\n`;
      }
      await out.appendFile(lines);
    }
  }
  await out.close();
  await db.createTable(
    'rekeyed',
    `select * from read_csv(${fileLiteral(path)}, header = false, columns =
      {'user_key': 'VARCHAR', 'next_key': 'VARCHAR', 'next_bucket': 'INTEGER'})`,
  );
  await rm(path);
}

const renamed = (source: string, replaced: string): string =>
  `select l.* replace (${replaced}) from ${source} l left join rekeyed r on r.user_key = l.user_key`;

/** All files of one type and day: sorted once, cut by bucket. */
async function rekeyDay(copying: Copying, folder: string, paths: readonly string[]): Promise<void> {
  const { db, lakeDir } = copying;
  const source = reading(paths.map((path) => join(lakeDir, path)));
  await db.createTable(
    'sorted',
    `select * from (${renamed(source, 'r.next_key as user_key, r.next_bucket as bucket')})
     order by bucket, user_key, ts, event_id`,
  );
  const cuts = await db.rows<{ bucket: number; first: number; last: number }>(
    'select bucket, min(rowid) as first, max(rowid) as last from sorted group by bucket order by bucket',
  );
  for (const { bucket, first, last } of cuts) {
    const place = `${folder}/bucket=${String(bucket).padStart(2, '0')}/part-0.parquet`;
    const rows = `select * from sorted where rowid between ${first} and ${last}`;
    await writeParquet(copying, rows, place);
  }
  await db.run('drop table sorted');
}

async function rekeyTables(copying: Copying): Promise<string[]> {
  const written: string[] = [];
  for (const name of withUsers) {
    const path = `tables/${name}.parquet`;
    if (!copying.files.includes(path)) continue;
    const rows = renamed(reading([join(copying.lakeDir, path)]), 'r.next_key as user_key');
    const order = TABLE_KEYS[name].join(', ');
    await writeParquet(copying, `select * from (${rows}) order by ${order}`, path);
    written.push(path);
  }
  return written;
}

async function rowsIn(db: DuckDb, folder: string): Promise<number> {
  const files = (await listFiles(folder)).filter((path) => eventFile(path));
  if (files.length === 0) return 0;
  const all = files.map((path) => fileLiteral(join(folder, path))).join(', ');
  const { n } = await db.row<{ n: number }>(
    `select count(*) as n from read_parquet([${all}], hive_partitioning = false, union_by_name = true)`,
  );
  return n;
}

/**
 * Fills `outDir` with the re-keyed lake: equal to ingesting the same logs under the longer chain.
 * @returns events in it
 * @throws EdgeloomError `output-not-empty`; Error when a row was lost; then `outDir` is not there
 */
export async function rekeyLake(options: RekeyLakeOptions): Promise<number> {
  const { lakeDir, outDir, link, signal } = options;
  return copyingLake({ lakeDir, outDir, signal }, async (copying) => {
    await makeMap(copying, options);
    const days = new Map<string, string[]>();
    for (const { path, type, date } of copying.files.flatMap((file) => eventFile(file) ?? [])) {
      const folder = `type=${type}/date=${date}`;
      days.set(folder, [...(days.get(folder) ?? []), path]);
    }
    for (const [folder, paths] of days) {
      signal?.throwIfAborted();
      options.onProgress?.({ message: `re-keying ${folder}` });
      await rekeyDay(copying, folder, paths);
    }
    const written = new Set([
      ...[...days.values()].flat(),
      ...(await rekeyTables(copying)),
      REJECTS_FILE,
    ]);
    await rewriteRejects(join(lakeDir, REJECTS_FILE), join(outDir, REJECTS_FILE), (reject) =>
      reject.user_key === null ? reject : { ...reject, user_key: linkedKey(link, reject.user_key) },
    );
    for (const path of copying.files) if (!written.has(path)) await takeOver(copying, path);
    const [before, after] = [await rowsIn(copying.db, lakeDir), await rowsIn(copying.db, outDir)];
    if (before !== after) throw new Error(`re-keying made ${after} events of ${before}`);
    return after;
  });
}
