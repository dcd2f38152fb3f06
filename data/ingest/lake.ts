/** Writes staged rows as the lake's Parquet files, every file in a total order. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { listFiles } from '../../lib/files.ts';
import { EVENT_COLUMNS, TABLE_COLUMNS, type TableName } from '../contracts/columns.ts';
import { EVENT_TYPES, type EventType } from '../contracts/device-log.ts';
import { type DuckDb, sqlText } from '../duckdb.ts';
import { fileLiteral } from '../file-literal.ts';
import { inLanes } from '../lanes.ts';
import { DUPLICATES } from './duplicates.ts';
import { eventTable } from './event-sink.ts';
import type { Settings } from './options.ts';
import type { Staging } from './staging.ts';
import { stagedTable, TABLE_KEYS } from './table-sink.ts';

interface Partition {
  /** YYYY-MM-DD, business day. */
  date: string;
  bucket: number;
  /** Rows of the sorted table, both ends included. */
  first: number;
  last: number;
}

// Lanes that begin with the large ones end at about the same time.
const LARGE: readonly EventType[] = ['exposure', 'request'];
const LARGEST_FIRST = [...LARGE, ...EVENT_TYPES.filter((type) => !LARGE.includes(type))];

const names = (columns: readonly { name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ');

async function copy(db: DuckDb, query: string, path: string): Promise<void> {
  const format = '(format parquet, compression zstd, parquet_version v2)';
  await db.run(`copy (${query}) to ${sqlText(path)} ${format}`, {}, 'writing the lake');
}

/**
 * One file per type, business day and user bucket, ordered by (user_key, ts, event_id). A type is
 * sorted once and cut: to sort each file by itself reads all rows of the type for each.
 */
async function writeType(
  db: DuckDb,
  lakeDir: string,
  type: EventType,
  source: string,
): Promise<void> {
  const columns = names(EVENT_COLUMNS[type]);
  await db.createTable(
    'sorted',
    `select ${columns}, date '1970-01-01' + day as date, bucket
     from ${source} where row_no not in (select row_no from ${DUPLICATES})
     order by day, bucket, user_key, ts, event_id`,
  );
  const partitions = await db.rows<Partition>(
    `select strftime(date, '%Y-%m-%d') as date, bucket, min(rowid) as first, max(rowid) as last
     from sorted group by all order by first`,
  );
  for (const { date, bucket, first, last } of partitions) {
    const number = String(bucket).padStart(2, '0');
    const folder = join(lakeDir, `type=${type}`, `date=${date}`, `bucket=${number}`);
    await mkdir(folder, { recursive: true });
    const rows = `select * from sorted where rowid between ${first} and ${last}`;
    await copy(db, rows, join(folder, 'part-0.parquet'));
  }
  await db.run('drop table sorted');
}

/** Writes the events but for the duplicates that `findDuplicates` found, some types at a time. */
export async function writeEvents(
  staging: Staging,
  lakeDir: string,
  { threads, onProgress }: Pick<Settings, 'threads' | 'onProgress'>,
): Promise<void> {
  let done = 0;
  await inLanes(staging.db, threads, LARGEST_FIRST, async (lane, type) => {
    const source = staging.source(eventTable(type));
    onProgress?.({ message: `writing ${type}`, fraction: done++ / LARGEST_FIRST.length });
    if (source) await writeType(lane, lakeDir, type, source);
  });
}

/** `tables/<name>.parquet`, ordered by its key; written when the log has the table. */
export async function writeTable(
  staging: Staging,
  lakeDir: string,
  table: TableName,
): Promise<void> {
  await mkdir(join(lakeDir, 'tables'), { recursive: true });
  const columns = TABLE_COLUMNS[table];
  const none = columns.map(({ name, type }) => `null::${type} as "${name}"`).join(', ');
  const source = staging.source(stagedTable(table));
  const rows = source
    ? `select ${names(columns)} from ${source} where row_no not in (select row_no from ${DUPLICATES})`
    : `select ${none} where false`;
  const query = `${rows} order by ${TABLE_KEYS[table].join(', ')}`;
  await copy(staging.db, query, join(lakeDir, 'tables', `${table}.parquet`));
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
