/**
 * Imports KuaiRand (Gao et al., CIKM 2022, doi 10.1145/3511808.3557624) as device logs.
 *
 * Takes the published CSV files or the same as Parquet, under any names: logs, user features, basic
 * video features, and (from other slices) undated watch sequences. How requests, slates and ids are
 * derived, and what is left null, is in README.md.
 */

import { EdgeloomError } from '../../lib/errors.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import type { DuckDb } from '../duckdb.ts';
import type { ImportOptions } from './import-options.ts';
import { type ImportSummary, type LogWriter, timesOf } from './log-writer.ts';
import { type Importer, runImport, unreadable } from './run-import.ts';
import { hasColumns, type SourceFile, selectTyped } from './source-files.ts';

/** Kuaishou's day is China's. */
const UTC_OFFSET_MINUTES = 480;
const OFFSET_MS = UTC_OFFSET_MINUTES * 60_000;
const DAY_MS = 86_400_000;

const LOG_COLUMNS = {
  user_id: 'varchar',
  video_id: 'varchar',
  tab: 'varchar',
  time_ms: 'bigint',
  is_click: 'integer',
  play_time_ms: 'bigint',
  duration_ms: 'bigint',
  is_like: 'integer',
  is_follow: 'integer',
  is_comment: 'integer',
  is_forward: 'integer',
  is_hate: 'integer',
  comment_stay_time: 'bigint',
  is_rand: 'integer',
};

/** Other published columns: they make the difference between an exact copy and another one. */
const COMPARED_COLUMNS = {
  ...{ date: 'bigint', hourmin: 'bigint', long_view: 'bigint', profile_stay_time: 'bigint' },
  is_profile_enter: 'bigint',
};

interface Source {
  logs: SourceFile[];
  users: SourceFile[];
  videos: SourceFile[];
  sequences: SourceFile[];
}

/** Sorts the files by what their columns say they are. */
function recognise(files: readonly SourceFile[]): Source {
  const source: Source = { logs: [], users: [], videos: [], sequences: [] };
  for (const file of files) {
    if (hasColumns(file, 'user_id', 'video_id', 'time_ms', 'is_click', 'play_time_ms', 'tab')) {
      source.logs.push(file);
    } else if (hasColumns(file, 'user_id', 'user_active_degree')) source.users.push(file);
    else if (hasColumns(file, 'user_id', 'watch_seq', 'last_time_ms')) source.sequences.push(file);
    else if (hasColumns(file, 'video_id', 'author_id', 'video_type')) source.videos.push(file);
  }
  return source;
}

// What the contract takes for a time, 2001-09-09 … 2286-11-20: seconds and microseconds fall outside.
const IN_RANGE = 'time_ms between 1000000000000 and 9999999999999';

/** Rows from which the contract's events cannot be made. */
const UNUSABLE = `coalesce(user_id, '') = '' or coalesce(video_id, '') = ''
  or time_ms is null or not (${IN_RANGE}) or play_time_ms is null or play_time_ms < 0`;

/** @throws EdgeloomError `bad-time-unit` for files of which no time can be one in milliseconds */
async function checkTimeUnit(db: DuckDb, logs: readonly SourceFile[]): Promise<void> {
  const wrong = await db.rows<{ file_no: number }>(
    `select file_no from source_row where time_ms is not null
     group by file_no having count(*) filter (where ${IN_RANGE}) = 0 order by file_no`,
  );
  if (wrong.length === 0) return;
  throw new EdgeloomError({
    code: 'bad-time-unit',
    what: 'No time of the file lies between 2001 and 2286 when time_ms is taken as milliseconds',
    where: wrong.map(({ file_no }) => logs[file_no]!.path).join(', '),
    fix: 'give time_ms in milliseconds since 1970: times in seconds are multiplied by 1000',
    exitCode: 2,
  });
}

/** Fills `source_row` with the rows that can be used, and counts the others. */
async function loadRows(
  db: DuckDb,
  logs: readonly SourceFile[],
): Promise<{ rowsRead: number; rowsUnusable: number }> {
  const columns = { ...LOG_COLUMNS, ...COMPARED_COLUMNS };
  const parts = logs.map(
    (file, index) =>
      `select *, ${index} as file_no, row_number() over () as row_no from (${selectTyped(file, columns)})`,
  );
  await unreadable(logs, () => db.createTable('source_row', parts.join('\nunion all\n')));
  await checkTimeUnit(db, logs);
  const counts = await db.row<{ rowsRead: number; rowsUnusable: number }>(
    `select count(*) as "rowsRead", count(*) filter (where ${UNUSABLE}) as "rowsUnusable"
     from source_row`,
  );
  if (counts.rowsUnusable > 0) await db.run(`delete from source_row where ${UNUSABLE}`);
  return counts;
}

/** Surplus rows of exposures logged more than once: equal in every published column, or not. */
async function countCopies(db: DuckDb): Promise<{ exact: number; other: number }> {
  const columns = Object.keys({ ...LOG_COLUMNS, ...COMPARED_COLUMNS })
    .map((name) => `"${name}"`)
    .join(', ');
  const { surplus, exact } = await db.row<{ surplus: number; exact: number }>(`
    with repeated as (
      select ${columns}, copy_no from exposure_row
      qualify count(*) over (partition by user_id, video_id, time_ms, tab) > 1
    )
    select
      count(*) filter (where copy_no > 1) as surplus,
      count(*) - count(distinct struct_pack(${columns})) as exact
    from repeated`);
  return { exact, other: surplus - exact };
}

async function writeTables(writer: LogWriter, source: Source): Promise<void> {
  if (source.videos.length > 0) {
    const columns = {
      ...{ video_id: 'varchar', author_id: 'varchar', video_type: 'varchar', tag: 'varchar' },
      video_duration: 'double',
    };
    const rows = source.videos.map((file) => selectTyped(file, columns)).join(' union all ');
    const query = `select distinct on (video_id)
        video_id as item_id, split_part(tag, ',', 1) as category, author_id as creator,
        video_type as kind, nullif(video_duration, 0) as duration_ms
      from (${rows}) order by all`;
    await writer.writeTable('items', query, 'item_id');
  }
  if (source.users.length > 0) {
    const columns = { user_id: 'varchar', user_active_degree: 'varchar' };
    const rows = source.users.map((file) => selectTyped(file, columns)).join(' union all ');
    const query = `select distinct on (user_id)
        user_id, nullif(user_active_degree, 'UNKNOWN') as activity_level
      from (${rows}) order by all`;
    await writer.writeTable('users', query, 'user_id');
  }
  if (source.sequences.length > 0) {
    const columns = { user_id: 'varchar', watch_seq: 'varchar[]', last_time_ms: 'bigint' };
    const rows = source.sequences.map((file) => selectTyped(file, columns)).join(' union all ');
    // The sequences end on a day that is not said: the day after the latest time of the file.
    const query = `select user_id, boundary.ms as as_of, watch_seq[-10000:] as item_ids
      from (${rows}), (
        select ((max(last_time_ms) + ${OFFSET_MS}) // ${DAY_MS} + 1) * ${DAY_MS} - ${OFFSET_MS} as ms
        from (${rows})
      ) boundary where len(watch_seq) > 0`;
    await writer.writeTable('history', query, 'user_id');
  }
}

/**
 * The days that the source covers: those under which it files rows, when it says so. A row filed on
 * the first day may have happened minutes before: its event is kept, but it makes no day.
 */
async function coveredDates(db: DuckDb): Promise<{ first: string; last: string }> {
  const happened = await timesOf(db, 'exposure_row');
  const filed = await db.row<{ first: string | null; last: string | null }>(
    `select min(filed) as first, max(filed) as last
    from (
      select strftime(try_strptime("date"::varchar, '%Y%m%d'), '%Y-%m-%d') as filed
      from exposure_row
    )
    where filed between $first and $last`,
    happened,
  );
  return { first: filed.first ?? happened.first, last: filed.last ?? happened.last };
}

const description = (dates: { first: string; last: string }): DatasetDescription => ({
  name: 'kuairand',
  kind: 'imported',
  notes: [
    'Imported from KuaiRand. A request is derived: it stands 1 ms before the first exposure of a user’s day within one tab.',
    'The source has no position, request, scroll, device, session or receive time; they are null.',
    'The published slices hold the videos of a pool only: a user’s feed has gaps, slates are thin, and exposures are not randomised.',
    'Feedback carries the time of its exposure. A click is a click in two-column tabs and a valid play in single-column tabs.',
  ],
  citation: 'Gao et al., KuaiRand, CIKM 2022, doi 10.1145/3511808.3557624',
  license: 'CC BY-SA 4.0',
  utc_offset_minutes: UTC_OFFSET_MINUTES,
  first_date: dates.first,
  last_date: dates.last,
});

const importer: Importer<Source> = {
  recognise: (files) => {
    const source = recognise(files);
    return { source, used: Object.values(source).flat(), logs: source.logs };
  },
  logColumns: 'user_id, video_id, time_ms, is_click, play_time_ms and tab',
  run: async (db, writer, source, days) => {
    const { rowsRead, rowsUnusable } = await loadRows(db, source.logs);
    await writer.make('exposure_row', 'kuairand-exposure-row', { offset_ms: OFFSET_MS, ...days });
    const dates = await coveredDates(db);
    const copies = await countCopies(db);
    await writer.writeEvents('request', 'kuairand-request');
    await writer.writeEvents('exposure', 'kuairand-exposure');
    await writer.writeEvents('page_view', 'kuairand-page-view');
    await writer.writeEvents('play', 'kuairand-play');
    await writer.writeEvents('feedback', 'kuairand-feedback');
    await writeTables(writer, source);
    const rowsOutsideDates = rowsRead - rowsUnusable - writer.events.exposure!;
    return { rowsRead, rowsOutsideDates, rowsUnusable, copies, dataset: description(dates) };
  },
};

/**
 * @throws EdgeloomError `source-not-found`, `unreadable-source`, `no-source-log`, `bad-time-unit`,
 *   `bad-date`, `no-rows-in-dates`, `output-not-empty`; nothing is left behind then
 */
export function importKuairand(options: ImportOptions): Promise<ImportSummary> {
  return runImport(importer, options);
}
