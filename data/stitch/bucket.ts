/** One user bucket of the lake through the statements of `data/sql/stitch/`. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDb, type SqlParameters, sqlText } from '../duckdb.ts';
import { addCounts, emptyCounts, type StitchCounts } from './counts.ts';
import type { Lake, LakeFile } from './lake.ts';
import { EVENT_COLUMNS, STITCHED_TYPES, viewSql } from './lake-schema.ts';

const sqlFile = (name: string) => new URL(`../sql/stitch/${name}.sql`, import.meta.url);

/** Tables of one bucket in the order in which they are made; `user_day` by `user-day.sql`. */
const STEPS = [
  'slate',
  'exposure',
  'page_view',
  'decision',
  'moment',
  'exposure_entry',
  'page_view_entry',
  'exposure_block',
  'page_view_block',
  'exposure_before',
  'page_view_before',
  'next_exposure',
  'rerank_sample',
  'decision_sample',
  'user_day',
  'seen_item',
] as const;

/** Wide tables that no later statement reads: with two lanes, what lies about counts twice. */
const LAST_READ: Partial<Record<(typeof STEPS)[number], readonly string[]>> = {
  exposure_before: ['exposure_block', 'exposure_entry'],
  page_view_before: ['page_view_block', 'page_view_entry', 'moment'],
  decision_sample: ['exposure_before', 'page_view_before', 'next_exposure'],
  user_day: STITCHED_TYPES.map((type) => `lake_${type}`),
};

export interface WorkFolders {
  /** Where the samples go. */
  out: string;
  /** For parts that are joined at the end. */
  work: string;
}

/** `copy` of a query that has a total order: equal rows, equal bytes. */
export const copySql = (query: string, path: string): string =>
  `copy (${query}) to ${sqlText(path)} (format parquet, compression zstd, parquet_version v2)`;

/** Makes a table by the statement of its file. */
export async function makeTable(
  db: DuckDb,
  table: string,
  parameters: SqlParameters = {},
): Promise<void> {
  const select = await readFile(sqlFile(table.replaceAll('_', '-')), 'utf8');
  await db.createTable(table, select, parameters);
}

/** Defines the expressions that the statements share. */
export async function loadMacros(db: DuckDb): Promise<void> {
  await db.run(await readFile(sqlFile('macros'), 'utf8'));
}

/** Users from `first` to `last` by their key, both included. */
interface UserRange {
  first: string;
  last: string;
}

/** Views `<prefix>_<type>` over the given files, one for every type that stitching reads. */
export async function viewTypes(
  db: DuckDb,
  files: readonly LakeFile[],
  prefix = 'lake',
): Promise<void> {
  for (const type of STITCHED_TYPES) {
    const paths = files.filter((file) => file.type === type).map((file) => file.path);
    await db.run(viewSql(`${prefix}_${type}`, EVENT_COLUMNS[type], paths));
  }
}

/** Tables `lake_<type>` with the events of some users: every statement of a part reads them. */
async function loadEvents(db: DuckDb, { first, last }: UserRange): Promise<void> {
  for (const type of STITCHED_TYPES) {
    await db.createTable(
      `lake_${type}`,
      `select * from file_${type} where user_key between ${sqlText(first)} and ${sqlText(last)}`,
    );
  }
}

/**
 * Stitches the users of one bucket, over all dates, and writes their samples. The bucket is cut into
 * parts by user, because the tables of a part hold every decision with all that was known then.
 */
export async function stitchBucket(
  db: DuckDb,
  lake: Lake,
  bucket: string,
  parameters: SqlParameters,
  { out, work }: WorkFolders,
  eventsPerPart: number,
): Promise<StitchCounts> {
  const files = lake.files.filter((file) => file.bucket === bucket);
  await viewTypes(db, files, 'file');
  await makeTable(db, 'user_part', { events: eventsPerPart });
  const ranges = await db.rows<UserRange & { part: number }>(
    'select * from user_part order by part',
  );
  const counts = emptyCounts();
  for (const [part, users] of ranges.entries()) {
    await loadEvents(db, users);
    for (const table of STEPS) {
      await makeTable(db, table, parameters);
      for (const read of LAST_READ[table] ?? []) await db.run(`drop table "${read}"`);
    }
    await writeByDate(db, 'rerank_sample', join(out, 'rerank'), bucket, part);
    await writeByDate(db, 'decision_sample', join(out, 'decisions'), bucket, part);
    const name = `${bucket}-${part}.parquet`;
    await writePart(db, 'select * from user_day', join(work, 'user-days'), name);
    await writePart(db, 'select * from seen_item', join(work, 'seen-items'), name);
    addCounts(counts, await db.row<StitchCounts>(await readFile(sqlFile('counts'), 'utf8')));
  }
  return counts;
}

/** `<folder>/date=…/bucket=…/part-<n>.parquet`, one file a date, sorted. No rows, no folder. */
async function writeByDate(
  db: DuckDb,
  table: string,
  folder: string,
  bucket: string,
  part: number,
): Promise<void> {
  const dates = await db.rows<{ date: string }>(
    `select distinct date::varchar as date from ${table} order by date`,
  );
  for (const { date } of dates) {
    await writePart(
      db,
      `select * from ${table} where date = ${sqlText(date)}::date
       order by user_key, decision_ts, sample_id`,
      join(folder, `date=${date}`, `bucket=${bucket}`),
      `part-${part}.parquet`,
    );
  }
}

async function writePart(db: DuckDb, query: string, folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await db.run(copySql(query, join(folder, name)), {}, `writing ${folder}`);
}
