/**
 * Imports EB-NeRD (Ekstra Bladet News Recommendation Dataset) behaviours and histories as device
 * logs. How events are derived, and what is left out, is in README.md.
 */
import type { DatasetDescription } from '../contracts/dataset.ts';
import type { DuckDb } from '../duckdb.ts';
import type { ImportOptions } from './import-options.ts';
import { type ImportSummary, type LogWriter, timesOf } from './log-writer.ts';
import { type Importer, runImport, unreadable } from './run-import.ts';
import { hasColumns, type SourceFile, selectTyped } from './source-files.ts';

const BEHAVIOUR_COLUMNS = {
  impression_id: 'varchar',
  user_id: 'varchar',
  session_id: 'varchar',
  article_id: 'varchar',
  impression_time: 'timestamp',
  read_time: 'double',
  next_read_time: 'double',
  article_ids_inview: 'varchar[]',
  article_ids_clicked: 'varchar[]',
  gender: 'varchar',
  age: 'varchar',
};

const HISTORY_COLUMNS = {
  user_id: 'varchar',
  impression_time_fixed: 'timestamp[]',
  article_id_fixed: 'varchar[]',
};

const HISTORY_LENGTH = 10_000;

interface Source {
  behaviours: SourceFile[];
  histories: SourceFile[];
}

const isBehaviours = (file: SourceFile): boolean =>
  hasColumns(file, 'impression_id', 'user_id', 'impression_time', 'article_ids_inview');
const isHistory = (file: SourceFile): boolean =>
  hasColumns(file, 'user_id', 'article_id_fixed', 'impression_time_fixed');

async function loadRows(db: DuckDb, files: readonly SourceFile[]): Promise<void> {
  const rows = files.map((file) => selectTyped(file, BEHAVIOUR_COLUMNS)).join(' union all ');
  const query = `select * exclude (impression_time), epoch_ms(impression_time) as impression_ms from (${rows})`;
  await unreadable(files, () => db.createTable('source_row', query));
}

async function writeTables(writer: LogWriter, source: Source): Promise<void> {
  const users = `select distinct on (user_id) user_id, age as age_level, gender
    from impression order by user_id, impression_ms`;
  await writer.writeTable('users', users, 'user_id');
  if (source.histories.length === 0) return;
  const rows = source.histories.map((file) => selectTyped(file, HISTORY_COLUMNS));
  // The boundary is the user's own: just after the last article of the history.
  const history = `select
      user_id, epoch_ms(list_max(impression_time_fixed)) + 1 as as_of,
      article_id_fixed[-${HISTORY_LENGTH}:] as item_ids
    from (${rows.join(' union all ')}) where len(article_id_fixed) > 0`;
  await writer.writeTable('history', history, 'user_id, as_of');
}

const description = (dates: { first: string; last: string }): DatasetDescription => ({
  name: 'ebnerd',
  kind: 'imported',
  notes: [
    'Imported from EB-NeRD. A request is an impression; its candidates are the articles in view, whose order is shuffled in the source, so they have no position.',
    'Scroll depth, device type, subscription and postcode have no field in the device log and are left out.',
    'The source names no time zone: its times are taken as UTC. An exposure has no end, because the source has none.',
  ],
  citation: 'Kruse et al., EB-NeRD, RecSys Challenge 2024, doi 10.1145/3687151.3687152',
  license: null,
  utc_offset_minutes: 0,
  first_date: dates.first,
  last_date: dates.last,
});

const importer: Importer<Source> = {
  recognise: (files) => {
    const source = {
      behaviours: files.filter(isBehaviours),
      histories: files.filter(isHistory),
    };
    return { source, used: [...source.behaviours, ...source.histories], logs: source.behaviours };
  },
  logColumns: 'impression_id, user_id, impression_time and article_ids_inview',
  run: async (db, writer, source, days) => {
    await loadRows(db, source.behaviours);
    await writer.make('impression', 'ebnerd-impression', { offset_ms: 0, ...days });
    const { rowsRead, rowsTaken } = await db.row<{ rowsRead: number; rowsTaken: number }>(
      `select (select count(*) from source_row) as "rowsRead",
              (select count(*) from impression) as "rowsTaken"`,
    );
    const dates = await timesOf(db, 'impression');
    await writer.writeEvents('request', 'ebnerd-request');
    await writer.writeEvents('exposure', 'ebnerd-exposure');
    await writer.writeEvents('page_view', 'ebnerd-page-view');
    await writeTables(writer, source);
    return {
      rowsRead,
      rowsOutsideDates: rowsRead - rowsTaken,
      copies: { exact: 0, other: 0 },
      dataset: description(dates),
    };
  },
};

/**
 * @throws EdgeloomError `source-not-found`, `unreadable-source`, `no-source-log`, `no-rows-in-dates`,
 *   `output-not-empty`; nothing is left behind then
 */
export function importEbnerd(options: ImportOptions): Promise<ImportSummary> {
  return runImport(importer, options);
}
