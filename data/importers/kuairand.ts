/**
 * Imports KuaiRand (Gao et al., CIKM 2022, doi 10.1145/3511808.3557624) as device logs.
 *
 * Takes the published CSV files or the same as Parquet, under any names: logs, user features, basic
 * video features, and (from other slices) undated watch sequences. How requests, slates and ids are
 * derived, and what is left null, is in README.md.
 */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { createFolderAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import { DuckDb } from '../duckdb.ts';
import { refuseUsedFolder } from '../output-folder.ts';
import { dateOf, dayOf, type ImportSummary, LogWriter } from './log-writer.ts';
import { hasColumns, type SourceFile, selectTyped, sourceFiles } from './source-files.ts';

export interface ImportOptions extends RunOptions {
  /** Folder with the published files. */
  sourceDir: string;
  /** The log folder: absent or empty before. */
  outDir: string;
  /** First and last business day (YYYY-MM-DD), both included; all days when absent. */
  from?: string | undefined;
  to?: string | undefined;
}

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
  ignored: SourceFile[];
}

/** Sorts the files by what their columns say they are. */
function recognise(files: readonly SourceFile[], folder: string): Source {
  const source: Source = { logs: [], users: [], videos: [], sequences: [], ignored: [] };
  for (const file of files) {
    if (hasColumns(file, 'user_id', 'video_id', 'time_ms', 'is_click', 'play_time_ms', 'tab')) {
      source.logs.push(file);
    } else if (hasColumns(file, 'user_id', 'user_active_degree')) source.users.push(file);
    else if (hasColumns(file, 'user_id', 'watch_seq', 'last_time_ms')) source.sequences.push(file);
    else if (hasColumns(file, 'video_id', 'author_id', 'video_type')) source.videos.push(file);
    else source.ignored.push(file);
  }
  if (source.logs.length > 0) return source;
  throw new EdgeloomError({
    code: 'no-source-log',
    what: 'No file of the folder has the columns of a KuaiRand log',
    where: folder,
    fix: 'a log has user_id, video_id, time_ms, is_click, play_time_ms and tab (CSV or Parquet)',
  });
}

async function loadRows(db: DuckDb, logs: readonly SourceFile[]): Promise<number> {
  const columns = { ...LOG_COLUMNS, ...COMPARED_COLUMNS };
  const parts = logs.map(
    (file, index) =>
      `select *, ${index} as file_no, row_number() over () as row_no from (${selectTyped(file, columns)})`,
  );
  try {
    await db.createTable('source_row', parts.join('\nunion all\n'));
  } catch (error) {
    throw new EdgeloomError(
      {
        code: 'unreadable-source',
        what: `A log cannot be read: ${(error as Error).message.split('\n')[0]}`,
        where: logs.map((file) => file.path).join(', '),
        fix: 'numbers must be whole; download the file again when it is the published one',
      },
      { cause: error },
    );
  }
  const { n } = await db.row<{ n: number }>('select count(*) as n from source_row');
  return n;
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

async function describe(db: DuckDb): Promise<DatasetDescription> {
  const { first, last } = await db.row<{ first: number | null; last: number | null }>(
    'select min(day) as first, max(day) as last from exposure_row',
  );
  if (first === null || last === null) {
    throw new EdgeloomError({
      code: 'no-rows-in-dates',
      what: 'No row of the source lies between the dates',
      fix: 'choose other dates, or none to import all',
    });
  }
  return {
    name: 'kuairand',
    kind: 'imported',
    notes: [
      'Imported from KuaiRand. A request is derived: it stands 1 ms before the first exposure of a user’s day within one tab.',
      'The source has no position, request, scroll, device, session or receive time; they are null.',
      'Feedback carries the time of its exposure. A click is a click in two-column tabs and a valid play in single-column tabs.',
    ],
    citation: 'Gao et al., KuaiRand, CIKM 2022, doi 10.1145/3511808.3557624',
    license: 'CC BY-SA 4.0',
    utc_offset_minutes: UTC_OFFSET_MINUTES,
    first_date: dateOf(first),
    last_date: dateOf(last),
  };
}

/**
 * @throws EdgeloomError `source-not-found`, `unreadable-source`, `no-source-log`, `no-rows-in-dates`,
 *   `output-not-empty`; nothing is left behind then
 */
export async function importKuairand(options: ImportOptions): Promise<ImportSummary> {
  await refuseUsedFolder(options.outDir);
  return createFolderAtomic(options.outDir, async (folder) => {
    const tempDir = join(folder, '.spill');
    const db = await DuckDb.open({ ...options, tempDir });
    try {
      const source = recognise(await sourceFiles(db, options.sourceDir), options.sourceDir);
      const rowsRead = await loadRows(db, source.logs);
      const writer = new LogWriter(db, folder, options);
      await writer.make('exposure_row', 'kuairand-exposure-row', {
        offset_ms: OFFSET_MS,
        from_day: options.from === undefined ? 0 : dayOf(options.from),
        to_day: options.to === undefined ? 1_000_000 : dayOf(options.to),
      });
      const dataset = await describe(db);
      const copies = await countCopies(db);
      await writer.writeEvents('request', 'kuairand-request');
      await writer.writeEvents('exposure', 'kuairand-exposure');
      await writer.writeEvents('page_view', 'kuairand-page-view');
      await writer.writeEvents('play', 'kuairand-play');
      await writer.writeEvents('feedback', 'kuairand-feedback');
      await writeTables(writer, source);
      await writer.writeDescription(dataset);
      const used = [...source.logs, ...source.users, ...source.videos, ...source.sequences];
      return {
        files: {
          used: used.map((file) => file.path),
          ignored: source.ignored.map((file) => file.path),
        },
        rowsRead,
        rowsOutsideDates: rowsRead - writer.events.exposure!,
        copies,
        events: writer.events,
        tables: writer.tables,
        dataset,
      };
    } finally {
      db.close();
      await rm(tempDir, { recursive: true, force: true });
    }
  });
}
