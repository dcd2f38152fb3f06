/** Writes staged rows as the lake's Parquet files, every file in a total order. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { EVENT_COLUMNS, TABLE_COLUMNS, type TableName } from '../contracts/columns.ts';
import { EVENT_TYPES, type EventType } from '../contracts/device-log.ts';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { eventTable } from './event-sink.ts';
import { stagedTable, TABLE_KEYS } from './table-sink.ts';

interface Partition {
  type: EventType;
  day: number;
  /** YYYY-MM-DD, business day. */
  date: string;
  bucket: number;
}

const names = (columns: readonly { name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ');

async function copy(db: DuckDb, query: string, path: string): Promise<void> {
  const format = '(format parquet, compression zstd, parquet_version v2)';
  await db.run(`copy (${query}) to ${sqlText(path)} ${format}`, {}, 'writing the lake');
}

async function partitionsOf(db: DuckDb, type: EventType): Promise<Partition[]> {
  return db.rows<Partition & Record<string, unknown>>(
    `select '${type}' as type, day, strftime(date '1970-01-01' + day, '%Y-%m-%d') as date, bucket
     from "${eventTable(type)}" group by day, bucket order by day, bucket`,
  );
}

const folderOf = ({ type, date, bucket }: Partition): string =>
  join(`type=${type}`, `date=${date}`, `bucket=${String(bucket).padStart(2, '0')}`);

/** One file per type, business day and user bucket, ordered by (user_key, ts, event_id). */
export async function writeEvents(
  db: DuckDb,
  lakeDir: string,
  { signal, onProgress }: RunOptions,
): Promise<void> {
  const partitions: Partition[] = [];
  for (const type of EVENT_TYPES) partitions.push(...(await partitionsOf(db, type)));
  for (const [done, partition] of partitions.entries()) {
    signal?.throwIfAborted();
    onProgress?.({
      message: `writing ${partition.type} of ${partition.date}`,
      fraction: done / partitions.length,
    });
    const folder = join(lakeDir, folderOf(partition));
    await mkdir(folder, { recursive: true });
    const { type, day, date, bucket } = partition;
    const query =
      `select ${names(EVENT_COLUMNS[type])}, date '${date}' as date, ${bucket}::integer as bucket ` +
      `from "${eventTable(type)}" where day = ${day} and bucket = ${bucket} ` +
      'order by user_key, ts, event_id';
    await copy(db, query, join(folder, 'part-0.parquet'));
  }
}

/** `tables/<name>.parquet`, ordered by its key; written when the log has the table. */
export async function writeTable(db: DuckDb, lakeDir: string, table: TableName): Promise<void> {
  await mkdir(join(lakeDir, 'tables'), { recursive: true });
  const query =
    `select ${names(TABLE_COLUMNS[table])} from "${stagedTable(table)}" ` +
    `order by ${TABLE_KEYS[table].join(', ')}`;
  await copy(db, query, join(lakeDir, 'tables', `${table}.parquet`));
}

export interface StoredCounts {
  total: number;
  byType: Record<string, number>;
  byDate: Record<string, number>;
}

/** Counts what is in the files that were written, not what was meant to be. */
export async function countStored(db: DuckDb, lakeDir: string): Promise<StoredCounts> {
  const counts: StoredCounts = { total: 0, byType: {}, byDate: {} };
  const files = (await listFiles(lakeDir)).filter((path) => /^type=.*\.parquet$/.test(path));
  if (files.length === 0) return counts;
  const list = files.map((path) => fileLiteral(join(lakeDir, path))).join(', ');
  const rows = await db.rows<{ type: string; date: string; n: number }>(
    `select type, strftime(date, '%Y-%m-%d') as date, count(*) as n
     from read_parquet([${list}], hive_partitioning = false, union_by_name = true)
     group by type, date order by type, date`,
  );
  for (const { type, date, n } of rows) {
    counts.total += n;
    counts.byType[type] = (counts.byType[type] ?? 0) + n;
    counts.byDate[date] = (counts.byDate[date] ?? 0) + n;
  }
  counts.byDate = Object.fromEntries(Object.entries(counts.byDate).sort());
  return counts;
}

export async function countTable(db: DuckDb, lakeDir: string, table: TableName): Promise<number> {
  const path = fileLiteral(join(lakeDir, 'tables', `${table}.parquet`));
  return (await db.row<{ n: number }>(`select count(*) as n from read_parquet(${path})`)).n;
}
