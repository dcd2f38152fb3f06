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
import type { Settings } from './options.ts';
import { eventTables, stagedTable } from './staged-tables.ts';
import type { Staging } from './staging.ts';
import { TABLE_KEYS } from './table-sink.ts';

const names = (columns: readonly { name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ');

// Level 1 takes a fifth less time than level 3 for files that are as large, give or take a twelfth.
const FORMAT = 'format parquet, compression zstd, compression_level 1, parquet_version v2';

/** Rows of a table that make one file. */
interface Partition {
  table: string;
  type: EventType;
  /** Days since 1970-01-01. */
  day: number;
  /** YYYY-MM-DD, business day. */
  date: string;
  bucket: number;
  n: number;
}

/** The condition on rows that are stored. */
const stored = (duplicates: number): string =>
  duplicates > 0 ? `row_no not in (select row_no from ${DUPLICATES})` : 'true';

/** All partitions, the large ones first: lanes that begin with them end at about the same time. */
async function findPartitions(
  staging: Staging,
  buckets: number,
  duplicates: number,
): Promise<Partition[]> {
  const rows = EVENT_TYPES.flatMap((type) =>
    eventTables(type, buckets).flatMap((table) => {
      const source = staging.source(table);
      return source
        ? [`select '${table}' as "table", '${type}' as type, day, bucket, row_no from ${source}`]
        : [];
    }),
  );
  if (rows.length === 0) return [];
  // All tables at once: duplicates are looked up in one place, however many tables there are.
  return staging.db.rows<Partition>(
    `select "table", type, day, bucket, strftime(date '1970-01-01' + day, '%Y-%m-%d') as date,
       count(*) as n
     from (${rows.join(' union all ')}) where ${stored(duplicates)}
     group by "table", type, day, bucket order by n desc, "table", day, bucket`,
  );
}

/** One file, ordered by (user_key, ts, event_id). */
async function writePartition(
  db: DuckDb,
  lakeDir: string,
  { type, day, date, bucket }: Partition,
  source: string,
  duplicates: number,
): Promise<void> {
  const number = String(bucket).padStart(2, '0');
  const folder = join(lakeDir, `type=${type}`, `date=${date}`, `bucket=${number}`);
  await mkdir(folder, { recursive: true });
  const rows = `select ${names(EVENT_COLUMNS[type])}, date '${date}' as date, bucket
    from ${source} where day = ${day} and bucket = ${bucket} and ${stored(duplicates)}
    order by user_key, ts, event_id`;
  const path = sqlText(join(folder, 'part-0.parquet'));
  await db.run(`copy (${rows}) to ${path} (${FORMAT})`, {}, 'writing the lake');
}

/**
 * Writes the events but for the duplicates that `findDuplicates` found: one file per type, business
 * day and user bucket, some files at a time.
 */
export async function writeEvents(
  staging: Staging,
  lakeDir: string,
  duplicates: number,
  { threads, buckets, onProgress }: Pick<Settings, 'threads' | 'buckets' | 'onProgress'>,
): Promise<void> {
  const partitions = await findPartitions(staging, buckets, duplicates);
  // Lanes are as many threads: DuckDB cannot divide what is small.
  await staging.db.run('set threads = 1');
  let done = 0;
  await inLanes(staging.db, threads, partitions, async (lane, partition) => {
    const { table, type } = partition;
    onProgress?.({ message: `writing ${type}`, fraction: done++ / partitions.length });
    await writePartition(lane, lakeDir, partition, staging.source(table)!, duplicates);
  });
  await staging.db.run(`set threads = ${threads}`);
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
  const path = sqlText(join(lakeDir, 'tables', `${table}.parquet`));
  await staging.db.run(`copy (${query}) to ${path} (${FORMAT})`, {}, 'writing the lake');
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
