/**
 * Stitching: a lake of device events becomes training samples.
 *
 * One pass per user bucket, each in bounded memory. What a device feature may know is what had ended on the device strictly before
 * the decision, by the device's clock.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic, listFiles, writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import { PAGE_BLOCKS } from '../contracts/device-log.ts';
import { DuckDb, sqlText } from '../duckdb.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import type { BucketSettings, WorkFolders } from './bucket.ts';
import { stitchBuckets } from './bucket-threads.ts';
import type { StitchCounts } from './counts.ts';
import { type Lake, openLake } from './lake.ts';
import {
  EVENT_COLUMNS,
  STITCHED_TYPES,
  type StitchedType,
  TABLE_COLUMNS,
  USER_DAY_COLUMNS,
  viewSql,
} from './lake-schema.ts';
import type { LogFacts } from './part.ts';
import { DECISION_COLUMNS, RERANK_COLUMNS, VIDEO_COLUMNS } from './sample-schema.ts';
import { type Windows, windowsOf } from './windows.ts';

const ITEM_SQL = new URL('../sql/stitch/item.sql', import.meta.url);

export interface StitchOptions extends RunOptions {
  /** Folder that ingest made. */
  lakeDir: string;
  /** Folder to make: absent or empty before. */
  outDir: string;
  /** Exposures before a slate decision, at most. @default 32 */
  exposuresK?: number;
  /** Page views before a slate decision, at most. @default 16 */
  pageViewsK?: number;
  /** Items put into the cart, and ordered, before a slate decision, at most. @default 8 */
  cartsK?: number;
  ordersK?: number;
  /** Candidates in one sample; longer slates are cut into parts. @default 50 */
  candidatesN?: number;
  /** Exposures since the last request before a request decision, at most. @default 16 */
  sinceK?: number;
  /** Clicks of the session before a request decision, at most. @default 8 */
  sessionClicksK?: number;
  /** Clicks of the device before a request decision, whatever their session, at most. @default 16 */
  clicksK?: number;
  /** Unexposed candidates of a request decision, at most. @default 16 */
  unexposedK?: number;
  /** Videos watched before a swipe, at most. @default 20 */
  watchedK?: number;
  /** Candidates that the phone held at a swipe, at most. @default 10 */
  orderedK?: number;
  /** Watched so long, or to the end, a view is effective, ms. @default 7,000 */
  effectiveViewMs?: number;
  /** How far ahead labels look (`windows.ts`). @default 24 h, 24 h, 1 h, 0 */
  labelWindowMs?: number;
  exposureWindowMs?: number;
  decisionWindowMs?: number;
  latenessMs?: number;
  /** Of a user with more events, the latest so many count. @default 200,000 */
  maxUserEvents?: number;
  /** Users are stitched in parts of about this many events: memory grows with it. @default 500,000 */
  eventsPerPart?: number;
  /** Columns of the samples to write. @default all of `sample-schema.ts` */
  columns?: Partial<Record<'rerank' | 'decisions' | 'video', readonly string[]>>;
  /** For DuckDB, which spills to disk above it, and for the merge, which takes fewer threads. @default 1000 */
  memoryLimitMb?: number;
  /** Buckets that are stitched at a time. @default 2 */
  threads?: number;
  /** Events below which another thread's start takes longer than it saves. @default 150,000 */
  eventsPerThread?: number;
}

export interface StitchSummary extends StitchCounts, Windows {
  dataset: string;
  utcOffsetMinutes: number;
  /** Dates with a slate decision, sorted. */
  dates: string[];
  /** Scene names, sorted. */
  scenes: string[];
  users: number;
  items: number;
  lengths: {
    candidates: number;
    exposures: number;
    pageViews: number;
    carts: number;
    orders: number;
    since: number;
    sessionClicks: number;
    clicks: number;
    unexposed: number;
    watched: number;
    ordered: number;
  };
  /** What a reader of results on these samples must know. */
  notes: string[];
}

/**
 * Writes `samples/`: rerank/ and decisions/ by date and bucket, user_days.parquet, items.parquet,
 * summary.json. Equal lakes and options give equal bytes.
 * @throws EdgeloomError `not-a-lake`, `bad-config`, `output-not-empty`
 */
export async function stitch(options: StitchOptions): Promise<StitchSummary> {
  const settings = settingsOf(options);
  await refuseUsedFolder(options.outDir);
  const lake = await openLake(options.lakeDir);
  return createFolderAtomic(options.outDir, async (staging) => {
    // Spilled data and parts of the small tables, gone before the folder gets its name.
    const work = join(staging, '.work');
    await mkdir(work);
    // Each lane is a thread; what runs before and after them is too small to divide.
    const db = await DuckDb.open({ ...options, threads: 1, tempDir: join(work, 'spill') });
    try {
      return await fill(db, lake, { out: staging, work }, options, settings);
    } finally {
      db.close();
      await rm(work, { recursive: true, force: true });
    }
  });
}

/** @throws EdgeloomError `bad-config` */
export function settingsOf(options: StitchOptions): Omit<BucketSettings, 'utcOffsetMs'> {
  const rerank = {
    candidates: options.candidatesN ?? 50,
    exposures: options.exposuresK ?? 32,
    pageViews: options.pageViewsK ?? 16,
    carts: options.cartsK ?? 8,
    orders: options.ordersK ?? 8,
  };
  const decision = {
    since: options.sinceK ?? 16,
    sessionClicks: options.sessionClicksK ?? 8,
    clicks: options.clicksK ?? 16,
    unexposed: options.unexposedK ?? 16,
  };
  const video = { watched: options.watchedK ?? 20, ordered: options.orderedK ?? 10 };
  for (const [name, value] of Object.entries({ ...rerank, ...decision, ...video })) {
    if (Number.isInteger(value) && value >= 1 && value <= 10_000) continue;
    throw new EdgeloomError({
      code: 'bad-config',
      what: `The length ${name} is ${value}`,
      fix: 'give a whole number between 1 and 10,000',
    });
  }
  return {
    rerank,
    decision,
    video: { ...video, effectiveViewMs: options.effectiveViewMs ?? 7000 },
    eventsPerPart: options.eventsPerPart ?? 500_000,
    maxUserEvents: options.maxUserEvents ?? 200_000,
    columns: {
      rerank: chosen(RERANK_COLUMNS, options.columns?.rerank),
      decisions: chosen(DECISION_COLUMNS, options.columns?.decisions),
      video: chosen(VIDEO_COLUMNS, options.columns?.video),
    },
  };
}

/** The types of the wanted columns, in the order of the declaration. */
function chosen(
  types: Readonly<Record<string, string>>,
  wanted: readonly string[] = Object.keys(types),
): Record<string, string> {
  const unknown = wanted.filter((name) => !(name in types));
  if (unknown.length > 0) {
    throw new EdgeloomError({
      code: 'bad-config',
      what: `Samples have no column ${unknown.join(', ')}`,
      fix: `choose among ${Object.keys(types).join(', ')}`,
    });
  }
  return Object.fromEntries(Object.entries(types).filter(([name]) => wanted.includes(name)));
}

async function fill(
  db: DuckDb,
  lake: Lake,
  folders: WorkFolders,
  options: StitchOptions,
  given: Omit<BucketSettings, 'utcOffsetMs'>,
): Promise<StitchSummary> {
  const { facts, rows } = await logFacts(db, lake, windowsOf(options));
  const events = eventsOf(rows);
  const settings = {
    ...given,
    columns: columnsFor(given.columns, rows),
    utcOffsetMs: lake.dataset.utc_offset_minutes * 60_000,
  };
  const history = lake.table('history');
  const counts = await stitchBuckets(
    { files: lake.files, history, facts, folders, settings },
    lake.buckets,
    {
      threads: options.threads ?? 2,
      events,
      eventsPerThread: options.eventsPerThread ?? 150_000,
      memoryLimitMb: options.memoryLimitMb ?? 1000,
      tempDir: join(folders.work, 'spill'),
      signal: options.signal,
      onBucket: (bucket, done) =>
        options.onProgress?.({
          message: `stitching bucket ${bucket}`,
          fraction: done / lake.buckets.length,
        }),
    },
  );
  return joinBuckets(db, lake, folders, settings, facts.windows, counts);
}

/** `copy` of a query that has a total order: equal rows, equal bytes. */
const copySql = (query: string, path: string): string =>
  `copy (${query}) to ${sqlText(path)} (format parquet, compression zstd, parquet_version v2)`;

export type RowCounts = Readonly<Record<StitchedType, number>>;

export const eventsOf = (rows: RowCounts): number =>
  Object.values(rows).reduce((sum, n) => sum + n, 0);

/** What is read follows from what is written: samples that the log cannot have cost nothing. */
export const columnsFor = (
  given: BucketSettings['columns'],
  rows: RowCounts,
): BucketSettings['columns'] => ({
  rerank: given.rerank,
  decisions: rows.decision > 0 ? given.decisions : {},
  video: rows.play > 0 ? given.video : {},
});

/** What holds for the whole log: which types and page blocks it has, and its last device time. */
export async function logFacts(
  db: DuckDb,
  lake: Lake,
  windows: Windows,
): Promise<{ facts: LogFacts; rows: RowCounts }> {
  const rows = {} as Record<StitchedType, number>;
  let logEnd = 0;
  for (const type of STITCHED_TYPES) {
    const paths = lake.files.filter((file) => file.type === type).map((file) => file.path);
    await db.run(viewSql(`lake_${type}`, EVENT_COLUMNS[type], paths));
    const { n, last } = await db.row<{ n: number; last: number | null }>(
      `select count(*) as n, max(ts) as last from lake_${type}`,
    );
    rows[type] = n;
    logEnd = Math.max(logEnd, last ?? 0);
  }
  const blocks = await db.rows<{ block: string }>(
    'select distinct unnest(actions).block as block from lake_page_view order by block',
  );
  const names: readonly string[] = PAGE_BLOCKS;
  const facts = {
    namedBlocks: new Set(blocks.map(({ block }) => names.indexOf(block))),
    hasPageView: rows.page_view > 0,
    hasPlay: rows.play > 0,
    hasFeedback: rows.feedback > 0,
    hasOrder: rows.order > 0,
    logEnd,
    windows,
  };
  return { facts, rows };
}

/** Joins the buckets' parts of the small tables, which lie in `.work/`, and writes the summary. */
export async function joinBuckets(
  db: DuckDb,
  lake: Lake,
  { out }: WorkFolders,
  { rerank, decision, video }: BucketSettings,
  windows: Windows,
  counts: StitchCounts,
): Promise<StitchSummary> {
  for (const name of ['items', 'history'] as const) {
    await db.run(viewSql(`lake_${name}`, TABLE_COLUMNS[name], lake.table(name)));
  }
  const written = await listFiles(out);
  const under = (folder: string) =>
    written.filter((path) => path.startsWith(folder)).map((path) => join(out, path));

  await db.run(viewSql('user_day_all', USER_DAY_COLUMNS, under('.work/user-days/')));
  await db.run(viewSql('seen_item_all', { item_id: 'VARCHAR' }, under('.work/seen-items/')));
  await db.createTable('item', await readFile(ITEM_SQL, 'utf8'));
  const itemsPath = join(out, 'items.parquet');
  const daysPath = join(out, 'user_days.parquet');
  await db.run(copySql('select * from item order by item_id, valid_from', itemsPath));
  await db.run(copySql('select * from user_day_all order by user_key, date', daysPath));

  const samples = under('rerank/');
  await db.run(viewSql('sample', { date: 'DATE', scene: 'VARCHAR' }, samples));
  const dates = await db.rows<{ date: string }>(
    'select distinct date::varchar as date from sample order by date',
  );
  const scenes = await db.rows<{ scene: string }>(
    'select distinct scene from sample where scene is not null order by scene',
  );
  const { users } = await db.row<{ users: number }>(
    'select count(distinct user_key) as users from user_day_all',
  );
  const { items } = await db.row<{ items: number }>(
    'select count(distinct item_id) as items from item',
  );
  const summary: StitchSummary = {
    dataset: lake.dataset.name,
    utcOffsetMinutes: lake.dataset.utc_offset_minutes,
    dates: dates.map((row) => row.date),
    scenes: scenes.map((row) => row.scene),
    users,
    items,
    lengths: { ...rerank, ...decision, watched: video.watched, ordered: video.ordered },
    ...counts,
    ...windows,
    notes: lake.dataset.notes,
  };
  await writeFileAtomic(join(out, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}
