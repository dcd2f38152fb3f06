/** Writes tables of events as a log folder: one NDJSON file per type and business day. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EdgeloomError } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import type { RunOptions } from '../../lib/progress.ts';
import type { TableName } from '../contracts/columns.ts';
import type { DatasetDescription } from '../contracts/dataset.ts';
import type { EventType } from '../contracts/device-log.ts';
import { type DuckDb, type SqlParameters, sqlText } from '../duckdb.ts';

const DAY_MS = 86_400_000;

/** YYYY-MM-DD of a day counted from 1970-01-01. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** Days from 1970-01-01 to a YYYY-MM-DD. */
export const dayOf = (date: string): number => Date.parse(`${date}T00:00:00Z`) / DAY_MS;

/**
 * First and last day of a table with a column `day`.
 * @throws EdgeloomError `no-rows-in-dates` when the table is empty
 */
export async function timesOf(db: DuckDb, table: string): Promise<{ first: string; last: string }> {
  const { first, last } = await db.row<{ first: number | null; last: number | null }>(
    `select min(day) as first, max(day) as last from "${table}"`,
  );
  if (first !== null && last !== null) return { first: dateOf(first), last: dateOf(last) };
  throw new EdgeloomError({
    code: 'no-rows-in-dates',
    what: 'No row of the source lies between the dates',
    fix: 'choose other dates, or none to import all',
    exitCode: 2,
  });
}

/** What an importer did. */
export interface ImportSummary {
  /** Source files that were used, and those that are none of the known ones. */
  files: { used: string[]; ignored: string[] };
  /** Rows of the source's log files. */
  rowsRead: number;
  /** Rows left out because they are outside the dates asked for. */
  rowsOutsideDates: number;
  /** Rows left out because they lack what every event needs, or hold what the contract refuses. */
  rowsUnusable: number;
  /** Surplus rows of exposures that were logged more than once: ingest will count them as duplicates. */
  copies: { exact: number; other: number };
  /** Events written, by type. */
  events: Record<string, number>;
  tables: Partial<Record<TableName, number>>;
  dataset: DatasetDescription;
}

const JSON_LINES = '(format json, compression gzip)';

export class LogWriter {
  readonly #db: DuckDb;
  readonly #folder: string;
  readonly #options: RunOptions;
  readonly events: Record<string, number> = {};
  readonly tables: Partial<Record<TableName, number>> = {};

  constructor(db: DuckDb, folder: string, options: RunOptions) {
    this.#db = db;
    this.#folder = folder;
    this.#options = options;
  }

  /** Makes a working table by a statement of `sql/`. */
  async make(table: string, statement: string, parameters: SqlParameters = {}): Promise<void> {
    const path = new URL(`./sql/${statement}.sql`, import.meta.url);
    await this.#db.createTable(table, await readFile(path, 'utf8'), parameters);
  }

  /**
   * Writes the events of a statement, which also gives `day` and may give `copy_no`.
   * Lines are in the order (ts, event_id, copy_no).
   */
  async writeEvents(type: EventType, statement: string): Promise<void> {
    const { signal, onProgress } = this.#options;
    await this.make('event', statement);
    const columns = await this.#db.rows<{ column_name: string }>('describe "event"');
    const extra = columns.map((c) => c.column_name).filter((n) => n === 'day' || n === 'copy_no');
    const order = ['ts', 'event_id', ...extra.filter((name) => name === 'copy_no')].join(', ');
    const days = await this.#db.rows<{ day: number; n: number }>(
      'select day, count(*) as n from "event" group by day order by day',
    );
    await mkdir(join(this.#folder, 'events', type), { recursive: true });
    this.events[type] = 0;
    for (const { day, n } of days) {
      signal?.throwIfAborted();
      onProgress?.({ message: `writing ${type} of ${dateOf(day)}` });
      const path = join(this.#folder, 'events', type, `${dateOf(day)}.ndjson.gz`);
      const query = `select * exclude (${extra.join(', ')}) from "event" where day = ${day}`;
      await this.#db.run(`copy (${query} order by ${order}) to ${sqlText(path)} ${JSON_LINES}`);
      this.events[type] += n;
    }
  }

  /** @param query gives the table's columns; @param order its key */
  async writeTable(table: TableName, query: string, order: string): Promise<void> {
    await this.#db.createTable('log_table', query);
    await mkdir(join(this.#folder, 'tables'), { recursive: true });
    const path = join(this.#folder, 'tables', `${table}.ndjson.gz`);
    await this.#db.run(
      `copy (select * from log_table order by ${order}) to ${sqlText(path)} ${JSON_LINES}`,
    );
    const { n } = await this.#db.row<{ n: number }>('select count(*) as n from log_table');
    this.tables[table] = n;
  }

  async writeDescription(dataset: DatasetDescription): Promise<void> {
    const path = join(this.#folder, 'dataset.json');
    await writeFileAtomic(path, `${JSON.stringify(dataset, null, 2)}\n`);
  }
}
