/** Writes staged rows as the lake's Parquet files, every file in a total order. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { listValue } from '@duckdb/node-api';
import { listFiles } from '../../../lib/files.ts';
import { EVENT_COLUMNS, TABLE_COLUMNS, type TableName } from '../../contracts/columns.ts';
import { type DuckDb, sqlText } from '../../duckdb.ts';
import { fileLiteral } from '../../file-literal.ts';
import { inLanes } from '../../lanes.ts';
import { openParquet } from '../../parquet/read/file.ts';
import { DUPLICATES } from '../duplicates.ts';
import type { LanePool } from '../lane-pool.ts';
import type { Settings } from '../options.ts';
import { stagedTable } from '../staged-tables.ts';
import type { Staging } from '../staging.ts';
import { TABLE_KEYS } from '../table-sink.ts';
import { dateOf, partitionPath } from './partition.ts';
import { type LargePartition, planUnits } from './plan-units.ts';

const names = (columns: readonly { name: string }[]): string =>
  columns.map(({ name }) => `"${name}"`).join(', ');

// Level 1 takes a fifth less time than level 3 for files that are as large, give or take a twelfth.
const FORMAT = 'format parquet, compression zstd, compression_level 1, parquet_version v2';

const NOT_A_DUPLICATE = `row_no not in (select row_no from ${DUPLICATES})`;

/** By DuckDB, which sorts on disk what does not fit into memory. */
async function writeLarge(
  db: DuckDb,
  lakeDir: string,
  partition: LargePartition,
  source: string,
): Promise<void> {
  const { type, day, bucket } = partition;
  const path = partitionPath(lakeDir, partition);
  await mkdir(dirname(path), { recursive: true });
  const rows = `select ${names(EVENT_COLUMNS[type])}, date '${dateOf(day)}' as date, bucket
    from ${source} where day = ${day} and bucket = ${bucket} and ${NOT_A_DUPLICATE}
    order by user_key, ts, event_id`;
  await db.run(`copy (${rows}) to ${sqlText(path)} (${FORMAT})`, {}, 'writing the lake');
}

const MOST_PARAMETERS = 50_000;

/** DuckDB leaves out these rows as well. */
async function tellDuplicates(db: DuckDb, rows: Float64Array): Promise<void> {
  await db.run(`create or replace table ${DUPLICATES} (row_no bigint)`);
  for (let from = 0; from < rows.length; from += MOST_PARAMETERS) {
    const some = listValue(Array.from(rows.subarray(from, from + MOST_PARAMETERS), BigInt));
    await db.run(`insert into ${DUPLICATES} select unnest($some)::bigint`, { some });
  }
}

/**
 * Writes the events but for the duplicates, whose numbers are given ascending: one file per type, business
 * day and user bucket.
 */
export async function writeEvents(
  staging: Staging,
  lakeDir: string,
  lanes: LanePool,
  duplicates: Float64Array,
  {
    threads,
    buckets,
    unitBytes,
    signal,
    onProgress,
  }: Pick<Settings, 'threads' | 'buckets' | 'unitBytes' | 'signal' | 'onProgress'>,
): Promise<void> {
  const dropped = { rows: duplicates, passes: staging.withdrawn };
  const { units, large } = await planUnits(staging, { buckets, budget: unitBytes, dropped });
  const all = units.reduce((sum, { bytes }) => sum + bytes, 0) || 1;
  let done = 0;
  await lanes.write(
    units.map((unit) => ({ ...unit, buckets, lakeDir, dropped })),
    (place) => {
      const { type, bytes } = units[place]!;
      onProgress?.({ message: `writing ${type}`, fraction: done / all });
      done += bytes;
    },
    signal,
  );
  if (large.length === 0) return;
  await tellDuplicates(staging.db, duplicates);
  // Lanes are as many threads: DuckDB cannot divide what is small.
  await staging.db.run('set threads = 1');
  await inLanes(staging.db, threads, large, async (lane, partition) => {
    onProgress?.({ message: `writing ${partition.type}`, fraction: 1 });
    await writeLarge(lane, lakeDir, partition, staging.source(partition.table)!);
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
    ? `select ${names(columns)} from ${source} where ${NOT_A_DUPLICATE}`
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

const EVENT_FILE = /^type=([^/]+)\/date=([^/]+)\/.*\.parquet$/;

/** Counts what is in the files that were written, not what was meant to be. */
export async function countStored(lakeDir: string): Promise<StoredCounts> {
  const counts: StoredCounts = { total: 0, byType: {}, byDate: {} };
  for (const path of (await listFiles(lakeDir)).sort()) {
    const [, type, date] = EVENT_FILE.exec(path) ?? [];
    if (type === undefined || date === undefined) continue;
    const file = await openParquet(join(lakeDir, path));
    counts.total += file.rows;
    counts.byType[type] = (counts.byType[type] ?? 0) + file.rows;
    counts.byDate[date] = (counts.byDate[date] ?? 0) + file.rows;
    await file.close();
  }
  counts.byDate = Object.fromEntries(Object.entries(counts.byDate).sort());
  return counts;
}

export async function countTable(db: DuckDb, lakeDir: string, table: TableName): Promise<number> {
  const path = fileLiteral(join(lakeDir, 'tables', `${table}.parquet`));
  return (await db.row<{ n: number }>(`select count(*) as n from read_parquet(${path})`)).n;
}
